"""A small typed filter language, compiled to Milvus expressions so that no text of a user can change their meaning.

A filter is JSON: an operator with what it applies to.

    {"eq": {"format": "pdf"}}                         also ne, lt, lte, gt, gte
    {"in": {"format": ["pdf", "docx"]}}
    {"prefix": {"key": "reports/"}}                   also suffix, substring
    {"eq": {"metadata.team": "sales"}}                what a document's owner says about it
    {"contains": {"metadata.tags": "urgent"}}         a list of texts holds one
    {"exists": "metadata.team"}                       also page, sheet, row, tenant
    {"and": [ ... ]}   {"or": [ ... ]}   {"not": { ... }}

What a document's owner does not say equals nothing, and is no smaller or greater: only "ne" and "not" select it.

Longer than 300 lines because Milvus expressions are written in this file only.
"""

from __future__ import annotations

import json
import math
import re
from itertools import islice
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from shared.domain import metadata
from shared.domain.errors import RequestError
from shared.domain.models import DocumentState
from shared.domain.moments import read_moment
from shared.store.schema import INTERNAL_BUCKETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


MAX_DEPTH = 8
MAX_VALUES = 100
# Of a list of ids, keys and the like, which Milvus does not read by recursion.
MAX_LISTED = 1_000
MAX_VALUE_CHARACTERS = 1_024
# Of a whole filter, every object, list and value counted: Milvus reads an expression by recursion.
MAX_PARTS = 500

# The fields of a chunk that a filter may name, with the type of their values.
FIELDS: dict[str, type] = {
    "document_id": str,
    "key": str,
    "title": str,
    "format": str,
    "sheet": str,
    "tenant": str,
    "page": int,
    "row": int,
    "modified": int,
}
# Fields a chunk may lack, and what says that it has one.
_OPTIONAL = {"page": "page > 0", "row": "row > 0", "sheet": 'sheet != ""', "tenant": 'tenant != ""'}
_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_METADATA = "metadata."
_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_WILDCARD = re.compile(r"[%_]")
_LAST_CHARACTER = "\U0010ffff"
_SHOWN_CHARACTERS = 40


def compile_filter(condition: Any) -> str:
    """The Milvus expression of ``condition``; empty for ``None`` and for an object without an operator.

    Raises:
        RequestError: ``invalid_filter``, naming the operator or the field.
    """
    if condition is None or condition == {}:
        return ""
    if sum(1 for _ in islice(_parts(condition), MAX_PARTS + 1)) > MAX_PARTS:
        raise _error(f"it has more than {MAX_PARTS} parts")
    return _compile(condition, 1)


def equals(field: str, value: str) -> str:
    """The expression that ``field`` holds exactly ``value``."""
    return f"{field} == {quote(value)}"


def differs(field: str, value: str) -> str:
    """The expression that ``field`` holds anything but ``value``."""
    return f"{field} != {quote(value)}"


def among(field: str, values: Sequence[str]) -> str:
    """The expression that ``field`` holds one of ``values``."""
    return f"{field} in [{', '.join(map(quote, values))}]"


def select_characters(characters: Iterable[str]) -> str:
    """Select the chunks with words that hold each of ``characters``, which are letters."""
    return all_of(*(f"words like {quote(f'%{character}%')}" for character in characters))


def select_document(document_id: str) -> str:
    """Select the chunks of a document."""
    return equals("document_id", document_id)


def select_bucket(bucket: str, prefix: str = "", state: DocumentState | None = None) -> str:
    """Select the chunks or records of a bucket, with a key prefix; of records also those in ``state``."""
    return all_of(
        equals("bucket", bucket),
        compile_filter({"prefix": {"key": prefix}}) if prefix else "",
        equals("state", state.value) if state else "",
    )


def select_tenants(tenants: frozenset[str] | None) -> str:
    """Select what belongs to one of ``tenants``; empty, and so everything, for ``None``."""
    return "" if tenants is None else among("tenant", sorted(tenants))


def select_documents(
    tenants: frozenset[str] | None, state: DocumentState | None, prefix: str, contains: str = ""
) -> str:
    """Select the records of a listing: within ``tenants``, in ``state`` (else all but deleted), by parts of the key.

    Args:
        prefix: what the key begins with.
        contains: what stands anywhere in the key.
    """
    deleted = equals("state", DocumentState.DELETED.value)
    return all_of(
        select_tenants(tenants),
        equals("state", state.value) if state else f"not ({deleted})",
        f"not ({among('bucket', INTERNAL_BUCKETS)})" if state is DocumentState.DELETED else "",
        compile_filter({"prefix": {"key": prefix}}) if prefix else "",
        compile_filter({"substring": {"key": contains}}) if contains else "",
    )


def select_after(key: str, bucket: str) -> str:
    """Select the records that come after a key and bucket, in the order of both; where the key holds characters that an
    expression may not, some more.
    """
    if _UNSAFE.search(key):
        return _select_greater(key)
    return f"(key > {quote(key)} or ({equals('key', key)} and bucket > {quote(bucket)}))"


def select_keys(after: str, until: str) -> str:
    """Select keys greater than ``after`` and up to ``until``, empty for no limit; where these hold characters that an
    expression may not, some more.
    """
    return all_of(_select_greater(after), _select_at_most(until))


def _select_greater(key: str) -> str:
    unsafe = _UNSAFE.search(key)
    if unsafe:
        return f"key >= {quote(key[: unsafe.start()])}"
    return f"key > {quote(key)}" if key else ""


def _select_at_most(key: str) -> str:
    return select_up_to(round_up(key)) if key else ""


def round_up(key: str) -> str:
    """Return a key that an expression may hold, and that is no smaller than ``key``."""
    unsafe = _UNSAFE.search(key)
    return key[: unsafe.start()] + _LAST_CHARACTER if unsafe else key


def select_id_range(field: str, start: str, end: str) -> str:
    """Select the ids of a field from ``start`` to before ``end``, in hexadecimal digits; "g" is after all of them."""
    return f"{field} >= {quote(start)} and {field} < {quote(end)}"


def select_up_to(key: str) -> str:
    """Select the records with keys that are no later than ``key``."""
    return f"key <= {quote(key)}"


def select_ordinals(wanted: Mapping[str, Iterable[int]]) -> str:
    """Select the chunks with the wanted ordinals of each document."""
    return any_of(
        [
            f"{select_document(id_)} and ordinal in [{', '.join(map(str, sorted(ordinals)))}]"
            for id_, ordinals in wanted.items()
        ]
    )


def select_ordinal_range(start: int, end: int) -> str:
    """Select chunks from the ordinal ``start`` to before ``end``."""
    return f"ordinal >= {start} and ordinal < {end}"


def select_id_prefix(prefix: str) -> str:
    """Select the ids, in hexadecimal digits, that begin with ``prefix``; empty, and so all, for none."""
    # "g" follows "f", the last hexadecimal digit.
    return f"id >= {quote(prefix)} and id < {quote(prefix + 'g')}" if prefix else ""


def any_of(conditions: Sequence[str]) -> str:
    """The expression that one of the ``conditions`` holds."""
    return _balanced("or", conditions)


def all_of(*conditions: str) -> str:
    """The expression that all of the ``conditions`` hold that say anything."""
    return " and ".join(f"({condition})" for condition in conditions if condition)


def quote(value: str, name: str = "a value") -> str:
    """``value`` as a string literal of a Milvus expression; ``name`` says in an error which one it was.

    Raises:
        RequestError: ``invalid_filter``: the value holds a character that not every Milvus reads alike.
    """
    if _UNSAFE.search(value):
        raise _error(f"{name} holds a control character or half of one")
    return json.dumps(value, ensure_ascii=False)


def _compile(condition: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise _error(f"it is nested more than {MAX_DEPTH} deep")
    if not isinstance(condition, dict) or len(condition) != 1:
        raise _error('every condition is an object with one operator, such as {"eq": {"format": "pdf"}}')
    ((operator, operand),) = condition.items()
    if operator in ("and", "or"):
        return _joined(operator, operand, depth)
    if operator == "exists":
        return _exists(operand)
    if operator == "not":
        return f"not ({_compile(operand, depth + 1)})"
    compiler = _OPERATORS.get(operator)
    if compiler is None:
        known = ", ".join(("and", "or", "not", "exists", *_OPERATORS))
        raise _error(f"{_shown(operator)} is no operator; there are {known}")
    return compiler(operator, *_field_and_value(operator, operand))


def _joined(operator: str, operand: Any, depth: int) -> str:
    if not isinstance(operand, list) or not 1 <= len(operand) <= MAX_VALUES:
        raise _error(f"{operator!r} takes a list of 1 to {MAX_VALUES} conditions")
    return _balanced(operator, [_compile(part, depth + 1) for part in operand])


def _balanced(operator: str, parts: Sequence[str]) -> str:
    """The parts joined as a flat tree: a chain of a hundred is too deep for a server."""
    if len(parts) == 1:
        return f"({parts[0]})"
    middle = len(parts) // 2
    return f"({_balanced(operator, parts[:middle])} {operator} {_balanced(operator, parts[middle:])})"


def _parts(condition: Any) -> Iterator[Any]:
    """Every object, list and value of any JSON, whatever its depth."""
    waiting = [condition]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(() if _is_listing(item) else item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        yield item


def _is_listing(condition: Mapping[str, Any]) -> bool:
    """Whether a condition is a list of values of one field of chunks, which has a limit of its own."""
    operand = condition.get("in")
    return isinstance(operand, dict) and len(operand) == 1 and FIELDS.keys() >= operand.keys()


def _exists(field: Any) -> str:
    if isinstance(field, str) and field in _OPTIONAL:
        return _OPTIONAL[field]
    if not isinstance(field, str) or not _is_metadata(field):
        raise _error(f"'exists' takes metadata.NAME, {', '.join(_OPTIONAL)}, not {_shown(field)}")
    return f"exists {_place(field)}"


def _field_and_value(operator: str, operand: Any) -> tuple[str, Any]:
    if not isinstance(operand, dict) or len(operand) != 1:
        raise _error(f'{operator!r} takes one field and its value, such as {{"{operator}": {{"format": "pdf"}}}}')
    ((field, value),) = operand.items()
    if field not in FIELDS and not _is_metadata(field):
        raise _error(f"{_shown(field)} is no field; there are {', '.join(FIELDS)} and metadata.NAME")
    return field, value


def _comparison(operator: str, field: str, value: Any) -> str:
    literal = _literal(field, value)
    if field not in FIELDS and operator == "ne":
        return f"not ({_in_metadata(field, f'{_place(field)} == {literal}')})"
    return _in_metadata(field, f"{_place(field)} {_COMPARISONS[operator]} {literal}")


def _in_metadata(field: str, condition: str) -> str:
    """``condition`` as a plain yes or no: to some Milvus, what is compared with nothing is neither true nor false."""
    return condition if field in FIELDS else f"((exists {_place(field)}) and {condition})"


def _membership(_operator: str, field: str, value: Any) -> str:
    most = MAX_LISTED if field in FIELDS else MAX_VALUES
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise _error(f"'in' takes a list of 1 to {most} values for {field!r}")
    if field in FIELDS:
        return f"{field} in [{', '.join(_literal(field, item) for item in value)}]"
    # Not every Milvus takes a piece of JSON on the left of "in".
    return any_of([_comparison("eq", field, item) for item in value])


def _prefix(_operator: str, field: str, value: Any) -> str:
    if FIELDS.get(field, str) is not str or not isinstance(value, str):
        raise _error(f"'prefix' asks a text for its beginning; {field!r} is none, or is not asked for one")
    # A range, not LIKE: its wildcards cannot be escaped alike everywhere.
    low, high = _literal(field, value), quote(value + _LAST_CHARACTER)
    place = _place(field)
    return _in_metadata(field, f"{place} >= {low} and {place} <= {high}")


def _part(operator: str, field: str, value: Any) -> str:
    if FIELDS.get(field, str) is not str or not isinstance(value, str):
        raise _error(f"{operator!r} searches a text for a text; {field!r} is none, or is not searched for one")
    if "\\" in value:
        raise _error(f"{operator!r} takes no backslash, which not every Milvus reads alike")
    _literal(field, value)
    pattern = "%" + _WILDCARD.sub(r"\\\g<0>", value) + ("%" if operator == "substring" else "")
    return _in_metadata(field, f"{_place(field)} like {quote(pattern)}")


def _contains(_operator: str, field: str, value: Any) -> str:
    if field in FIELDS or not isinstance(value, str):
        raise _error(
            f"'contains' asks a list of texts in metadata for a text; {field!r} is none, or is not asked for one"
        )
    return _in_metadata(field, f"json_contains({_place(field)}, {_literal(field, value)})")


def _is_metadata(field: str) -> bool:
    return field.startswith(_METADATA) and metadata.is_name(_normal_name(field))


def _normal_name(field: str) -> str:
    return normalize("NFC", field.removeprefix(_METADATA))


def _place(field: str) -> str:
    """A field as Milvus names it; the name of a metadata field was checked to hold letters and digits only."""
    return field if field in FIELDS else f'metadata["{_normal_name(field)}"]'


def _literal(field: str, value: Any) -> str:
    if field not in FIELDS and isinstance(value, bool):
        return "true" if value else "false"
    if field not in FIELDS and isinstance(value, float) and math.isfinite(value):
        return repr(value)
    kind = FIELDS.get(field) or (str if isinstance(value, str) else int)
    if kind is int:
        value = _read_whole(field, value)
    if kind is str and isinstance(value, str):
        if len(value) > MAX_VALUE_CHARACTERS:
            raise _error(f"the value of {field!r} is longer than {MAX_VALUE_CHARACTERS} characters")
        return quote(value, f"the value of {field!r}")
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= 1 << 63:
            raise _error(f"the value of {field!r} is out of range")
        return str(value)
    expected = ("text" if kind is str else "a whole number") if field in FIELDS else "a text, a number or a boolean"
    raise _error(f"{field!r} is compared with {expected}")


def _read_whole(field: str, value: Any) -> Any:
    """A whole number that is written as a float, or as a date."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if field == "modified" and isinstance(value, str):
        moment = read_moment(value)
        if moment is None:
            raise _error("'modified' is compared with seconds since 1970 or with a date such as 2026-05-08T10:00:00Z")
        return moment
    return value


def _shown(name: Any) -> str:
    text = str(name)
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")


def _error(reason: str) -> RequestError:
    return RequestError("invalid_filter", f"The filter cannot be used: {reason}.")


_OPERATORS: dict[str, Callable[[str, str, Any], str]] = {
    **dict.fromkeys(_COMPARISONS, _comparison),
    "in": _membership,
    "contains": _contains,
    "prefix": _prefix,
    "suffix": _part,
    "substring": _part,
}

"""Dify's conditions on metadata, as filters of search.

Values come as texts, also those of numbers and dates, so that a text is compared as what it may stand for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from shared.domain import metadata
from shared.domain.errors import RequestError
from shared.domain.moments import read_moment
from shared.store.expressions import FIELDS, MAX_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Filter = dict[str, Any]

_OWN = "metadata."
# Names that Dify gives to its own documents.
_SYNONYMS = {"document_name": "title", "last_update_date": "modified", "upload_date": "modified"}
# Dify's documents are named after their files.
_FILE_NAME = "document_name"
_NOTHING: Filter = {"eq": {"document_id": ""}}
# Fields that every chunk has.
_ALWAYS = frozenset({"document_id", "key", "title", "format", "modified"})
_MAX_NUMBER_CHARACTERS = 40
_COMPARISONS = {
    ">": "gt", "<": "lt", "≥": "gte", "≤": "lte", ">=": "gte", "<=": "lte", "before": "lt", "after": "gt",
}  # fmt: skip
_WITHOUT_VALUE = frozenset({"empty", "not empty", "null", "not null"})


class Condition(Struct, frozen=True):
    """One condition; one with several names holds where it does for one of them."""

    name: Annotated[
        str | list[str],
        Meta(description="A metadata field, or document_id, key, title, format, sheet, tenant, page, row, modified."),
    ]
    comparison_operator: Annotated[
        str,
        Meta(
            description="contains, not contains, start with, end with, is, is not, in, not in, empty, not empty, =, ≠, "
            ">, <, ≥, ≤, before or after."
        ),
    ]
    value: Annotated[
        str | int | float | bool | list[str | int | float | bool | None] | None,
        Meta(description="What to compare with; a condition without it does not count, except empty and not empty."),
    ] = None


def convert_conditions(conditions: Sequence[Condition], joined_by: str) -> Filter | None:
    """The filter of ``conditions``; ``None`` where there are none.

    Raises:
        RequestError: ``invalid_filter``, naming the operator, the field or the value.
    """
    counting = [it for it in conditions if it.value is not None or _read_operator(it) in _WITHOUT_VALUE]
    parts = [_convert(condition) for condition in counting]
    return {joined_by: parts} if parts else None


def _read_operator(condition: Condition) -> str:
    return " ".join(condition.comparison_operator.lower().split())


def _convert(condition: Condition) -> Filter:
    names = [condition.name] if isinstance(condition.name, str) else condition.name
    if not names:
        raise _error("a condition has no name")
    operator = _read_operator(condition)
    plain = _NEGATED.get(operator)
    compile_one = _OPERATORS.get(plain or operator)
    if compile_one is None:
        raise _error(f"{condition.comparison_operator[:40]!r} is no comparison_operator")
    parts = [compile_one(_find_field(name), condition.value) for name in names]
    if _FILE_NAME in names and (plain or operator) in _FILE_NAME_OPERATORS:
        parts += _match_file_name(plain or operator, condition.value)
    return {"not": {"or": parts}} if plain else {"or": parts}


def _find_field(name: str) -> str:
    field = _SYNONYMS.get(name, name)
    if field in FIELDS:
        return field
    own = field.removeprefix(_OWN)
    if not metadata.is_name(own):
        raise _error(f"{name[:40]!r} is no field")
    return _OWN + own


def _match_file_name(operator: str, value: Any) -> list[Filter]:
    """The condition on the last part of the key; none without a value."""
    entries = [*map(str, _split(value))] if operator == "in" else _read_texts(value)
    # Other operators than eq take no backslash.
    plain = [entry for entry in entries if "\\" not in entry]
    if operator in ("contains", "end with"):
        compared = "substring" if operator == "contains" else "suffix"
        parts: list[Filter] = [{compared: {"key": entry}} for entry in entries]
    elif operator == "start with":
        parts = [{"prefix": {"key": entry}} for entry in entries]
        parts += [{"substring": {"key": f"/{entry}"}} for entry in plain]
    else:
        parts = [{"in": {"key": entries}}] if entries else []
        parts += [{"suffix": {"key": f"/{entry}"}} for entry in plain[: MAX_VALUES - 1]]
    return [{"or": parts}] if parts else []


def _contains(field: str, value: Any) -> Filter:
    """A text holds the value, or a list of texts has it as an entry."""
    held: list[Filter] = []
    for entry in _read_texts(value):
        held.append({"substring": {field: entry}})
        if field not in FIELDS:
            held.append({"contains": {field: entry}})
    return {"or": held}


def _starts(field: str, value: Any) -> Filter:
    return {"or": [{"prefix": {field: entry}} for entry in _read_texts(value)]}


def _ends(field: str, value: Any) -> Filter:
    return {"or": [{"suffix": {field: entry}} for entry in _read_texts(value)]}


def _equals(field: str, value: Any) -> Filter:
    return _is_among(field, [value] if not isinstance(value, list) else [it for it in value if it is not None])


def _is_in(field: str, value: Any) -> Filter:
    values = _split(value)
    return _is_among(field, values) if values else _NOTHING


def _split(value: Any) -> list[Any]:
    """The values of a list, or of a text that may be one with commas."""
    if isinstance(value, str):
        return [value, *(entry.strip() for entry in value.split(","))]
    return [entry for entry in value if entry is not None] if isinstance(value, list) else [value]


def _is_among(field: str, values: Sequence[Any]) -> Filter:
    if not 1 <= len(values) <= MAX_VALUES:
        raise _error(f"a condition on {field!r} has {len(values)} values; 1 to {MAX_VALUES} are allowed")
    if FIELDS.get(field) is str:
        return {"in": {field: [str(value) for value in values]}}
    readings = [{"eq": {field: reading}} for value in values for reading in _read_equal(field, value)]
    if not readings:
        raise _error(f"the value of {field!r} is no number")
    return {"or": readings[:MAX_VALUES]}


def _read_equal(field: str, value: Any) -> list[Any]:
    """What a value may stand for in a field."""
    kind = FIELDS.get(field)
    if kind is int:
        number = _read_moment(value) if field == "modified" else _read_number(value)
        return [number] if isinstance(number, int) else []
    readings = [value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        readings.append(str(_read_number(value)))  # a sidecar may hold it as a text
    if isinstance(value, str):
        number = _read_number(value)
        readings += [number] if number is not None else []
        readings += [value.lower() == "true"] if value.lower() in ("true", "false") else []
    return readings


def _compare(name: str) -> Callable[[str, Any], Filter]:
    def compile_comparison(field: str, value: Any) -> Filter:
        if isinstance(value, list | bool):
            raise _error(f"{field!r} is compared with one number or date")
        if field in FIELDS:
            return {name: {field: _read_ordered(field, value)}}
        number = _read_number(value)
        return {name: {field: value if number is None else number}}

    return compile_comparison


def _read_ordered(field: str, value: Any) -> Any:
    if FIELDS[field] is str:
        return str(value)
    number = _read_moment(value) if field == "modified" else _read_number(value)
    if number is None:
        raise _error(f"the value of {field!r} is no number")
    return int(number)


def _is_empty(field: str, _value: Any) -> Filter:
    return {"not": _is_not_empty(field, None)}


def _is_not_empty(field: str, _value: Any) -> Filter:
    if FIELDS.get(field) is int and field in _ALWAYS:
        return {"gte": {field: 0}}
    if field in _ALWAYS:
        return {"ne": {field: ""}}
    if field in FIELDS:
        return {"exists": field}
    return {"and": [{"exists": field}, {"ne": {field: ""}}]}


def _read_texts(value: Any) -> list[str]:
    values = [entry for entry in value if entry is not None] if isinstance(value, list) else [value]
    if not 1 <= len(values) <= MAX_VALUES // 2:
        raise _error(f"a condition has {len(values)} texts; 1 to {MAX_VALUES // 2} are allowed")
    return [str(entry) for entry in values]


def _read_number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    text = str(value).strip()
    if not text.isascii() or len(text) > _MAX_NUMBER_CHARACTERS or "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number - number == 0 else None


def _read_moment(value: Any) -> int | float | None:
    """Seconds since 1970 of a number, or of a date."""
    number = _read_number(value)
    return read_moment(value) if number is None and isinstance(value, str) else number


def _error(reason: str) -> RequestError:
    return RequestError("invalid_filter", f"The metadata_condition cannot be used: {reason}.")


_OPERATORS: dict[str, Callable[[str, Any], Filter]] = {
    "contains": _contains,
    "start with": _starts,
    "end with": _ends,
    **dict.fromkeys(("is", "=", "=="), _equals),
    "in": _is_in,
    **dict.fromkeys(("empty", "null"), _is_empty),
    **dict.fromkeys(("not empty", "not null"), _is_not_empty),
    **{operator: _compare(name) for operator, name in _COMPARISONS.items()},
}
_FILE_NAME_OPERATORS = frozenset({"contains", "start with", "end with", "is", "=", "==", "in"})
_NEGATED = {
    "not contains": "contains", "is not": "is", "not in": "in", "≠": "=", "!=": "=", "<>": "=",
}  # fmt: skip

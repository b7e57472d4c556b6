"""The current HTTP request: its id, deadline, caller and body."""

from __future__ import annotations

import codecs
import re
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import msgspec
import msgspec.structs
from flask import g, request

from shared.domain.errors import RequestError
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.runtime.auth import Scope

Body = TypeVar("Body")

# Texts in a body that names no list of them, and names of fields beside one.
_MAX_TEXTS = 10_000
_MORE_TEXTS = 100
# Kept back from the function's own timeout, to answer before Function Compute cuts the call off.
_MARGIN_SECONDS = 3.0
DEFAULT_TIMEOUT_SECONDS = 60.0
_TIMEOUT_DIGITS = 5  # 86,400 seconds at most
_MAX_ID_CHARACTERS = 64
# Floats that are whole numbers exactly, as long as they are short.
_FLOAT = re.compile(rb"-?\d{1,15}(?:\.\d{1,15})?(?:[eE]\+?\d)?")


def deadline() -> Deadline:
    """The moment by which the current request must be answered, a margin before Function Compute ends it."""
    header = request.headers.get("x-fc-function-timeout", "")
    is_number = header.isascii() and header.isdecimal() and len(header) <= _TIMEOUT_DIGITS
    timeout = (float(header) if is_number else 0) or DEFAULT_TIMEOUT_SECONDS
    return Deadline.after(max(timeout - _MARGIN_SECONDS, timeout / 2))


def request_id() -> str:
    """Id of the current request, in every answer and log line; empty before it is known."""
    return str(g.get("request_id", ""))


def scope() -> Scope:
    """What the caller of the current request may see."""
    admitted: Scope = g.scope
    return admitted


def read_body(kind: type[Body], max_texts: int = _MAX_TEXTS, *, strict: bool = True) -> Body:
    """The request's JSON body as ``kind``, whatever its content type; ``null`` in an optional field leaves it out, and
    5.0 is the same number as 5.

    Args:
        max_texts: most texts the body may hold, counted before anything is decoded: a million empty ones would take
            sixty times the memory of the body.
        strict: whether texts that hold numbers are refused in place of numbers.

    Raises:
        RequestError: ``invalid_json``, ``invalid_request`` naming the field, or ``too_many_texts``.
    """
    data = skip_mark(request.get_data(cache=False))
    if _count_texts(data) > max_texts + _MORE_TEXTS:
        raise RequestError("too_many_texts", f"The body holds more than {max_texts} texts; send several requests.")
    with explain_json():
        return _decode(data, kind, strict)


def skip_mark(data: bytes) -> bytes:
    """A body without the byte order mark that some clients on Windows begin with."""
    return data.removeprefix(codecs.BOM_UTF8)


@contextmanager
def explain_json(field: str = "") -> Iterator[None]:
    """Turn what msgspec raises about JSON of a body into errors of the request.

    Args:
        field: the field of the body that is decoded by itself; default: the whole body.

    Raises:
        RequestError: ``invalid_json``, or ``invalid_request`` naming the field.
    """
    try:
        yield
    except msgspec.ValidationError as error:
        raise RequestError("invalid_request", f"{_name_place(str(error), field)}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RequestError(
            "invalid_json", "The body is not JSON (UTF-8, no NaN or Infinity, no half of a surrogate pair)."
        ) from None
    except RecursionError:
        raise RequestError("invalid_json", "The body is nested too deeply.") from None


def _name_place(message: str, field: str) -> str:
    if not field:
        return message
    return message.replace("`$", f"`$.{field}") if "`$" in message else f"{message} - at `$.{field}`"


def simplify(values: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    """``values`` without those that are null in fields of ``kind``, or of a struct in it, that have a default, and with
    whole numbers in place of floats that are whole.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    kept = {}
    for name, value in values.items():
        field = fields.get(name)
        if field is None or field.required or not _is_null(value):
            kept[name] = _simplify_value(value, field.type) if field else value
    return kept


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, msgspec.Raw) and bytes(value) == b"null")


def _simplify_value(value: Any, declared: Any) -> Any:
    kind = next(_find_structs(declared), None)
    if kind is None:
        return _simplify_number(value) if isinstance(value, msgspec.Raw) else value
    if isinstance(value, msgspec.Raw):
        try:
            value = msgspec.json.decode(value, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
        except msgspec.MsgspecError:
            return value  # whatever it is, decoding it as ``kind`` says what is wrong
    if isinstance(value, dict):
        return simplify(value, kind)
    return [_simplify_value(entry, kind) for entry in value] if isinstance(value, list) else value


def _simplify_number(value: msgspec.Raw) -> msgspec.Raw:
    """Some languages have one type of numbers, and write 5 as 5.0."""
    text = bytes(value)
    if not _FLOAT.fullmatch(text) or not float(text).is_integer():
        return value
    return msgspec.Raw(b"%d" % int(float(text)))


def _find_structs(declared: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs in a type, such as ``list[Condition] | None``."""
    if isinstance(declared, type) and issubclass(declared, msgspec.Struct):
        yield declared
    for part in get_args(declared):
        yield from _find_structs(part)


def _decode(data: bytes, kind: type[Body], strict: bool) -> Body:
    try:
        return msgspec.json.decode(data, type=kind, strict=strict)
    except msgspec.ValidationError:
        fields = simplify(msgspec.json.decode(data, type=dict[str, msgspec.Raw]), kind)
        return msgspec.json.decode(msgspec.json.encode(fields), type=kind, strict=strict)


def _count_texts(data: bytes) -> int:
    """How many texts JSON holds, names of fields included; exact where it is valid."""
    quotes = data.count(b'"')
    if b'\\"' in data:
        quotes -= data.replace(b"\\\\", b"").count(b'\\"')
    return quotes // 2


def choose_id(given: str) -> str:
    """The id Function Compute gave the request, or a new one."""
    is_usable = given and len(given) <= _MAX_ID_CHARACTERS and given.isascii() and given.isprintable()
    return given if is_usable else str(uuid.uuid4())

"""JSON values as lines a person can read, the prose of a record first."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.domain.models import Block, BlockKind
from shared.parsing.labels import is_key_label
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.domain.models import Location

# Fields that hold what a record says, in reading order; the rest describe it.
_PROSE = (
    "title",
    "标题",
    "question",
    "问题",
    "summary",
    "摘要",
    "text",
    "content",
    "内容",
    "正文",
    "body",
    "answer",
    "答案",
)
_TITLES = frozenset(_PROSE[:2])
_PROSE_KEYS = frozenset(_PROSE[:4])
# A list of so many numbers is a vector, which says nothing to a reader.
_VECTOR_NUMBERS = 100
_VECTOR_WARNING = f"Lists of {_VECTOR_NUMBERS} numbers and more (such as embeddings) were left out."
# Each value repeats the names above it, so what is repeated must be short.
_LONGEST_NAME_CHARACTERS, _LONGEST_PATH_CHARACTERS = 100, 120
_LONGEST_KEY_CHARACTERS, _MOST_KEYS, _FIRST_FIELDS = 150, 3, 2
_SPACED_NAME = re.compile(r'"\s++:')
# Comments and commas that JSON does not have but editors and programs allow; strings are matched to be passed over.
_EXTENSIONS = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\Z))|//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)|,(?=\s{0,100}[}\]])', re.DOTALL)


class WrittenNumber(str):
    """A number with a fraction or an exponent as it is written: 1.10, 0.00001, 1e400."""

    __slots__ = ()


@cache
def _decoder() -> Any:
    # Imported here with the other decoders: nothing but a JSON upload needs it.
    import msgspec

    return msgspec.json.Decoder(float_hook=WrittenNumber)


def decode(text: str) -> Any:
    """The value of a JSON text; NaN and Infinity, comments, a comma after the last item, and line breaks
    and tabs in strings are accepted.

    Raises:
        DocumentError: ``too_deep``.
        ValueError: the text is not JSON.
    """
    import msgspec

    try:
        value = _decoder().decode(text)
        if _count_names(value) >= text.count('":') + sum(1 for _ in _SPACED_NAME.finditer(text)):
            return value
    except (msgspec.DecodeError, UnicodeEncodeError):
        pass
    except RecursionError:
        raise _too_deep() from None
    try:
        try:
            return _plain_decoder().decode(text)
        except ValueError:
            # A comma may stand before a comment before the bracket.
            for _ in range(2):
                text = _EXTENSIONS.sub(lambda match: match[1] or " ", text)
            return _plain_decoder().decode(text)
    except RecursionError:
        raise _too_deep() from None


@cache
def _plain_decoder() -> json.JSONDecoder:
    """Slower, for what the other one refuses, and for texts that may name a field twice."""
    return json.JSONDecoder(strict=False, parse_float=WrittenNumber, object_pairs_hook=_merge)


def _merge(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of an object; one that it names several times has all their values, each once."""
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    grouped: dict[str, list[Any]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return {name: _join_values(values) for name, values in grouped.items()}


def _join_values(values: list[Any]) -> Any:
    first = values[0]
    is_same = all(type(value) is type(first) and value == first for value in values)
    return first if is_same else values


def _count_names(value: object) -> int:
    """How many names of fields a decoded value holds."""
    count = 0
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            count += len(value)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return count


def decode_all(text: str) -> list[Any]:
    """The values of a text that holds one after the other, each on a line or not.

    Raises:
        DocumentError: ``too_deep``.
        ValueError: the text is not a sequence of JSON values.
    """
    decoder = _plain_decoder()
    values: list[Any] = []
    place = _next(text, 0)
    try:
        while place < len(text):
            value, place = decoder.raw_decode(text, place)
            values.append(value)
            place = _next(text, place)
    except RecursionError:
        raise _too_deep() from None
    return values


def _next(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n,":
        place += 1
    return place


def make_block(value: object, at: Location, max_nesting: int, warnings: list[str]) -> Block:
    """A record as one block: its text, and the fields that identify it."""
    return Block(render_value(value, max_nesting, warnings), at, kind=BlockKind.ROW, keys=_keys(value))


def render_value(value: object, max_nesting: int, warnings: list[str]) -> str:
    """``value`` as text: its prose fields as they are, then ``path: value`` line by line.

    Args:
        value: what was decoded.
        max_nesting: levels that may be inside one another.
        warnings: takes a sentence when a vector is left out.

    Raises:
        DocumentError: ``too_deep`` beyond ``max_nesting`` levels.
    """
    if not isinstance(value, dict):
        return "\n".join(_lines(value, "", max_nesting, warnings))
    names = {str(name).lower(): name for name in value}
    prose = [names[name] for name in _PROSE if name in names and _is_text(value[names[name]])]
    rest = {name: field for name, field in value.items() if name not in prose}
    return "\n".join([*(value[name] for name in prose), *_lines(rest, "", max_nesting, warnings)]).strip()


def find_title(value: object) -> str:
    """The title a record gives itself, or empty."""
    if not isinstance(value, dict):
        return ""
    return next((field for name, field in value.items() if name.lower() in _TITLES and _is_text(field)), "")


def _keys(value: object) -> str:
    """The fields that identify a record: names, numbers, titles, questions; else its first short ones."""
    if not isinstance(value, dict):
        return ""
    fields = {
        str(name): _shown(field)
        for name, field in value.items()
        if (_is_text(field) or isinstance(field, int)) and field != ""
    }
    named = [name for name in fields if name.lower() in _PROSE_KEYS or is_key_label(name)]
    short = [name for name in fields if name.lower() not in _PROSE and len(fields[name]) <= _LONGEST_KEY_CHARACTERS]
    chosen = named[:_MOST_KEYS] or short[:_FIRST_FIELDS]
    return "; ".join(
        text if name.lower() in _PROSE else f"{name[:_LONGEST_NAME_CHARACTERS]}: {text}"
        for name in chosen
        if (text := fields[name][:_LONGEST_KEY_CHARACTERS])
    )


def _lines(value: object, path: str, depth: int, warnings: list[str]) -> Iterator[str]:
    if depth < 0:
        raise _too_deep()
    if isinstance(value, dict):
        for name, field in value.items():
            yield from _lines(field, _joined(path, str(name)), depth - 1, warnings)
    elif isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value):
        if _is_vector(value):
            warnings += [] if _VECTOR_WARNING in warnings else [_VECTOR_WARNING]
        else:
            yield from _line(", ".join(_shown(item) for item in value if item is not None), path)
    elif isinstance(value, list):
        for number, item in enumerate(value, start=1):
            yield from _lines(item, f"{path}[{number}]", depth - 1, warnings)
    elif value is not None:
        yield from _line(_shown(value), path)


def _is_vector(value: list[Any]) -> bool:
    return len(value) >= _VECTOR_NUMBERS and all(
        isinstance(item, (int, float, WrittenNumber)) and not isinstance(item, bool) for item in value
    )


def _joined(path: str, name: str) -> str:
    """The path to a value: as many of the last names as the bound allows."""
    short = " ".join(name[:_LONGEST_NAME_CHARACTERS].split())
    joined = f"{path}.{short}" if path else short
    while len(joined) > _LONGEST_PATH_CHARACTERS and "." in joined:
        joined = joined.partition(".")[2]
    return joined


def _line(text: str, path: str) -> Iterator[str]:
    if text := " ".join(text.split()) if path else text.strip():
        yield f"{path}: {text}" if path else text


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, WrittenNumber)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(value)


def _too_deep() -> Exception:
    return refuse("too_deep", "The record nests its values too deeply to be read.")

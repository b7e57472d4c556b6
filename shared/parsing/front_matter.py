"""Fields at the top of a Markdown file: YAML between ``---`` lines (Jekyll) or TOML between ``+++`` lines (Hugo)."""

from __future__ import annotations

import re
import tomllib
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LONGEST_LINES = 400
_FENCES = {"---": ("---", "..."), "+++": ("+++",)}
_FIELD = re.compile(r"\A([\"']?[^\s:#\[{>|,-][^:#]{0,100}):(?:\s+(.*))?$")
_BLOCK_SCALAR = re.compile(r"[|>][+-]?[0-9]?")
_ENTRY = re.compile(r"\"[^\"]*+\"|'[^']*+'|[^,\s\"'][^,]*+")
_TITLES = frozenset({"title", "标题"})
_LONGEST_VALUE_CHARACTERS = 2_000

Fields = list[tuple[str, str]]


def read(lines: Iterator[str]) -> tuple[Fields, list[str]]:
    """The fields at the top of a file, and the lines that were taken from ``lines`` but are content."""
    taken = list(islice(lines, 1))
    ends = _FENCES.get(taken[0].rstrip()) if taken else None
    if ends is None:
        return [], taken
    for line in islice(lines, _LONGEST_LINES):
        taken.append(line)
        if line.rstrip() in ends:
            fields = _fields(taken[0].rstrip(), taken[1:-1])
            return (fields, []) if fields else ([], taken)
    return [], taken


def title_of(fields: Fields) -> str:
    """The title among ``fields``, or empty."""
    return next((value for name, value in fields if name.lower() in _TITLES), "")


def text_of(fields: Fields) -> str:
    """All other fields as one record: ``name: value; name: value``."""
    return "; ".join(f"{name}: {value}" for name, value in fields if value and name.lower() not in _TITLES)


def _fields(fence: str, lines: Sequence[str]) -> Fields:
    if fence == "+++":
        try:
            return list(_flat("", tomllib.loads("\n".join(lines))))
        except (tomllib.TOMLDecodeError, RecursionError, ValueError):
            return []
    # Between two rules there may be text that is no front matter.
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    return list(_yaml(lines)) if _FIELD.match(first) else []


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list):
        yield name, ", ".join(text for entry in value for _, text in _flat("", entry))[:_LONGEST_VALUE_CHARACTERS]
    else:
        yield name, str(value).lower() if isinstance(value, bool) else " ".join(str(value).split())


def _yaml(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names and values as text: a subset of YAML that covers scalars, lists and nested fields of real front matter."""
    name, values, separator = "", list[str](), ", "
    for line in lines:
        match = _FIELD.match(line)
        if match:
            yield from _joined(name, values, separator)
            name, value = _unquoted(match[1]), (match[2] or "").strip()
            block = _BLOCK_SCALAR.fullmatch(value) is not None
            values, separator = ([], " ") if block else ([_value(value)], ", ")
        elif line.strip() and not line.lstrip().startswith("#"):
            values.append(_value(line.strip().removeprefix("- ")))
    yield from _joined(name, values, separator)


def _joined(name: str, values: list[str], separator: str) -> Iterator[tuple[str, str]]:
    if name:
        yield name, separator.join(filter(None, values))[:_LONGEST_VALUE_CHARACTERS]


def _value(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        return ", ".join(map(_unquoted, _ENTRY.findall(text[1:-1])))
    return _unquoted(text.split(" #", 1)[0].rstrip() if text[:1] not in "\"'" else text)


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1].replace('\\"', '"')
    return text

"""Writes Terraform's language (HCL), laid out as ``terraform fmt`` lays it out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_INDENT: Final = "  "
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Expression(Struct, frozen=True):
    """Code that is written as it is, such as ``var.prefix``."""

    code: str


class Call(Struct, frozen=True):
    """``jsonencode`` of a value."""

    value: Any


class Block(Struct, frozen=True):
    """A nested block; a list of them repeats it."""

    body: dict[str, Any]


def render_block(kind: str, labels: tuple[str, ...], body: Mapping[str, Any]) -> str:
    """A block at the top of a file."""
    head = " ".join((kind, *(json.dumps(label) for label in labels)))
    return f"{head} {{\n{''.join(f'{line}{chr(10)}' for line in _body(body, _INDENT))}}}\n"


def quote(text: str) -> str:
    """A string literal; ``${`` and ``%{`` mean themselves."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _body(body: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Attributes that fit on a line, aligned; then those that take several; then blocks."""
    short, long, blocks = {}, {}, {}
    for name, value in body.items():
        if isinstance(value, Block) or (isinstance(value, list) and value and isinstance(value[0], Block)):
            blocks[name] = value if isinstance(value, list) else [value]
        elif "\n" in (written := _value(value, indent)):
            long[name] = written
        else:
            short[name] = written
    width = max(map(len, short), default=0)
    yield from (f"{indent}{name:<{width}} = {written}" for name, written in short.items())
    started = bool(short)
    for name, written in long.items():
        yield from ([""] if started else [])
        yield f"{indent}{name} = {written}"
        started = True
    for name, several in blocks.items():
        for block in several:
            yield from ([""] if started else [])
            yield f"{indent}{name} {{"
            yield from _body(block.body, indent + _INDENT)
            yield f"{indent}}}"
            started = True


def _value(value: Any, indent: str) -> str:
    match value:
        case Expression():
            return value.code
        case Call():
            return f"jsonencode({_value(value.value, indent)})"
        case bool() | int() | float():
            return json.dumps(value)
        case str():
            return quote(value)
        case dict():
            return _object(value, indent)
        case list():
            return _list(value, indent)
    raise TypeError(type(value).__name__)


def _object(value: Mapping[str, Any], indent: str) -> str:
    if not value:
        return "{}"
    deeper = indent + _INDENT
    keys = {key: key if _IDENTIFIER.fullmatch(key) else quote(key) for key in value}
    written = {keys[key]: _value(item, deeper) for key, item in value.items()}
    lines: list[str] = []
    group: list[tuple[str, str]] = []
    for key, text in (*written.items(), ("", "")):
        if not key or "\n" in text:
            width = max((len(name) for name, _ in group), default=0)
            lines += [f"{deeper}{name:<{width}} = {short}" for name, short in group]
            group = []
            lines += [f"{deeper}{key} = {text}"] if key else []
        else:
            group.append((key, text))
    return "{\n" + "\n".join(lines) + f"\n{indent}}}"


def _list(value: list[Any], indent: str) -> str:
    deeper = indent + _INDENT
    items = [_value(item, deeper) for item in value]
    line = f"[{', '.join(items)}]"
    if "\n" not in line and len(line) <= 90:
        return line
    return "[\n" + "".join(f"{deeper}{item},\n" for item in items) + f"{indent}]"

"""Calendars and address cards (iCalendar, vCard): each event, task or card as the fields that a person reads.

Long lines are folded in files, in the middle of words: RFC 5545, 3.1; RFC 6350, 3.2.
"""

from __future__ import annotations

import re
from quopri import decodestring
from typing import TYPE_CHECKING

from shared.domain.models import Block, BlockKind, Location
from shared.parsing.charset import decode_bytes
from shared.parsing.encoding import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BEGIN = re.compile(r"\s{0,99}BEGIN:V(?:CALENDAR|CARD)\s{0,99}", re.IGNORECASE)
# The name, its parameters, which may hold colons in quotation marks, and the value.
_FIELD = re.compile(r'(?:[\w-]{1,60}\.)?([\w-]{1,60})((?>(?:;(?>(?:"[^"]*+"|[^":;])*))*)):(.*)', re.DOTALL)
_ESCAPED = re.compile(r"\\([nN,;:\\])")
_SEMICOLON = re.compile(r"(?<!\\);")
_CHARSET = re.compile(r"CHARSET=\"?([\w-]{1,40})", re.IGNORECASE)
_BINARY = re.compile(r"ENCODING=\"?(?:B|BASE64)\b|VALUE=\"?BINARY", re.IGNORECASE)
_QUOTED = re.compile("QUOTED-PRINTABLE", re.IGNORECASE)
# What only programs need.
_UNSHOWN = frozenset({"PRODID", "VERSION", "UID", "DTSTAMP", "SEQUENCE", "CALSCALE", "METHOD", "REV", "KEY"})
# Parts of a name or an address.
_STRUCTURED = frozenset({"N", "ADR", "ORG"})
_MOST_FIELDS = 500


def is_begun(line: str) -> bool:
    """Whether ``line`` is the first one of a calendar or card."""
    return _BEGIN.fullmatch(line) is not None


def read(lines: Iterable[str]) -> Iterator[Block]:
    """A block for each event, task, alarm, time zone or card."""
    shown: list[str] = []
    for line in _unfold(lines):
        field = _FIELD.fullmatch(line)
        is_border = field is not None and field[1].upper() in ("BEGIN", "END")
        if is_border or len(shown) >= _MOST_FIELDS:
            yield from _block(shown)
            shown = []
        if not is_border and (text := _show(field) if field else line.strip()):
            shown.append(text)
    yield from _block(shown)


def _block(shown: list[str]) -> Iterator[Block]:
    if shown:
        yield Block("\n".join(shown), Location(), kind=BlockKind.ROW)


def _unfold(lines: Iterable[str]) -> Iterator[str]:
    """Whole fields: a line that begins with a space goes on where the one before ends, and one after a final ``=``."""
    parts: list[str] = []
    is_soft = is_quoted = False
    for line in lines:
        if parts and is_soft:
            parts[-1] = parts[-1].rstrip().removesuffix("=")
            parts.append(line)
        elif parts and line[:1] in (" ", "\t"):
            parts.append(line[1:])
        else:
            yield from ("".join(parts),) if parts else ()
            parts = [line]
            is_quoted = _QUOTED.search(line) is not None
        is_soft = is_quoted and line.rstrip().endswith("=")
    yield from ("".join(parts),) if parts else ()


def _show(field: re.Match[str]) -> str:
    """A field as ``NAME: value``; nothing for pictures and what only programs need."""
    name, parameters, value = field[1].upper(), field[2], field[3]
    if name in _UNSHOWN or _BINARY.search(parameters) or value.lstrip().lower().startswith("data:"):
        return ""
    if _QUOTED.search(parameters):
        charset = _CHARSET.search(parameters)
        value = clean(decode_bytes(decodestring(value.encode()), charset[1] if charset else "utf-8"))
    if name in _STRUCTURED:
        value = " ".join(filter(None, _SEMICOLON.split(value)))
    value = _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)
    lines = [shown for line in value.split("\n") if (shown := " ".join(line.split()))]
    return f"{name}: {chr(10).join(lines)}" if lines else ""

"""The lists of a Word document, as the steps through the numbering part that a docx would have. [MS-DOC] 2.9.131."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing.doc_file import read_number
from shared.parsing.xml_events import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.doc_file import Header

_LISTS, _USES = 73, 74
_MOST_LISTS = 4_096
# Formats of numbers by their code, as ECMA-376 part 1, 17.18.59 names them.
_FORMS = (
    *("decimal", "upperRoman", "lowerRoman", "upperLetter", "lowerLetter", "ordinal", "cardinalText", "ordinalText"),
    *("hex", "chicago", "ideographDigital", "japaneseCounting", "aiueo", "iroha", "decimalFullWidth"),
    *("decimalHalfWidth", "japaneseLegal", "japaneseDigitalTenThousand", "decimalEnclosedCircle"),
    *("decimalFullWidth2", "aiueoFullWidth", "irohaFullWidth", "decimalZero", "bullet", "ganada", "chosung"),
    *("decimalEnclosedFullstop", "decimalEnclosedParen", "decimalEnclosedCircleChinese", "ideographEnclosedCircle"),
    *("ideographTraditional", "ideographZodiac", "ideographZodiacTraditional", "taiwaneseCounting"),
    *("ideographLegalTraditional", "taiwaneseCountingThousand", "taiwaneseDigital", "chineseCounting"),
    *("chineseLegalSimplified", "chineseCountingThousand", "koreanDigital", "koreanCounting", "koreanLegal"),
    "koreanDigital2",
)
_NO_FORM = 255
_SEPARATORS = ("tab", "space", "nothing")


def read_lists(header: Header, table: bytes) -> Iterator[Event]:
    """The definitions of lists, then the lists that paragraphs name."""
    offset, size = header.find(_LISTS)
    if size:
        yield from _read_definitions(table, offset, offset + size)
    yield from _read_uses(header.cut(table, _USES))


def _read_definitions(table: bytes, offset: int, at: int) -> Iterator[Event]:
    count = min(read_number(table, offset, "<H"), _MOST_LISTS)
    for number in range(count):
        start = offset + 2 + 28 * number
        levels = 1 if read_number(table, start + 26, "<B") & 1 else 9
        yield Event("open", "abstractNum", {"abstractNumId": str(read_number(table, start, "<i"))})
        for place in range(levels):
            if at + 28 > len(table):
                return
            yield Event("open", "lvl", {"ilvl": str(place)})
            yield from _read_level(table, at)
            yield Event("close", "lvl")
            at += _measure_level(table, at)


def _measure_level(table: bytes, at: int) -> int:
    settings = read_number(table, at + 24, "<B") + read_number(table, at + 25, "<B")
    return 28 + settings + 2 + 2 * read_number(table, at + 28 + settings, "<H")


def _read_level(table: bytes, at: int) -> Iterator[Event]:
    form = read_number(table, at + 4, "<B")
    settings = read_number(table, at + 24, "<B") + read_number(table, at + 25, "<B")
    start = at + 28 + settings + 2
    pattern = table[start : start + 2 * read_number(table, start - 2, "<H")].decode("utf-16-le", "replace")
    shown = "".join(f"%{ord(character) + 1}" if character < "\x09" else character for character in pattern)
    named = "none" if form == _NO_FORM else _FORMS[form] if form < len(_FORMS) else "decimal"
    follow = read_number(table, at + 15, "<B")
    yield Event("open", "start", {"val": str(max(0, read_number(table, at, "<i")))})
    yield Event("open", "numFmt", {"val": named})
    yield Event("open", "lvlText", {"val": shown})
    yield Event("open", "suff", {"val": _SEPARATORS[follow] if follow < len(_SEPARATORS) else "tab"})
    if read_number(table, at + 5, "<B") & 0x04:
        yield Event("open", "isLgl")


def _read_uses(uses: bytes) -> Iterator[Event]:
    count = min(read_number(uses, 0), _MOST_LISTS)
    at = 4 + 16 * count
    for number in range(count):
        start = 4 + 16 * number
        yield Event("open", "num", {"numId": str(number + 1)})
        yield Event("open", "abstractNumId", {"val": str(read_number(uses, start, "<i"))})
        at += 4
        for _ in range(read_number(uses, start + 12, "<B")):
            flags = read_number(uses, at + 4)
            if flags & 0x10:
                yield Event("open", "lvlOverride", {"ilvl": str(flags & 0xF)})
                yield Event("open", "startOverride", {"val": str(max(0, read_number(uses, at, "<i")))})
            at += 8 + (_measure_level(uses, at + 8) if flags & 0x20 else 0)
        yield Event("close", "num")

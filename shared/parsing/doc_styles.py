"""Properties of paragraphs in a Word document: headings, lists, cells of tables. [MS-DOC] 2.6, 2.8 and 2.9.

A setting is a code and an operand; the code tells how long the operand is.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.parsing.doc_file import read_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.doc_file import Header

_STYLES, _PARAGRAPH_PAGES = 1, 13
_PAGE_BYTES = 512
_MOST_PAGES = 200_000
_SIZES = (1, 1, 2, 4, 2, 2, 0, 3)
_LEVEL, _PLACE, _LIST = 0x2640, 0x260A, 0x460B
_ROW = 0xD608
_FLAGS = {
    0x2416: "is_in_table",
    0x2417: "is_row_end",
    0x244B: "is_inner_cell_end",
    0x244C: "is_inner_row_end",
    0x3404: "is_header",
}
_DEPTH = 0x6649
_DEEPEST_TABLE = 16
_TABS = 0xC615
# Settings too long for a page stand in the stream of data, at the offset that these give: the ends of wide rows.
_ELSEWHERE = frozenset({0x6645, 0x6646, 0x646B})
_LONGEST_ELSEWHERE = 16_384
_BODY_LEVEL, _DEEPEST = 9, 8
_TITLE_STYLE, _OWN_STYLE = 62, 0xFFE
_MOST_BASES = 20
_BELOW, _FIRST_BELOW, _BESIDE = 0x20, 0x40, 0x02
_LAST_LIST = 0x07FE


class Properties(Struct, frozen=True):
    """Properties of a paragraph.

    Attributes:
        level: of a heading, from 1; else 0.
        list: number of the list that it is an item of, from 1; else 0.
        place: level in the list, from 0.
        depth: how many tables it is in, one within a cell of the other; 0 where that is not said.
        is_inner_cell_end: whether it ends a cell of a table within a cell.
        is_inner_row_end: the same of a row.
        is_row_end: whether it is the mark at the end of a row, which describes the row.
        borders: of a row's end: where the row begins and each cell ends.
        below: which cells continue the one above.
        beside: which cells continue the one before.
    """

    level: int = 0
    list: int = 0
    place: int = 0
    is_in_table: bool = False
    depth: int = 0
    is_inner_cell_end: bool = False
    is_inner_row_end: bool = False
    is_row_end: bool = False
    is_header: bool = False
    borders: tuple[int, ...] = ()
    below: tuple[bool, ...] = ()
    beside: tuple[bool, ...] = ()


def read_settings(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The settings one after the other; ends at the first one that is damaged."""
    at = 0
    while at + 2 < len(data):
        code = data[at] | data[at + 1] << 8
        at += 2
        size = _SIZES[code >> 13]
        if not size:
            if code == _ROW:
                size, at = max(0, read_number(data, at, "<H") - 1), at + 2
            else:
                size, at = data[at], at + 1
                size = 0 if code == _TABS and size == 255 else size
        yield code, data[at : at + size]
        at += size


def read_runs(header: Header, table: bytes, number: int) -> Iterator[tuple[int, int, bytes]]:
    """Stretches of the file and their settings: of paragraphs with the number of their style in front."""
    index = header.cut(table, number)
    count = min((len(index) - 4) // 8, _MOST_PAGES)
    is_paragraph = number == _PARAGRAPH_PAGES
    for place in range(count):
        page_number = read_number(index, 4 * (count + 1) + 4 * place) & 0x3FFFFF
        page = header.main[page_number * _PAGE_BYTES : (page_number + 1) * _PAGE_BYTES]
        if len(page) == _PAGE_BYTES:
            yield from _read_page(page, is_paragraph=is_paragraph)


def _read_page(page: bytes, *, is_paragraph: bool) -> Iterator[tuple[int, int, bytes]]:
    runs = page[-1]
    width = 13 if is_paragraph else 1
    for number in range(runs):
        at = 4 * (runs + 1) + width * number
        if at >= _PAGE_BYTES:
            return
        offset = 2 * page[at]
        settings = b""
        if offset:
            size = page[offset]
            if is_paragraph and not size:
                settings = page[offset + 2 : offset + 2 + 2 * page[min(offset + 1, _PAGE_BYTES - 1)]]
            else:
                settings = page[offset + 1 : offset + 1 + (2 * size - 1 if is_paragraph else size)]
        yield read_number(page, 4 * number), read_number(page, 4 * number + 4), settings


class Styles:
    """The styles of a document, and the properties of each paragraph."""

    def __init__(self, header: Header, table: bytes) -> None:
        self._styles: dict[int, tuple[int, int, bytes]] = dict(_read_styles(header.cut(table, _STYLES)))
        runs = sorted(read_runs(header, table, _PARAGRAPH_PAGES))
        self._starts = [start for start, _, _ in runs]
        self._runs = runs
        self._known: dict[bytes, Properties] = {}
        self._data = b""

    def needs_data(self) -> bool:
        """Whether the settings of a paragraph stand in the stream of data."""
        return any(_find_elsewhere(settings[2:]) is not None for _, _, settings in self._runs)

    def take_data(self, data: bytes) -> None:
        """Take the stream of data."""
        self._data = data

    def find(self, offset: int) -> Properties:
        """The properties of the paragraph with a character at this offset of the file."""
        number = bisect_right(self._starts, offset) - 1
        if number < 0 or offset >= self._runs[number][1]:
            return Properties()
        settings = self._runs[number][2]
        if settings not in self._known:
            self._known[settings] = self._read(settings)
        return self._known[settings]

    def _read(self, settings: bytes) -> Properties:
        found = Properties()
        for base in reversed(self._chain(read_number(settings, 0, "<H"))):
            kind, _, own = self._styles[base]
            if 1 <= kind <= _BODY_LEVEL or kind == _TITLE_STYLE:
                found = replace(found, level=kind if kind <= _BODY_LEVEL else 1)
            found = _apply(found, own)
        offset = _find_elsewhere(settings[2:])
        if offset is not None:
            size = min(read_number(self._data, offset, "<H"), _LONGEST_ELSEWHERE)
            found = _apply(found, self._data[offset + 2 : offset + 2 + size])
        return _apply(found, settings[2:])

    def _chain(self, style: int) -> list[int]:
        """The style and those it is based on."""
        chain: list[int] = []
        while style in self._styles and style not in chain and len(chain) < _MOST_BASES:
            chain.append(style)
            style = self._styles[style][1]
        return chain


def _find_elsewhere(settings: bytes) -> int | None:
    """Offset in the stream of data of the settings that these name, if they do."""
    offsets = (read_number(operand, 0) for code, operand in read_settings(settings) if code in _ELSEWHERE)
    return next(offsets, None)


def _apply(found: Properties, settings: bytes) -> Properties:
    changes: dict[str, object] = {}
    for code, operand in read_settings(settings):
        value = operand[0] if operand else 0
        if code in _FLAGS:
            changes[_FLAGS[code]] = bool(value)
        elif code == _DEPTH:
            changes["depth"] = min(read_number(operand, 0), _DEEPEST_TABLE)
        elif code == _LEVEL:
            changes["level"] = value + 1 if value < _BODY_LEVEL else 0
        elif code == _PLACE:
            changes["place"] = min(value, _DEEPEST)
        elif code == _LIST:
            number = read_number(operand, 0, "<H")
            changes["list"] = number if number <= _LAST_LIST else 0
        elif code == _ROW:
            changes.update(_read_row(operand))
    return replace(found, **changes) if changes else found


def _read_row(operand: bytes) -> dict[str, tuple[int, ...]]:
    """The cells of a row: their borders, and which of them are merged."""
    count = operand[0] if operand else 0
    borders = tuple(read_number(operand, 1 + 2 * number, "<h") for number in range(count + 1))
    at = 1 + 2 * (count + 1)
    flags = [read_number(operand, at + 20 * number, "<H") for number in range(count)]
    return {
        "borders": borders,
        "below": tuple(bool(flag & _BELOW) and not flag & _FIRST_BELOW for flag in flags),
        "beside": tuple(bool(flag & _BESIDE) for flag in flags),
    }


def _read_styles(data: bytes) -> Iterator[tuple[int, tuple[int, int, bytes]]]:
    """Of each style of paragraphs, by number: its built-in kind, the style it is based on, its settings."""
    at = 2 + read_number(data, 0, "<H")
    count, base = read_number(data, 2, "<H"), read_number(data, 4, "<H")
    for number in range(count):
        size = read_number(data, at, "<H")
        style = data[at + 2 : at + 2 + size]
        at += 2 + size
        if len(style) <= base or read_number(style, 2, "<H") & 0xF != 1:
            continue
        kind = read_number(style, 0, "<H") & 0xFFF
        name_end = base + 4 + 2 * read_number(style, base, "<H")
        length = read_number(style, name_end, "<H")
        settings = style[name_end + 4 : name_end + 2 + length]
        yield number, (0 if kind == _OWN_STYLE else kind, read_number(style, 2, "<H") >> 4, settings)

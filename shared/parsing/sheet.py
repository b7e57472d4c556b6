"""The rows of a worksheet, streamed: each cell as it shows, merged cells in every row and column they cover.

Element names are those of ECMA-376 part 1, section 18.3. Merged cells are named after the cells, so a first pass over
the part finds them; it looks for two elements only and costs little.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.formula import SharedFormulas, column_number
from shared.parsing.numberformat import show_number, show_text
from shared.parsing.refusing import refuse
from shared.parsing.tableline import Across, Down, Line
from shared.parsing.workbook import unescape
from shared.parsing.workbook_styles import Style
from shared.parsing.xml_parser import create_parser, feed_parser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.parsing.limits import Limits
    from shared.parsing.workbook import Workbook

_AREA = rb"""[^>]{0,200}?\sref\s*=\s*["']([A-Za-z]{1,3}[0-9]{1,7}):([A-Za-z]{1,3}[0-9]{1,7})["']"""
_MERGED = re.compile(rb"<(?:\w{1,20}:)?mergeCell(?=\s)" + _AREA)
_FILTERED = re.compile(rb"<(?:\w{1,20}:)?autoFilter(?=\s)" + _AREA)
_OVERLAP_BYTES = 300
_LAST_COLUMN, _LAST_ROW = 16_384, 1_048_576
# Columns of one row that merged cells fill, beyond which they would only be empty.
_MOST_COVERED = 512
_COLUMNS: dict[str, int] = {}


class Areas(Struct):
    """Merged areas by their first row, each (first column, last row, last column), and rows declared as headers."""

    merged: dict[int, list[tuple[int, int, int]]] = {}
    headers: set[int] = set()


def find_areas(chunks: Iterable[bytes]) -> Areas:
    """The merged cells of a worksheet, and the row that holds the buttons of its filter."""
    areas = Areas()
    before = b""
    for data in chunks:
        window = before + data
        end = len(window)
        if b"mergeCell" in window or b"autoFilter" in window:
            for match in _MERGED.finditer(window):
                _add(areas, match[1], match[2])
            areas.headers.update(_place(match[1].decode())[0] for match in _FILTERED.finditer(window))
            end = max((match.end() for match in _MERGED.finditer(window)), default=0)
            before = window[max(end, len(window) - _OVERLAP_BYTES) :]
        else:
            before = window[-_OVERLAP_BYTES:]
    return areas


def _add(areas: Areas, first: bytes, last: bytes) -> None:
    (top, left), (bottom, right) = _place(first.decode()), _place(last.decode())
    if (top, left) != (bottom, right):
        areas.merged.setdefault(top, []).append((left, bottom, min(right, left + _MOST_COVERED)))


def read_rows(chunks: Iterable[bytes], workbook: Workbook, areas: Areas, limits: Limits) -> Iterator[Line]:
    """The rows that hold something, in order.

    Raises:
        DocumentError: ``broken_file`` for malformed XML, ``too_deep``, ``too_large`` for too many rows.
    """
    reader = _Reader(workbook, limits.max_nesting)
    covered = Covered(areas)
    for count, (number, cells) in enumerate(reader.read(chunks), start=1):
        if count > limits.max_rows:
            raise refuse("too_large", f"A sheet has more than {limits.max_rows} rows.")
        line = make_line(number, cells, covered)
        line.declared = number in areas.headers
        yield line


def make_line(number: int, cells: dict[int, tuple[str, bool]], covered: Covered) -> Line:
    """The row ``number`` as a line: its texts by column, each with whether it looks like a header's."""
    texts = {column: text for column, (text, _) in cells.items() if text}
    marked = bool(texts) and all(cells[column][1] for column in texts)
    texts = covered.fill(number, texts)
    row = [""] * (max(texts, default=0))
    for column, text in texts.items():
        row[column - 1] = text
    return Line(number, row, marked)


class Covered:
    """Fills the cells that merged ones cover, row by row."""

    def __init__(self, areas: Areas) -> None:
        self._areas = areas.merged
        self._waiting = sorted(self._areas)
        # First column -> last row, last column, text: one area a column, however they overlap.
        self._open: dict[int, tuple[int, int, str]] = {}

    def fill(self, number: int, texts: dict[int, str]) -> dict[int, str]:
        """``texts`` of the row ``number``, with those of the merged cells that cover it."""
        if not self._areas:
            return texts
        filled = dict(texts)
        for left, (bottom, right, text) in list(self._open.items()):
            if bottom < number:
                del self._open[left]
            elif texts:
                filled.setdefault(left, Down(text))
                self._spread(filled, left, right, text)
        for left, bottom, right in self._areas.get(number, ()):
            if text := texts.get(left, ""):
                self._spread(filled, left, right, text)
                if bottom > number:
                    self._open[left] = (bottom, right, text)
        return filled

    @staticmethod
    def _spread(filled: dict[int, str], left: int, right: int, text: str) -> None:
        for column in range(left + 1, right + 1):
            filled.setdefault(column, Across(text))


class _Reader:
    """Expat, fed in pieces, with its callbacks turned into rows."""

    def __init__(self, workbook: Workbook, max_nesting: int) -> None:
        self._workbook = workbook
        self._max_nesting = max_nesting
        self._rows: list[tuple[int, dict[int, tuple[str, bool]]]] = []
        self._cells: dict[int, tuple[str, bool]] = {}
        self._row = self._column = self._depth = 0
        self._attributes: dict[str, str] = {}
        self._texts: dict[str, list[str]] = {}
        self._text: list[str] | None = None
        self._in_reading = False
        self._formulas = SharedFormulas()
        self._shared = ""
        self._names: dict[str, str] = {}
        self._expat = create_parser()
        self._expat.StartElementHandler = self._open
        self._expat.EndElementHandler = self._close
        self._expat.CharacterDataHandler = self._add
        self._plain = Style()

    def read(self, chunks: Iterable[bytes]) -> Iterator[tuple[int, dict[int, tuple[str, bool]]]]:
        """The number of each row and its cells; those in front of damage too."""
        for data in chain(chunks, [b""]):
            try:
                feed_parser(self._expat, data, final=not data)
            finally:
                rows, self._rows = self._rows, []
                yield from rows

    def _local(self, name: str) -> str:
        local = self._names[name] = name.rpartition(":")[2]
        return local

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        name = self._names.get(name) or self._local(name)
        if name == "c":
            self._attributes = attributes
            self._texts = {}
            self._shared = ""
        elif name in ("v", "t", "f"):
            if not self._in_reading:
                self._text = self._texts.setdefault(name, [])
                if name == "f" and attributes.get("t") == "shared":
                    self._shared = attributes.get("si", "0")
        elif name == "row":
            place = attributes.get("r", "")
            self._row = int(place) if place.isdecimal() and len(place) < 9 else self._row + 1
            self._cells, self._column = {}, 0
        elif name == "rPh":
            self._in_reading = True
        elif self._depth > self._max_nesting:
            raise refuse("too_deep", f"The file nests its elements more than {self._max_nesting} deep.")

    def _add(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _close(self, name: str) -> None:
        self._depth -= 1
        name = self._names.get(name) or self._local(name)
        if name in ("v", "t", "f"):
            self._text = None
        elif name == "c":
            self._close_cell()
        elif name == "row":
            if self._cells:
                self._rows.append((self._row, self._cells))
                self._cells = {}
        elif name == "rPh":
            self._in_reading = False

    def _close_cell(self) -> None:
        place = self._attributes.get("r", "")
        letters = place.rstrip("0123456789")
        self._column = (_COLUMNS.get(letters) or _column(letters)) if letters else self._column + 1
        if self._texts and self._column <= _LAST_COLUMN:
            style = self._style(self._attributes.get("s", ""))
            formula = self._formula() if "f" in self._texts else ""
            text = self._shown(style, formula)
            if text:
                self._cells[self._column] = (text, style.is_marked)

    def _style(self, number: str) -> Style:
        styles = self._workbook.styles
        if number.isdecimal() and len(number) < 9 and int(number) < len(styles):
            return styles[int(number)]
        return self._plain

    def _shown(self, style: Style, formula: str) -> str:
        kind = self._attributes.get("t", "n")
        value = "".join(self._texts.get("v", ()))
        if kind == "s":
            number = value.strip()
            text = self._workbook.texts.find(int(number)) if number.isdecimal() and len(number) < 9 else ""
            return show_text(text, style.code) if "@" in style.code else text
        if kind == "n" and value:
            return show_number(value.strip(), style.code, epoch_1904=self._workbook.epoch_1904)
        if kind == "b" and value:
            return "TRUE" if value.strip() in ("1", "true") else "FALSE"
        if kind == "d" and value:
            return value.strip().removesuffix("T00:00:00")
        text = " ".join(unescape(value or "".join(self._texts.get("t", ()))).split())
        if not text and kind != "str" and formula:
            # No program has computed the cell yet: its formula is all there is.
            return f"={formula}"
        return show_text(text, style.code) if text and "@" in style.code else text

    def _formula(self) -> str:
        text = " ".join("".join(self._texts.get("f", ())).split())
        return self._formulas.resolve(self._shared, text, (self._row, self._column)) if self._shared else text


def _place(place: str) -> tuple[int, int]:
    """Row and column of a cell such as B7."""
    letters = place.rstrip("0123456789")
    return min(int(place[len(letters) :]), _LAST_ROW), min(_column(letters), _LAST_COLUMN)


def _column(letters: str) -> int:
    number = column_number(letters)
    if 0 < number <= _LAST_COLUMN:
        _COLUMNS[letters] = number
    return max(number, 1)

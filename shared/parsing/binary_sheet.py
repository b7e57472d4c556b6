"""The rows of a sheet of a binary workbook, streamed: each cell as it shows. [MS-XLSB] 2.4."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from shared.parsing.binary_records import read_records, read_wide
from shared.parsing.doc_file import read_number
from shared.parsing.numberformat import show_number, show_text
from shared.parsing.refusing import refuse
from shared.parsing.sheet import Areas, Covered, make_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.parsing.binary_workbook import BinaryWorkbook
    from shared.parsing.limits import Limits
    from shared.parsing.tableline import Line
    from shared.parsing.workbook_styles import Style

_ROW, _RK, _ERROR, _BOOLEAN, _NUMBER, _TEXT, _SHARED = 0, 2, 3, 4, 5, 6, 7
_FORMULA_TEXT, _FORMULA_NUMBER, _FORMULA_BOOLEAN, _FORMULA_ERROR = 8, 9, 10, 11
_CELLS = frozenset(range(_RK, _FORMULA_ERROR + 1))
_MERGED, _FILTER = 176, 161
_LAST_COLUMN, _LAST_ROW = 16_384, 1_048_576
_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}


def find_areas(chunks: Iterable[bytes]) -> Areas:
    """The merged cells of a sheet, and the row that holds the buttons of its filter."""
    areas = Areas()
    for number, data in read_records(chunks):
        if number == _MERGED:
            top, bottom, left, right = (read_number(data, 4 * place) for place in range(4))
            if top <= bottom <= _LAST_ROW and left <= right <= _LAST_COLUMN:
                areas.merged.setdefault(top + 1, []).append((left + 1, bottom + 1, right + 1))
        elif number == _FILTER:
            areas.headers.add(read_number(data, 0) + 1)
    return areas


def read_rows(chunks: Iterable[bytes], workbook: BinaryWorkbook, areas: Areas, limits: Limits) -> Iterator[Line]:
    """The rows that hold something, in order.

    Raises:
        DocumentError: ``broken_file``, ``too_large`` for too many rows.
    """
    covered = Covered(areas)
    row, count = 0, 0
    cells: dict[int, tuple[str, bool]] = {}
    for number, data in read_records(chunks):
        if number == _ROW:
            if cells:
                yield _line(row, cells, covered, areas)
                count += 1
            if count > limits.max_rows:
                raise refuse("too_large", f"A sheet has more than {limits.max_rows} rows.")
            row, cells = read_number(data, 0) + 1, {}
        elif number in _CELLS:
            column = read_number(data, 0) + 1
            style = _style(workbook, read_number(data, 4) & 0xFFFFFF)
            text = _show(number, data, style, workbook)
            if text and column <= _LAST_COLUMN:
                cells[column] = (text, style.is_marked if style else False)
    if cells:
        yield _line(row, cells, covered, areas)


def _line(row: int, cells: dict[int, tuple[str, bool]], covered: Covered, areas: Areas) -> Line:
    line = make_line(row, cells, covered)
    line.declared = row in areas.headers
    return line


def _style(workbook: BinaryWorkbook, number: int) -> Style | None:
    return workbook.styles[number] if number < len(workbook.styles) else None


def _show(number: int, data: bytes, style: Style | None, workbook: BinaryWorkbook) -> str:
    """The text of a cell; its value comes after eight bytes for its column and style."""
    code = style.code if style else ""
    if number in (_TEXT, _FORMULA_TEXT):
        return show_text(" ".join(read_wide(data, 8)[0].split()), code)
    if number == _SHARED:
        return show_text(workbook.texts.find(read_number(data, 8)), code)
    if number in (_BOOLEAN, _FORMULA_BOOLEAN):
        return "TRUE" if data[8:9] == b"\x01" else "FALSE"
    if number in (_ERROR, _FORMULA_ERROR):
        return _ERRORS.get(read_number(data, 8, "<B"), "")
    value = _read_short(read_number(data, 8)) if number == _RK else _read_double(data)
    return show_number(repr(value), code, epoch_1904=workbook.epoch_1904)


def _read_double(data: bytes) -> float:
    return float(struct.unpack_from("<d", data, 8)[0]) if len(data) >= 16 else 0.0


def _read_short(packed: int) -> float:
    """A number in four bytes: an integer of 30 bits or the upper half of a float, perhaps times 100."""
    if packed & 2:
        value = float((packed >> 2) - (1 << 30 if packed & 0x80000000 else 0))
    else:
        value = float(struct.unpack("<d", struct.pack("<Q", (packed & 0xFFFFFFFC) << 32))[0])
    return value / 100 if packed & 1 else value

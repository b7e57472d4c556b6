"""Excel workbooks of 97 to 2003 and before: each row with its labels, its sheet and its row number; comments."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.container import MAGIC, open_container, read_stream
from shared.parsing.numberformat import show_number
from shared.parsing.refusing import refuse, refuse_errors
from shared.parsing.sheet import Areas, Covered, make_line
from shared.parsing.table import render_lines
from shared.parsing.xls_encryption import decrypt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.limits import Limits
    from shared.parsing.tableline import Line

# What xlrd raises for a damaged workbook, besides errors of its own.
_DAMAGE = (struct.error, LookupError, ValueError, TypeError, AssertionError, AttributeError, OverflowError, OSError)
_MOST_BYTES = 64 << 20
_EMPTY, _TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR = range(6)


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The rows of every sheet of a workbook, hidden ones too.

    Raises:
        DocumentError: ``broken_file``, ``encrypted``, ``too_large``.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise refuse("too_large", f"A workbook of this format may have at most {_MOST_BYTES >> 20} MiB.")
    warnings: list[str] = []
    return ParsedDocument("", _blocks(_open(path, limits, warnings), limits), warnings=warnings)


def _open(path: Path, limits: Limits, warnings: list[str]) -> Any:
    content = _stream(path, limits, warnings)
    # Imported here: no modern file needs it.
    import xlrd
    from xlrd.compdoc import CompDocError
    from xlrd.formula import FormulaError

    _make_tolerant(xlrd)
    damage = (xlrd.XLRDError, CompDocError, FormulaError, *_DAMAGE)
    with refuse_errors(*damage), Path(os.devnull).open("w") as log:
        try:
            return _read(xlrd, content, log, damage)
        except xlrd.XLRDError as error:
            if "encrypted" not in str(error):
                raise
        return _read(xlrd, decrypt(path), log, damage)


class _Strings(list[str]):
    """The strings that cells share; one that is not in the file is empty."""

    def __getitem__(self, place: Any) -> Any:
        return super().__getitem__(place) if place < len(self) else ""


@cache
def _make_tolerant(xlrd: Any) -> None:
    """Let xlrd read on where it gives up a workbook for what is not needed: names of areas, comments, counts."""
    read_note = xlrd.sheet.Sheet.handle_note
    read_strings = xlrd.book.unpack_SST_table
    read_begin = xlrd.book.Book.getbof

    def read_all_strings(parts: list[bytes], count: int) -> Any:
        # Programs write a wrong number of strings, so the data decides; each string has three bytes or more.
        parts = [*parts[:1], *filter(None, parts[1:])]  # a record that continues the strings may be empty
        most = sum(map(len, parts)) // 3 + 1
        uses = int.from_bytes(parts[0][:4], "little", signed=True)
        for given, number in (([*parts, bytes(3 * most)], min(max(count, uses), most)), (parts, count)):
            with suppress(*_DAMAGE):
                strings, runs = read_strings(given, number)
                return _Strings(strings), runs
        return _Strings(), {}

    def read_sound_note(self: Any, data: bytes, boxes: Any) -> None:
        with suppress(*_DAMAGE):
            read_note(self, data, boxes)

    def begin_stream(self: Any, kind: int) -> Any:
        # Programs leave out the record that begins a sheet.
        start = self._position
        try:
            return read_begin(self, kind)
        except xlrd.XLRDError:
            if kind != xlrd.book.XL_WORKSHEET:
                raise
        self._position = start
        return self.biff_version

    xlrd.book.Book.getbof = begin_stream
    xlrd.book.Book.names_epilogue = lambda self: None  # noqa: ARG005 - called as a method
    xlrd.sheet.Sheet.handle_note = read_sound_note
    xlrd.book.unpack_SST_table = read_all_strings


def _stream(path: Path, limits: Limits, warnings: list[str]) -> bytes:
    """The workbook inside its container, which olefile opens more often than xlrd does."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return path.read_bytes()
    with open_container(path, limits, warnings) as container:
        return read_stream(container, "Workbook") or read_stream(container, "Book")


def _read(xlrd: Any, content: bytes, log: Any, damage: tuple[type[Exception], ...]) -> Any:
    given = {"file_contents": content, "logfile": log, "ragged_rows": True, "ignore_workbook_corruption": True}
    try:
        return xlrd.open_workbook(formatting_info=True, **given)
    except damage as error:
        if "encrypted" in str(error):
            raise
    # Formats of cells are damaged more often than their values, as other programs than Excel write them.
    return xlrd.open_workbook(formatting_info=False, **given)


def _blocks(book: Any, limits: Limits) -> Iterator[Block]:
    styles = _Styles(book)
    for sheet in book.sheets():
        notes = _notes(sheet)
        for row in render_lines(_lines(sheet, styles, limits)):
            at = Location(sheet=sheet.name, row=row.number)
            yield row.block(at)
            keys = row.keys or row.text[:200]
            yield from (Block(f"{keys}\n{text}", at) for text in notes.pop(row.number, ()))
        for number, texts in sorted(notes.items()):
            yield from (Block(text, Location(sheet=sheet.name, row=number)) for text in texts)


def _notes(sheet: Any) -> dict[int, list[str]]:
    notes: dict[int, list[str]] = {}
    for (row, _), note in sorted(sheet.cell_note_map.items()):
        if text := " ".join(str(note.text).split()):
            notes.setdefault(row + 1, []).append(text)
    return notes


def _lines(sheet: Any, styles: _Styles, limits: Limits) -> Iterator[Line]:
    areas = Areas()
    for top, end, left, right in sheet.merged_cells:
        areas.merged.setdefault(top + 1, []).append((left + 1, end, right))
    covered = Covered(areas)
    for number in range(min(sheet.nrows, limits.max_rows)):
        cells = {
            column + 1: (text, is_marked)
            for column in range(sheet.row_len(number))
            for text, is_marked in (styles.show(sheet, number, column),)
            if text
        }
        if cells:
            yield make_line(number + 1, cells, covered)


class _Styles:
    """How cells are shown."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._epoch_1904 = book.datemode == 1
        self._known: dict[int, tuple[str, bool]] = {}

    def show(self, sheet: Any, row: int, column: int) -> tuple[str, bool]:
        """The text of a cell, and whether it looks like a header's."""
        kind = sheet.cell_type(row, column)
        value = sheet.cell_value(row, column)
        if kind not in (_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR):
            return "", False
        code, is_marked = self._style(sheet.cell_xf_index(row, column)) if sheet.formatting_info else ("", False)
        if kind == _TEXT:
            return " ".join(str(value).split()), is_marked
        if kind == _BOOLEAN:
            return ("TRUE" if value else "FALSE"), is_marked
        if kind == _ERROR:
            from xlrd import error_text_from_code

            return error_text_from_code.get(value, ""), is_marked
        code = code or ("yyyy-mm-dd" if kind == _DATE else "")
        return show_number(repr(value), code, epoch_1904=self._epoch_1904), is_marked

    def _style(self, number: int) -> tuple[str, bool]:
        if number not in self._known:
            self._known[number] = self._find(number)
        return self._known[number]

    def _find(self, number: int) -> tuple[str, bool]:
        book = self._book
        try:
            style = book.xf_list[number]
            code = str(book.format_map[style.format_key].format_str)
            is_marked = bool(book.font_list[style.font_index].bold) or style.background.fill_pattern != 0
        except (LookupError, AttributeError):
            return "", False
        return "" if code.lower() == "general" else code, is_marked

"""Excel workbooks: each row with its header, its sheet and its row number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.domain.models import Location, ParsedDocument
from shared.parsing.archive import Archive
from shared.parsing.refusal import refusal, refusing
from shared.parsing.table import render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from python_calamine import CalamineSheet

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_WORKBOOK = "xl/workbook.xml"
# A column behind Z or a row of six digits: without one of these a sheet cannot grow past the bound, and the sheets of
# most workbooks hold none, so the check costs one pass at the speed of a plain search.
_FAR = re.compile(rb"""=\s*["']([A-Za-z]{2,}[0-9]+|[A-Za-z]*[0-9]{6,})["']""")
# A cell whose first attribute is not its place; one without a place stands right of the one before.
_UNPLACED = re.compile(rb"<(?:\w+:)?c(?!\s+r\s*=)[\s/>]")
_NEAR_COLUMNS, _NEAR_ROWS = 26, 99_999
_OVERLAP_BYTES = 64
_LONGEST_TAG_BYTES = 1 << 16


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The rows of every sheet of a workbook, hidden ones too: people search for what they know is there.

    Raises:
        DocumentError: ``too_large`` when the workbook would unpack or spread out beyond the bounds. calamine lays out
            the whole rectangle between a sheet's first and last cell, so two cells can ask for 500 GB.
    """
    with Archive(path, limits) as archive:
        title = archive.title()
        sheets = _sheet_parts(archive)
        doubtful = [name for name in archive.names if not _is_small(archive, name, limits) and _is_sheet(name, sheets)]
    for name in doubtful:
        # Opened anew: the bytes of these parts were counted once already.
        with Archive(path, limits) as archive:
            if _spanned(archive, name) > limits.max_cells:
                raise refusal("too_large", f"A sheet spans more than {limits.max_cells} cells.")
    return ParsedDocument(title, _blocks(path, limits))


def _is_sheet(name: str, sheets: frozenset[str]) -> bool:
    return name in sheets or name.startswith("xl/worksheets/")


def _sheet_parts(archive: Archive) -> frozenset[str]:
    """Parts the workbook calls sheets: any name will do, so their folder tells too little."""
    relations = archive.relations(_WORKBOOK)
    ids = [event.attributes.get("r:id", "") for event in archive.events(_WORKBOOK) if event.name == "sheet"]
    return frozenset(relations[sheet][1] for sheet in ids if sheet in relations)


def _is_small(archive: Archive, name: str, limits: Limits) -> bool:
    """Whether no place named in the part lies beyond the bound; reads it whole, so its true size is counted."""
    column, row = _NEAR_COLUMNS, _NEAR_ROWS
    small = True
    before = b""
    for data in archive.chunks(name):
        window = before + data
        for place in _FAR.findall(window):
            letters = place.rstrip(b"0123456789")
            column, row = max(column, _column(letters)), max(row, int(place[len(letters) :]))
        # Up to the last whole tag: one cut in two would seem to lack its place.
        end = window.rfind(b">") + 1
        small = small and not _UNPLACED.search(window, 0, end)
        before = window[min(end, max(0, len(window) - _OVERLAP_BYTES)) :][-_LONGEST_TAG_BYTES:]
    return small and column * row <= max(limits.max_cells, _NEAR_COLUMNS * _NEAR_ROWS)


def _spanned(archive: Archive, name: str) -> int:
    """Cells in the rectangle around those that hold something, exactly."""
    row = column = 0
    rows: list[int] = []
    columns: list[int] = []
    for event in archive.events(name):
        place = event.attributes.get("r", "")
        if event.kind == "open" and event.name == "row":
            row, column = (int(place) if place else row + 1), 0
        elif event.kind == "open" and event.name == "c":
            letters = place.rstrip("0123456789")
            row = int(place[len(letters) :]) if place else row
            column = _column(letters.encode()) if place else column + 1
        elif event.kind == "open" and event.name in ("v", "is"):
            rows = [min([row, *rows]), max([row, *rows])]
            columns = [min([column, *columns]), max([column, *columns])]
    return (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1) if rows else 0


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _blocks(path: Path, limits: Limits) -> Iterator[Block]:
    # Imported here: embed and search never parse, and a text upload needs no workbook reader.
    from python_calamine import CalamineError, CalamineWorkbook

    # A panic of its Rust code is not among these: it is a fault of the library, which a later one may not have.
    with refusing(CalamineError), CalamineWorkbook.from_path(path) as workbook:
        for name in workbook.sheet_names:
            yield from _sheet(name, workbook.get_sheet_by_name(name), limits)


def _sheet(name: str, sheet: CalamineSheet, limits: Limits) -> Iterator[Block]:
    if sheet.total_height > limits.max_rows:
        raise refusal("too_large", f"A sheet has more than {limits.max_rows} rows.")
    for row in render(sheet.iter_rows()):
        yield row.block(Location(sheet=name, row=row.number))

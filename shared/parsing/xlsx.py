"""Excel workbooks: each row with its header, its sheet and its row number, then comments, text boxes and charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.archive import Archive
from shared.parsing.sheet import Areas, find_areas, read_rows
from shared.parsing.sheets import read_sheets
from shared.parsing.table import render_lines
from shared.parsing.workbook import Workbook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits
    from shared.parsing.tablerow import Row
    from shared.parsing.workbook import Sheet

# A part up to this size is unpacked once and kept for both passes over it.
_KEPT_BYTES = 8 << 20


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The rows of every sheet of a workbook, hidden ones too: people search for what they know is there.

    Raises:
        DocumentError: ``too_large``, ``too_deep``, ``broken_file``; at once or while blocks are read.
    """
    archive = Archive(path, limits)
    warnings = archive.warnings
    with archive.closed_on_error():
        workbook = Workbook(archive)
        blocks = read_sheets(
            archive, workbook.sheets, lambda sheet: _sheet(path, archive, workbook, sheet, limits), warnings
        )
        return ParsedDocument(archive.title(), blocks, warnings=warnings)


def _sheet(path: Path, archive: Archive, workbook: Workbook, sheet: Sheet, limits: Limits) -> Iterator[Block]:
    if sheet.kind == "chartsheet":
        return
    from shared.parsing.sheetcomments import read_comments, read_tables

    relations = archive.relations(sheet.part)
    comments = read_comments(archive, relations)
    kept, areas = _first_pass(path, archive, sheet, limits)
    areas.headers.update(read_tables(archive, relations))
    chunks = iter(kept) if kept is not None else archive.chunks(sheet.part)
    lines = archive.until_damage(sheet.part, read_rows(chunks, workbook, areas, limits))
    for row in render_lines(lines):
        at = Location(sheet=sheet.name, row=row.number)
        yield row.block(at)
        yield from (_comment(row, cell, text, at) for cell, text in comments.pop(row.number, ()))
    for number, found in sorted(comments.items()):
        at = Location(sheet=sheet.name, row=number)
        yield from (Block(f"{cell}: {text}", at) for cell, text in found)


def _comment(row: Row, cell: str, text: str, at: Location) -> Block:
    """A comment with what identifies its row, so that it can be understood alone."""
    keys = row.keys or row.text[:200]
    return Block(f"{keys}\n{cell}: {text}", at)


def _first_pass(path: Path, archive: Archive, sheet: Sheet, limits: Limits) -> tuple[list[bytes] | None, Areas]:
    """The merged areas of a sheet, and its bytes when they are few."""
    if archive.size(sheet.part) <= _KEPT_BYTES:
        kept = list(archive.until_damage(sheet.part, archive.chunks(sheet.part)))
        return kept, find_areas(kept)
    # Opened again: bytes that are unpacked twice shall not count twice.
    with Archive(path, limits) as again:
        return None, find_areas(again.until_damage(sheet.part, again.chunks(sheet.part)))

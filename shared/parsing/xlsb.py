"""Binary Excel workbooks (xlsb): as those in XML, each row with its labels, its sheet and its row number.

Records are those of [MS-XLSB]: https://learn.microsoft.com/openspecs/office_file_formats/ms-xlsb/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.archive import Archive
from shared.parsing.binary_records import read_comments
from shared.parsing.binary_sheet import find_areas, read_rows
from shared.parsing.binary_workbook import BinaryWorkbook
from shared.parsing.sheets import read_sheets
from shared.parsing.table import render_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits
    from shared.parsing.workbook import Sheet


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The rows of every sheet, hidden ones too.

    Raises:
        DocumentError: ``broken_file``, ``too_large``.
    """
    archive = Archive(path, limits)
    warnings = archive.warnings
    with archive.closed_on_error():
        workbook = BinaryWorkbook(archive)
        blocks = read_sheets(
            archive, workbook.sheets, lambda sheet: _sheet(path, archive, workbook, sheet, limits), warnings
        )
        return ParsedDocument(archive.title(), blocks, warnings=warnings)


def _sheet(path: Path, archive: Archive, workbook: BinaryWorkbook, sheet: Sheet, limits: Limits) -> Iterator[Block]:
    if sheet.kind == "chartsheet":
        return
    comments = read_comments(archive, archive.relations(sheet.part))
    # Merged cells are named after the cells. Opened again: bytes that are unpacked twice shall not count twice.
    with Archive(path, limits) as again:
        areas = find_areas(again.until_damage(sheet.part, again.chunks(sheet.part)))
    lines = archive.until_damage(sheet.part, read_rows(archive.chunks(sheet.part), workbook, areas, limits))
    for row in render_lines(lines):
        at = Location(sheet=sheet.name, row=row.number)
        yield row.block(at)
        keys = row.keys or row.text[:200]
        yield from (Block(f"{keys}\n{text}", at) for text in comments.pop(row.number, ()))
    for number, texts in sorted(comments.items()):
        yield from (Block(text, Location(sheet=sheet.name, row=number)) for text in texts)

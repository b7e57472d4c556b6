"""Workbooks of Office 2003 in one XML file: the rows of their sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import Location
from shared.parsing.table import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.domain.models import Block
    from shared.parsing.xml_tree import Element

_MOST_SPANNED = 512


def read_workbook(root: Element) -> Iterator[Block]:
    """The rows of a workbook in SpreadsheetML 2003."""
    for sheet in root.children:
        if sheet.name != "Worksheet":
            continue
        name = sheet.attributes.get("Name", "")
        tables = (child for child in sheet.children if child.name == "Table")
        rows = [_row(row) for table in tables for row in table.children if row.name == "Row"]
        yield from (row.block(Location(sheet=name, row=row.number)) for row in render(rows))


def _row(row: Element) -> list[str]:
    cells: list[str] = []
    for cell in row.children:
        index = cell.attributes.get("Index", "")
        if index.isdecimal() and len(cells) < int(index[:5]) - 1 < _MOST_SPANNED:
            cells += [""] * (int(index[:5]) - 1 - len(cells))
        data = next((child for child in cell.children if child.name == "Data"), None)
        text = " ".join(data.whole_text().split()) if data is not None else ""
        is_date = data is not None and data.attributes.get("Type") == "DateTime"
        cells.append(text.partition("T00:00:00")[0] if is_date else text)
        span = cell.attributes.get("MergeAcross", "")
        cells += [""] * min(int(span[:5]) if span.isdecimal() else 0, _MOST_SPANNED)
    return cells

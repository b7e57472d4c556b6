"""Tables and headings that a page builds of other elements and names by roles: WAI-ARIA 1.2, section 5.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing import html_table
from shared.parsing.html_inline import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selectolax.lexbor import LexborNode

_TABLES = frozenset({"table", "grid", "treegrid"})
_HEADERS = frozenset({"columnheader", "rowheader"})
_CELLS = _HEADERS | {"cell", "gridcell"}
_USUAL_LEVEL = 2


def find_level(node: LexborNode) -> int:
    """The level of a heading by role; 0 for other elements."""
    if node.attributes.get("role") != "heading":
        return 0
    level = node.attributes.get("aria-level") or ""
    return int(level) if level in ("1", "2", "3", "4", "5", "6") else _USUAL_LEVEL


def find_rows(node: LexborNode) -> list[html_table.Row]:
    """The rows of a table by role; none for other elements, and where tables are inside one another."""
    if node.attributes.get("role") not in _TABLES or node.css_first("table") is not None:
        return []
    rows = node.css('[role="row"]')
    if any(row.css_first('[role="row"] [role="row"]') is not None for row in rows):
        return []
    return [html_table.Row(cells) for row in rows if (cells := [*_cells(row)])]


def _cells(row: LexborNode) -> Iterator[html_table.Cell]:
    for cell in row.css("[role]"):
        role = cell.attributes.get("role") or ""
        if role in _CELLS:
            span = cell.attributes.get("aria-colspan") or "1"
            columns = int(span) if span.isascii() and span.isdecimal() and len(span) < 4 else 1
            yield html_table.Cell(text_of(cell), 1, columns or 1, header=role in _HEADERS)

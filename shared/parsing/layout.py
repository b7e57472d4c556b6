"""Tables of Word documents: which rows hold values under labels, and which only frame content.

A frame (one cell, one row of long cells, a cell with an inner table) is read as the paragraphs, lists and tables in it.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import Block, BlockKind, Location
from shared.parsing.grid import Cell, Grid
from shared.parsing.table import render, render_lines
from shared.parsing.tableline import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.parsing.tablerow import Row

# A row alone is a table while its cells are this short altogether; a longer one is a frame.
_LONGEST_SINGLE_ROW = 300
# A cell with a heading and more blocks than these is a text of its own.
_MOST_BLOCKS = 3

# A heading level (0: none) and a block; its section is found later.
Entry = tuple[int, Block]


class TableCell(Struct):
    """A cell.

    Attributes:
        span: columns it covers.
        continues: whether it belongs to the cell above it.
        is_merged: whether it may be merged with cells below or above it.
        size: characters in its blocks.
    """

    entries: list[Entry] = []
    span: int = 1
    continues: bool = False
    is_merged: bool = False
    size: int = 0

    @property
    def text(self) -> str:
        """Its blocks on one line."""
        return " ".join(" ".join(block.text.split()) for _, block in self.texts)

    @property
    def texts(self) -> list[Entry]:
        """Its blocks without pictures."""
        return [entry for entry in self.entries if not entry[1].picture]

    @property
    def pictures(self) -> list[Entry]:
        """Its pictures, which stand after the row."""
        return [entry for entry in self.entries if entry[1].picture]

    def is_frame(self, longest: int) -> bool:
        """Whether it holds more than a value: an inner table, a text with headings, one longer than ``longest``."""
        has_headings = any(level for level, _ in self.entries) and len(self.texts) > _MOST_BLOCKS
        has_rows = any(block.kind is BlockKind.ROW for _, block in self.entries)
        return has_rows or has_headings or self.size > longest


class TableRow(Struct):
    """A row.

    Attributes:
        before: columns left out before its first cell.
        is_header: whether it is marked to be repeated on each page.
    """

    cells: list[TableCell] = []
    before: int = 0
    is_header: bool = False
    is_deleted: bool = False

    @property
    def entries(self) -> list[Entry]:
        """The blocks of its cells."""
        return [entry for cell in self.cells for entry in cell.entries]


def lay_out(rows: Iterator[TableRow], width: int, longest: int) -> Iterator[Entry]:
    """The rows of a table as text, and in their places the contents of its frames.

    Args:
        width: columns of the table; 0 where they are not counted.
        longest: characters of the longest cell that is a value.
    """
    top = [row for row in (next(rows, None), next(rows, None)) if row is not None]
    if len(top) < 2 and all(_is_frame(row) for row in top):
        yield from (entry for row in top for entry in row.entries)
        return
    while top[-1].is_header and (row := next(rows, None)) is not None:
        top.append(row)
    width = width or sum(cell.span for cell in top[0].cells)
    aside: dict[int, list[Entry]] = {}
    placed = _place(chain(top, rows), width, longest, aside)
    for line in _render(placed, top):
        for number in [number for number in aside if number < line.number]:
            yield from aside.pop(number)
        yield 0, line.block(Location())
        yield from aside.pop(line.number, [])
    for entries in aside.values():
        yield from entries


def _render(placed: Iterator[Line], top: list[TableRow]) -> Iterator[Row]:
    """Rows as text, below the header that is marked; merged cells in it may say that it goes on below the mark."""
    marked = next((number for number, row in enumerate(top) if not row.is_header), 0)
    is_merged = any(cell.span > 1 or cell.is_merged for row in top[:marked] for cell in row.cells)
    if marked and not is_merged:
        return render((line.cells for line in placed), header_rows=marked)
    return render_lines(placed)


def _place(rows: Iterable[TableRow], width: int, longest: int, aside: dict[int, list[Entry]]) -> Iterator[Line]:
    """The texts of rows by column; what is no value goes ``aside``, by the number of its row."""
    grid = Grid()
    for number, row in enumerate(rows, start=1):
        is_frame = len(row.cells) == 1 and (width == 1 or len(row.cells[0].texts) > 1)
        cells = []
        for cell in row.cells:
            is_aside = is_frame or cell.is_frame(longest)
            if entries := cell.entries if is_aside else cell.pictures:
                aside.setdefault(number, []).extend(entries)
            cells.append(Cell("" if is_aside else cell.text, cell.span, cell.continues))
        yield Line(number, grid.place(cells, row.before), declared=row.is_header)


def _is_frame(row: TableRow) -> bool:
    """Whether the only row of a table frames content rather than values."""
    is_plain = all(len(cell.texts) <= 1 for cell in row.cells) and len(row.cells) > 1
    return not is_plain or sum(len(block.text) for _, block in row.entries) > _LONGEST_SINGLE_ROW

"""Paragraphs and tables in reading order to blocks: what formats that are read as one stream of text have in common."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Block, BlockKind
from shared.parsing.layout import TableCell, TableRow, lay_out
from shared.parsing.outline import Outline
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.parsing.layout import Entry
    from shared.parsing.limits import Limits

# Borders of cells this near to one another are one border: programs round them differently in each row. In twips.
_SAME_BORDER = 50
_MOST_BORDERS = 512
_DEEPEST_LEVEL = 9


class _Table(Struct):
    rows: list[TableRow] = []
    borders: list[tuple[int, ...]] = []
    row: TableRow | None = None
    cell: TableCell | None = None
    size: int = 0


class Flow:
    """Gathers paragraphs, and those of cells until their table ends; `take` gives the blocks that are complete."""

    def __init__(self, limits: Limits, outline: Outline | None = None) -> None:
        self.outline = outline or Outline()
        self.limits = limits
        self._tables: list[_Table] = []
        self._ready: list[Block] = []

    @property
    def is_in_table(self) -> bool:
        """Whether a table is open."""
        return bool(self._tables)

    @property
    def depth(self) -> int:
        """How many tables are open, one within a cell of the other."""
        return len(self._tables)

    def nest(self, depth: int) -> None:
        """Open or close tables until ``depth`` of them are open, at least the outermost one."""
        while len(self._tables) > max(1, depth):
            self.close_table()
        while len(self._tables) < depth:
            if self._tables and self._tables[-1].cell is None:
                self.open_cell()
            self.open_table()

    def take(self) -> list[Block]:
        """The blocks that were completed since the last call."""
        ready, self._ready = self._ready, []
        return ready

    def add(self, text: str, level: int = 0, label: str = "") -> None:
        """A paragraph.

        Args:
            text: of the paragraph.
            level: of a heading, 1 being outermost; else 0.
            label: the number or bullet before it.
        """
        if not text.strip():
            return
        kind = BlockKind.ITEM if label and not level else BlockKind.TEXT
        shown = f"{label.strip()} {text.strip()}" if label.strip() else text.strip("\n")
        self._place((min(level, _DEEPEST_LEVEL), Block(shown, kind=kind)))

    def add_block(self, block: Block) -> None:
        """A block as it is, such as a row of a table that was read elsewhere."""
        self._place((0, block))

    def _place(self, entry: Entry) -> None:
        if not self._tables:
            self._give(entry)
            return
        table = self._tables[-1]
        if table.cell is None:
            self.open_cell()
        if table.cell is not None:
            size = len(entry[1].text)
            table.cell.entries.append(entry)
            table.cell.size += size
            table.size += size
            if table.cell.size > self.limits.max_line_characters:
                most = self.limits.max_line_characters
                raise refuse("too_large", f"A cell of a table holds more than {most} characters.")

    def _give(self, entry: Entry) -> None:
        level, block = entry
        if level:
            self._ready.append(self.outline.heading(level, block.text))
        else:
            location = replace(block.location, headings=self.outline.path)
            self._ready.append(replace(block, location=location))

    # -- tables -------------------------------------------------------------------------------------------------------

    def open_table(self) -> None:
        """Begin a table; inside a cell, one within it."""
        if len(self._tables) >= self.limits.max_nesting:
            raise refuse("too_deep", f"The file nests its tables more than {self.limits.max_nesting} deep.")
        self._tables.append(_Table())

    def open_row(self, *, is_header: bool = False) -> None:
        """Begin a row of the table now open."""
        if self._tables:
            self._tables[-1].row = TableRow(is_header=is_header)
            self._tables[-1].cell = None

    def open_cell(self, span: int = 1, *, continues: bool = False, is_merged: bool = False) -> None:
        """Begin a cell of the row now open; the arguments are those of `TableCell`."""
        if not self._tables:
            return
        table = self._tables[-1]
        if table.row is None:
            table.row = TableRow()
        table.cell = TableCell(span=span, continues=continues, is_merged=is_merged or continues)
        table.row.cells.append(table.cell)

    def close_cell(self) -> None:
        """End the cell; one that nothing opened was empty."""
        if self._tables:
            if self._tables[-1].cell is None:
                self.open_cell()
            self._tables[-1].cell = None

    def end_row(
        self, borders: Sequence[int], below: Sequence[bool], beside: Sequence[bool], *, is_header: bool
    ) -> None:
        """End a row; its cells are described after they were read.

        Args:
            borders: where the row begins and where each of its cells ends, from left to right, in twips.
            below: which cells continue the one above.
            beside: which cells continue the one before.
            is_header: whether the row is repeated on each page.
        """
        row = self._tables[-1].row if self._tables else None
        if row is None:
            return
        row.is_header = is_header
        kept: list[TableCell] = []
        ends = list(borders[:1])
        for place, cell in enumerate(row.cells):
            cell.continues = cell.is_merged = place < len(below) and below[place]
            if kept and place < len(beside) and beside[place]:
                kept[-1].entries += cell.entries
                ends.pop()
            else:
                kept.append(cell)
            ends += borders[place + 1 : place + 2]
        row.cells = kept
        self.close_row(ends)

    def close_row(self, borders: Sequence[int] = ()) -> None:
        """End the row.

        Args:
            borders: where the row begins and where each of its cells ends, from left to right, in twips; empty where
                cells say what they span.
        """
        if not self._tables:
            return
        table = self._tables[-1]
        if table.row is not None and table.row.cells:
            table.rows.append(table.row)
            table.borders.append(tuple(borders))
            if len(table.rows) > self.limits.max_rows:
                raise refuse("too_large", f"A table has more than {self.limits.max_rows} rows.")
        table.row = table.cell = None

    def close_table(self) -> None:
        """End the table: its rows become text, each with its labels."""
        if not self._tables:
            return
        self.close_row()
        table = self._tables.pop()
        _align(table)
        if not table.rows:
            return
        width = max(sum(cell.span for cell in row.cells) + row.before for row in table.rows)
        entries: Iterator[Entry]
        if width == 1:
            entries = (entry for row in table.rows for entry in row.entries)
        else:
            entries = lay_out(iter(table.rows), width, self.limits.max_block_characters)
        for entry in entries:
            self._place(entry)

    def close(self) -> None:
        """End all tables that are still open."""
        while self._tables:
            self.close_table()


def _align(table: _Table) -> None:
    """Let each cell span the columns between its borders, as far as its row says where these are."""
    found = sorted({border for borders in table.borders for border in borders})
    columns: list[int] = []
    for border in found:
        if not columns or border - columns[-1] > _SAME_BORDER:
            columns.append(border)
    if not 2 < len(columns) <= _MOST_BORDERS:
        return
    for row, borders in zip(table.rows, table.borders, strict=True):
        if len(borders) == len(row.cells) + 1:
            places = [bisect_right(columns, border) - 1 for border in borders]
            row.before = places[0]
            for cell, left, right in zip(row.cells, places, places[1:], strict=False):
                cell.span = max(1, right - left)

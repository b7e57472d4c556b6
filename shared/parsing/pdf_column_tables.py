"""Tables of a PDF that are drawn column by column: their cells row by row.

Spreadsheets and layout programs often write all labels of a table first and then each column of figures.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from shared.parsing.figures import is_figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.parsing.pdf_layout import Segment

_FEWEST_CELLS: Final = 3
# In sizes of the font: how far the left edges of labels, or both edges and the middles of figures, may differ.
_INDENT, _EDGE = 3.0, 0.8
# How far the heights of cells in one row may differ, and how far a cell of a column is below the one before, at most.
_SAME_ROW, _LARGEST_PITCH = 0.5, 6.0
# Shares of a column's cells that are figures, and that have a cell beside them.
_FIGURES, _BESIDE = 0.6, 0.8


def order_columns(found: Sequence[Segment]) -> list[Segment]:
    """``found``, in the order it was drawn, with the cells of such tables row by row."""
    ordered: list[Segment] = []
    table: _Table | None = None
    for column in _split_columns(found):
        if table and table.takes(column):
            table.add(column)
            continue
        ordered += table.read_rows() if table else ()
        table = _Table(column)
    return [*ordered, *(table.read_rows() if table else ())]


class _Table:
    """Columns that stand beside one another, from the left."""

    def __init__(self, column: list[Segment]) -> None:
        self._columns = [column]
        # By height, to find the neighbours of a cell.
        self._first = self._last = sorted(column, key=_height)

    def takes(self, column: Sequence[Segment]) -> bool:
        """Whether ``column`` holds figures that stand to the right of cells of the table."""
        if min(len(self._first), len(column)) < _FEWEST_CELLS or column[0].left < self._columns[-1][0].left:
            return False
        if sum(is_figure(cell.text) for cell in column) < _FIGURES * len(column):
            return False
        beside = sum(_has_neighbour(self._first, cell) or _has_neighbour(self._last, cell) for cell in column)
        return beside >= _BESIDE * len(column)

    def add(self, column: list[Segment]) -> None:
        self._columns.append(column)
        self._last = sorted(column, key=_height)

    def read_rows(self) -> list[Segment]:
        """The cells of several columns row by row; one column as it is."""
        cells = [cell for column in self._columns for cell in column]
        if len(self._columns) < 2:
            return cells
        rows: list[list[Segment]] = []
        for cell in sorted(cells, key=lambda cell: -cell.middle):
            if rows and rows[-1][0].middle - cell.middle < _SAME_ROW * cell.size:
                rows[-1].append(cell)
            else:
                rows.append([cell])
        return [cell for row in rows for cell in sorted(row, key=lambda cell: cell.left)]


def _split_columns(found: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Cells one below the other, drawn one after the other."""
    column: list[Segment] = []
    for segment in found:
        if column and not _is_below(column, segment):
            yield column
            column = []
        column.append(segment)
    if column:
        yield column


def _is_below(column: Sequence[Segment], segment: Segment) -> bool:
    last, size = column[-1], max(column[-1].size, segment.size)
    if not _SAME_ROW * size < last.middle - segment.middle < _LARGEST_PITCH * size or not segment.upright:
        return False
    if is_figure(last.text) or is_figure(segment.text):
        shifts = (last.left - segment.left, last.right - segment.right)
        return min(map(abs, (*shifts, sum(shifts) / 2))) < _EDGE * size
    return abs(last.left - segment.left) < _INDENT * size


def _has_neighbour(side: Sequence[Segment], cell: Segment) -> bool:
    """Whether a cell of ``side``, in order of their heights, stands to the left of ``cell``."""
    place = bisect_left(side, cell.middle, key=_height)
    return any(_is_in_row(first, cell) for first in side[max(0, place - 1) : place + 1])


def _is_in_row(first: Segment, second: Segment) -> bool:
    same = abs(first.middle - second.middle) < _SAME_ROW * min(first.size, second.size)
    return same and first.right <= second.left + _SAME_ROW * second.size


def _height(segment: Segment) -> float:
    return segment.middle

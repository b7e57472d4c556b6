"""Ruled tables of a PDF with lines between columns but not between rows: their printed lines are the rows."""

from __future__ import annotations

from bisect import bisect_left
from itertools import groupby
from typing import TYPE_CHECKING, Final

from shared.parsing.figures import is_figure
from shared.parsing.pdf_layout import compose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.parsing.pdf_words import Word

_FEWEST_LINES: Final = 3
_FEWEST_COLUMNS: Final = 2
# Share of the lines of a column that are figures, and that stand beside one of every other such column.
_FIGURES: Final = 0.6
_BESIDE: Final = 0.8
# In sizes of the font.
_SAME_ROW: Final = 0.5

_Cell = list["Word"]


def split_rows(rows: Sequence[list[_Cell]]) -> list[list[_Cell]]:
    """``rows`` with those that hold several rows of figures cut into these."""
    return [cut for place, row in enumerate(rows) for cut in ([row] if _is_merged(rows, place) else _split(row))]


def _is_merged(rows: Sequence[list[_Cell]], place: int) -> bool:
    """Whether a cell of the row belongs to several columns or rows: then it is one list in all of them."""
    row = rows[place]
    if len({id(cell) for cell in row}) < len(row):
        return True
    near = [cell for other in (place - 1, place + 1) if 0 <= other < len(rows) for cell in rows[other] if cell]
    return not {id(cell) for cell in row if cell}.isdisjoint(map(id, near))


def _split(row: list[_Cell]) -> list[list[_Cell]]:
    columns = [[list(line) for _, line in groupby(cell, key=lambda word: word.line)] for cell in row]
    figures = [lines for lines in columns if _are_figures(lines)]
    if len(figures) < _FEWEST_COLUMNS:
        return [row]
    anchors = sorted(line[0].middle for line in max(figures, key=len))
    size = row[columns.index(figures[0])][0].size
    if not all(_stand_beside(lines, anchors, size) for lines in figures):
        return [row]
    cut = list(zip(*(_assign(lines, anchors) for lines in columns), strict=True))
    return [list(cells) for cells in reversed(cut)]


def _are_figures(lines: Sequence[_Cell]) -> bool:
    if len(lines) < _FEWEST_LINES:
        return False
    return sum(is_figure(compose(line)) for line in lines) >= _FIGURES * len(lines)


def _stand_beside(lines: Sequence[_Cell], anchors: Sequence[float], size: float) -> bool:
    heights = [line[0].middle for line in lines]
    beside = sum(abs(anchors[_find_nearest(anchors, height)] - height) < _SAME_ROW * size for height in heights)
    return beside >= _BESIDE * len(lines)


def _assign(lines: Sequence[_Cell], anchors: Sequence[float]) -> list[_Cell]:
    """The words of a column by row: each line belongs to the nearest one."""
    cells: list[_Cell] = [[] for _ in anchors]
    for line in lines:
        cells[_find_nearest(anchors, line[0].middle)] += line
    return cells


def _find_nearest(anchors: Sequence[float], height: float) -> int:
    place = bisect_left(anchors, height)
    near = range(max(0, place - 1), min(len(anchors), place + 1))
    return min(near, key=lambda each: abs(anchors[each] - height))

"""Ruled tables of a page: the lines drawn on it, the cells between them, and the text in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np

from local.dashscope.ocr_page import Cell, Line, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cv2.typing import MatLike

    Image: TypeAlias = MatLike

# A rule is at least this share of the page's longer side.
_RULE_SHARE = 0.012
_MIN_CELL_PIXELS = 10
_SAME_LINE_PIXELS = 8
# A cell without text is read once more if this share of it is dark.
_INK_SHARE = 0.004
_DARK = 110
_INSET = 4
# The part of a line that must be inside a cell; one that is not is read once more, cell by cell.
_INSIDE = 0.75
_MIN_CELLS = 4
# Of the space that a table spans; the rest are its lines.
_FILLED = 0.7

Rectangle = tuple[int, int, int, int]


def find_tables(image: Image, lines: Sequence[Line], read: Callable[[Image], str]) -> tuple[list[Table], list[Line]]:
    """The tables of an upright page, and the lines that are in none.

    Args:
        image: the page in shades of grey.
        read: reads the text of a part of the page.
    """
    tables: list[Table] = []
    rest = list(lines)
    for rectangles in _find_cells(image):
        inside = [line for line in rest if _is_within(line, rectangles)]
        if not inside:
            continue
        rest = [line for line in rest if line not in inside]
        tables.append(_fill(image, rectangles, inside, read))
    return tables, rest


def _find_cells(image: Image) -> list[list[Rectangle]]:
    """The rectangles between rules, by table."""
    dark = cv2.adaptiveThreshold(image, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 12)
    length = max(20, round(max(image.shape) * _RULE_SHARE))
    thick = cv2.dilate(dark, np.ones((3, 3), np.uint8))
    across = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, 2 * length), np.uint8))
    down = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))
    contours, hierarchy = cv2.findContours(cv2.bitwise_or(across, down), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if hierarchy is None:
        return []
    tables: dict[int, list[Rectangle]] = {}
    for contour, (_, _, _, parent) in zip(contours, hierarchy[0], strict=True):
        if parent < 0:
            continue
        left, top, width, height = cv2.boundingRect(contour)
        if min(width, height) >= _MIN_CELL_PIXELS:
            tables.setdefault(int(parent), []).append((left, top, left + width, top + height))
    return [cells for cells in tables.values() if _is_table(cells)]


def _is_table(cells: Sequence[Rectangle]) -> bool:
    """Whether rectangles fill the space that they span, in more than one column."""
    if len(cells) < _MIN_CELLS or len({cell[0] // _MIN_CELL_PIXELS for cell in cells}) < 2:
        return False
    left, top, right, bottom = _span(cells)
    area = sum((cell[2] - cell[0]) * (cell[3] - cell[1]) for cell in cells)
    return area >= _FILLED * (right - left) * (bottom - top)


def _span(cells: Sequence[Rectangle]) -> Rectangle:
    return (
        min(cell[0] for cell in cells),
        min(cell[1] for cell in cells),
        max(cell[2] for cell in cells),
        max(cell[3] for cell in cells),
    )


def _is_within(line: Line, rectangles: Sequence[Rectangle]) -> bool:
    left, top, right, bottom = _span(rectangles)
    return left < (line.left + line.right) / 2 < right and top < line.middle < bottom


def _fill(image: Image, rectangles: list[Rectangle], lines: list[Line], read: Callable[[Image], str]) -> Table:
    columns = _find_edges([side for r in rectangles for side in (r[0], r[2])])
    rows = _find_edges([side for r in rectangles for side in (r[1], r[3])])
    cells = []
    for rectangle in rectangles:
        left, top, right, bottom = rectangle
        row, column = _nearest(rows, top), _nearest(columns, left)
        cell = Cell(row, column, _nearest(rows, bottom) - row, _nearest(columns, right) - column)
        cell.text = _read_cell(image, rectangle, lines, read)
        cells.append(cell)
    return Table(min(r[1] for r in rectangles), max(r[3] for r in rectangles), _renumber(cells))


def _find_edges(sides: list[int]) -> list[float]:
    """The lines of the grid: sides of cells at nearly the same place are one."""
    groups: list[list[int]] = []
    for side in sorted(sides):
        if groups and side - groups[-1][-1] <= _SAME_LINE_PIXELS:
            groups[-1].append(side)
        else:
            groups.append([side])
    return [sum(group) / len(group) for group in groups]


def _nearest(edges: Sequence[float], place: float) -> int:
    return min(range(len(edges)), key=lambda index: abs(edges[index] - place))


def _renumber(cells: list[Cell]) -> list[Cell]:
    """Cells with spans of at least one, counted in the rows and columns in which some cell begins."""
    for axis, span in (("row", "rows"), ("column", "columns")):
        starts = sorted({getattr(cell, axis) for cell in cells})
        for cell in cells:
            begin = getattr(cell, axis)
            count = sum(1 for start in starts if begin <= start < begin + getattr(cell, span))
            setattr(cell, span, max(1, count))
    return cells


def _read_cell(image: Image, rectangle: Rectangle, lines: list[Line], read: Callable[[Image], str]) -> str:
    left, top, right, bottom = rectangle
    touching = [line for line in lines if _overlap(line, rectangle) > 0 and top < line.middle < bottom]
    if touching and all(_overlap(line, rectangle) >= _INSIDE for line in touching):
        return " ".join(
            line.text for line in sorted(touching, key=lambda line: (round(line.middle / line.height), line.left))
        )
    part = image[top + _INSET : bottom - _INSET, left + _INSET : right - _INSET]
    if part.size == 0 or (not touching and float(np.mean(part < _DARK)) < _INK_SHARE):
        return ""
    return read(np.ascontiguousarray(part))


def _overlap(line: Line, rectangle: Rectangle) -> float:
    shared = min(line.right, rectangle[2]) - max(line.left, rectangle[0])
    share: Any = shared / max(1.0, line.right - line.left)
    return float(share) if share > 0.05 else 0.0

"""Tables of a PDF page: rows with segments that stand in columns."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from shared.parsing.figures import is_figure
from shared.parsing.header import find_header
from shared.parsing.pdf_cell_lines import split_rows
from shared.parsing.pdf_cut_words import find_padding, print_lines
from shared.parsing.pdf_open_sides import open_sides
from shared.parsing.pdf_surfaces import choose_grids
from shared.parsing.pdf_words import Word
from shared.parsing.tableline import Across, Down, Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shared.parsing.pdf_layout import Row, Segment
    from shared.parsing.pdf_rules import Rules

_LARGEST_PITCH: Final = 3.2
_FEWEST_ROWS: Final = 3
_FEWEST_COLUMNS: Final = 3
# Lines closer than this share of the usual pitch of rows continue the cells above them.
_CONTINUES: Final = 0.8
_LONGEST_CELL: Final = 120
_Cells = list[list[str]]


class Table(Struct):
    """Cells of a table from top to bottom.

    Attributes:
        header_rows: None where the layout does not tell.
        places: left and right edge of each column, or of the whole where it is ruled.
    """

    grid: list[list[str]]
    header_rows: int | None = None
    places: list[tuple[float, float]] = []


def take_tables(
    words: list[Word], values: list[Segment], rules: Rules, join: Callable[[list[str]], str]
) -> dict[int, _Cells]:
    """Take the words of ruled tables out of ``words`` and ``values``, leaving one empty word for each.

    Returns:
        the cells of each table, by the identity of the word that stands for it.
    """
    found: dict[int, _Cells] = {}
    for ruled in choose_grids(rules, words):
        grid = open_sides(ruled, words)
        inside = [word for word in words if word.text and grid.holds((word.left + word.right) / 2, word.middle)]
        typed = [part for part in values if grid.holds((part.left + part.right) / 2, part.middle)]
        sorted_ = grid.sort([*inside, *(word for part in typed for word in part.words)]) if inside else None
        if sorted_ is None:
            continue
        frame = Word("", *grid.box, inside[0].size, -2 - len(found))
        known = set(map(id, inside))
        at = next(place for place, word in enumerate(words) if id(word) in known)
        words[:] = [*words[:at], frame, *(word for word in words[at:] if id(word) not in known)]
        values[:] = [part for part in values if part not in typed]
        found[id(frame)] = _print_cells(split_rows(sorted_), grid.xs, join)
    return found


def _print_cells(rows: list[list[list[Word]]], edges: list[float], join: Callable[[list[str]], str]) -> _Cells:
    """The text of each cell; what a merged cell repeats is marked, so that the header is found as in other formats."""
    printed: _Cells = []
    padding = find_padding(rows, edges)
    for number, row in enumerate(rows):
        texts: list[str] = []
        for place, cell in enumerate(row):
            if cell and place and cell is row[place - 1]:
                texts.append(Across(texts[-1]))
            elif cell and number and cell is rows[number - 1][place]:
                texts.append(Down(printed[-1][place]))
            else:
                end = place + sum(cell is other for other in row[place:]) if cell else place + 1
                texts.append(join(print_lines(cell, edges[place] + padding, edges[end] - padding)))
        printed.append(texts)
    return printed


def split_tables(rows: Sequence[Row]) -> Iterator[list[Row] | Table]:
    """``rows`` in stretches of text and tables."""
    text: list[Row] = []
    index = 0
    while index < len(rows):
        if (grid := rows[index].grid) is not None:
            if text:
                yield text
                text = []
            yield Table(grid, places=[(rows[index].left, rows[index].right)])
            index += 1
            continue
        end = _end(rows, index)
        table = _table(rows[index:end]) if end - index >= 2 else None
        if table is None:
            text += rows[index : max(end, index + 1)]
            index = max(end, index + 1)
            continue
        if text:
            yield text
            text = []
        yield table
        index = end
    if text:
        yield text


def _end(rows: Sequence[Row], start: int) -> int:
    """Where the rows from ``start`` on that may be one table end."""
    if not _has_cells(rows[start]):
        return start
    end = start + 1
    while end < len(rows) and _follows(rows[end - 1], rows[end]):
        if not _has_cells(rows[end]) and not (end + 1 < len(rows) and _is_part(rows, start, end)):
            break
        end += 1
    return end


def _has_cells(row: Row) -> bool:
    return len(row.segments) > 1 and not any(segment.typed for segment in row.segments)


def _follows(first: Row, second: Row) -> bool:
    pitch = first.middle - second.middle
    if first.grid is not None or second.grid is not None:
        return False
    return 0 < pitch < _LARGEST_PITCH * max(first.size, second.size) and not any(s.typed for s in second.segments)


def _is_part(rows: Sequence[Row], start: int, index: int) -> bool:
    """Whether the single segment of a row stands below one cell of the first row, beside no other."""
    (segment,) = rows[index].segments
    hit = [cell for cell in rows[start].segments if cell.left < segment.right and segment.left < cell.right]
    if len(hit) > 1:
        return False
    return any(abs(cell.left - segment.left) < cell.size or abs(cell.right - segment.right) < 2 for cell in hit)


def _table(rows: Sequence[Row]) -> Table | None:
    columns = _columns(rows)
    marked = rows[0].bold and not any(row.bold for row in rows[1:])
    if len(columns) < 2 or len(rows) < (2 if marked and len(columns) > 2 else _FEWEST_ROWS):
        return None
    grid: list[list[str]] = []
    for row in rows:
        cells = _cells(row, columns)
        if cells is None:
            return None
        grid.append(cells)
    if median(len(cell) for row in grid for cell in row if cell) > _LONGEST_CELL / 2:
        return None
    if not marked and len(columns) < _FEWEST_COLUMNS and not _has_header(grid):
        return None
    return Table(_merge(rows, grid), 1 if marked else None, columns)


def _has_header(grid: _Cells) -> bool:
    """Whether two columns are a table and no lines with a gap: figures, with a row above them that is a header."""
    if not all(is_figure(cells[1]) for cells in grid[1:]):
        return False
    header = find_header([Line(number, cells) for number, cells in enumerate(grid, 1)], is_new=False)
    return header is not None and header.start == 0


def _columns(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """Stretches of the width that hold text, from left to right."""
    spans = sorted((segment.left, segment.right) for row in rows for segment in row.segments)
    columns: list[tuple[float, float]] = []
    for left, right in spans:
        if columns and left < columns[-1][1] - 1:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    return columns


def _cells(row: Row, columns: Sequence[tuple[float, float]]) -> list[str] | None:
    """The text of ``row`` by column; None where two segments share one."""
    cells = [""] * len(columns)
    for segment in row.segments:
        place = _column(segment, columns)
        if cells[place]:
            return None
        cells[place] = segment.text
    return cells


def _column(segment: Segment, columns: Sequence[tuple[float, float]]) -> int:
    return next(place for place, (_, right) in enumerate(columns) if segment.left <= right)


def _merge(rows: Sequence[Row], grid: list[list[str]]) -> list[list[str]]:
    """``grid`` with lines that continue the cells above them added to those."""
    pitches = [first.middle - second.middle for first, second in pairwise(rows)]
    usual = max(pitches)
    merged = [list(grid[0])]
    for cells, pitch in zip(grid[1:], pitches, strict=True):
        if not cells[0] and pitch < _CONTINUES * usual and len(merged) > 0:
            merged[-1] = [" ".join(filter(None, pair)) for pair in zip(merged[-1], cells, strict=True)]
        else:
            merged.append(list(cells))
    return merged

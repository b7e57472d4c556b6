"""Lines of text on a page as Markdown: reading order, paragraphs, headings, and tables as HTML."""

from __future__ import annotations

import html
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# In heights of a line.
_COLUMN_GAP = 1.0
_CELL_GAP = 1.2
_PARAGRAPH_GAP = 0.9
_BLOCK_GAP = 1.5
_ALIGNED = 1.5
# Columns of prose have lines of at least this share of the page; shorter ones are cells of a table.
_PROSE_WIDTH = 0.22
_HEADING = 1.35
_MOST_HEADING_CHARACTERS = 60
_MIN_TABLE_ROWS = 3
_CJK_START = "\u2e80"


@dataclass
class Line:
    """A stretch of text and its place, in pixels of the upright page."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """Of its characters, about."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """Where its middle is, from the top."""
        return (self.top + self.bottom) / 2


@dataclass
class Cell:
    """A cell of a ruled table: the grid lines it lies between, and its text."""

    row: int
    column: int
    rows: int
    columns: int
    text: str = ""


@dataclass
class Table:
    """A ruled table and where it begins and ends."""

    top: float
    bottom: float
    cells: list[Cell]


def write_page(lines: Sequence[Line], tables: Sequence[Table], width: float) -> str:
    """The page as Markdown.

    Args:
        lines: text outside ruled tables.
        tables: ruled tables.
        width: of the page.
    """
    parts: list[str] = []
    rest = list(lines)
    for table in sorted(tables, key=lambda table: table.top):
        parts += _write_lines([line for line in rest if line.middle < table.top], width)
        rest = [line for line in rest if line.middle >= table.top]
        parts.append(_write_ruled(table))
    parts += _write_lines(rest, width)
    return "\n\n".join(parts)


def _write_ruled(table: Table) -> str:
    rows = []
    for _, cells in groupby(sorted(table.cells, key=lambda cell: (cell.row, cell.column)), key=lambda cell: cell.row):
        rows.append("".join(_write_cell(cell) for cell in cells))
    return _write_table(rows)


def _write_cell(cell: Cell) -> str:
    spans = "".join(
        f' {name}="{count}"' for name, count in (("rowspan", cell.rows), ("colspan", cell.columns)) if count > 1
    )
    return f"<td{spans}>{html.escape(cell.text, quote=False)}</td>"


def _write_table(rows: Sequence[str]) -> str:
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def _write_lines(lines: list[Line], width: float) -> list[str]:
    usual = median(line.height for line in lines) if lines else 0.0
    return [part for group in _order(lines, width) for part in _write_group(group, usual)]


def _order(lines: list[Line], width: float) -> Iterator[list[Line]]:
    """Groups in reading order: columns of prose one after the other, and what is above them before."""
    if len(lines) < 2:
        yield lines
        return
    usual = median(line.height for line in lines)
    if halves := _split_columns(lines, usual, width):
        for half in halves:
            yield from _order(half, width)
        return
    parts = _split_blocks(lines, usual)
    if len(parts) == 1:
        yield lines
        return
    for part in parts:
        yield from _order(part, width)


def _split_columns(lines: list[Line], usual: float, width: float) -> tuple[list[Line], list[Line]] | None:
    ordered = sorted(lines, key=lambda line: line.left)
    right = ordered[0].right
    for place, line in enumerate(ordered[1:], 1):
        first, second = ordered[:place], ordered[place:]
        if line.left - right > _COLUMN_GAP * usual and all(_is_prose(half, width) for half in (first, second)):
            return first, second
        right = max(right, line.right)
    return None


def _is_prose(lines: list[Line], width: float) -> bool:
    return len(lines) >= 3 and median(line.right - line.left for line in lines) >= _PROSE_WIDTH * width


def _split_blocks(lines: list[Line], usual: float) -> list[list[Line]]:
    parts: list[list[Line]] = []
    bottom = float("-inf")
    for line in sorted(lines, key=lambda line: line.top):
        if line.top - bottom > _BLOCK_GAP * usual:
            parts.append([])
        parts[-1].append(line)
        bottom = max(bottom, line.bottom)
    return parts


def _write_group(lines: list[Line], usual: float) -> Iterator[str]:
    rows = _find_rows(lines)
    place = 0
    while place < len(rows):
        count = _count_table_rows(rows[place:], usual)
        if count >= _MIN_TABLE_ROWS:
            cells = [
                [f"<td>{html.escape(cell.text, quote=False)}</td>" for cell in row]
                for row in rows[place : place + count]
            ]
            yield _write_table(["".join(row) for row in cells])
            place += count
            continue
        end = _end_of_prose(rows, place, usual)
        yield from _write_prose(rows[place:end], usual)
        place = end


def _find_rows(lines: list[Line]) -> list[list[Line]]:
    """Lines beside each other, from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.middle):
        if rows and line.middle - rows[-1][-1].middle < 0.5 * min(line.height, rows[-1][-1].height):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _end_of_prose(rows: list[list[Line]], start: int, usual: float) -> int:
    for place in range(start + 1, len(rows)):
        if _count_table_rows(rows[place:], usual) >= _MIN_TABLE_ROWS:
            return place
    return len(rows)


def _count_table_rows(rows: list[list[Line]], usual: float) -> int:
    """How many of the first rows have the same columns."""
    first = rows[0]
    if len(first) < 2 or any(b.left - a.right < _CELL_GAP * usual for a, b in pairwise(first)):
        return 0
    count = 0
    for row in rows:
        if len(row) != len(first) or not all(
            _is_below(cell, head, usual) for cell, head in zip(row, first, strict=True)
        ):
            break
        count += 1
    return count


def _is_below(cell: Line, head: Line, usual: float) -> bool:
    centre = abs((cell.left + cell.right) - (head.left + head.right)) / 2
    return min(abs(cell.left - head.left), abs(cell.right - head.right), centre) < _ALIGNED * usual


def _write_prose(rows: list[list[Line]], usual: float) -> Iterator[str]:
    left = min(line.left for row in rows for line in row)
    right = max(line.right for row in rows for line in row)
    paragraph = ""
    previous: list[Line] = []
    for row in rows:
        text = _join_row(row, usual)
        if previous and _begins_paragraph(previous, row, left, right, usual):
            yield paragraph
            paragraph = ""
        if _is_heading(row, text, usual):
            if paragraph:
                yield paragraph
            yield f"# {text}"
            paragraph, previous = "", []
            continue
        paragraph = _join(paragraph, text)
        previous = row
    if paragraph:
        yield paragraph


def _begins_paragraph(previous: list[Line], row: list[Line], left: float, right: float, usual: float) -> bool:
    gap = min(line.top for line in row) - max(line.bottom for line in previous)
    is_short = previous[-1].right < right - 3 * usual
    is_indented = row[0].left > left + 1.2 * usual and previous[0].left < left + 1.2 * usual
    return gap > _PARAGRAPH_GAP * usual or is_short or is_indented


def _is_heading(row: list[Line], text: str, usual: float) -> bool:
    return len(text) <= _MOST_HEADING_CHARACTERS and min(line.height for line in row) >= _HEADING * usual


def _join_row(row: list[Line], usual: float) -> str:
    text = row[0].text
    for before, line in pairwise(row):
        text += ("  " if line.left - before.right > _CELL_GAP * usual else " ") + line.text
    return text


def _join(before: str, text: str) -> str:
    if not before:
        return text
    is_wide = before[-1] >= _CJK_START or text[:1] >= _CJK_START
    return before + ("" if is_wide else " ") + text

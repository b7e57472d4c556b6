"""The cells of an HTML table as a grid, every merged cell in each row it covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import Block, BlockKind
from shared.parsing import table
from shared.parsing.tableline import Across, Down
from shared.parsing.tablerow import show_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.domain.models import Location

# Copies of merged cells in one document; a hostile page asks for billions.
MOST_COPIES = 1_000_000
_MOST_SPANNED_COLUMNS = 1_000


class Cell(Struct, frozen=True):
    """A cell as the page declares it; ``rows`` and ``columns`` are what it spans, ``rows`` 0 for all that follow."""

    text: str
    rows: int = 1
    columns: int = 1
    header: bool = False


class Row(Struct, frozen=True):
    """Cells of a row; ``group`` numbers the part of the table (head, bodies, foot) that the row is in."""

    cells: list[Cell]
    group: int = 0
    head: bool = False


class Copies:
    """Counts the copies of merged cells of one document."""

    def __init__(self) -> None:
        self._left = MOST_COPIES

    @property
    def exhausted(self) -> bool:
        """Whether a merged cell was not copied."""
        return self._left < 0

    def take(self, wanted: int) -> int:
        """How many of ``wanted`` copies may be made."""
        granted = max(0, min(wanted, self._left))
        self._left = -1 if granted < wanted else self._left - granted
        return granted


def blocks(rows: Sequence[Row], location: Location, copies: Copies) -> Iterator[Block]:
    """The rows of a table, each with the labels of its columns; a row of one cell over all columns stands alone."""
    width = max((sum(cell.columns for cell in row.cells) for row in rows if len(row.cells) > 1), default=1)
    banners = [len(row.cells) == 1 and row.cells[0].columns >= max(2, width) for row in rows]
    first = banners.index(False) if False in banners else len(rows)
    for row in rows[:first]:
        if row.cells[0].text:
            yield Block(row.cells[0].text, location, kind=BlockKind.ROW)
    rows, banners = rows[first:], banners[first:]
    labelled = [row for row, banner in zip(rows, banners, strict=True) if not banner]
    count = _header_rows(labelled)
    # Labels in the first column, and no others: the first row is no header.
    has_labels = any(cell.header for row in labelled for cell in row.cells)
    is_marked = not count and not has_labels
    grid = _grid(labelled, count, copies, is_marked=is_marked)
    if count:
        yield from _sections(rows, banners, grid, count, location)
    elif labelled and all(map(_is_record, labelled)):
        yield from _records(rows, banners, grid, location)
    else:
        wide = min(width, _MOST_SPANNED_COLUMNS) if is_marked else 1
        cells = list(_all(rows, banners, grid, wide if copies.take(wide * sum(banners)) == wide * sum(banners) else 1))
        yield from _rendered(cells, 0 if has_labels else None, location)


def _header_rows(rows: Sequence[Row]) -> int:
    """Rows in the head of the table; without a head, the rows at the top that hold header cells only."""
    head = next((place for place, row in enumerate(rows) if not row.head), len(rows))
    if head:
        return head
    heads = next((place for place, row in enumerate(rows) if not _is_header(row)), None)
    return 1 if heads is None and rows and _is_header(rows[0]) else heads or 0


def _is_header(row: Row) -> bool:
    filled = [cell for cell in row.cells if cell.text]
    return bool(filled) and len(row.cells) > 1 and all(cell.header for cell in filled)


def _is_record(row: Row) -> bool:
    """Whether a row is a label followed by its values."""
    return len(row.cells) > 1 and row.cells[0].header and not any(cell.header for cell in row.cells[1:])


def _grid(rows: Sequence[Row], header_rows: int, copies: Copies, *, is_marked: bool) -> list[list[str]]:
    """The texts by row and column; where no cell is declared a header, copies are marked, so that one can be found."""
    grid: list[list[str]] = []
    # By column: the rows that a cell above still covers, and its text.
    above: dict[int, tuple[int, str]] = {}
    group = -1
    for number, row in enumerate(rows):
        if row.group != group:
            above, group = {}, row.group
        cells: list[str] = []
        for cell in row.cells:
            _fill(cells, above, copies)
            _place(cells, cell, above, copies, labels=number < header_rows, is_marked=is_marked)
        _fill(cells, above, copies, to_end=True)
        grid.append(cells)
    return grid


def _place(
    cells: list[str],
    cell: Cell,
    above: dict[int, tuple[int, str]],
    copies: Copies,
    *,
    labels: bool,
    is_marked: bool,
) -> None:
    columns = 1 + copies.take(min(cell.columns, _MOST_SPANNED_COLUMNS) - 1)
    shown = show_cell(cell.text) if is_marked else cell.text
    for offset in range(columns):
        # A label names each column it covers; a value stands once.
        text = shown if labels or offset == 0 else Across(shown) if is_marked else ""
        if cell.rows != 1:
            below = Down(shown) if is_marked and offset == 0 else text
            above[len(cells)] = (cell.rows - 1 if cell.rows else 1 << 30, below)
        cells.append(text)


def _fill(cells: list[str], above: dict[int, tuple[int, str]], copies: Copies, *, to_end: bool = False) -> None:
    """Repeat the cells that cover the next columns from above."""
    last = max(above, default=-1) if to_end else -1
    while (column := len(cells)) in above or column < last:
        left, text = above.get(column, (0, ""))
        if not copies.take(1):
            above.clear()
            return
        if left > 1:
            above[column] = (left - 1, text)
        else:
            above.pop(column, None)
        cells.append(text)


def _all(rows: Sequence[Row], banners: Sequence[bool], grid: list[list[str]], width: int = 1) -> Iterator[list[str]]:
    """The texts of all rows; those of one cell cover ``width`` columns."""
    filled = iter(grid)
    for row, banner in zip(rows, banners, strict=True):
        text = row.cells[0].text if banner else ""
        yield [text, *([Across(show_cell(text))] * (width - 1))] if banner else next(filled)


def _sections(
    rows: Sequence[Row], banners: Sequence[bool], grid: list[list[str]], count: int, location: Location
) -> Iterator[Block]:
    """The rows between rows of one cell, each section with the header."""
    header, section, seen, before = grid[:count], list[list[str]](), False, count
    for banner, cells in zip(banners, _all(rows, banners, grid), strict=True):
        if banner:
            yield from _rendered([*header, *section], count, location) if section else ()
            seen, section = seen or bool(section), []
            if cells[0]:
                yield Block(cells[0], location, kind=BlockKind.ROW)
        elif before:
            before -= 1
        else:
            section.append(cells)
    if section or not seen:
        yield from _rendered([*header, *section], count, location)


def _records(
    rows: Sequence[Row], banners: Sequence[bool], grid: list[list[str]], location: Location
) -> Iterator[Block]:
    for banner, cells in zip(banners, _all(rows, banners, grid), strict=True):
        label, values = cells[0], [cell for cell in cells[1:] if cell]
        text = label if banner or not values else f"{label.rstrip(':：')}: {' | '.join(values)}"
        if text:
            yield Block(text, location, kind=BlockKind.ROW)


def _rendered(grid: list[list[str]], header_rows: int | None, location: Location) -> Iterator[Block]:
    for row in table.render(grid, header_rows=header_rows):
        yield row.block(location)

"""Rows of a table as lines that stand alone: ``label: value; label: value``, or ``cell | cell`` without a header.

An empty row ends a table: below it another may begin, with a header of its own, or the first one goes on.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from shared.parsing.figures import is_figure
from shared.parsing.form import find_form_end, is_form, write_form_row
from shared.parsing.header import find_header, goes_on, header_at
from shared.parsing.labels import is_label_word
from shared.parsing.sidebyside import part_tables
from shared.parsing.tableline import Across, Line, count_own_cells
from shared.parsing.tablerow import Layout, Row, SideBySide, render_rows, show_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# Rows of a table that are looked at before the first one is given.
_WINDOW = 64


def render(rows: Iterable[Sequence[object]], *, header_rows: int | None = None) -> Iterator[Row]:
    """The rows that hold something, as text.

    The header is repeated in each row below it and stands alone only when nothing is below. Rows above it are given
    as they are, and so are labels of columns that hold nothing.

    Args:
        rows: cells from left to right; cells that a merged cell covers hold its value, as `Across` or `Down` where the
            header is to be found.
        header_rows: how many rows at the top are the header, where the format tells; ``None`` finds the header.
    """
    lines = (Line(number, [show_cell(cell) for cell in row]) for number, row in enumerate(rows, start=1))
    if header_rows is None:
        yield from render_lines(lines)
        return
    filled = (line for line in lines if any(line.cells))
    top = list(islice(filled, header_rows))
    following = list(islice(filled, 1))
    if not top or not following:
        yield from render_rows(chain(top, following), None)
        yield from render_rows(filled, None)
        return
    layout = Layout(header_at(top, 0, len(top)), top)
    yield from render_rows(chain(following, filled), layout)
    yield from layout.rest()


def render_lines(lines: Iterable[Line]) -> Iterator[Row]:
    """The rows of a sheet that may hold several tables; lines that are empty or missing part them."""
    layout: Layout | SideBySide | None = None
    for window, is_begun in _windows(lines):
        for part, begins in _parts(window, is_begun=is_begun):
            if not begins:
                yield from render_rows(part, layout)
                continue
            may_continue = layout is not None and _continues(part, layout.labels)
            if not may_continue and (tables := part_tables(part)):
                if layout is not None:
                    yield from layout.rest()
                layout = SideBySide([Layout(*table) for table in tables])
                for above, masked in tables:
                    yield from render_rows(masked[: above.start], None)
                yield from render_rows(part[min(above.end for above, _ in tables) :], layout)
                continue
            header = find_header(part, is_new=not may_continue)
            if header is None and may_continue:
                yield from render_rows(part, layout)
                continue
            if layout is not None:
                yield from layout.rest()
            layout = None if header is None else Layout(header, part)
            yield from _headless(part if header is None else part[: header.start])
            yield from () if header is None else render_rows(part[header.end :], layout)
    if layout is not None:
        yield from layout.rest()


def _windows(lines: Iterable[Line]) -> Iterator[tuple[list[Line], bool]]:
    """Lines without the empty ones, some at a time, each time with whether they continue a table."""
    window: list[Line] = []
    is_begun = False
    for line in lines:
        is_empty = not any(line.cells)
        is_parted = window and (is_empty or line.number > window[-1].number + 1)
        # A header may stand apart from its rows, and a table may leave every other line empty.
        if is_parted and len(window) == 1 and count_own_cells(window[0].cells) > 1 and not is_empty:
            is_parted = line.number > window[0].number + 2
        elif is_parted and is_empty and len(window) == 1 and count_own_cells(window[0].cells) > 1:
            is_parted = line.number > window[0].number + 1
        if is_parted:
            yield window, is_begun
            window, is_begun = [], False
        elif len(window) >= _WINDOW:
            # One line is kept, so that a gap after it is still seen.
            yield window[:-1], is_begun
            window, is_begun = window[-1:], True
        if not is_empty:
            window.append(line)
    if window:
        yield window, is_begun


def _parts(window: list[Line], *, is_begun: bool) -> Iterator[tuple[list[Line], bool]]:
    """The tables in ``window`` that begin without an empty row, each with whether it begins there."""
    start = 0
    for place in range(1, len(window)):
        if _begins_table(window, place):
            end = place - 1 if count_own_cells(window[place - 1].cells) == 1 and place - 1 > start else place
            while end > start and goes_on(window[end - 1].cells, window[end].cells):
                end -= 1
            if end > start:
                yield window[start:end], not (is_begun and start == 0)
                start = end
    yield window[start:], not (is_begun and start == 0)


def _begins_table(window: list[Line], place: int) -> bool:
    """Whether a line in the middle is a header: declared, or labels under a caption with other columns above it."""
    line, above = window[place], window[place - 1]
    if line.declared:
        return True
    cells = [cell for cell in line.cells if cell and not isinstance(cell, Across)]
    if count_own_cells(above.cells) != 1 or place < 3 or len(cells) < 2 or count_own_cells(window[place - 2].cells) < 2:
        return False
    if any(map(is_figure, cells)):
        return False
    return sum(map(is_label_word, cells)) > len(cells) / 2 or _parts_figures(window, place)


def _parts_figures(window: list[Line], place: int) -> bool:
    """Whether all words of a line stand between figures in some column, under a caption: those of a header do."""
    if place + 1 >= len(window) or place < 3:
        return False
    above, line, below = (window[number].cells for number in (place - 2, place, place + 1))
    columns = list(zip(above, line, below, strict=False))[1:]
    return len(line) > 1 and all(line) and any(is_figure(over) and is_figure(under) for over, _, under in columns)


def _continues(window: list[Line], labels: Sequence[str]) -> bool:
    """Whether lines after an empty row belong to the table above it: as wide, and no note or title alone."""
    if max(count_own_cells(line.cells) for line in window) < min(2, sum(map(bool, labels))):
        return False
    columns = {place for line in window for place, cell in enumerate(line.cells) if cell}
    return all(place < len(labels) and labels[place] for place in columns - {0})


def _headless(lines: list[Line]) -> Iterator[Row]:
    if is_form(lines) or (lines and find_form_end(lines, 0) == len(lines)):
        yield from (Row(line.number, write_form_row(line)) for line in lines)
    else:
        yield from render_rows(lines, None)

"""Rows of a table as lines that stand alone: ``label: value; label: value``, or ``cell | cell`` without a header.

An empty row ends a table: below it another may begin, with a header of its own, or the first one goes on.
"""

from __future__ import annotations

import datetime as dt
from itertools import chain, islice
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Block, BlockKind
from shared.parsing.figures import is_figure
from shared.parsing.header import (
    Across,
    Down,
    Header,
    Line,
    find_header,
    goes_on,
    header_at,
    is_form_column,
    mask,
    own_cells,
    side_by_side,
)
from shared.parsing.labels import is_key_label, is_label_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.domain.models import Location

__all__ = ["Across", "Down", "Line", "Row", "render", "render_lines"]

# Rows of a table that are looked at before the first one is given.
_WINDOW = 64
# A row is known by its first fields where no label says that a field identifies it.
_KEY_FIELDS, _MOST_KEY_FIELDS = 2, 3
_LONGEST_KEYS_CHARACTERS = 300
# More empty cells in a row are written as one.
_MOST_EMPTY_CELLS = 24
_LONGEST_FORM_LABEL = 60


class Row(Struct, frozen=True):
    """A row as text.

    Attributes:
        number: position in the table, counted from 1.
        text: ``label: value; label: value``; ``cell | cell`` where the table has no header, empty cells kept.
        columns: the labels; empty where the table has no header.
        keys: the fields that identify the row, as in its text.
    """

    number: int
    text: str
    columns: tuple[str, ...] = ()
    keys: str = ""

    def block(self, location: Location) -> Block:
        """The row as a block at ``location``, which lacks the columns only."""
        return Block(self.text, replace(location, columns=self.columns), kind=BlockKind.ROW, keys=self.keys)


def render(rows: Iterable[Sequence[object]], *, header_rows: int | None = None) -> Iterator[Row]:
    """The rows that hold something, as text.

    The header is repeated in each row below it and stands alone only when nothing is below. Rows above it are given
    as they are, and so are labels of columns that hold nothing.

    Args:
        rows: cells from left to right; cells that a merged cell covers hold its value, as `Across` or `Down` where the
            header is to be found.
        header_rows: how many rows at the top are the header, where the format tells; ``None`` finds the header.
    """
    lines = (Line(number, [show(cell) for cell in row]) for number, row in enumerate(rows, start=1))
    if header_rows is None:
        yield from render_lines(lines)
        return
    filled = (line for line in lines if any(line.cells))
    top = list(islice(filled, header_rows))
    following = list(islice(filled, 1))
    if not top or not following:
        yield from _rows(chain(top, following), None)
        yield from _rows(filled, None)
        return
    layout = _Layout(header_at(top, 0, len(top)), top)
    yield from _rows(chain(following, filled), layout)
    yield from layout.rest()


def render_lines(lines: Iterable[Line]) -> Iterator[Row]:
    """The rows of a sheet that may hold several tables; lines that are empty or missing part them."""
    layout: _Layout | _SideBySide | None = None
    for window, is_begun in _windows(lines):
        for part, begins in _parts(window, is_begun=is_begun):
            if not begins:
                yield from _rows(part, layout)
                continue
            may_continue = layout is not None and _continues(part, layout.labels)
            if not may_continue and (tables := side_by_side(part)):
                if layout is not None:
                    yield from layout.rest()
                layout = _SideBySide([_Layout(*table) for table in tables])
                for above, masked in tables:
                    yield from _rows(masked[: above.start], None)
                yield from _rows(part[min(above.end for above, _ in tables) :], layout)
                continue
            header = find_header(part, is_new=not may_continue)
            if header is None and may_continue:
                yield from _rows(part, layout)
                continue
            if layout is not None:
                yield from layout.rest()
            layout = None if header is None else _Layout(header, part)
            yield from _headless(part) if header is None else _rows(part[: header.start], None)
            yield from () if header is None else _rows(part[header.end :], layout)
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
        if is_parted and len(window) == 1 and own_cells(window[0].cells) > 1 and not is_empty:
            is_parted = line.number > window[0].number + 2
        elif is_parted and is_empty and len(window) == 1 and own_cells(window[0].cells) > 1:
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
            end = place - 1 if own_cells(window[place - 1].cells) == 1 and place - 1 > start else place
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
    if own_cells(above.cells) != 1 or place < 3 or len(cells) < 2 or own_cells(window[place - 2].cells) < 2:
        return False
    return sum(map(is_label_word, cells)) > len(cells) / 2 and not any(map(is_figure, cells))


def _continues(window: list[Line], labels: Sequence[str]) -> bool:
    """Whether lines after an empty row belong to the table above it: as wide, and no note or title alone."""
    if max(own_cells(line.cells) for line in window) < min(2, sum(map(bool, labels))):
        return False
    columns = {place for line in window for place, cell in enumerate(line.cells) if cell}
    return all(place < len(labels) and labels[place] for place in columns - {0})


def _headless(lines: list[Line]) -> Iterator[Row]:
    yield from map(_form_row, lines) if _is_form(lines) else _rows(lines, None)


def _is_form(window: list[Line]) -> bool:
    """Whether each line is ``label, value`` or several such pairs."""
    wide = [line.cells for line in window if own_cells(line.cells) >= 2]
    if not wide or len(wide) < len(window) / 2 or max(map(len, wide)) > 8:
        return False
    columns = [[cells[place] for cells in wide if place < len(cells)] for place in range(0, max(map(len, wide)), 2)]
    return all(
        is_form_column(column) and not any(is_figure(cell) or len(cell) > _LONGEST_FORM_LABEL for cell in column)
        for column in columns
    )


def _form_row(line: Line) -> Row:
    cells = [cell for cell in line.cells if not isinstance(cell, Across)]
    pairs = [(label, (cells[place + 1 : place + 2] or [""])[0]) for place, label in enumerate(cells) if place % 2 == 0]
    fields = [f"{label.rstrip(' :：')}: {value}" if label and value else label or value for label, value in pairs]
    return Row(line.number, "; ".join(filter(None, fields)))


def _rows(lines: Iterable[Line], layout: _Layout | _SideBySide | None) -> Iterator[Row]:
    if layout is None:
        yield from (Row(line.number, text, (), keys) for line in lines for text, keys in _plain(line.cells))
        return
    for line in lines:
        yield from layout.rows(line)


class _Layout:
    """How the rows below a header are written."""

    def __init__(self, header: Header, lines: Sequence[Line]) -> None:
        self.labels = [label.rstrip(" :：") for label in header.labels]
        self.columns = tuple(filter(None, self.labels))
        self._keys = [place for place, label in enumerate(self.labels) if is_key_label(label)][:_MOST_KEY_FIELDS]
        self._unused = {place for place, label in enumerate(self.labels) if label}
        self._number = lines[header.end - 1].number
        # A header is often repeated at the top of each printed page.
        self._repeated = {tuple(line.cells) for line in lines[header.start : header.end]}

    def rows(self, line: Line) -> Iterator[Row]:
        cells = line.cells
        if not own_cells(cells) or tuple(cells) in self._repeated:
            return
        if any(isinstance(cell, Across) for cell in cells) and own_cells(cells) == 1 and len(self.columns) > 1:
            # A cell merged over the columns is a caption inside the table.
            yield Row(line.number, next(cell for cell in cells if cell), self.columns)
            return
        fields: dict[int, str] = {}
        for place, cell in enumerate(cells):
            if cell and not isinstance(cell, Across):
                label = self.labels[place] if place < len(self.labels) else ""
                fields[place] = f"{label}: {cell}" if label else str(cell)
        if self._unused:
            self._unused.difference_update(fields)
        yield Row(line.number, "; ".join(fields.values()), self.columns, self._key_fields(fields))

    def _key_fields(self, fields: dict[int, str]) -> str:
        keys = [fields[place] for place in self._keys if place in fields]
        return _bounded(keys or list(islice(fields.values(), _KEY_FIELDS)), "; ")

    def rest(self) -> Iterator[Row]:
        """Labels of columns that held nothing, which no row repeats."""
        if self._unused:
            yield Row(self._number, " | ".join(self.labels[place] for place in sorted(self._unused)), self.columns)


class _SideBySide:
    """How the rows of tables next to each other are written: each line gives a row of every table."""

    def __init__(self, layouts: list[_Layout]) -> None:
        self.labels: list[str] = [""]
        self._layouts = layouts
        self._first = [next(place for place, label in enumerate(layout.labels) if label) for layout in layouts]

    def rows(self, line: Line) -> Iterator[Row]:
        ends = [*self._first[1:], len(line.cells)]
        for layout, first, end in zip(self._layouts, self._first, ends, strict=True):
            yield from layout.rows(mask(line, first if first != self._first[0] else 0, end))

    def rest(self) -> Iterator[Row]:
        for layout in self._layouts:
            yield from layout.rest()


def _bounded(keys: list[str], joint: str) -> str:
    """The first fields that fit into the bound; of a first one that does not, its beginning."""
    text = keys[0][:_LONGEST_KEYS_CHARACTERS] if keys else ""
    for key in keys[1:]:
        if len(text) + len(joint) + len(key) > _LONGEST_KEYS_CHARACTERS:
            break
        text = f"{text}{joint}{key}"
    return text


def _plain(cells: list[str]) -> Iterator[tuple[str, str]]:
    """A row without labels and what identifies it, if it holds something."""
    if not own_cells(cells):
        return
    parts: list[str] = []
    empty = 0
    for cell in cells:
        if isinstance(cell, Across):
            continue
        empty = 0 if cell else empty + 1
        if empty <= _MOST_EMPTY_CELLS:
            parts.append(cell)
    filled = [cell for cell in parts if cell]
    keys = _bounded(filled[:_KEY_FIELDS], " | ") if len(filled) > _KEY_FIELDS else ""
    # Where a title begins says nothing.
    yield (filled[0] if len(filled) == 1 else " | ".join(parts).rstrip(" |")), keys


def show(cell: object) -> str:
    """A cell as a person would write it, on one line."""
    if isinstance(cell, str):
        if isinstance(cell, (Across, Down)):
            return cell
        return cell.strip() if cell.isascii() and "\n" not in cell else " ".join(cell.split())
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return f"{cell:.0f}" if cell.is_integer() and abs(cell) < 1e21 else f"{cell:.15g}"
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    return str(cell)

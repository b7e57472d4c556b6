"""A row of a table as text: ``label: value; label: value``, or ``cell | cell`` without a header."""

from __future__ import annotations

import datetime as dt
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Block, BlockKind
from shared.parsing.form import is_note
from shared.parsing.labels import is_key_label
from shared.parsing.tableline import Across, Down, Line, count_own_cells, mask_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.domain.models import Location
    from shared.parsing.tableline import Header

# A row is known by its first fields where no label says that a field identifies it.
_KEY_FIELDS, _MOST_KEY_FIELDS = 2, 3
_LONGEST_KEYS_CHARACTERS = 300
# A longer text merged over columns is a remark, which its first column holds, not a value of each.
_LONGEST_REPEATED = 60
# More empty cells in a row are written as one.
_MOST_EMPTY_CELLS = 24


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
        # A row of one merged cell is that cell, of a class that no message can hold.
        text, keys = str(self.text), str(self.keys)
        return Block(text, replace(location, columns=self.columns), kind=BlockKind.ROW, keys=keys)


def render_rows(lines: Iterable[Line], layout: Layout | SideBySide | None) -> Iterator[Row]:
    """Rows as text, below the header that ``layout`` has."""
    if layout is None:
        yield from (Row(line.number, text, (), keys) for line in lines for text, keys in _plain(line.cells))
        return
    for line in lines:
        yield from layout.rows(line)


class Layout:
    """How the rows below a header are written."""

    def __init__(self, header: Header, lines: Sequence[Line]) -> None:
        self.labels = [label.rstrip(" :：") for label in header.labels]
        self.columns = tuple(filter(None, self.labels))
        self._keys = [place for place, label in enumerate(self.labels) if is_key_label(label)][:_MOST_KEY_FIELDS]
        self._unused = {place for place, label in enumerate(self.labels) if label}
        self._number = lines[header.end - 1].number
        self._long = header.long
        # A header is often repeated at the top of each printed page.
        self._repeated = {tuple(line.cells) for line in lines[header.start : header.end]}

    def rows(self, line: Line) -> Iterator[Row]:
        """The rows that ``line`` gives."""
        cells = line.cells
        if not count_own_cells(cells) or tuple(cells) in self._repeated:
            return
        kinds = [type(cell) for cell in cells if cell]
        if kinds[0] is str and len(kinds) > 1 and set(kinds[1:]) == {Across} and len(self.columns) > 1:
            # A cell merged over the columns is a caption inside the table, unless it begins in another to its left.
            yield Row(line.number, next(cell for cell in cells if cell), self.columns)
            return
        if len(self.columns) > 2 and is_note(cells, len(self.columns)):
            yield from (Row(line.number, text, self.columns, keys) for text, keys in _plain(cells))
            return
        fields: dict[int, str] = {}
        for place, cell in enumerate(cells):
            label = self.labels[place] if place < len(self.labels) else ""
            if cell and (not isinstance(cell, Across) or self._has_own_value(cells, place, label)):
                fields[place] = f"{label}: {cell}" if label else str(cell)
        if self._unused:
            self._unused.difference_update(fields)
        yield Row(line.number, "; ".join(fields.values()), self.columns, self._key_fields(fields))

    def _has_own_value(self, cells: Sequence[str], place: int, label: str) -> bool:
        """Whether a cell merged over columns counts for the one at ``place`` too, which has a label of its own.

        One merged from the first column on names the row, such as a total.
        """
        cell = cells[place]
        if not label or label == self.labels[place - 1] or len(cell) > _LONGEST_REPEATED:
            return False
        return not all(isinstance(before, Across) and before == cell for before in cells[1 : place + 1])

    def _key_fields(self, fields: dict[int, str]) -> str:
        keys = [fields[place] for place in self._keys if place in fields]
        return _bounded(keys or list(islice(fields.values(), _KEY_FIELDS)), "; ")

    def rest(self) -> Iterator[Row]:
        """Labels that no row repeats: those of columns that held nothing, and whole the long ones."""
        yield from (Row(self._number, label, self.columns) for label in self._long)
        if self._unused:
            yield Row(self._number, " | ".join(self.labels[place] for place in sorted(self._unused)), self.columns)


class SideBySide:
    """How the rows of tables next to each other are written: each line gives a row of every table."""

    def __init__(self, layouts: list[Layout]) -> None:
        self.labels: list[str] = [""]
        self._layouts = layouts
        self._first = [next(place for place, label in enumerate(layout.labels) if label) for layout in layouts]

    def rows(self, line: Line) -> Iterator[Row]:
        """The rows that ``line`` gives."""
        ends = [*self._first[1:], len(line.cells)]
        for layout, first, end in zip(self._layouts, self._first, ends, strict=True):
            yield from layout.rows(mask_line(line, first if first != self._first[0] else 0, end))

    def rest(self) -> Iterator[Row]:
        """Labels that no row repeats."""
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
    if not count_own_cells(cells):
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


def show_cell(cell: object) -> str:
    """A cell as a person would write it, on one line."""
    if isinstance(cell, str):
        if isinstance(cell, (Across, Down)):
            return cell
        return cell.strip() if cell.isascii() and cell.isprintable() else " ".join(cell.split())
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return f"{cell:.0f}" if cell.is_integer() and abs(cell) < 1e21 else f"{cell:.15g}"
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    return str(cell)

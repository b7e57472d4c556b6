"""The rows of a grid before it is known what they are: texts, and what merged cells repeat of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable


class Across(str):
    """The text of a cell merged over columns, in a column right of its first: it labels, but is no value again."""

    __slots__ = ()


class Down(str):
    """The text of a cell merged over rows, in a row below its first."""

    __slots__ = ()


class Line(Struct):
    """A row of a grid before it is known what it is.

    Attributes:
        number: its place in the table, counted from 1.
        cells: texts from left to right, empty ones included.
        marked: whether it looks like a header: bold, or on a filled background.
        declared: whether the file itself says that it is a header.
    """

    number: int
    cells: list[str]
    marked: bool = False
    declared: bool = False


class Header(Struct, frozen=True):
    """A header: its place among the lines it was sought in, and its labels.

    Attributes:
        start: index of its first line.
        end: index of the first line below it.
        labels: one for each column; empty where the column has none.
        long: whole texts of the labels that were cut, because each row repeats them.
    """

    start: int
    end: int
    labels: tuple[str, ...]
    long: tuple[str, ...] = ()


def count_own_cells(cells: Iterable[str]) -> int:
    """How many cells hold something that is not the repetition of a merged cell."""
    return sum(1 for cell in cells if cell and type(cell) is str)


def mask_line(line: Line, first: int, end: int) -> Line:
    """The line with nothing outside the columns from ``first`` up to ``end``."""
    cells = [cell if first <= place < end else "" for place, cell in enumerate(line.cells)]
    return Line(line.number, cells, line.marked, line.declared)

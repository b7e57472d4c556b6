"""Tables of a PDF that go on at the top of the next page: the labels of the first page hold there too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.parsing.header import find_header
from shared.parsing.table import render
from shared.parsing.tableline import Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.parsing.pdf_tables import Table
    from shared.parsing.tablerow import Row

# Points that the edges of a ruled table may differ between pages.
_NEAR: Final = 3.0
# Lines that are looked at for a header.
_WINDOW: Final = 64


class Continued:
    """Renders the tables of a document; remembers the labels of one that ends a page."""

    def __init__(self) -> None:
        self._last: Table | None = None
        self._labels: tuple[str, ...] = ()

    def start_page(self, parts: Sequence[object]) -> None:
        """Forget the table of the previous page unless the first of ``parts`` continues it."""
        if self._last is not None and not (parts and _is_same(self._last, parts[0])):
            self._last, self._labels = None, ()

    def render(self, table: Table) -> Iterator[Row]:
        """The rows of ``table``, with the labels of the one it continues if it has none of its own."""
        may_continue, self._last = self._last is not None and bool(self._labels), None
        labels = _find_labels(table, is_new=not may_continue)
        if may_continue and not labels:
            yield from render([self._labels, *table.grid], header_rows=1)
        else:
            self._labels = labels
            yield from render(table.grid, header_rows=table.header_rows)

    def end_page(self, last: Table) -> None:
        """Remember ``last``, the table that ends a page."""
        self._last = last


def _is_same(table: Table, part: object) -> bool:
    """Whether ``part`` is a table with the columns of ``table``, at the same place of the page."""
    grid, places = getattr(part, "grid", None), getattr(part, "places", [])
    if not grid or len(grid[0]) != len(table.grid[0]) or len(places) != len(table.places):
        return False
    pairs = list(zip(table.places, places, strict=True))
    if len(pairs) == 1:
        return all(abs(one - other) <= _NEAR for one, other in zip(*pairs[0], strict=True))
    return all(min(one[1], other[1]) > max(one[0], other[0]) for one, other in pairs)


def _find_labels(table: Table, *, is_new: bool) -> tuple[str, ...]:
    if table.header_rows:
        return tuple(" ".join(filter(None, column)) for column in zip(*table.grid[: table.header_rows], strict=True))
    lines = [Line(number, list(cells)) for number, cells in enumerate(table.grid[:_WINDOW], 1) if any(cells)]
    header = find_header(lines, is_new=is_new)
    return () if header is None else header.labels

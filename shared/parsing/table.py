"""Rows of a table as lines that stand alone: ``label: value; label: value``, or ``cell | cell`` without a header."""

from __future__ import annotations

import datetime as dt
import re
from itertools import chain, islice
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Block, BlockKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.domain.models import Location

_NUMBER = re.compile(r"[-+]?[¥$€]?[0-9][0-9.,:/\-\s]*%?")
_LONGEST_HEADER_CHARACTERS = 80
# A title, a date and a unit may stand above the header, seldom more.
_ROWS_ABOVE_HEADER = 5
# A row is told from others by its first fields.
_KEY_FIELDS = 2


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
    as they are.

    Args:
        rows: cells from left to right; cells that a merged cell covers hold its value.
        header_rows: how many rows at the top are the header, where the format tells; ``None`` finds the header.
    """
    numbered = ((number, [_shown(cell) for cell in row]) for number, row in enumerate(rows, start=1))
    filled = ((number, cells) for number, cells in numbered if any(cells))
    top = list(islice(filled, _ROWS_ABOVE_HEADER + 1))
    if header_rows is None:
        position = next((place for place, (_, cells) in enumerate(top) if _is_header(cells, top)), None)
    else:
        position = header_rows - 1 if header_rows else None
    if position is None or position + 1 >= len(top):
        yield from (Row(number, _plain(cells)) for number, cells in chain(top, filled))
        return
    yield from (Row(number, _plain(cells)) for number, cells in top[:position])
    header = top[position][1]
    columns = tuple(filter(None, header))
    yield from (_labelled(number, header, cells, columns) for number, cells in chain(top[position + 1 :], filled))


def _is_header(cells: list[str], top: list[tuple[int, list[str]]]) -> bool:
    labels = [cell for cell in cells if cell]
    widest = max(sum(map(bool, row)) for _, row in top)
    if len(labels) < 2 or 2 * len(labels) < widest or len(set(labels)) < len(labels):
        return False
    return all(len(label) <= _LONGEST_HEADER_CHARACTERS and not _NUMBER.fullmatch(label) for label in labels)


def _plain(cells: list[str]) -> str:
    return " | ".join(cells).rstrip(" |")


def _labelled(number: int, header: list[str], cells: list[str], columns: tuple[str, ...]) -> Row:
    labels = chain(header, [""] * max(0, len(cells) - len(header)))
    fields = [f"{label}: {cell}" if label else cell for label, cell in zip(labels, cells, strict=False) if cell]
    return Row(number, "; ".join(fields), columns, "; ".join(fields[:_KEY_FIELDS]))


def _shown(cell: object) -> str:
    """A cell as a person would write it."""
    if isinstance(cell, str):
        return cell.strip() if cell.isascii() and "\n" not in cell else " ".join(cell.split())
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    return str(cell)

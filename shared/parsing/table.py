"""Rows of a table as sentences that stand alone: ``header: value; header: value``."""

from __future__ import annotations

import datetime as dt
import re
from itertools import chain, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_NUMBER = re.compile(r"[-+]?[¥$€]?[0-9][0-9.,:/\-\s]*%?")
_LONGEST_HEADER_CHARACTERS = 80
# A title, a date and a unit may stand above the header, seldom more.
_ROWS_ABOVE_HEADER = 5


def rendered(rows: Iterable[Sequence[object]]) -> Iterator[tuple[int, str]]:
    """The number (from 1) and text of each row that holds something.

    The header is the first of the topmost rows whose cells, two or more, are all filled with different words; it is
    repeated in each row below it and stands alone only when nothing is below. Rows above it are given as they are.
    """
    numbered = ((number, [_shown(cell) for cell in row]) for number, row in enumerate(rows, start=1))
    filled = ((number, cells) for number, cells in numbered if any(cells))
    top = list(islice(filled, _ROWS_ABOVE_HEADER + 1))
    position = next((place for place, (_, cells) in enumerate(top) if _is_header(cells, top)), None)
    if position is None or position + 1 == len(top):
        yield from ((number, _plain(cells)) for number, cells in chain(top, filled))
        return
    yield from ((number, _plain(cells)) for number, cells in top[:position])
    header = top[position][1]
    yield from ((number, _labelled(header, cells)) for number, cells in chain(top[position + 1 :], filled))


def _is_header(cells: list[str], top: list[tuple[int, list[str]]]) -> bool:
    labels = [cell for cell in cells if cell]
    widest = max(sum(map(bool, row)) for _, row in top)
    if len(labels) < 2 or 2 * len(labels) < widest or len(set(labels)) < len(labels):
        return False
    return all(len(label) <= _LONGEST_HEADER_CHARACTERS and not _NUMBER.fullmatch(label) for label in labels)


def _plain(cells: list[str]) -> str:
    return "; ".join(cell for cell in cells if cell)


def _labelled(header: list[str], cells: list[str]) -> str:
    labels = chain(header, [""] * max(0, len(cells) - len(header)))
    return "; ".join(f"{label}: {cell}" if label else cell for label, cell in zip(labels, cells, strict=False) if cell)


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

"""The shapes of a slide that hold text, and its tables. [MS-PPT] 2.9 and [MS-ODRAW] 2.2."""

from __future__ import annotations

from bisect import bisect
from operator import attrgetter
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.doc_file import read_number
from shared.parsing.ppt_file import read_records
from shared.parsing.ppt_texts import OTHER, read_texts
from shared.parsing.tableline import Across, Down

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.parsing.ppt_file import Record

_DRAWING, _GROUP, _SHAPE, _TEXT_BOX = 0xF002, 0xF003, 0xF004, 0xF00D
_ANCHOR, _MORE_PROPERTIES = 0xF00F, 0xF122
_REFERENCE = 0x0F9E
_TABLE_PROPERTY = 0x039F
_DEEPEST = 64
# Units of the drawing within which two edges are one.
_NEAR = 3
_MOST_CELLS = 1_000_000
_MOST_COVERED = 10_000_000


class Shape(Struct):
    """A shape: its text and what kind of text that is, or the rows of a table."""

    text: str = ""
    kind: int = OTHER
    rows: list[list[str]] = []
    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


def read_shapes(drawing: Record, texts: list[tuple[int, str]]) -> list[Shape]:
    """The shapes of a drawing in the order of the file; ``texts`` are those that it refers to by their number."""
    return list(_shapes(drawing, texts, 0))


def _shapes(within: Record, texts: list[tuple[int, str]], depth: int) -> Iterator[Shape]:
    for record in read_records(within):
        if record.kind == _SHAPE:
            yield _read_shape(record, texts)
        elif record.kind == _GROUP and _is_table(record):
            yield from _read_table(record, texts)
        elif record.kind in (_DRAWING, _GROUP) and depth < _DEEPEST:
            yield from _shapes(record, texts, depth + 1)


def _read_shape(shape: Record, texts: list[tuple[int, str]]) -> Shape:
    found = Shape()
    for record in read_records(shape):
        if record.kind == _ANCHOR:
            found.left, found.top, found.right, found.bottom = (
                read_number(record.data, record.start + 4 * place, "<i") for place in range(4)
            )
        elif record.kind == _TEXT_BOX:
            inside = list(read_records(record))
            own = read_texts(inside)
            numbers = [read_number(each.data, each.start) for each in inside if each.kind == _REFERENCE]
            own += [texts[number] for number in numbers if number < len(texts)]
            found.text = "\n".join(text for _, text in own)
            found.kind = own[0][0] if own else OTHER
    return found


def _is_table(group: Record) -> bool:
    """Whether the first shape of a group, which describes it, has the properties of a table."""
    first = next((record for record in read_records(group) if record.kind == _SHAPE), None)
    if first is None:
        return False
    for record in read_records(first):
        if record.kind == _MORE_PROPERTIES:
            codes = (read_number(record.data, record.start + 6 * place, "<H") for place in range(record.instance))
            return any(code & 0x3FFF == _TABLE_PROPERTY for code in codes)
    return False


def _read_table(group: Record, texts: list[tuple[int, str]]) -> Iterator[Shape]:
    cells = [_read_shape(record, texts) for record in read_records(group) if record.kind == _SHAPE][1:]
    cells = [cell for cell in cells if cell.text.strip()]
    lefts, tops = (_find_places(getattr(cell, side) for cell in cells) for side in ("left", "top"))
    if not cells or len(lefts) * len(tops) > _MOST_CELLS:
        yield from cells
        return
    # A hostile file lets each of many cells cover all others.
    reach = _NEAR if len(cells) * len(lefts) * len(tops) <= _MOST_COVERED else 1 << 31
    rows = [[""] * len(lefts) for _ in tops]
    for cell in sorted(cells, key=attrgetter("top", "left")):
        text = " ".join(cell.text.split())
        column, row = bisect(lefts, cell.left) - 1, bisect(tops, cell.top) - 1
        beside = range(column + 1, bisect(lefts, cell.right - reach - 1))
        for line in (row, *range(row + 1, bisect(tops, cell.bottom - reach - 1))):
            rows[line][column] = text if line == row else Down(text)
            for covered in beside:
                rows[line][covered] = rows[line][covered] or Across(text)
    yield Shape(rows=rows)


def _find_places(edges: Iterable[int]) -> list[int]:
    """The different places among ``edges``, from the least on; those that lie near together are one."""
    found: list[int] = []
    for edge in sorted(edges):
        if not found or edge - found[-1] > _NEAR:
            found.append(edge)
    return found

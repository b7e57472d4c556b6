"""The shapes of a slide that hold text, and its tables. [MS-PPT] 2.9 and [MS-ODRAW] 2.2."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.doc_file import read_number
from shared.parsing.ppt_file import read_records
from shared.parsing.ppt_texts import OTHER, read_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.ppt_file import Record

_DRAWING, _GROUP, _SHAPE, _TEXT_BOX = 0xF002, 0xF003, 0xF004, 0xF00D
_ANCHOR, _MORE_PROPERTIES = 0xF00F, 0xF122
_REFERENCE = 0x0F9E
_TABLE_PROPERTY = 0x039F
_DEEPEST = 64
_SAME_ROW = 4


class Shape(Struct):
    """A shape: its text and what kind of text that is, or the rows of a table."""

    text: str = ""
    kind: int = OTHER
    rows: list[list[str]] = []
    left: int = 0
    top: int = 0


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
            found.left = read_number(record.data, record.start, "<i")
            found.top = read_number(record.data, record.start + 4, "<i")
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
    lefts = sorted({cell.left for cell in cells})
    rows: list[list[str]] = []
    for _, row in groupby(sorted(cells, key=attrgetter("top", "left")), key=lambda cell: cell.top // _SAME_ROW):
        line = [""] * len(lefts)
        for cell in row:
            line[lefts.index(cell.left)] = " ".join(cell.text.split())
        rows.append(line)
    if rows:
        yield Shape(rows=rows)

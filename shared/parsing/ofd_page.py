"""The text of a page of an OFD document: its text objects, joined to the lines that a reader sees."""

from __future__ import annotations

from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from msgspec import Struct

from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.parsing.archive import Archive
    from shared.parsing.xml_events import Event

# Shares of the size of the text: how far parts of a line may be apart in height, where a space is seen between them,
# and how far lines of one block may be apart.
_SAME_LINE, _SPACE, _SAME_BLOCK = 0.5, 0.3, 2.2
_DEFAULT_SIZE = 4.0
# Stretches of text of one page: a drawing that is used many times, as patterns are, multiplies what it holds.
_MOST_PARTS = 200_000
_PLAIN = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
_WORD_JOINT, _COLUMN_JOINT, _COLUMN = " ", "  ", 3.0


class Part(Struct):
    """A stretch of text on a page, in millimetres from its upper left corner."""

    text: str
    left: float
    top: float
    right: float
    size: float


def read_units(archive: Archive, resources: Sequence[str]) -> dict[str, list[Part]]:
    """The text of the drawings that pages place by their id (CompositeGraphicUnit)."""
    units: dict[str, list[Part]] = {}
    for name in resources:
        key, inside = "", list["Event"]()
        for event in archive.readable_events(name):
            if event.name != "CompositeGraphicUnit" or event.kind == "text":
                inside += [event] if key else []
            elif event.kind == "open":
                key = event.attributes.get("ID", "")
            else:
                units[key] = _bounded(_read_part(inside, units))
                key, inside = "", []
    return units


def _bounded(parts: Iterable[Part]) -> list[Part]:
    found = list(islice(parts, _MOST_PARTS + 1))
    if len(found) > _MOST_PARTS:
        raise refuse("too_large", f"A page holds more than {_MOST_PARTS:,} stretches of text.")
    return found


def read_lines(archive: Archive, parts: Sequence[str], units: Mapping[str, list[Part]]) -> Iterator[str]:
    """The blocks of text of one page, which its ``parts`` make up.

    Raises:
        DocumentError: ``too_large``.
    """
    found = _bounded(chain.from_iterable(_read_part(archive.readable_events(name), units) for name in parts))
    lines = _join_lines(found)
    block: list[str] = []
    for (text, top, size), following in pairwise([*lines, ("", float("inf"), _DEFAULT_SIZE)]):
        block.append(text)
        if following[1] - top > _SAME_BLOCK * size:
            yield "\n".join(block)
            block = []


def _read_part(events: Iterable[Event], units: Mapping[str, list[Part]]) -> Iterator[Part]:
    box, size, matrix = [0.0, 0.0], _DEFAULT_SIZE, _PLAIN
    shift = [0.0, 0.0]
    code: Event | None = None
    text: list[str] = []
    for event in events:
        given = event.attributes
        if event.kind == "text":
            if code is not None:
                text.append(event.name)
        elif event.kind == "open" and event.name == "Appearance":
            shift = _numbers(given.get("Boundary", ""))[:2] or [0.0, 0.0]
        elif event.kind == "open" and event.name == "TextObject":
            box = [*_numbers(given.get("Boundary", "")), 0.0, 0.0][:2]
            size = (_numbers(given.get("Size", "")) or [_DEFAULT_SIZE])[0]
            matrix = _matrix(given)
        elif event.kind == "open" and event.name == "CompositeObject":
            x, y = [*_numbers(given.get("Boundary", "")), 0.0, 0.0][:2]
            unit = units.get(given.get("ResourceID", ""), ())
            yield from (_move(part, _matrix(given), x + shift[0], y + shift[1]) for part in unit)
        elif event.name == "TextCode":
            if event.kind == "close" and code is not None and "".join(text).strip():
                yield _place("".join(text), code, [box[0] + shift[0], box[1] + shift[1]], size, matrix)
            code, text = (event if event.kind == "open" else None), []


def _matrix(given: Mapping[str, str]) -> list[float]:
    found = _numbers(given.get("CTM", ""))
    return found if len(found) == 6 else _PLAIN


def _move(part: Part, matrix: list[float], x: float, y: float) -> Part:
    """A stretch of text of a drawing where the page places that."""
    left = matrix[0] * part.left + matrix[2] * part.top + matrix[4] + x
    top = matrix[1] * part.left + matrix[3] * part.top + matrix[5] + y
    width = (part.right - part.left) * (abs(matrix[0]) or 1.0)
    return Part(part.text, left, top, left + width, max(0.1, part.size * (abs(matrix[3]) or 1.0)))


def _place(text: str, code: Event, box: list[float], size: float, matrix: list[float]) -> Part:
    """A stretch of text where it stands: its start in its box, turned and moved as the matrix says."""
    x, y = ((_numbers(code.attributes.get(name, "")) or [0.0])[0] for name in ("X", "Y"))
    wide = sum(1.0 if east_asian_width(character) in "WF" else 0.5 for character in text)
    steps = _numbers(code.attributes.get("DeltaX", ""))
    # Steps may be written as "g 9 2.5": nine of 2.5; then their sum is guessed as well.
    width = sum(steps) + size if len(steps) == len(text) - 1 and steps else wide * size
    left = matrix[0] * x + matrix[2] * y + matrix[4] + box[0]
    top = matrix[1] * x + matrix[3] * y + matrix[5] + box[1]
    scale = abs(matrix[0]) or 1.0
    return Part(text.strip(), left, top, left + width * scale, max(0.1, size * (abs(matrix[3]) or 1.0)))


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split()[:10_000]]
    except ValueError:
        return []


def _join_lines(parts: list[Part]) -> list[tuple[str, float, float]]:
    """The lines from top to bottom, each with its height on the page and the size of its text."""
    lines: list[list[Part]] = []
    for part in sorted(parts, key=lambda each: each.top):
        if lines and abs(part.top - lines[-1][0].top) <= _SAME_LINE * min(part.size, lines[-1][0].size):
            lines[-1].append(part)
        else:
            lines.append([part])
    return [(_join(line), line[0].top, max(part.size for part in line)) for line in lines]


def _join(line: list[Part]) -> str:
    line.sort(key=lambda each: each.left)
    text = line[0].text
    for before, part in pairwise(line):
        gap = (part.left - before.right) / part.size
        text += (_COLUMN_JOINT if gap > _COLUMN else _WORD_JOINT if gap > _SPACE else "") + part.text
    return text

"""The order in which a reader meets the boxes on a slide.

Files hold them in the order they were drawn, which is most often that of reading. It is kept but where it contradicts
what is seen: a box above another, or left of one on its line, comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Each box is compared with each other one.
_MOST_BOXES = 200
# Borders of boxes overlap by so much of the smaller one though their texts do not.
_SLACK = 0.25
# Boxes share a line, or a column, from this part of the smaller one on.
_SAME_LINE, _SAME_COLUMN = 0.5, 0.1
_MOST_DIGITS = 12


class Box(NamedTuple):
    """Where something stands; lengths in any unit, from the upper left corner."""

    left: int
    top: int
    right: int
    bottom: int


def read_pair(attributes: Mapping[str, str], *names: str) -> tuple[int, int] | None:
    """Two whole numbers among the attributes; ``None`` where they are not there."""
    first, second = (attributes.get(name, "") for name in names)
    is_given = all(text.removeprefix("-").isdecimal() and len(text) <= _MOST_DIGITS for text in (first, second))
    return (int(first), int(second)) if is_given else None


def arrange(boxes: Sequence[Box | None]) -> list[int]:
    """The places of ``boxes`` in reading order; one of which nothing is known stays where it is among the others."""
    placed = [place for place, box in enumerate(boxes) if box is not None]
    if not 1 < len(placed) <= _MOST_BOXES:
        return [*range(len(boxes))]
    order = iter(_sort({place: box for place in placed if (box := boxes[place]) is not None}))
    return [place if box is None else next(order) for place, box in enumerate(boxes)]


def _sort(boxes: Mapping[int, Box]) -> list[int]:
    """The places in their order, each after those that must come before it."""
    before = {
        place: {other for other in boxes if other != place and _precedes(boxes[other], box)}
        for place, box in boxes.items()
    }
    order: list[int] = []
    while before:
        # Boxes that go round in a circle have no first one.
        place = next((place for place, others in before.items() if not others), next(iter(before)))
        del before[place]
        for others in before.values():
            others.discard(place)
        order.append(place)
    return order


def _precedes(box: Box, other: Box) -> bool:
    """Whether ``box`` is above ``other`` in the same column, or left of it on the same line."""
    shared_width = min(box.right, other.right) - max(box.left, other.left)
    shared_height = min(box.bottom, other.bottom) - max(box.top, other.top)
    width = min(box.right - box.left, other.right - other.left)
    height = min(box.bottom - box.top, other.bottom - other.top)
    if width <= 0 or height <= 0:
        return False
    if shared_width >= _SAME_COLUMN * width and shared_height <= _SLACK * height:
        return box.top < other.top
    return shared_height >= _SAME_LINE * height and shared_width <= _SLACK * width and box.left < other.left

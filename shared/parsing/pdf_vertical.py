"""Pages of a PDF written from top to bottom: lines from right to left, in tiers one below the other."""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from shared.parsing.pdf_layout import Row, Segment, split_segments
from shared.parsing.prose import join_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from shared.parsing.pdf_words import Word

_WIDE: Final = re.compile("[\u3001-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff00-\uffef]")
# Characters of a word that may be one place of a vertical line: one and its punctuation, or a number of two digits.
_LONGEST_STEP: Final = 3
_FEWEST_STEPS: Final = 3
# In sizes of the font: how far two characters of a line may be shifted, overlap or be apart.
_SHIFTED: Final = 0.35
_OVERLAP: Final = 0.8
_APART: Final = 0.5
# White space between two tiers, in sizes of the font.
_TIER_GAP: Final = 0.25
# A line higher than this, in heights of the usual line, stands beside several tiers.
_TALL: Final = 1.6
_DEEPEST: Final = 6
_MOST_COMPARED: Final = 8


def stack_words(words: list[Word]) -> list[Word]:
    """``words`` with the characters of vertical lines as one word each, where a page is written so.

    Many producers draw each character of a vertical line as if it were a line of its own, and in any order.
    """
    steps = [word for word in words if len(word.text) <= _LONGEST_STEP and _WIDE.search(word.text)]
    if 2 * len(steps) <= len(words):
        return words
    below, beside = _find_next(steps, _turn_down), _find_next(steps, _turn_right)
    # Of text from left to right, that is set apart, the next character of the line is the nearer one too.
    down = [place for place, (_, gap) in below.items() if gap < beside.get(place, (0, _APART))[1]]
    if 2 * len(down) <= len(words):
        return words
    runs = [run for run in _find_runs(steps, below) if len(run) >= _FEWEST_STEPS]
    taken = {id(word) for run in runs for word in run}
    return [*map(_merge, runs), *(word for word in words if id(word) not in taken)]


def is_vertical(words: Sequence[Word]) -> bool:
    """Whether most of ``words`` are Chinese, Japanese or Korean written from top to bottom."""
    vertical = sum(1 for word in words if not word.upright and _WIDE.search(word.text))
    return 2 * vertical > len(words)


def arrange_vertical(words: Sequence[Word]) -> list[Row]:
    """The lines of a page written from top to bottom, tier by tier and from right to left."""
    found = split_segments(words)
    for segment in found:
        parts = groupby(_number_glued(segment.words), key=lambda entry: entry[0])
        segment.composed = join_all(["".join(word.text for _, word in part) for _, part in parts])
    return [Row([segment]) for segment in _order(found, _DEEPEST)]


class _Place(Struct, frozen=True):
    """A character as it lies across the direction of a line and along it.

    Attributes:
        start, end: along the line; it is read towards greater ones.
    """

    side: float
    other_side: float
    start: float
    end: float


def _turn_down(word: Word) -> _Place:
    return _Place(word.left, word.right, -word.top, -word.bottom)


def _turn_right(word: Word) -> _Place:
    return _Place(word.bottom, word.top, word.left, word.right)


def _find_next(words: Sequence[Word], turn: Callable[[Word], _Place]) -> dict[int, tuple[int, float]]:
    """For each word that has one, the next in its line and the gap to it, in sizes of the font."""
    size = max(1.0, median([word.size for word in words]))
    places = [turn(word) for word in words]
    lanes: dict[int, list[tuple[float, int]]] = {}
    for number, place in sorted(enumerate(places), key=lambda entry: entry[1].start):
        lanes.setdefault(round(place.side / size), []).append((place.start, number))
    found: dict[int, tuple[int, float]] = {}
    for number, place in enumerate(places):
        lane = round(place.side / size)
        for near in (lane - 1, lane, lane + 1):
            line = lanes.get(near, [])
            first = bisect_left(line, (max(place.start + 0.1 * size, place.end - _OVERLAP * size), -1))
            for start, other in line[first : first + _MOST_COMPARED]:
                gap = (start - place.end) / size
                if gap >= found.get(number, (0, _APART))[1]:
                    break
                if _is_aligned(place, places[other], size):
                    found[number] = (other, gap)
                    break
    return found


def _is_aligned(one: _Place, other: _Place, size: float) -> bool:
    middle = abs(one.side + one.other_side - other.side - other.other_side) / 2
    return min(abs(one.side - other.side), middle) < _SHIFTED * size


def _find_runs(words: Sequence[Word], below: Mapping[int, tuple[int, float]]) -> Iterator[list[Word]]:
    """The vertical lines: characters that each have the next below them."""
    above = {other for other, _ in below.values()}
    used: set[int] = set()
    for number in range(len(words)):
        if number in above:
            continue
        run: list[Word] = []
        place: int | None = number
        while place is not None and place not in used:
            used.add(place)
            run.append(words[place])
            place = below[place][0] if place in below else None
        yield run


def _merge(run: Sequence[Word]) -> Word:
    return replace(
        run[0],
        text="".join(word.text for word in run),
        left=min(word.left for word in run),
        bottom=min(word.bottom for word in run),
        right=max(word.right for word in run),
        top=max(word.top for word in run),
        size=median([word.size for word in run]),
        upright=False,
        glued=False,
    )


def _number_glued(words: Sequence[Word]) -> Iterator[tuple[int, Word]]:
    """Each word with a number that glued ones share."""
    number = 0
    for word in words:
        number += not word.glued
        yield number, word


def _order(found: Sequence[Segment], depth: int) -> Iterable[Segment]:
    """``found`` in reading order."""
    tiers = _split_tiers(found)
    if len(tiers) > 1:
        return [segment for tier in tiers for segment in _order(tier, depth)]
    lines = sorted(found, key=lambda segment: (-segment.right, -segment.top))
    usual = median([_height(segment) for segment in found]) if found else 0.0
    groups = [(tall, list(group)) for tall, group in groupby(lines, key=lambda line: _height(line) > _TALL * usual)]
    if depth == 0 or len(groups) == 1:
        return lines
    return [segment for tall, group in groups for segment in (group if tall else _order(group, depth - 1))]


def _split_tiers(found: Sequence[Segment]) -> list[list[Segment]]:
    """``found`` cut where white space goes through from left to right, from the top."""
    tiers: list[list[Segment]] = []
    lowest = 0.0
    for segment in sorted(found, key=lambda segment: -segment.top):
        if not tiers or lowest - segment.top > _TIER_GAP * segment.size:
            tiers.append([])
            lowest = segment.bottom
        tiers[-1].append(segment)
        lowest = min(lowest, segment.bottom)
    return tiers


def _height(segment: Segment) -> float:
    return segment.top - segment.bottom

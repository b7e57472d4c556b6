"""The printed lines of a PDF page: words to segments, segments to rows, and columns one after the other."""

from __future__ import annotations

import re
from collections import Counter
from itertools import groupby, pairwise
from operator import attrgetter
from statistics import median
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from shared.parsing.pdf_words import BROKEN, Word
from shared.parsing.prose import columns as width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A gap wider than this, in sizes of the font, may part two columns or two cells; a space of justified text is less.
_GAP: Final = 1.0
# Left edges that differ by less, in points, are those of one column.
_EDGE: Final = 3.0
_MOST_GUTTERS: Final = 6
_MOST_SEGMENTS: Final = 4_000
_FEWEST_LINES: Final = 3
_WIDTH_OF_PROSE: Final = 12
_FILLED: Final = 0.7
_RUNNING: Final = 0.3
_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_WIDE: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")

_LEFT, _RIGHT, _TOP, _BOTTOM, _SIZE = map(attrgetter, ("left", "right", "top", "bottom", "size"))


class Segment(Struct):
    """Words of one printed line without a wide gap between them."""

    words: list[Word]
    left: float
    bottom: float
    right: float
    top: float
    size: float
    number: int
    typed: bool = False
    composed: str = ""

    @property
    def text(self) -> str:
        if not self.composed:
            self.composed = compose(self.words)
        return self.composed

    @property
    def middle(self) -> float:
        return (self.bottom + self.top) / 2

    @property
    def bold(self) -> bool:
        return all(word.bold for word in self.words)


class Row(Struct):
    """Segments beside one another."""

    segments: list[Segment]

    @property
    def text(self) -> str:
        if len(self.segments) == 1:
            return self.segments[0].text
        return " ".join(segment.text for segment in self.segments)

    @property
    def left(self) -> float:
        return min(map(_LEFT, self.segments))

    @property
    def right(self) -> float:
        return max(map(_RIGHT, self.segments))

    @property
    def top(self) -> float:
        return max(map(_TOP, self.segments))

    @property
    def bottom(self) -> float:
        return min(map(_BOTTOM, self.segments))

    @property
    def middle(self) -> float:
        return self.segments[0].middle

    @property
    def size(self) -> float:
        return max(map(_SIZE, self.segments))

    @property
    def bold(self) -> bool:
        return all(segment.bold for segment in self.segments)


def compose(words: Iterable[Word]) -> str:
    """``words`` as text."""
    return "".join([word.text if word.glued else f" {word.text}" for word in words]).lstrip()


def is_plain(words: Sequence[Word]) -> bool:
    """Whether nearly all of ``words`` run from left to right, which is what `arrange` understands."""
    odd = sum(1 for word in words if not word.upright or _RIGHT_TO_LEFT.search(word.text))
    return 20 * odd <= len(words)


def arrange(words: Sequence[Word]) -> list[Row]:
    """The rows of a page in reading order."""
    return rows(_by_columns(segments(words)))


def segments(words: Sequence[Word]) -> list[Segment]:
    """``words`` cut at line ends and at wide gaps."""
    found: list[Segment] = []
    for word in words:
        last = found[-1] if found else None
        if last is not None and word.line == last.number and _goes_on(last, word):
            _extend(last, word)
        else:
            found.append(Segment([word], word.left, word.bottom, word.right, word.top, word.size, word.line))
    return found


def _extend(segment: Segment, word: Word) -> None:
    segment.words.append(word)
    if word.left < segment.left:
        segment.left = word.left
    if word.right > segment.right:
        segment.right = word.right
    if word.bottom < segment.bottom:
        segment.bottom = word.bottom
    if word.top > segment.top:
        segment.top = word.top
    if word.size > segment.size:
        segment.size = word.size


def _goes_on(segment: Segment, word: Word) -> bool:
    gap = word.left - segment.words[-1].right
    return word.glued or -word.size < gap < _GAP * max(word.size, segment.size)


def rows(found: Iterable[Segment]) -> list[Row]:
    """Segments that follow one another on one line as rows."""
    result: list[Row] = []
    for segment in found:
        if result and _is_beside(result[-1].segments[-1], segment):
            result[-1].segments.append(segment)
        else:
            result.append(Row([segment]))
    return result


def _is_beside(first: Segment, second: Segment) -> bool:
    same = abs(first.middle - second.middle) < 0.4 * min(first.size, second.size)
    return same and second.left > first.right - 0.3 * first.size


def _by_columns(found: list[Segment]) -> list[Segment]:
    """``found`` with the lines of columns that are drawn row by row put column by column."""
    if not 2 * _FEWEST_LINES <= len(found) <= _MOST_SEGMENTS:
        return found
    gutters = ((_split(found, gutter), gutter) for gutter in _gutters(found))
    best = max(gutters, key=lambda entry: entry[0][0], default=((0, []), 0.0))
    if not best[0][0]:
        return found
    return [segment for part in best[0][1] for segment in (_by_columns(part) if len(part) < len(found) else part)]


def _gutters(found: list[Segment]) -> list[float]:
    """Places where a column may begin."""
    start = min(segment.left for segment in found)
    width = max(segment.right for segment in found) - start
    edges = Counter(round(segment.left / _EDGE) for segment in found if segment.left > start + 0.15 * width)
    return [edge * _EDGE for edge, count in edges.most_common(_MOST_GUTTERS) if count >= 2]


def _split(found: list[Segment], gutter: float) -> tuple[int, list[list[Segment]]]:
    """How many segments the ``gutter`` puts in order, and all segments in parts that are read one after the other."""
    parts: list[list[Segment]] = []
    gained = 0
    ordered = sorted(enumerate(found), key=lambda entry: (-round(entry[1].middle / 2), entry[1].left))
    crossing = [segment.left < gutter - 2 * _EDGE and segment.right > gutter - 1 for _, segment in ordered]
    for crosses, entries in groupby(zip(crossing, ordered, strict=True), key=lambda entry: entry[0]):
        band = [entry for _, entry in entries]
        left = [entry for entry in band if entry[1].left < gutter - 2 * _EDGE]
        right = [entry for entry in band if entry[1].left >= gutter - 2 * _EDGE]
        if crosses or not _are_columns(band, left, right, gutter):
            parts.append([segment for _, segment in sorted(band, key=lambda entry: entry[0])])
        else:
            parts += [[segment for _, segment in left], [segment for _, segment in right]]
            gained += len(band)
    return gained, parts


_Numbered = tuple[int, Segment]


def _are_columns(
    band: Sequence[_Numbered], left: Sequence[_Numbered], right: Sequence[_Numbered], gutter: float
) -> bool:
    """Whether both sides of ``gutter`` are running text that was drawn row by row."""
    if min(len(left), len(right)) < _FEWEST_LINES:
        return False
    sides = [entry[1].left >= gutter - 2 * _EDGE for entry in sorted(band, key=lambda entry: entry[0])]
    switches = sum(1 for one, other in pairwise(sides) if one != other)
    if switches < min(len(left), len(right)):
        return False
    return _is_prose([segment for _, segment in left]) and _is_prose([segment for _, segment in right])


def _is_prose(found: Sequence[Segment]) -> bool:
    edge = Counter(round(segment.left / _EDGE) for segment in found).most_common(1)[0][0] * _EDGE
    lines = [segment for segment in found if abs(segment.left - edge) <= 2 * _EDGE]
    if len(lines) < _FEWEST_LINES:
        return False
    texts = [segment.text for segment in lines]
    if median(width_of(text) for text in texts) < _WIDTH_OF_PROSE:
        return False
    widths = sorted(segment.right - segment.left for segment in lines)
    full = widths[len(widths) * 9 // 10]
    if median(widths) < _FILLED * full:
        return False
    return share_running(texts) >= _RUNNING


def share_running(texts: Sequence[str]) -> float:
    """Share of the lines that go on in the next: it begins with a small letter, or both are Chinese sentences."""
    pairs = list(pairwise(texts))
    if not pairs:
        return 0.0
    return sum(map(runs_on, (first for first, _ in pairs), (second for _, second in pairs))) / len(pairs)


def runs_on(first: str, second: str) -> bool:
    """Whether the words say that the line ``second`` continues ``first``."""
    if first[-1:] in BROKEN + "-,，、；":
        return True
    if second[:1].islower():
        return first[-1:] not in ".!?。！？:："
    wide = _WIDE.search(first[-1:]) and _WIDE.match(second)
    return bool(wide) and any(mark in first or mark in second[:-1] for mark in "，。；、")

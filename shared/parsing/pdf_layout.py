"""The printed lines of a PDF page: words to segments, segments to rows, and columns one after the other."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from shared.parsing.pdf_words import BROKEN, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A gap wider than this, in sizes of the font, may part two columns or two cells; a space of justified text is less.
_GAP: Final = 1.0
_TELLING: Final = 4
_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_WIDE: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")


class Segment(Struct):
    """Words of one printed line without a wide gap between them."""

    words: list[Word]
    left: float
    bottom: float
    right: float
    top: float
    size: float
    number: int
    upright: bool = True
    typed: bool = False
    composed: str = ""

    @property
    def text(self) -> str:
        """The words with the spaces between them."""
        if not self.composed:
            self.composed = compose(self.words)
        return self.composed

    @property
    def middle(self) -> float:
        """Height of its middle on the page."""
        return (self.bottom + self.top) / 2

    @property
    def bold(self) -> bool:
        """Whether all its words are bold."""
        return all(word.bold for word in self.words)


class Row(Struct):
    """Segments beside one another.

    Attributes:
        grid: cells of a ruled table, of which the only segment is the frame.
    """

    segments: list[Segment]
    grid: list[list[str]] | None = None

    @property
    def text(self) -> str:
        """The words with the spaces between them."""
        if len(self.segments) == 1:
            return self.segments[0].text
        return " ".join(segment.text for segment in self.segments)

    @property
    def left(self) -> float:
        """Its left edge."""
        return min([segment.left for segment in self.segments])

    @property
    def right(self) -> float:
        """Its right edge."""
        return max([segment.right for segment in self.segments])

    @property
    def top(self) -> float:
        """Its upper edge."""
        return max([segment.top for segment in self.segments])

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return min([segment.bottom for segment in self.segments])

    @property
    def middle(self) -> float:
        """Height of its middle on the page."""
        return self.segments[0].middle

    @property
    def size(self) -> float:
        """The largest size of its font."""
        return max([segment.size for segment in self.segments])

    @property
    def bold(self) -> bool:
        """Whether all its words are bold."""
        return all(segment.bold for segment in self.segments)


def compose(words: Iterable[Word]) -> str:
    """``words`` as text."""
    return "".join([word.text if word.glued else f" {word.text}" for word in words]).lstrip()


def is_plain(words: Sequence[Word]) -> bool:
    """Whether nearly all of ``words`` run from left to right, which is what `arrange` understands."""
    odd = sum(1 for word in words if not word.upright or _RIGHT_TO_LEFT.search(word.text))
    return 20 * odd <= len(words)


def split_segments(words: Sequence[Word]) -> list[Segment]:
    """``words`` cut at line ends and at wide gaps."""
    found: list[Segment] = []
    for word in words:
        last = found[-1] if found else None
        if last is not None and word.line == last.number and _goes_on(last, word):
            _extend(last, word)
        else:
            found.append(
                Segment([word], word.left, word.bottom, word.right, word.top, word.size, word.line, word.upright)
            )
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
    if not (segment.upright and word.upright):
        # A word of one letter does not tell its direction.
        return not segment.upright and (not word.upright or len(word.text) < _TELLING)
    gap = word.left - segment.words[-1].right
    return word.glued or -word.size < gap < _GAP * max(word.size, segment.size)


def find_rows(found: Iterable[Segment]) -> list[Row]:
    """Segments that follow one another on one line as rows."""
    result: list[Row] = []
    for segment in found:
        if result and _is_beside(result[-1].segments[-1], segment):
            result[-1].segments.append(segment)
        else:
            result.append(Row([segment]))
    return result


def _is_beside(first: Segment, second: Segment) -> bool:
    if not (first.text and second.text):
        return False  # the frame of a table
    same = abs(first.middle - second.middle) < 0.4 * min(first.size, second.size)
    return same and first.upright and second.upright and second.left > first.right - 0.3 * first.size


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

"""The part of a hit's text that answers best: the stretch which holds most of the query, with what stands around it.

Words count by their rarity, each once, and less where the text has them in many places. Where a number or a date is
asked for, a stretch that has one counts more. Rows of a table that fit are shown whole, with the labels of their cells.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.language.analysis import analyze, is_dense
from shared.language.graphemes import is_inside_character

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Characters of a snippet; text without spaces says as much in half of them.
_CHARACTERS, _DENSE_CHARACTERS = 300, 160
# Sentences and lines; the point of a number or an abbreviation such as U.S. ends none.
_SENTENCE_START = re.compile(r"(?<=[.!?;] )(?=\S)|(?<=[。！？；\n])(?=\S)")
_NUMBER = re.compile(r"[0-9０-９一二三四五六七八九十百千万亿]+")
_ASKS_NUMBER = re.compile(
    r"how (?:many|much|long|old|far|often|big|large|high|tall|fast|deep|wide)|when\b"
    r"|what (?:year|day|date|percent|number|price|age|time)|which (?:year|day|date|century)"
    r"|多[少大长久高远]|几[个年月日号次位名人点时岁]|何时|什么时候|哪一?[年天月日]|日期|时间",
    re.IGNORECASE,
)
# Share of the rarest word's weight that a number is worth where one is asked for.
_NUMBER_SHARE = 0.6
# Weight of a highlighted word that is no token of the query, beside those that are.
_UNKNOWN_WEIGHT = 0.1
# Share of the room around what matches that comes before it, and how much of that room a sentence may ask for.
_SHARE_BEFORE, _SNAP = 0.1, 0.45
# A word at the border of a snippet that is not cut, and marks of a text that are looked at.
_WORD_CHARACTERS, _MOST_MARKS = 20, 200
# Characters that tell the script of a text: its beginning may be a title in another one.
_SCRIPT_CHARACTERS = 400


class Snippet(Struct, frozen=True):
    """A part of a chunk's text.

    Attributes:
        start: offset of its first character in the chunk's text.
        end: exclusive end offset.
    """

    text: str
    start: int
    end: int


class _Mark(Struct, frozen=True):
    """A highlighted stretch, with the weights of the words in it."""

    start: int
    end: int
    words: Mapping[str, float]


class Snipper:
    """Chooses snippets for one query.

    Args:
        weights: rarity of the query's tokens, as far as it is known.
    """

    def __init__(self, query: str, weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._known: dict[str, dict[str, float]] = {}
        self._asks_number = _ASKS_NUMBER.search(query) is not None
        self._given_numbers = frozenset(_NUMBER.findall(query))

    def cut(self, text: str, highlights: Sequence[tuple[int, int]], *, has_rows: bool = False) -> Snippet:
        """Choose the part of ``text`` to show.

        Args:
            highlights: the stretches that match the query, in order.
            has_rows: whether lines are rows of a table, each with the labels of its cells, and stay whole.
        """
        limit = _DENSE_CHARACTERS if is_dense(text, _SCRIPT_CHARACTERS) else _CHARACTERS
        if len(text) <= limit:
            return Snippet(text, 0, len(text))
        marks = _lower_common([self._weigh(text, *stretch) for stretch in highlights[:_MOST_MARKS]])
        numbers = self._find_numbers(text) if self._asks_number else []
        stretch = _choose(_select_row(text, marks) if has_rows else marks, numbers, limit)
        lines = _keep_lines(text, *stretch, limit) if has_rows else None
        start, end = lines or _widen(text, *stretch, limit)
        return Snippet(text[start:end], start, end)

    def _weigh(self, text: str, start: int, end: int) -> _Mark:
        stretch = text[start:end].lower()
        if stretch not in self._known:
            known = {token: weight for token in analyze(stretch) if (weight := self._weights.get(token))}
            self._known[stretch] = known or {stretch: _UNKNOWN_WEIGHT if self._weights else 1.0}
        return _Mark(start, end, self._known[stretch])

    def _find_numbers(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in _NUMBER.finditer(text) if match.group() not in self._given_numbers]


def _choose(marks: Sequence[_Mark], numbers: Sequence[tuple[int, int]], limit: int) -> tuple[int, int]:
    """The smallest stretch of at most ``limit`` characters that is worth most; an empty one without marks."""
    bonus = _NUMBER_SHARE * max((max(mark.words.values()) for mark in marks), default=0.0) if numbers else 0.0
    best, chosen = 0.0, (0, 0)
    held: Counter[str] = Counter()
    worth, last = 0.0, 0
    for first, mark in enumerate(marks):
        while last < len(marks) and marks[last].end - mark.start <= limit:
            worth += sum(weight for word, weight in marks[last].words.items() if not held[word])
            held.update(marks[last].words.keys())
            last += 1
        if last > first:
            if worth + bonus > best:
                stretch = _shrink(marks[first:last])
                with_number = _reach_number(numbers, *stretch, limit)
                total = worth + (bonus if with_number else 0.0)
                if total > best:
                    best, chosen = total, with_number or stretch
            held.subtract(mark.words.keys())
            worth -= sum(weight for word, weight in mark.words.items() if not held[word])
        last = max(last, first + 1)
    return chosen


def _select_row(text: str, marks: Sequence[_Mark]) -> list[_Mark]:
    """The marks of the line that holds most of the query."""
    rows: dict[int, list[_Mark]] = {}
    for mark in marks:
        rows.setdefault(text.rfind("\n", 0, mark.start), []).append(mark)
    return max(rows.values(), key=_sum_words, default=[])


def _sum_words(marks: Sequence[_Mark]) -> float:
    words: dict[str, float] = {}
    for mark in marks:
        words.update(mark.words)
    return sum(words.values())


def _shrink(marks: Sequence[_Mark]) -> tuple[int, int]:
    """From the first mark to the one that completes the words of all."""
    found: set[str] = set()
    end = marks[0].end
    for mark in marks:
        if not found.issuperset(mark.words):
            found.update(mark.words)
            end = mark.end
    return marks[0].start, end


def _lower_common(marks: Sequence[_Mark]) -> list[_Mark]:
    """Words that stand in many places of the text, such as its subject, do not tell where the answer is."""
    counts = Counter(word for mark in marks for word in mark.words)
    return [
        _Mark(mark.start, mark.end, {word: weight / counts[word] for word, weight in mark.words.items()})
        for mark in marks
    ]


def _reach_number(numbers: Sequence[tuple[int, int]], start: int, end: int, limit: int) -> tuple[int, int] | None:
    """The stretch widened to the nearest number, if there is one and that fits."""
    place = bisect_left(numbers, (start, 0))
    near = [(min(start, first), max(end, last)) for first, last in numbers[max(0, place - 1) : place + 1]]
    return min((each for each in near if each[1] - each[0] <= limit), key=lambda each: each[1] - each[0], default=None)


def _widen(text: str, start: int, end: int, limit: int) -> tuple[int, int]:
    """The stretch with as much around it as fits, from the beginning of a sentence on where one is near."""
    spare = limit - (end - start)
    earliest, wanted = max(0, start - spare), max(0, start - int(spare * _SHARE_BEFORE))
    borders = [0, *(match.start() for match in _SENTENCE_START.finditer(text, earliest, start + 1))]
    first = min(
        (border for border in borders if earliest <= border <= start), key=lambda at: abs(at - wanted), default=wanted
    )
    if abs(first - wanted) > spare * _SNAP:
        first = wanted
    first = max(0, min(first, len(text) - limit))
    last = min(len(text), first + limit)
    return _skip_part_of_word(text, first, start), _drop_part_of_word(text, last, end)


def _skip_part_of_word(text: str, first: int, start: int) -> int:
    """``first``, or the end of the word that it would cut, if that comes before ``start``."""
    at = first
    while at < start and at - first < _WORD_CHARACTERS and _is_inside_word(text, at):
        at += 1
    return first if _is_inside_word(text, at) else at


def _drop_part_of_word(text: str, last: int, end: int) -> int:
    at = last
    while at > end and last - at < _WORD_CHARACTERS and _is_inside_word(text, at):
        at -= 1
    return last if _is_inside_word(text, at) else at


def _is_inside_word(text: str, place: int) -> bool:
    around = text[max(0, place - 1) : place + 1]
    is_word = len(around) == 2 and place > 0 and around.isalnum() and not is_dense(around)
    return is_word or is_inside_character(text, place)


def _keep_lines(text: str, start: int, end: int, limit: int) -> tuple[int, int] | None:
    """Whole lines around the stretch, as many as fit; ``None`` where not even its own do."""
    first = text.rfind("\n", 0, start) + 1
    last = _end_of_line(text, end)
    if last - first > limit:
        return None
    while last < len(text) and (further := _end_of_line(text, last + 1)) - first <= limit:
        last = further
    return first, last


def _end_of_line(text: str, place: int) -> int:
    found = text.find("\n", place)
    return len(text) if found < 0 else found

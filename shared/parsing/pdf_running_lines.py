"""Running headers and footers of a PDF: lines at the same place of neighbouring pages."""

from __future__ import annotations

import re
from statistics import median
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from shared.parsing.pdf_layout import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.parsing.pdf_layout import Segment

# Pages before and after one that are compared with it; left and right pages may differ.
REACH: Final = 2
_DEEPEST: Final = 4
_SAME_PLACE: Final = 4.0
# In sizes of the font, from a header or footer to the text.
_APART: Final = 1.8
# A page that repeats more of what stands between header and footer is a form that was filled in again.
_FORM: Final = 0.3
# Words with a number that counts the pages are the title of a page ("Lesson 2") unless they stand at its very edge.
_MARGIN: Final = 0.1
_LARGER: Final = 1.1
_MOST_KEYS: Final = 2_000
# Segments at one height that differ in numbers only; more are cells of a table.
_MOST_ALIKE: Final = 40
_DIGITS: Final = re.compile("[0-9]+")
# Stands for the digits of a number: no line has it.
_NUMBER: Final = "\n"
_NUMBER_ONLY: Final = re.compile(
    r"\A\W*(?:(?:page|seite|p\.|s\.|pág(?:ina|\.)|pagina|strona|sida|side|стр(?:аница|\.)|第|ページ)\s*)?[0-9]+\s*"
    r"(?:(?:/|of|von|de|di|sur|из|z|av|页|頁|ページ)?\s*[,，]?\s*(?:[/|]|of|von|de|di|sur|共|总|out of)?\s*[0-9]*)"
    r"\s*(?:页|頁|ページ|쪽)?\W*",
    re.IGNORECASE,
)
_LONGEST_NUMBER: Final = 40


class _Numbered(Struct, frozen=True):
    """A text and the numbers in it, of which no more than the first digits count."""

    text: str
    numbers: tuple[int, ...]


class Sheet(Struct):
    """The rows of one page.

    Attributes:
        index: texts of segments by their height on the page, in steps of `_SAME_PLACE`, and by their text without
            digits.
        height: of the page, in points; 0 where it is not known.
        size: the usual size of its font.
    """

    number: int
    rows: list[Row]
    index: dict[int, dict[str, list[_Numbered]]]
    height: float = 0.0
    size: float = 0.0


def make_sheet(number: int, rows: list[Row], height: float = 0.0) -> Sheet:
    """The page ``number``, ``height`` points high, with its ``rows``."""
    index: dict[int, dict[str, list[_Numbered]]] = {}
    for row in rows:
        for part in row.segments if row.grid is None else ():
            shapes = index.setdefault(round(part.middle / _SAME_PLACE), {})
            alike = shapes.setdefault(_DIGITS.sub(_NUMBER, part.text), [])
            if len(alike) < _MOST_ALIKE:
                alike.append(_Numbered(part.text, _read_numbers(part.text)))
    return Sheet(number, rows, index, height, median([row.size for row in rows]) if rows else 0.0)


class RunningLines:
    """Removes running headers and footers; each distinct one stays where it is first seen."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def clear(self, page: Sheet, others: Sequence[Sheet]) -> list[Row]:
        """The rows of ``page`` without what it shares with ``others``, pages near it."""
        order = sorted(range(len(page.rows)), key=lambda place: -page.rows[place].middle)
        edges = [self._edge(page, order, others), self._edge(page, order[::-1], others)]
        marked = {place: hits for edge in edges for place, hits in edge.items()}
        if not marked or self._is_form(page, marked, others):
            return page.rows
        kept: list[Row] = []
        for place, row in enumerate(page.rows):
            hits = marked.get(place, {})
            rest = [part for index, part in enumerate(row.segments) if self._stays(hits, index, part.text)]
            if rest:
                kept.append(Row(rest, row.grid))
        return kept

    def _edge(self, page: Sheet, order: Sequence[int], others: Sequence[Sheet]) -> dict[int, dict[int, bool]]:
        """Of rows from the edge inwards, those that repeat: by segment, whether it is a number that counts pages."""
        found: dict[int, dict[int, bool]] = {}
        for place in order[: min(_DEEPEST, max(1, len(order) - 1))]:
            row = page.rows[place]
            if row.grid is not None:
                break
            hits = {
                index: counts
                for index, part in enumerate(row.segments)
                if (counts := _repeats(part.text, part.middle, page, others)) is not None
                and not (counts and _is_title(part, page))
            }
            if not hits:
                break
            found[place] = hits
        return found if self._is_apart(page, order, len(found)) else {}

    def _is_apart(self, page: Sheet, order: Sequence[int], count: int) -> bool:
        """Whether white space parts the first ``count`` rows of ``order`` from the next."""
        if not 0 < count < len(order):
            return False
        last, following = page.rows[order[count - 1]], page.rows[order[count]]
        return abs(last.middle - following.middle) >= _APART * max(last.size, following.size)

    def _is_form(self, page: Sheet, marked: dict[int, dict[int, bool]], others: Sequence[Sheet]) -> bool:
        inner = [part for place, row in enumerate(page.rows) if place not in marked for part in row.segments]
        # Text that only counts with the pages is no label of a form.
        same = sum(1 for part in inner if _repeats(part.text, part.middle, page, others) is False)
        return same >= 2 and same > _FORM * len(inner)

    def _stays(self, hits: dict[int, bool], index: int, text: str) -> bool:
        if index not in hits:
            return True
        if hits[index] and len(text) <= _LONGEST_NUMBER and _NUMBER_ONLY.fullmatch(text):
            return False
        key = _DIGITS.sub(_NUMBER, text)
        if key in self._seen:
            return False
        if len(self._seen) < _MOST_KEYS:
            self._seen.add(key)
        return True


def _is_title(part: Segment, page: Sheet) -> bool:
    """Whether text that counts with the pages is more than their number, and stands where or as a title does."""
    if _NUMBER_ONLY.fullmatch(part.text):
        return False
    is_inner = _MARGIN * page.height < part.middle < (1 - _MARGIN) * page.height
    return is_inner or part.size > _LARGER * page.size


def _repeats(text: str, middle: float, page: Sheet, others: Sequence[Sheet]) -> bool | None:
    """Whether numbers in ``text`` count pages; None where no other page has the like at its place."""
    shape, numbers = _DIGITS.sub(_NUMBER, text), _read_numbers(text)
    place = round(middle / _SAME_PLACE)
    for other in others:
        distance = other.number - page.number
        for near in (place, place - 1, place + 1):
            for candidate in other.index.get(near, {}).get(shape, ()):
                if candidate.text == text:
                    return False
                if _counts(numbers, candidate.numbers, distance):
                    return True
    return None


def _counts(numbers: Sequence[int], others: Sequence[int], pages: int) -> bool:
    """Whether every number that differs differs by the distance of the pages, and one does."""
    counted = False
    # A page of figures has many candidates, and most differ in the first number.
    for one, two in zip(numbers, others, strict=True):
        if two - one == pages:
            counted = True
        elif one != two:
            return False
    return counted


def _read_numbers(text: str) -> tuple[int, ...]:
    return tuple([int(digits[:9]) for digits in _DIGITS.findall(text)])

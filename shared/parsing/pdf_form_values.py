"""Puts what was typed into a PDF page next to its labels."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from shared.parsing.pdf_layout import Row, Segment, compose, split_segments
from shared.parsing.pdf_words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.parsing.pdf_forms import Entry

# Points by which a value may stand outside its label's line.
_SLACK: Final = 3.0
_LABEL_ABOVE: Final = 1.5
_USUAL_SIZE: Final = 10.0
_MIDDLE: Final = attrgetter("middle")


def find_values(before: Sequence[Word], after: Sequence[Word], entries: Sequence[Entry]) -> list[Segment]:
    """What annotations add to a page.

    Args:
        before: words of the page without its annotations.
        after: words of the page with the appearances of its annotations drawn on it.
        entries: the annotations.
    """
    drawn = _added(before, after)
    order = {id(word): place for place, word in enumerate(drawn)}
    by_height = sorted(drawn, key=_MIDDLE)
    heights = [word.middle for word in by_height]
    used: set[int] = set()
    found: list[Segment] = []
    for entry in entries:
        if entry.is_note:
            continue
        if not entry.text:
            continue
        start = bisect_left(heights, entry.bottom - _SLACK)
        end = bisect_right(heights, entry.top + _SLACK)
        within = {id(word) for word in by_height[start:end] if _is_inside(word, entry)}
        inside = [word for word in by_height[start:end] if id(word) in within - used]
        inside.sort(key=lambda word: order[id(word)])
        used |= within
        shown = " ".join(map(compose, (part.words for part in split_segments(inside))))
        found.append(_segment(entry, _best(entry, shown)))
    found += (
        replace(segment, typed=True) for segment in split_segments([word for word in drawn if id(word) not in used])
    )
    return sorted(found, key=lambda segment: (-segment.top, segment.left))


def _best(entry: Entry, shown: str) -> str:
    """The value, unless its appearance shows it in another form (a date, an amount)."""
    value = " ".join(entry.text.split())
    if entry.is_choice or not shown or _squeeze(shown) in _squeeze(value):
        return value
    return shown


def _squeeze(text: str) -> str:
    return "".join(text.split())


def _added(before: Sequence[Word], after: Sequence[Word]) -> list[Word]:
    known = Counter((word.text, round(word.left), round(word.bottom)) for word in before)
    added = []
    for word in after:
        key = (word.text, round(word.left), round(word.bottom))
        if known[key] > 0:
            known[key] -= 1
        else:
            added.append(word)
    return added


def _is_inside(word: Word, entry: Entry) -> bool:
    middle = (word.left + word.right) / 2
    return (
        entry.left - _SLACK <= middle <= entry.right + _SLACK
        and entry.bottom - _SLACK <= word.middle <= entry.top + _SLACK
    )


def _segment(entry: Entry, text: str) -> Segment:
    size = min(entry.top - entry.bottom, _USUAL_SIZE) or 1.0
    box = (entry.left, entry.bottom, entry.right, entry.top)
    return Segment([Word(text, *box, size, -1)], *box, size, -1, typed=True)


def place_values(rows: list[Row], found: Sequence[Segment]) -> list[Row]:
    """``rows`` with the segments ``found``, each on its label's line, else after the label above it."""
    placed = list(rows)
    labels = list(rows)
    for segment in found:
        if row := _beside(labels, segment):
            index = sum(1 for other in row.segments if other.left <= segment.left)
            row.segments.insert(index, segment)
        elif above := _above(labels, segment):
            row, index = above
            row.segments.insert(index + 1, segment)
        else:
            _insert(placed, segment)
    return placed


def _beside(rows: Sequence[Row], segment: Segment) -> Row | None:
    near = [row for row in rows if segment.bottom - _SLACK <= row.middle <= segment.top + _SLACK]
    return min(near, key=lambda row: _distance(row, segment), default=None)


def _distance(row: Row, segment: Segment) -> float:
    """How far the nearest text on the left is; on the right it counts less."""
    gaps = [
        segment.left - other.right if other.left < segment.left else other.left - segment.right + 2 * _USUAL_SIZE
        for other in row.segments
    ]
    # A tall field belongs to the label at its top.
    return min(max(gap, 0.0) for gap in gaps) + abs(segment.top - row.top)


def _above(rows: Sequence[Row], segment: Segment) -> tuple[Row, int] | None:
    for row in rows:
        for index, other in enumerate(row.segments):
            if other.typed or not -_SLACK <= other.bottom - segment.top < _LABEL_ABOVE * other.size:
                continue
            if other.left < segment.right and segment.left < other.right:
                return row, index
    return None


def _insert(rows: list[Row], segment: Segment) -> None:
    for index, row in enumerate(rows):
        if row.segments[0].typed and abs(row.middle - segment.middle) < _SLACK:
            row.segments.append(segment)
            return
        if row.top < segment.middle:
            rows.insert(index, Row([segment]))
            return
    rows.append(Row([segment]))


def find_notes(entries: Sequence[Entry], text: str) -> Iterator[str]:
    """Texts of notes that are not in ``text``, that of the page."""
    seen = _squeeze(text)
    for entry in entries:
        if entry.is_note and (squeezed := _squeeze(entry.text)) and squeezed not in seen:
            seen += "\n" + squeezed
            yield " ".join(entry.text.split())

"""Columns of a PDF page that are drawn row by row, put one after the other."""

from __future__ import annotations

from collections import Counter
from itertools import chain, groupby, pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from shared.parsing.pdf_column_tables import order_columns
from shared.parsing.pdf_layout import Row, Segment, find_rows, share_running, split_segments
from shared.parsing.prose import columns as width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.parsing.pdf_words import Word

# Left edges that differ by less, in points, are those of one column.
_EDGE: Final = 3.0
# A page number stands further from the text than this, in sizes of the font.
_APART: Final = 2.5
# White space between a table and the text above it.
_LOOSE: Final = 1.6
_MOST_GUTTERS: Final = 6
_DEEPEST: Final = 4
_MOST_SEGMENTS: Final = 4_000
_FEWEST_LINES: Final = 3
_WIDTH_OF_PROSE: Final = 12
_FILLED: Final = 0.7
_RUNNING: Final = 0.3


def arrange(words: Sequence[Word]) -> list[Row]:
    """The rows of a page in reading order."""
    return find_rows(order_segments(order_columns(split_segments(words))))


def order_segments(found: list[Segment], depth: int = 0) -> list[Segment]:
    """``found`` with the lines of columns that are drawn row by row put column by column."""
    if depth > _DEEPEST or not 2 * _FEWEST_LINES <= len(found) <= _MOST_SEGMENTS:
        return found
    gutters = ((_split(found, gutter), gutter) for gutter in _gutters(found))
    best = max(gutters, key=lambda entry: entry[0][0], default=((0, []), 0.0))
    if not best[0][0]:
        return found
    return [
        segment
        for part in best[0][1]
        for segment in (order_segments(part, depth + 1) if len(part) < len(found) else part)
    ]


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
    sorted_ = [segment for _, segment in ordered]
    for place in chain(_alone(sorted_), _cells(sorted_)):
        crossing[place] = True
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


def _alone(ordered: Sequence[Segment]) -> Iterator[int]:
    """The first and last of ``ordered``, from top to bottom, where white space parts them from the others."""
    if ordered[0].middle - ordered[1].middle > _APART * ordered[0].size:
        yield 0
    if ordered[-2].middle - ordered[-1].middle > _APART * ordered[-1].size:
        yield len(ordered) - 1


def _cells(ordered: Sequence[Segment]) -> Iterator[int]:
    """Those of ``ordered``, from top to bottom, that white space parts from the others and that are short as cells."""
    start = 0
    for end in range(1, len(ordered) + 1):
        if end < len(ordered) and ordered[end - 1].middle - ordered[end].middle < _LOOSE * ordered[end].size:
            continue
        part = ordered[start:end]
        if len(part) > _FEWEST_LINES and median(width_of(segment.text) for segment in part) < _WIDTH_OF_PROSE:
            yield from range(start, end)
        start = end


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

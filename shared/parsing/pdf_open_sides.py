"""Columns of a ruled PDF table at a side that is not drawn, such as the labels of its rows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from shared.parsing.pdf_rules import NEAR, Grid, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.parsing.pdf_words import Word

# Points that such a column has at least.
_NARROWEST: Final = 15.0
# Share of the rows that have words in it, where only a few rules reach so far.
_FILLED: Final = 0.6


def open_sides(grid: Grid, words: Sequence[Word]) -> Grid:
    """``grid`` with the columns next to it over which rules between its rows go on."""
    left, right = min(rule.start for rule in grid.across), max(rule.end for rule in grid.across)
    sides = [
        Rule(end, grid.ys[0], grid.ys[-1])
        for end, edge in ((left, grid.xs[0]), (right, grid.xs[-1]))
        if abs(end - edge) > _NARROWEST and (_is_ruled(grid, end) or _is_filled(grid, words, *sorted((end, edge))))
    ]
    if not sides:
        return grid
    return replace(grid, xs=sorted([*grid.xs, *(side.at for side in sides)]), down=[*grid.down, *sides])


def _is_ruled(grid: Grid, end: float) -> bool:
    """Whether half of the rules reach ``end``, or the first and the last; the corner above labels is often open too."""
    reaching = {rule.at for rule in grid.across if min(abs(rule.start - end), abs(rule.end - end)) < NEAR}
    return 2 * len(reaching) >= len(grid.ys) or {grid.ys[0], grid.ys[-1]} <= reaching


def _is_filled(grid: Grid, words: Sequence[Word], left: float, right: float) -> bool:
    """Whether most rows have words between ``left`` and ``right``, which go no further."""
    beside = sorted(word.middle for word in words if left - NEAR <= word.left and word.right <= right + NEAR)
    rows = list(zip(grid.ys, grid.ys[1:], strict=False))
    filled = sum(bisect_left(beside, low) < bisect_right(beside, high) for low, high in rows)
    return filled >= _FILLED * len(rows)

"""Ruled tables of a PDF with coloured cells: sides of a surface inside a cell are no borders of rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from shared.parsing.pdf_rules import NEAR, Grid, find_grids

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.parsing.pdf_rules import Rules
    from shared.parsing.pdf_words import Word

# Points: how far the borders of the same table may be apart, with and without its surfaces.
_BESIDE: Final = 15.0
# How much more of its cells has to have words.
_FULLER: Final = 0.1
# Points that a row has at least.
_LOWEST: Final = 6.0


def choose_grids(rules: Rules, words: Sequence[Word]) -> Iterator[Grid]:
    """The grids that may be tables, the better ones first: what one holds is not in the next."""
    drawn = list(find_grids(rules.drawn)) if rules.drawn is not None else []
    for grid in find_grids(rules):
        better = next((other for other in drawn if _is_better(other, grid, words)), None)
        yield grid if better is None else _add_rows(better, grid)
    yield from drawn


def _add_rows(drawn: Grid, grid: Grid) -> Grid:
    """``drawn`` with the borders of surfaces over its whole width, such as that of a header."""
    left, _, right, _ = drawn.box
    added = [
        rule
        for rule in grid.across
        if rule.start <= left + NEAR
        and rule.end >= right - NEAR
        and min(abs(rule.at - other) for other in drawn.ys) > _LOWEST
    ]
    return replace(drawn, ys=sorted({*drawn.ys, *(rule.at for rule in added)}), across=[*drawn.across, *added])


def _is_better(drawn: Grid, grid: Grid, words: Sequence[Word]) -> bool:
    """Whether ``drawn`` is the same table as ``grid`` with fewer empty cells."""
    if any(abs(one - other) > _BESIDE for one, other in zip(drawn.box, grid.box, strict=True)):
        return False
    return _fill(drawn, words) > _fill(grid, words) + _FULLER


def _fill(grid: Grid, words: Sequence[Word]) -> float:
    """Share of the cells of ``grid`` that have words."""
    regions = grid.regions()
    inside = (grid.place(word) for word in words if grid.holds((word.left + word.right) / 2, word.middle))
    filled = {regions[row][column] for row, column in inside}
    return len(filled) / len({number for row in regions for number in row})

"""Grids of a PDF page with coloured cells: which sides of surfaces are borders of rows and columns."""

from __future__ import annotations

from shared.parsing.pdf_rules import Rule, Rules
from shared.parsing.pdf_surfaces import choose_grids
from shared.parsing.pdf_words import Word

_SIDES = [0.0, 60.0, 120.0, 180.0]
_WORDS = [Word(f"{x}{y}", 20.0 + x, 25.0 + y, 40.0 + x, 35.0 + y, 10.0, 0) for x in _SIDES[:3] for y in _SIDES[:3]]


def draw_lines(sides: list[float]) -> list[Rule]:
    return [Rule(side, 0.0, 180.0) for side in sides]


def draw_surfaces(inset: float) -> list[Rule]:
    """The lower and upper, or the left and right, sides of a surface in each cell."""
    sides = [(low + inset, low + 60.0 - inset) for low in _SIDES[:3]]
    return [Rule(at, *along, is_filled=True) for both in sides for at in both for along in sides]


def choose(lines: list[float], surfaces: list[Rule]) -> tuple[list[float], list[float]]:
    drawn = Rules(draw_lines(lines), draw_lines(_SIDES))
    rules = Rules([*drawn.across, *surfaces], [*drawn.down, *draw_surfaces(5.0)], drawn)
    grid = next(choose_grids(rules, _WORDS))
    return grid.xs, grid.ys


def test_sides_of_surfaces_inside_the_cells_are_no_borders() -> None:
    assert choose(_SIDES, draw_surfaces(5.0)) == (_SIDES, _SIDES)


def test_a_surface_over_the_whole_width_is_a_row() -> None:
    header = Rule(120.0, 0.0, 180.0, is_filled=True)
    assert choose([0.0, 60.0, 180.0], [*draw_surfaces(5.0), header]) == (_SIDES, _SIDES)


def test_a_surface_a_little_above_a_line_is_no_row() -> None:
    header = Rule(124.0, 0.0, 180.0, is_filled=True)
    assert choose(_SIDES, [*draw_surfaces(5.0), header]) == (_SIDES, _SIDES)


def test_surfaces_that_fill_a_larger_table_than_the_lines_are_its_cells() -> None:
    lines = [60.0, 120.0, 180.0]
    drawn = Rules(draw_lines(lines), [Rule(side, 60.0, 180.0) for side in _SIDES])
    rules = Rules(draw_lines(_SIDES), draw_lines(_SIDES), drawn)
    assert next(choose_grids(rules, _WORDS)).ys == _SIDES

"""What every benchmark prints: a table for people, and one JSON line for the program that keeps the figures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Figure:
    """One measured value.

    Attributes:
        name: what was measured.
        value: in ``unit``.
        target: the bound in words, such as ``at most 0.5``; empty when there is none.
        held: whether the value is within the bound; true when there is none.
    """

    name: str
    value: float
    unit: str
    target: str
    held: bool


def at_most(name: str, value: float, unit: str, bound: float) -> Figure:
    """A figure that must not exceed ``bound``."""
    return Figure(name, value, unit, f"at most {bound:g}", value <= bound)


def at_least(name: str, value: float, unit: str, bound: float) -> Figure:
    """A figure that must reach ``bound``."""
    return Figure(name, value, unit, f"at least {bound:g}", value >= bound)


def plain(name: str, value: float, unit: str) -> Figure:
    """A figure without a target."""
    return Figure(name, value, unit, "", held=True)


def report(benchmark: str, figures: Sequence[Figure]) -> int:
    """Print the table, then as the last line ``{"benchmark": ..., "figures": [...]}``.

    Returns:
        The exit status: 1 if a target is missed, else 0.
    """
    table = Table(title=f"benchmark: {benchmark}")
    for column in ("measured", "value", "unit", "target", "held"):
        table.add_column(column, justify="right" if column == "value" else "left")
    for figure in figures:
        held = "yes" if figure.held else "NO"
        table.add_row(figure.name, f"{figure.value:,.3f}", figure.unit, figure.target, held)
    Console().print(table)
    print(json.dumps({"benchmark": benchmark, "figures": [asdict(figure) for figure in figures]}), flush=True)
    return 0 if all(figure.held for figure in figures) else 1

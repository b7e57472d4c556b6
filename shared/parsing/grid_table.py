"""Tables drawn with ``+---+`` and ``|``, as Pandoc and reStructuredText write them and databases print them."""

from __future__ import annotations

import re
from itertools import pairwise

_BORDER = re.compile(r"\+(?:[-=:]{2,}\+)+")
_MOST_LINES = 10_000


def read_grid(text: str) -> tuple[list[list[str]], int | None] | None:
    """The rows of a table and how many of them are its header, where that is drawn; ``None`` for other text.

    A cell of several lines is one cell where lines are drawn between rows; else each line is a row.
    """
    lines = [line.strip() for line in text.split("\n")]
    if len(lines) < 3 or len(lines) > _MOST_LINES or not (_BORDER.fullmatch(lines[0]) and _BORDER.fullmatch(lines[-1])):
        return None
    stops = [place for place, mark in enumerate(lines[0]) if mark == "+"]
    groups: list[list[list[str]]] = [[]]
    header = None
    for line in lines[1:]:
        if _BORDER.fullmatch(line):
            header = len(groups) if "=" in line and header is None else header
            groups.append([])
        elif line.startswith("|") and line.endswith("|"):
            groups[-1].append(_cells(line, stops))
        else:
            return None
    return _join_rows([group for group in groups if group], header)


def _join_rows(groups: list[list[list[str]]], header: int | None) -> tuple[list[list[str]], int | None]:
    """The rows of the lines between borders."""
    if header is None and len(groups) == 2 and len(groups[0]) == 1:
        # A line below the first row only, as databases print it.
        return [groups[0][0], *groups[1]], 1
    if len(groups) < 2:
        return (groups[0] if groups else []), None
    return [[" ".join(filter(None, column)) for column in zip(*group, strict=True)] for group in groups], header


def _cells(line: str, stops: list[int]) -> list[str]:
    """The cells between the corners of the drawing; by bars where wide characters shift these."""
    parts = [part.strip() for part in line[1:-1].split("|")]
    if len(parts) == len(stops) - 1:
        return parts
    cut = [line[start + 1 : end].strip(" |") for start, end in pairwise(stops)]
    return cut or parts

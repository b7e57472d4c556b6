"""Tables that stand next to each other on one sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing.header import find_header
from shared.parsing.tableline import count_own_cells, mask_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.parsing.tableline import Header, Line


def part_tables(lines: Sequence[Line]) -> list[tuple[Header, list[Line]]]:
    """The tables that stand next to each other, an empty column between them; empty when there is only one.

    Columns with an empty one among them may be one table: two have a label in common, or not the same rows.
    """
    groups = _group_columns(lines)
    if len(groups) < 2 or any(end - first < 2 for first, end in groups):
        return []
    found: list[tuple[Header, list[Line]]] = []
    for first, end in groups:
        masked = [mask_line(line, first, end) for line in lines]
        header = find_header(masked)
        # A header that a document declares may have labels over some of the columns only.
        if header is None or header.end - header.start > 1 or not any(header.labels):
            return []
        found.append((header, masked))
    labels = [label for header, _ in found for label in header.labels if label]
    rows = [[place for place, line in enumerate(masked) if count_own_cells(line.cells)] for _, masked in found]
    extents = {(places[0], places[-1]) for places in rows}
    return found if len(set(labels)) < len(labels) or len(extents) > 1 else []


def _group_columns(lines: Sequence[Line]) -> list[tuple[int, int]]:
    """Runs of columns that hold something, each (first, one after the last)."""
    used = sorted({place for line in lines for place, cell in enumerate(line.cells) if cell and type(cell) is str})
    groups: list[tuple[int, int]] = []
    for place in used:
        if groups and groups[-1][1] == place:
            groups[-1] = (groups[-1][0], place + 1)
        else:
            groups.append((place, place + 1))
    return groups

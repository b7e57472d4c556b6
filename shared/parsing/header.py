"""Finding the header of a table: which rows a person would read as the labels of the columns.

Merged cells and groups of columns make a header of several rows; `headerscore` decides whether rows are one.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from shared.parsing.figures import is_date, is_day_name, is_figure, is_tick, is_unit, is_year
from shared.parsing.form import find_form_end, has_fields
from shared.parsing.headerscore import ROWS_BELOW, score_header
from shared.parsing.labels import is_label_word
from shared.parsing.tableline import Across, Down, Header, Line, count_own_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

# How far down the header is sought.
_ROWS_SOUGHT = 40
_DEEPEST_HEADER = 4
_DASHES = ("-", "–", "—")
_ENOUGH, _PLAIN = 1.5, 3.0
_LONGEST_LABEL_CHARACTERS = 300
_LONGEST_UNIT_CHARACTERS = 16


def find_header(lines: Sequence[Line], *, is_new: bool = True) -> Header | None:
    """The header of the table that ``lines`` begin with, notes above it included; ``None`` when there is none.

    Args:
        lines: the first lines of the table.
        is_new: false where they may as well continue the table above, so that only a plain header counts.
    """
    widest = max((count_own_cells(line.cells) for line in lines), default=0)
    if widest < 2:
        return _single_column(lines) if is_new else None
    above = form_end = 0
    for start, line in enumerate(lines[:_ROWS_SOUGHT]):
        size = count_own_cells(line.cells)
        form_end = form_end if start < form_end else find_form_end(lines, start)
        if start < form_end or (has_fields(line.cells) and not line.declared):
            continue
        if size >= 2 or line.declared:
            header = header_at(lines, start, _depth(lines, start))
            if any(part.declared for part in lines[start : header.end]) or (
                _covers(header, lines)
                and score_header(header, lines) + _before(above, size) >= (_ENOUGH if is_new else _PLAIN)
            ):
                return header
            above = max(above, size)
    return None


def header_at(lines: Sequence[Line], start: int, depth: int) -> Header:
    """The header of ``depth`` lines from ``start``: what stands above a column makes its label, from the top."""
    rows = [line.cells for line in lines[start : start + depth]]
    if depth > 1 and _is_unmerged_group(lines, start):
        rows[0] = _spread(rows[0], rows[1])
    columns = zip_longest(*rows, fillvalue="")
    labels = [" ".join(dict.fromkeys(filter(None, column))) for column in columns]
    long = tuple(dict.fromkeys(label for label in labels if len(label) > _LONGEST_LABEL_CHARACTERS))
    return Header(start, start + depth, tuple(label[:_LONGEST_LABEL_CHARACTERS] for label in labels), long)


def _single_column(lines: Sequence[Line]) -> Header | None:
    """A list has a header where the file says so, or words stand above three figures or more."""
    cells = [next(filter(None, line.cells), "") for line in lines]
    figures = all(map(is_figure, cells[1:])) and len(cells) > 3 and bool(cells[0]) and not is_figure(cells[0])
    if lines and (lines[0].declared or (figures and is_label_word(cells[0]))):
        return header_at(lines, 0, 1)
    return None


def _before(above: int, size: int) -> float:
    """What rows above say against a header: rows as full as it are data of a table without one."""
    return -9.0 if above > 2 and above >= 0.75 * size else -1.5 if above >= 2 and above >= 0.75 * size else 0.0


def _depth(lines: Sequence[Line], start: int) -> int:
    depth = 1
    while depth < _DEEPEST_HEADER and start + depth + 1 < len(lines):
        above, below = lines[start + depth - 1].cells, lines[start + depth].cells
        # A row that says yes or no is no label; a dash may stand for none.
        if any(is_tick(cell) for cell in below if cell not in _DASHES):
            break
        is_begun = goes_on(above, below) or (depth == 1 and _is_unmerged_group(lines, start))
        if not is_begun and not _specifies(lines, start + depth):
            break
        depth += 1
    return depth


def _specifies(lines: Sequence[Line], place: int) -> bool:
    """Whether a line below labels says only in which unit their values are, or which days of the week they are."""
    above, line, below = (lines[number].cells for number in (place - 1, place, place + 1))
    cells = [cell for cell in line[1:] if cell]
    labels = [cell for cell in above[1 : len(line)] if cell]
    if len(cells) < 2 or len(labels) < len(cells) or any(map(is_unit, labels)):
        return False
    if all(map(is_day_name, cells)):
        return all(map(is_figure, labels))
    return (
        5 * sum(map(is_unit, cells)) >= 3 * len(cells)
        and all(len(cell) <= _LONGEST_UNIT_CHARACTERS and not any(map(str.isdecimal, cell)) for cell in cells)
        and any(map(is_figure, below[1:]))
        and not any(map(is_figure, labels))
    )


def goes_on(above: list[str], below: list[str]) -> bool:
    """Whether merged cells make both lines parts of one header."""
    pairs = list(zip(above, below, strict=False))
    if any(isinstance(under, Down) and under == over for over, under in pairs if over):
        return True
    grouped = [place for place, cell in enumerate(above) if isinstance(cell, Across)]
    places = sorted({*grouped, *(place - 1 for place in grouped)})
    if not places or count_own_cells(above) < 2:
        return False
    if grouped == [place for place, cell in enumerate(below) if isinstance(cell, Across)]:
        return False  # a group has columns of its own below it
    under = [below[place] for place in places if place < len(below)]
    labels = [cell for cell in under if cell and not isinstance(cell, Across)]
    others = [cell for place, cell in enumerate(below) if cell and type(cell) is str and place not in places]
    return len(labels) > 1 and not any(_is_amount(cell) for cell in (*labels, *others))


def _is_amount(cell: str) -> bool:
    return is_figure(cell) and not is_year(cell) and not is_date(cell)


def _is_unmerged_group(lines: Sequence[Line], start: int) -> bool:
    """Whether a line names groups by leaving gaps, and the next one repeats its labels under them."""
    if start + 2 >= len(lines):
        return False
    above, below = lines[start].cells, lines[start + 1].cells
    labels = [cell for cell in below if cell]
    gaps = [cell for place, cell in enumerate(below) if cell and not (above[place : place + 1] or [""])[0]]
    if count_own_cells(above) < 2 or not gaps or any(is_figure(cell) and not is_year(cell) for cell in labels):
        return False
    return len(set(labels)) < len(labels) and len(labels) > count_own_cells(above)


def _spread(groups: list[str], labels: list[str]) -> list[str]:
    """The names of groups over each of their columns, up to the next name."""
    spread: list[str] = []
    for place in range(len(labels)):
        group = groups[place] if place < len(groups) else ""
        before = spread[-1] if spread else ""
        alone = not labels[place - 1] if place else True
        spread.append(group or ("" if alone else before))
    return spread + groups[len(labels) :]


def _covers(header: Header, lines: Sequence[Line]) -> bool:
    """Whether most cells below stand under a label; the first column may have none."""
    rows = [line.cells for line in lines[header.end : header.end + ROWS_BELOW] if count_own_cells(line.cells) >= 2]
    cells = [place for row in rows for place, cell in enumerate(row) if cell]
    under = sum(place < len(header.labels) and (bool(header.labels[place]) or place == 0) for place in cells)
    # One row below may just as well be of a form that leaves a field empty.
    return bool(cells) and under >= (0.6 if len(rows) > 1 else 0.8) * len(cells)

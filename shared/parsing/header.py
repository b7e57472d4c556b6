"""Finding the header of a table: which rows a person would read as the labels of the columns.

No single sign decides. Text above figures, a series of years above amounts, a word that people use as a label, a bold
row: each adds to a score; a value that occurs again below, an amount above amounts, or labels that go on down the first
column (a form) take away from it.
"""

from __future__ import annotations

from collections import Counter
from itertools import zip_longest
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.figures import is_date, is_figure, is_no_value, is_series, is_year
from shared.parsing.labels import is_label_form, is_label_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# How far down the header is sought, and how many rows below it are looked at.
_ROWS_SOUGHT, _ROWS_BELOW = 40, 50
_DEEPEST_HEADER = 4
_ENOUGH, _PLAIN = 1.5, 3.0
_LONGEST_LABEL_CHARACTERS = 300


class Across(str):
    """The text of a cell merged over columns, in a column right of its first: it labels, but is no value again."""

    __slots__ = ()


class Down(str):
    """The text of a cell merged over rows, in a row below its first."""

    __slots__ = ()


class Line(Struct):
    """A row of a grid before it is known what it is.

    Attributes:
        number: its place in the table, counted from 1.
        cells: texts from left to right, empty ones included.
        marked: whether it looks like a header: bold, or on a filled background.
        declared: whether the file itself says that it is a header.
    """

    number: int
    cells: list[str]
    marked: bool = False
    declared: bool = False


class Header(Struct, frozen=True):
    """A header: its place among the lines it was sought in, and its labels.

    Attributes:
        start: index of its first line.
        end: index of the first line below it.
        labels: one for each column; empty where the column has none.
    """

    start: int
    end: int
    labels: tuple[str, ...]


def own_cells(cells: Iterable[str]) -> int:
    """How many cells hold something that is not the repetition of a merged cell."""
    return sum(1 for cell in cells if cell and type(cell) is str)


def find_header(lines: Sequence[Line], *, is_new: bool = True) -> Header | None:
    """The header of the table that ``lines`` begin with, notes above it included; ``None`` when there is none.

    Args:
        lines: the first lines of the table.
        is_new: false where they may as well continue the table above, so that only a plain header counts.
    """
    widest = max((own_cells(line.cells) for line in lines), default=0)
    if widest < 2:
        return _single_column(lines) if is_new else None
    above = 0
    for start, line in enumerate(lines[:_ROWS_SOUGHT]):
        size = own_cells(line.cells)
        if size >= 2 or line.declared:
            header = header_at(lines, start, _depth(lines, start))
            if any(part.declared for part in lines[start : header.end]) or (
                _covers(header, lines)
                and _score(header, lines) + _before(above, size) >= (_ENOUGH if is_new else _PLAIN)
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
    labels = (" ".join(dict.fromkeys(filter(None, column))) for column in columns)
    return Header(start, start + depth, tuple(label[:_LONGEST_LABEL_CHARACTERS] for label in labels))


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
        if not goes_on(above, below) and not (depth == 1 and _is_unmerged_group(lines, start)):
            break
        depth += 1
    return depth


def goes_on(above: list[str], below: list[str]) -> bool:
    """Whether merged cells make both lines parts of one header."""
    pairs = list(zip(above, below, strict=False))
    if any(isinstance(under, Down) and under == over for over, under in pairs if over):
        return True
    grouped = [place for place, cell in enumerate(above) if isinstance(cell, Across)]
    places = sorted({*grouped, *(place - 1 for place in grouped)})
    if not places or own_cells(above) < 2:
        return False
    under = [below[place] for place in places if place < len(below)]
    labels = [cell for cell in under if cell and not isinstance(cell, Across)]
    return len(labels) > 1 and all(not is_figure(cell) or is_year(cell) or is_date(cell) for cell in labels)


def _is_unmerged_group(lines: Sequence[Line], start: int) -> bool:
    """Whether a line names groups by leaving gaps, and the next one repeats its labels under them."""
    if start + 2 >= len(lines):
        return False
    above, below = lines[start].cells, lines[start + 1].cells
    labels = [cell for cell in below if cell]
    gaps = [cell for place, cell in enumerate(below) if cell and not (above[place : place + 1] or [""])[0]]
    if own_cells(above) < 2 or not gaps or any(is_figure(cell) and not is_year(cell) for cell in labels):
        return False
    return len(set(labels)) < len(labels) and len(labels) > own_cells(above)


def _spread(groups: list[str], labels: list[str]) -> list[str]:
    """The names of groups over each of their columns, up to the next name."""
    spread: list[str] = []
    for place in range(len(labels)):
        group = groups[place] if place < len(groups) else ""
        before = spread[-1] if spread else ""
        alone = not labels[place - 1] if place else True
        spread.append(group or ("" if alone else before))
    return spread


def _covers(header: Header, lines: Sequence[Line]) -> bool:
    """Whether most cells below stand under a label; the first column may have none."""
    under = over = 0
    for line in lines[header.end : header.end + _ROWS_BELOW]:
        if own_cells(line.cells) < 2:
            continue
        for place, cell in enumerate(line.cells):
            if cell:
                over += 1
                under += place < len(header.labels) and (bool(header.labels[place]) or place == 0)
    return over > 0 and under >= 0.8 * over


def _score(header: Header, lines: Sequence[Line]) -> float:
    repeated = [line.cells for line in lines[header.start : header.end]]
    below = lines[header.end : header.end + _ROWS_BELOW]
    body = [line for line in below if own_cells(line.cells) >= 2 and line.cells not in repeated]
    labels = list(header.labels)
    values = [[line.cells[place] for line in body if place < len(line.cells) and line.cells[place]] for place in
              range(len(labels))]  # fmt: skip
    filled = [place for place, label in enumerate(labels) if label]
    figures = [place for place in filled if is_figure(labels[place])]
    words = [place for place in filled if place not in figures]
    score = sum(_word_score(labels[place], values[place]) for place in words)
    score += _figure_score(figures, labels, values, has_words=bool(words) or not labels[0])
    score += _form_score(labels, values) + _look_score(header, lines)
    if 2 * len({labels[place] for place in filled}) < len(filled):
        score -= 2
    # Most tables of many rows have a header.
    return score + (1.0 if len(body) >= 8 else 0.5 if len(body) >= 3 else 0.0)


def _word_score(label: str, values: list[str]) -> float:
    if is_no_value(label):
        return -3.0
    score = 2.0 if is_label_word(label) else 1.5 if is_label_form(label) else 0.0
    if not values:
        return score
    if label.casefold() in {value.casefold() for value in values}:
        return -3.0
    figures = sum(map(is_figure, values)) / len(values)
    if figures >= 0.8:
        return score + 2.0
    return score + _shape_score(label, values)


def _shape_score(label: str, values: list[str]) -> float:
    """Words above words: whether they are written in another way."""
    score = 0.0
    digits = sum(any(map(str.isdigit, value)) for value in values) / len(values)
    if any(map(str.isdigit, label)):
        score -= 1.5 if digits >= 0.5 else 0.0
    elif digits >= 0.8 or sum("@" in value or "://" in value for value in values) >= 0.8 * len(values):
        score += 1.5
    if sum(map(len, values)) >= max(20, 3 * len(label)) * len(values) or len(label) > 60 > max(map(len, values)):
        score += 1.0
    if label[:1].isupper() and all(value[:1].islower() for value in values):
        score += 1.0
    if len(values) >= 6 and len(set(values)) <= len(values) / 2:
        score += 0.5
    return score


def _figure_score(figures: list[int], labels: list[str], values: list[list[str]], *, has_words: bool) -> float:
    """Figures as labels: a series above anything but its like, or figures above words in every column."""
    if not figures:
        return 0.0
    names = [labels[place] for place in figures]
    below = [value for place in figures for value in values[place]]
    share = sum(map(is_figure, below)) / len(below) if below else 0.0
    if not has_words:
        return -2.0 * len(figures)
    if is_series(names):
        kinds = all(map(is_year, names)), all(map(is_date, names))
        alike = (kinds[0] and _most(map(is_year, below))) or (kinds[1] and _most(map(is_date, below)))
        if share <= 0.2:
            return 1.5 * len(figures)
        return -2.0 * len(figures) if alike else 2.0 * len(figures) if any(kinds) else 0.7 * len(figures)
    if len(names) == 1 and is_year(names[0]) and below and not _most(map(is_year, below)):
        return 0.5
    return -2.0 * len(figures)


def _most(answers: Iterable[bool]) -> bool:
    count = Counter(answers)
    return count[True] > count[False]


def _form_score(labels: list[str], values: list[list[str]]) -> float:
    """Labels that go on below a label are those of a form, unless every other column is labelled too."""
    forms = [place for place, column in enumerate(values) if is_form_column([labels[place], *column])]
    others = [place for place, label in enumerate(labels) if label and place not in forms and values[place]]
    if not forms or all(is_label_word(labels[place]) or is_year(labels[place]) for place in others):
        return 0.0
    return -2.0 - 2.0 * len(forms)


def _look_score(header: Header, lines: Sequence[Line]) -> float:
    body = lines[header.end : header.end + _ROWS_BELOW]
    marked = sum(line.marked for line in body)
    return 3.0 if lines[header.start].marked and 2 * marked < max(1, len(body)) else 0.0


def mask(line: Line, first: int, end: int) -> Line:
    """The line with nothing outside the columns from ``first`` up to ``end``."""
    cells = [cell if first <= place < end else "" for place, cell in enumerate(line.cells)]
    return Line(line.number, cells, line.marked, line.declared)


def side_by_side(lines: Sequence[Line]) -> list[tuple[Header, list[Line]]]:
    """The tables that stand next to each other, an empty column between them; empty when there is only one.

    Columns with an empty one among them may be one table: two have a label in common, or not the same rows.
    """
    groups = _column_groups(lines)
    if len(groups) < 2 or any(end - first < 2 for first, end in groups):
        return []
    found: list[tuple[Header, list[Line]]] = []
    for first, end in groups:
        masked = [mask(line, first, end) for line in lines]
        header = find_header(masked)
        if header is None or header.end - header.start > 1:
            return []
        found.append((header, masked))
    labels = [label for header, _ in found for label in header.labels if label]
    rows = [[place for place, line in enumerate(masked) if own_cells(line.cells)] for _, masked in found]
    extents = {(places[0], places[-1]) for places in rows}
    return found if len(set(labels)) < len(labels) or len(extents) > 1 else []


def _column_groups(lines: Sequence[Line]) -> list[tuple[int, int]]:
    """Runs of columns that hold something, each (first, one after the last)."""
    used = sorted({place for line in lines for place, cell in enumerate(line.cells) if cell and type(cell) is str})
    groups: list[tuple[int, int]] = []
    for place in used:
        if groups and groups[-1][1] == place:
            groups[-1] = (groups[-1][0], place + 1)
        else:
            groups.append((place, place + 1))
    return groups


def is_form_column(cells: Sequence[str]) -> bool:
    """Whether most cells of a column are labels of fields that stand right of them."""
    named = [cell for cell in cells if cell]
    labels = sum(cell.rstrip().endswith((":", "：")) or is_label_word(cell) for cell in named)
    return len(named) >= 2 and labels >= 0.6 * len(named) and len(set(named)) == len(named)

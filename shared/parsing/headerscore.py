"""How much a row looks like the header of what is below it.

No single sign decides. Text above figures, a series of years above amounts, a word that people use as a label, a bold
row: each adds to a score; a value that occurs again below, an amount above amounts, or labels that go on down the first
column (a form) take away from it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shared.parsing.figures import (
    find_mark,
    is_address,
    is_date,
    is_day_name,
    is_figure,
    is_no_value,
    is_rising,
    is_series,
    is_tick,
    is_time,
    is_year,
)
from shared.parsing.form import is_form_column
from shared.parsing.labels import is_label_form, is_label_word
from shared.parsing.tableline import count_own_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.parsing.tableline import Header, Line

# How many rows below a header are looked at.
ROWS_BELOW = 50


def score_header(header: Header, lines: Sequence[Line]) -> float:
    """The signs that the rows of ``header`` are one, added up."""
    repeated = [line.cells for line in lines[header.start : header.end]]
    below = lines[header.end : header.end + ROWS_BELOW]
    body = [line for line in below if count_own_cells(line.cells) >= 2 and line.cells not in repeated]
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
    if label.casefold() in {value.casefold() for value in values} or (
        is_day_name(label) and _most(map(is_day_name, values))
    ):
        return -3.0
    if is_day_name(label):
        score += 1.0
    figures = sum(map(is_figure, values)) / len(values)
    if figures >= 0.8:
        return score + 2.0
    if sum(map(is_tick, values)) >= 0.8 * len(values):
        return score + 1.0
    return score + _shape_score(label, values)


def _shape_score(label: str, values: list[str]) -> float:
    """Words above words: whether they are written in another way."""
    score = 0.0
    digits = sum(any(map(str.isdigit, value)) for value in values) / len(values)
    if any(map(str.isdigit, label)):
        score -= 1.5 if digits >= 0.5 else 0.0
    elif not is_address(label) and (digits >= 0.8 or sum(map(is_address, values)) >= 0.8 * len(values)):
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
        kinds = [is_kind for is_kind in (is_year, is_date, is_time) if all(map(is_kind, names))]
        alike = any(_most(map(is_kind, below)) for is_kind in kinds)
        if share <= 0.2:
            return 1.5 * len(figures)
        return -2.0 * len(figures) if alike else 2.0 * len(figures) if kinds else 0.7 * len(figures)
    if _is_scale(names, below):
        return 1.0 * len(figures)
    if len(names) == 1 and is_year(names[0]) and below and not _most(map(is_year, below)):
        return 0.5
    return -2.0 * len(figures)


def _is_scale(names: list[str], below: list[str]) -> bool:
    """Whether figures are the steps of a scale (25 %, 50 %; 0-1 kg, 1-5 kg), which the values below are not."""
    marks = {find_mark(name) for name in names}
    return (
        "" not in marks and is_rising(names) and bool(below) and not _most(find_mark(value) in marks for value in below)
    )


def _most(answers: Iterable[bool]) -> bool:
    count = Counter(answers)
    return count[True] > count[False]


def _form_score(labels: list[str], values: list[list[str]]) -> float:
    """Labels that go on below a label are those of a form, unless every other column is labelled too."""
    forms = [place for place, column in enumerate(values) if is_form_column([labels[place], *column])]
    others = [place for place, label in enumerate(labels) if label and place not in forms and values[place]]
    if not forms or all(is_label_word(labels[place]) or is_year(labels[place]) for place in others):
        return 0.0
    if forms == [0] and is_series([labels[place] for place in others]):
        rows = zip(*(values[place] for place in others), strict=False)
        # Where the rows below count on as well, none of them labels the others.
        if not any(is_series(list(row)) for row in rows):
            return 0.0
    return -2.0 - 2.0 * len(forms)


def _look_score(header: Header, lines: Sequence[Line]) -> float:
    body = lines[header.end : header.end + ROWS_BELOW]
    marked = sum(line.marked for line in body)
    return 3.0 if lines[header.start].marked and 2 * marked < max(1, len(body)) else 0.0

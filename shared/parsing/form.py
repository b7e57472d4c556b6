"""Forms: tables whose rows are ``label, value`` or several such pairs, without a header above them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.parsing.figures import is_figure
from shared.parsing.labels import is_label_word
from shared.parsing.tableline import Across, Down, count_own_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.parsing.tableline import Line

_LONGEST_LABEL = 60
_MOST_COLUMNS = 8
# A field in one cell: a label of letters, a colon, and what is not the rest of a time, a path or an address.
_FIELD = re.compile(r"[^\W\d_][^:：]{1,30}(?:[:：](?![\\/\d])|(?<!\d)[:：](?=\d))\s*\S")
_NOTE = re.compile(
    r"[*†‡※▲#]\s?\S|(?:注|备注|備註|备 注|说明|附注|資料來源|资料来源|数据来源|注意|\(注\))\W|(?:note|source)s?\b",
    re.IGNORECASE,
)
_UNIT = re.compile(r"\W?(?:单位|單位|単位|unit|units|in)\b.{0,20}", re.IGNORECASE)


def is_field(cell: str) -> bool:
    """Whether a cell holds a label and its value: ``Date: 3 May``, ``制表人：王芳``."""
    return _FIELD.match(cell) is not None


def is_note(cells: Sequence[str], width: int) -> bool:
    """Whether a row of a table of ``width`` columns is about the table: ``Source: census``, ``* estimated``."""
    own = [cell for cell in cells if cell and type(cell) is str]
    if not own or 2 * len(own) > width or any(isinstance(cell, Down) for cell in cells):
        return False
    if len(own) == 1 and own[0] == cells[0] and (_NOTE.match(own[0]) or len(own[0]) > _LONGEST_LABEL):
        return True
    return all(map(is_field, own))


def has_fields(cells: Sequence[str]) -> bool:
    """Whether half of the cells of a row hold fields; a unit in the corner of a table is none."""
    own = [cell for place, cell in enumerate(cells) if cell and type(cell) is str and (place or not _UNIT.match(cell))]
    return bool(own) and 2 * sum(map(is_field, own)) >= len(own)


def is_form_column(cells: Sequence[str]) -> bool:
    """Whether most cells of a column are labels of fields that stand right of them."""
    named = [cell for cell in cells if cell and type(cell) is str]
    labels = sum(map(_is_label, named))
    return len(named) >= 2 and labels >= 0.6 * len(named) and 4 * len(set(named)) >= 3 * len(named)


def is_form(window: Sequence[Line]) -> bool:
    """Whether each line is ``label, value`` or several such pairs."""
    wide = [line.cells for line in window if count_own_cells(line.cells) >= 2]
    if not wide or len(wide) < len(window) / 2 or max(map(len, wide)) > _MOST_COLUMNS:
        return False
    columns = [[cells[place] for cells in wide if place < len(cells)] for place in range(0, max(map(len, wide)), 2)]
    return all(
        is_form_column(column) and not any(is_figure(cell) or len(cell) > _LONGEST_LABEL for cell in column)
        for column in columns
    )


def write_form_row(line: Line) -> str:
    """A row of a form: ``label: value; label: value``."""
    fields = [
        f"{label.rstrip(' :：')}: {value}" if label and value else label or value for label, value in _pairs(line)
    ]
    return "; ".join(filter(None, fields))


def find_form_end(lines: Sequence[Line], start: int) -> int:
    """Index after the rows from ``start`` on that are those of a form; ``start`` where there are fewer than two."""
    end, named, others, width = start, 0, 0, 0
    labels: list[str] = []
    while end < len(lines) and _is_form_row(lines[end]):
        pairs = _pairs(lines[end])
        labels += [label for label, _ in pairs if type(label) is str]
        named += sum(_is_label(label) for label, _ in pairs if type(label) is str)
        others += sum(_is_label(value) for _, value in pairs)
        width = max(width, len(_without_end(lines[end])))
        end += 1
    # A field may be empty, but not the last one of every row.
    is_named = (
        end - start >= 2
        and width % 2 == 0
        and named >= 2
        and 5 * named >= 3 * len(labels)
        and 4 * others <= len(labels)
    )
    return end if is_named and 2 * len(set(labels)) > len(labels) else start


def _is_form_row(line: Line) -> bool:
    """Whether a row may be one of a form: pairs, of which the first cell of each is more of a label."""
    cells = _without_end(line)
    pairs = _pairs(line)
    if line.marked or line.declared or not 2 <= len(cells) <= _MOST_COLUMNS or not all(label for label, _ in pairs):
        return False
    if any(is_figure(label) or len(label) > _LONGEST_LABEL for label, _ in pairs):
        return False
    named, others = (sum(map(_is_label, group)) for group in zip(*pairs, strict=True))
    return named > others or (not named and not others and len(pairs) == 1)


def _without_end(line: Line) -> list[str]:
    """The cells up to the last one that holds something."""
    cells = [cell for cell in line.cells if not isinstance(cell, Across)]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _pairs(line: Line) -> list[tuple[str, str]]:
    cells = _without_end(line)
    return [(label, (cells[place + 1 : place + 2] or [""])[0]) for place, label in enumerate(cells) if place % 2 == 0]


def _is_label(cell: str) -> bool:
    return cell.rstrip().endswith((":", "：")) or is_label_word(cell)

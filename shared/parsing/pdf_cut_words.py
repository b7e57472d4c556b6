"""Cells of a PDF that are too narrow for a number or a word: it goes on in the next line, without a hyphen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from shared.parsing.pdf_layout import compose
from shared.parsing.pdf_words import RIGHT_TO_LEFT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.parsing.pdf_words import Word

# Points between a rule and the text; programs take the same left and right.
_MOST_PADDING: Final = 12.0
# A column that is as wide as its longest word cuts none: of a full line a little is left over.
_EXACT: Final = 0.4
_WIDEST: Final = 1.3
# In sizes of the font.
_BELOW: Final = 0.6
_FEWEST_CHARACTERS: Final = 4
# What is cut is a number, a code or an address; words of letters may just as well be two.
_CODE: Final = re.compile(r"[A-Za-z0-9][\w.,@/:+-]*")
_WIDE: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff]")


def find_padding(rows: Sequence[Sequence[Sequence[Word]]], edges: Sequence[float]) -> float:
    """The usual space between the left rule of a cell and its text, where that is not set further to the right."""
    gaps = sorted(
        cell[0].left - edges[place] for row in rows for place, cell in enumerate(row) if cell and place < len(edges)
    )
    return min(max(gaps[len(gaps) // 4], 0.0), _MOST_PADDING) if gaps else 0.0


def print_lines(words: Sequence[Word], left: float, right: float) -> list[str]:
    """The lines of a cell between two edges of its text, those that a line end cuts inside a word as one."""
    printed: list[str] = []
    before: list[Word] = []
    for line in _split_lines(words):
        if before and _is_cut(before, line, right - left):
            printed[-1] += compose(line)
        else:
            printed.append(compose(line))
        before = line
    return printed


def _split_lines(words: Sequence[Word]) -> list[list[Word]]:
    """The words by line; pdfium counts a number that is cut as one line."""
    lines: list[list[Word]] = []
    for word in words:
        last = lines[-1][-1] if lines else None
        if last is None or word.line != last.line or last.middle - word.middle > _BELOW * word.size:
            lines.append([word])
        else:
            lines[-1].append(word)
    # Programs draw the signs of another font, such as check boxes, before the words between them.
    return [_sort(line) for line in lines]


def _sort(line: list[Word]) -> list[Word]:
    if any(not word.upright or RIGHT_TO_LEFT.search(word.text) for word in line):
        return line
    return sorted(line, key=lambda word: word.left)


def _is_cut(first: Sequence[Word], second: Sequence[Word], width: float) -> bool:
    """Whether no further character of the line ``second`` had room in ``first``, and both belong to one word."""
    last, following = first[-1], second[0]
    if not (last.upright and following.upright and following.text and last.text):
        return False
    left_over = width - (last.right - first[0].left)
    # Letters differ in width.
    if not _EXACT < left_over < _WIDEST * (following.right - following.left) / len(following.text):
        return False
    if _WIDE.match(last.text[-1]) and _WIDE.match(following.text):
        return True
    return len(first) == 1 and _is_code(last.text, following.text)


def _is_code(head: str, tail: str) -> bool:
    if len(head) < _FEWEST_CHARACTERS or len(tail) >= len(head) or not _CODE.fullmatch(head + tail):
        return False
    if "@" in head or "://" in head:
        return True
    return any(map(str.isdigit, head)) and (tail[0].isdigit() or (tail.isupper() and head[-1].isdigit()))

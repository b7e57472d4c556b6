"""Shared formulas of a worksheet: one cell holds the text, the others refer to it by a number.

https://ecma-international.org/publications-and-standards/standards/ecma-376/ part 1, 18.3.1.40.
"""

from __future__ import annotations

import re
from typing import Final

_LAST_COLUMN: Final = 16_384
_LAST_ROW: Final = 1_048_576
# Texts and names of sheets are matched to be passed over.
_REFERENCE: Final = re.compile(
    r""""[^"]*"?|'[^']*'?|\[[^\]]*\]?"""
    r"""|(?<![A-Za-z0-9_.$])(?P<fixed>\$?)(?P<column>[A-Za-z]{1,3})(?P<anchored>\$?)(?P<row>[0-9]{1,7})(?![A-Za-z0-9_.(!])"""
)
_Place = tuple[int, int]


class SharedFormulas:
    """The formulas of one sheet that other cells share."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, _Place]] = {}

    def resolve(self, number: str, text: str, at: _Place) -> str:
        """The formula of the cell ``at`` (row and column): its ``text``, else that of ``number`` moved to the cell."""
        if text:
            self._known[number] = (text, at)
            return text
        if number not in self._known:
            return ""
        known, origin = self._known[number]
        return move(known, at[0] - origin[0], at[1] - origin[1])


def move(formula: str, rows: int, columns: int) -> str:
    """``formula`` as it reads in a cell so many rows further down and columns further right."""

    def replace(match: re.Match[str]) -> str:
        if match["column"] is None:
            return match[0]
        column, row = column_number(match["column"]), int(match["row"])
        column += 0 if match["fixed"] else columns
        row += 0 if match["anchored"] else rows
        if not (0 < column <= _LAST_COLUMN and 0 < row <= _LAST_ROW):
            return "#REF!"
        return f"{match['fixed']}{column_letters(column)}{match['anchored']}{row}"

    return _REFERENCE.sub(replace, formula)


def column_number(letters: str) -> int:
    """The number of a column, 1 for A; of longer names than any column has, the first letters count."""
    number = 0
    for letter in letters[:4].upper():
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """The name of a column, A for 1."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters

"""Rows of Office tables with every cell in its column, merged cells filled into what they cover."""

from __future__ import annotations

from msgspec import Struct

# Word allows 63 columns.
MAX_SPAN = 64
# A longer text merged over rows is content, not a label, and stands in its first row only.
_LONGEST_REPEATED = 500


class Cell(Struct):
    """A cell of a row.

    Attributes:
        span: columns it covers.
        continues: whether it belongs to the cell above it.
    """

    text: str
    span: int = 1
    continues: bool = False


class Grid:
    """Places the cells of one table, row by row.

    A cell merged over rows counts for each of them. One merged over columns labels each of them in the header, that is
    in the first rows as long as they hold such cells, and stands once in the rows below.
    """

    def __init__(self, width: int = 0) -> None:
        self._width = width
        self._above: dict[int, str] = {}
        self._in_header = True

    def place(self, cells: list[Cell], before: int = 0) -> list[str]:
        """The texts of a row by column.

        Args:
            before: columns left out before the first cell.
        """
        row = [""] * min(before, MAX_SPAN)
        for cell in cells:
            span = max(1, min(cell.span, MAX_SPAN))
            column = len(row)
            text = self._above.get(column, "") if cell.continues else cell.text
            self._above[column] = text if len(text) <= _LONGEST_REPEATED else ""
            is_spread = self._in_header and len(cells) > 1
            row += [text, *([text if is_spread else ""] * (span - 1))]
        self._in_header = self._in_header and any(cell.span > 1 for cell in cells)
        self._width = max(self._width, len(row))
        return row

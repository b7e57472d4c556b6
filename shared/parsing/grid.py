"""Rows of Office tables with every cell in its column, merged cells filled into what they cover."""

from __future__ import annotations

from msgspec import Struct

from shared.parsing.tableline import Across, Down

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
    """Places the cells of one table, row by row, and says of each text whether a merged cell repeats it there."""

    def __init__(self) -> None:
        self._above: dict[int, str] = {}

    def place(self, cells: list[Cell], before: int = 0) -> list[str]:
        """The texts of a row by column.

        Args:
            before: columns left out before the first cell.
        """
        row = [""] * min(before, MAX_SPAN)
        for cell in cells:
            column = len(row)
            text = Down(self._above.get(column, "")) if cell.continues else cell.text
            self._above[column] = text if len(text) <= _LONGEST_REPEATED else ""
            row += [text, *([Across(text)] * (max(1, min(cell.span, MAX_SPAN)) - 1))]
        return row

"""Quarter turns of a PDF page: its places as a reader sees them, with lines of text that run from left to right."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Final

from msgspec import Struct

_QUARTERS: Final = 4
# Characters of a page that are asked for their direction.
_ASKED: Final = 100
Box = tuple[float, float, float, float]


class Turn(Struct, frozen=True):
    """A turn of a page, clockwise.

    Attributes:
        quarters: 0 to 3.
        width, height: of the page in points, before it is turned.
    """

    quarters: int = 0
    width: float = 0.0
    height: float = 0.0

    @property
    def size(self) -> tuple[float, float]:
        """Width and height after the turn."""
        return (self.height, self.width) if self.quarters % 2 else (self.width, self.height)

    def __call__(self, left: float, bottom: float, right: float, top: float) -> Box:
        """The box after the turn: left, lower, right and upper edge."""
        if self.quarters == 1:
            return bottom, self.width - right, top, self.width - left
        if self.quarters == 2:
            return self.width - right, self.height - top, self.width - left, self.height - bottom
        if self.quarters == 3:
            return self.height - top, left, self.height - bottom, right
        return left, bottom, right, top


def read_turn(raw: Any, page: Any) -> Turn:
    """The turn with which ``page`` is shown, by pdfium's API ``raw``."""
    quarters = raw.FPDFPage_GetRotation(page) % _QUARTERS
    # pdfium gives the size of the page as it is shown.
    width, height = raw.FPDF_GetPageWidthF(page), raw.FPDF_GetPageHeightF(page)
    return Turn(quarters, height, width) if quarters % 2 else Turn(quarters, width, height)


def turn_to_text(raw: Any, layer: Any, shown: Turn) -> Turn:
    """The turn that lets most text run from left to right, such as that of a wide table on an upright page.

    Args:
        raw: pdfium's API.
        layer: the text page.
        shown: the turn with which the page is shown.
    """
    count = max(0, raw.FPDFText_CountChars(layer))
    asked = range(0, count, max(1, count // _ASKED))
    # pdfium counts angles clockwise. Vertical Chinese stands upright, so it has none.
    found = Counter(
        -round(2 * raw.FPDFText_GetCharAngle(layer, index) / math.pi) % _QUARTERS
        for index in asked
        if not raw.FPDFText_IsGenerated(layer, index)
    )
    quarters = max(found, key=lambda each: found[each], default=shown.quarters)
    return Turn(quarters, shown.width, shown.height) if 2 * found[quarters] > found.total() else shown

"""Pages of a PDF, and pictures on them, that only a model can read: which they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.domain.models import Block, Location
from shared.parsing.inner_pictures import LEAST_AREA
from shared.parsing.pdf_images import SCAN_CHARACTERS, count_characters
from shared.parsing.pictures import allow_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.parsing.limits import Limits
    from shared.parsing.pdf_file import Pdfium
    from shared.parsing.pdf_images import Rectangle
    from shared.parsing.pdf_page import Page
    from shared.parsing.pdf_pypdf import Pypdf
    from shared.parsing.pdf_words import Word

_COVERED: Final = 0.5
# Of the characters of a page, where the rest is in fonts that do not tell them.
_READABLE: Final = 0.5
# A picture on a page with text is read if it covers this share of it, or as much as in other documents.
_LARGE: Final = 0.08
_LARGE_AREA: Final = LEAST_AREA * (72 / 2.54) ** 2
_MOST_PICTURES: Final = 20


class Scans:
    """Keeps in mind which pages of one document, and which pictures on them, a model has to read.

    Attributes:
        count: how many they are.
        left_out: pages beyond the limit.
    """

    def __init__(self, document: Pdfium | Pypdf, limits: Limits) -> None:
        self.count = 0
        self.left_out: list[int] = []
        self._document = document
        self._limits = limits
        self._parts: dict[int, list[Rectangle | None]] = {}

    def take(self, number: int, words: Sequence[Word], page: Page) -> bool:
        """Whether the page ``number`` is left to a model as a whole; pictures on other pages are noted.

        Args:
            number: counted from 1.
            words: all words of the page; ``page`` has those that can be read.
        """
        if self._limits.ocr == "off" or not self._document.can_render:
            return False
        is_whole = is_scan(words, page.words, page.images, page.area)
        parts: list[Rectangle | None] = [None] if is_whole else []
        if not is_whole and self._limits.ocr == "all":
            parts += find_large(page.images, page.area)
        if self.count + len(parts) > self._limits.max_scans:
            self.left_out.append(number)
            return False
        self.count += len(parts)
        self._parts[number] = parts
        return is_whole

    def blocks(self, number: int) -> Iterator[Block]:
        """What a model has to read of the page ``number``."""
        for part in self._parts.pop(number, ()):
            allow_seconds(self._limits)
            if picture := self._document.render(number, part):
                yield Block("", Location(page=number), picture=picture)


def is_scan(words: Sequence[Word], read: Sequence[Word], images: Sequence[Rectangle], area: float) -> bool:
    """Whether a page has to be read by a model.

    Args:
        words: all words of the page.
        read: those that can be read.
        images: the places of its pictures.
        area: of the page.
    """
    present, readable = count_characters(words), count_characters(read)
    if not readable or readable < _READABLE * present:
        return True
    return readable < SCAN_CHARACTERS and max(map(_area, images), default=0.0) >= _COVERED * area


def find_large(images: Sequence[Rectangle], area: float) -> list[Rectangle]:
    """The pictures that may hold text worth reading, from the top of the page."""
    least = min(_LARGE * area, _LARGE_AREA)
    large = sorted((image for image in images if _area(image) >= least), key=lambda image: -image[3])
    return large[:_MOST_PICTURES]


def _area(place: Rectangle) -> float:
    left, bottom, right, top = place
    return max(0.0, right - left) * max(0.0, top - bottom)

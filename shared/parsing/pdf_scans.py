"""Pages of a PDF that only a model can read: which they are, and how they look."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from shared.domain.models import Block, Location
from shared.parsing.pictures import MAX_PIXELS, allow_seconds, make_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.domain.models import Picture
    from shared.parsing.limits import Limits
    from shared.parsing.pdf_file import Page, Pdfium, Pypdf
    from shared.parsing.pdf_words import Word

# A page with fewer characters that a picture covers is a scan: of a scanner that adds its name or a page number.
SCAN_CHARACTERS: Final = 100
_COVERED: Final = 0.5
# Of the characters of a page, where the rest is in fonts that do not tell them.
_READABLE: Final = 0.5
_POINTS_PER_INCH: Final = 72
_DPI: Final = 150
# Of small pages such as receipts and cards, which have small print.
_MOST_DPI: Final = 300
_WANTED_PIXELS: Final = 1_200
_IMAGE, _FORM = 3, 5  # FPDF_PAGEOBJ_IMAGE and FPDF_PAGEOBJ_FORM in fpdf_edit.h
_MOST_OBJECTS: Final = 1_000
_DEEPEST_FORM: Final = 3
# A picture on a page with text is read if it covers this share of it; smaller ones are logos and icons.
_LARGE: Final = 0.08
_MOST_PICTURES: Final = 20

Rectangle = tuple[float, float, float, float]


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


def count_characters(words: Sequence[Word]) -> int:
    """How many characters the words of a page have."""
    return sum(len(word.text) for word in words)


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


def find_images(raw: Any, page: Any) -> list[Rectangle]:
    """The places of the pictures on a page: left, bottom, right, top."""
    count = min(raw.FPDFPage_CountObjects(page), _MOST_OBJECTS)
    objects = (raw.FPDFPage_GetObject(page, index) for index in range(count))
    return [_bounds(raw, found) for found in objects if _is_image(raw, found, 0)]


def find_large(images: Sequence[Rectangle], area: float) -> list[Rectangle]:
    """The pictures that may hold text worth reading, from the top of the page."""
    large = sorted((image for image in images if _area(image) >= _LARGE * area), key=lambda image: -image[3])
    return large[:_MOST_PICTURES]


def render(page: Any, part: Rectangle | None = None) -> Picture | None:
    """A page, or a part of it, as a model gets it; ``None`` where it is blank."""
    width, height = page.get_size()
    left, bottom, right, top = part or (0.0, 0.0, width, height)
    left, bottom, right, top = max(0.0, left), max(0.0, bottom), min(width, right), min(height, top)
    if right - left < 1 or top - bottom < 1:
        return None
    bitmap = page.render(
        scale=_choose_scale(right - left, top - bottom),
        crop=(left, bottom, width - right, height - top),
        rev_byteorder=True,
    )
    try:
        return make_picture(bitmap.to_pil(), is_page=part is None)
    finally:
        bitmap.close()


def _choose_scale(width: float, height: float) -> float:
    """Pixels for a point: 150 to an inch, more for a small page, fewer for a large one."""
    wanted = max(_DPI, min(_MOST_DPI, _WANTED_PIXELS * _POINTS_PER_INCH / max(width, height)))
    return min(wanted / _POINTS_PER_INCH, math.sqrt(MAX_PIXELS / (width * height)))


def _is_image(raw: Any, found: Any, depth: int) -> bool:
    kind = raw.FPDFPageObj_GetType(found)
    return kind == _IMAGE or (kind == _FORM and depth < _DEEPEST_FORM and any(_inside(raw, found, depth + 1)))


def _inside(raw: Any, form: Any, depth: int) -> Iterator[bool]:
    count = min(raw.FPDFFormObj_CountObjects(form), _MOST_OBJECTS >> 2 * depth)
    for index in range(max(0, count)):
        yield _is_image(raw, raw.FPDFFormObj_GetObject(form, index), depth)


def _bounds(raw: Any, found: Any) -> Rectangle:
    from ctypes import byref, c_float

    sides = [c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(found, *map(byref, sides)):
        return (0.0, 0.0, 0.0, 0.0)
    left, bottom, right, top = (side.value for side in sides)
    return left, bottom, right, top


def _area(place: Rectangle) -> float:
    left, bottom, right, top = place
    return max(0.0, right - left) * max(0.0, top - bottom)

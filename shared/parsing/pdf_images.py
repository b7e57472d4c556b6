"""The pictures on a page of a PDF, and pages as pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from shared.parsing.pictures import MAX_PIXELS, make_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.domain.models import Picture
    from shared.parsing.pdf_words import Word

# A page with fewer characters that a picture covers is a scan: of a scanner that adds its name or a page number.
SCAN_CHARACTERS: Final = 100
_POINTS_PER_INCH: Final = 72
_DPI: Final = 150
# Of small pages such as receipts and cards, which have small print.
_MOST_DPI: Final = 300
_WANTED_PIXELS: Final = 1_200
_IMAGE, _FORM = 3, 5  # FPDF_PAGEOBJ_IMAGE and FPDF_PAGEOBJ_FORM in fpdf_edit.h
_MOST_OBJECTS: Final = 1_000
_DEEPEST_FORM: Final = 3
Rectangle = tuple[float, float, float, float]


def count_characters(words: Sequence[Word]) -> int:
    """How many characters the words of a page have."""
    return sum(len(word.text) for word in words)


def find_images(raw: Any, page: Any) -> list[Rectangle]:
    """The places of the pictures on a page: left, bottom, right, top."""
    count = min(raw.FPDFPage_CountObjects(page), _MOST_OBJECTS)
    objects = (raw.FPDFPage_GetObject(page, index) for index in range(count))
    return [_bounds(raw, found) for found in objects if _is_image(raw, found, 0)]


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
        return make_picture(bitmap.to_pil(), is_page=part is None, is_inside=part is not None)
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

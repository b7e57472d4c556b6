"""Scans and photographs made by code, for tests: text in the font that comes with Pillow, so in English."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

A4 = (1240, 1754)


def draw_page(lines: Sequence[str], size: tuple[int, int] = A4, font_size: int = 34) -> Image.Image:
    """A page with one line of text below the other."""
    page = Image.new("L", size, 255)
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(font_size)
    for number, line in enumerate(lines):
        pen.text((size[0] // 12, size[1] // 12 + 2 * font_size * number), line, fill=0, font=font)
    return page


def save_pdf(pages: Sequence[Image.Image]) -> bytes:
    """A PDF that holds nothing but pictures of pages."""
    stream = io.BytesIO()
    pages[0].save(stream, "PDF", save_all=True, append_images=pages[1:], resolution=150)
    return stream.getvalue()


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    """A picture as a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()

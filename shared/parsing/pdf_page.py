"""What is read of one page of a PDF, and an entry of its outline."""

from __future__ import annotations

from msgspec import Struct

from shared.parsing.pdf_forms import Entry  # noqa: TC001 - a Struct reads its annotations
from shared.parsing.pdf_images import Rectangle  # noqa: TC001
from shared.parsing.pdf_rules import Rules
from shared.parsing.pdf_words import Word  # noqa: TC001


class Page(Struct):
    """What one page holds.

    Attributes:
        text: text without places, of a parser that gives none; then the words are empty.
        words: words of the page itself.
        drawn: words of the page with its annotations.
        entries: annotations.
        has_images: whether a page without words shows pictures.
        is_blank: whether nothing at all is drawn on it.
        images: places of the pictures on a page with few words or, where they are asked for, on any.
        area: in square points.
        width: in points.
        rules: lines drawn on it, where its words may be cells of a table.
        is_whole: false where the page has more characters than are read.
    """

    words: list[Word] = []
    drawn: list[Word] = []
    entries: list[Entry] = []
    text: str = ""
    has_images: bool = False
    is_blank: bool = False
    images: list[Rectangle] = []
    area: float = 0.0
    width: float = 0.0
    rules: Rules = Rules()
    is_whole: bool = True


class Bookmark(Struct, frozen=True):
    """An entry of the outline: its page, counted from 1, and its depth, 1 for the outermost."""

    title: str
    page: int
    level: int

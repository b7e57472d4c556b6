"""Headings of a PDF, found by its outline, else by the size and weight of their font."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from shared.domain.models import Block, BlockKind, Location
from shared.parsing.outline import Outline
from shared.parsing.pdf_continued import Continued
from shared.parsing.pdf_tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.parsing.pdf_page import Bookmark
    from shared.parsing.pdf_paragraphs import Paragraph

_LARGER: Final = 1.15
_LONGEST: Final = 120
_MOST_LINES: Final = 3
# A page on which more of the paragraphs would be headings is a poster or a form.
_MOST_SHARE: Final = 0.7
_LETTERS: Final = re.compile(r"[^\W\d_]{2}|[\u3400-\u9fff\uac00-\ud7a3\u3040-\u30ff]")
_SENTENCE_END: Final = (".", "。", "；", ";", "，", ",", "、", ":", "：")
# Levels of headings found by their font lie below those of the outline.
_BELOW_OUTLINE: Final = 100
_LARGEST: Final = 800


class Headings:
    """Follows the headings of one document and gives its blocks their path."""

    def __init__(self, bookmarks: Iterable[Bookmark]) -> None:
        self._outline = Outline()
        self._marks: dict[tuple[int, str], int] = {(mark.page, _key(mark.title)): mark.level for mark in bookmarks}
        self._sizes: Counter[float] = Counter()
        self._tables = Continued()

    def blocks(self, page: int, parts: Sequence[Paragraph | Table]) -> Iterator[Block]:
        """The blocks of ``parts``, which are on ``page``."""
        self._count(parts)
        levels = self._levels(page, parts)
        self._tables.start_page(parts)
        for part, level in zip(parts, levels, strict=True):
            if isinstance(part, Table):
                location = Location(page=page, headings=self._outline.path)
                yield from (row.block(location) for row in self._tables.render(part))
            elif level:
                block = self._outline.heading(level, part.text)
                yield replace(block, location=replace(block.location, page=page))
            else:
                yield Block(part.text, Location(page=page, headings=self._outline.path), kind=part.kind)
        if parts and isinstance(parts[-1], Table):
            self._tables.end_page(parts[-1])

    def _count(self, parts: Sequence[Paragraph | Table]) -> None:
        for part in parts:
            if not isinstance(part, Table):
                for row in part.rows:
                    self._sizes[round(row.size * 2) / 2] += len(row.text)

    def _levels(self, page: int, parts: Sequence[Paragraph | Table]) -> list[int]:
        """The level of each part that is a heading, else 0."""
        if not self._sizes:
            return [0] * len(parts)
        usual = self._sizes.most_common(1)[0][0]
        marked = [0 if isinstance(part, Table) else self._marks.get((page, _key(part.text)), 0) for part in parts]
        sized = [0 if isinstance(part, Table) else _level(part, usual) for part in parts]
        if len(parts) > 2 and sum(map(bool, sized)) > _MOST_SHARE * len(parts):
            sized = [0] * len(parts)
        return [mark or size for mark, size in zip(marked, sized, strict=True)]


def _key(title: str) -> str:
    return "".join(title.split()).casefold()


def _level(part: Paragraph, usual: float) -> int:
    text = part.text
    if part.kind is not BlockKind.TEXT and not part.is_numbered:
        return 0
    if len(text) > _LONGEST or not part.rows or len(part.rows) > _MOST_LINES or text.endswith(_SENTENCE_END):
        return 0
    if not _LETTERS.search(text) or any(segment.typed for row in part.rows for segment in row.segments):
        return 0
    size = max(row.size for row in part.rows)
    is_bold = all(row.bold for row in part.rows)
    if size < usual * _LARGER and not (is_bold and size >= usual * 0.95 and len(part.rows) == 1):
        return 0
    return _BELOW_OUTLINE + max(0, _LARGEST - round(size * 2) * 2) + (not is_bold)

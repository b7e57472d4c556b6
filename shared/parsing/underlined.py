"""Titles of plain text that are underlined, as in reStructuredText and many a README."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.domain.models import Location
from shared.parsing.outline import Outline
from shared.parsing.prose import columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.domain.models import Block

_RULE = re.compile(r"([=\-~^\"'`*+#:._])\1{2,}")
_LETTER = re.compile(r"[^\W\d_]")
_WIDEST_TITLE = 100
# A line drawn by hand is somewhat shorter or longer than the title above it.
_LEAST_DIFFERENCE, _LARGEST_SHARE = 2, 0.2


class UnderlinedTitles:
    """Follows the titles of a text. Their levels are those of reStructuredText: each kind of line, as it first occurs.

    https://docutils.sourceforge.io/docs/ref/rst/restructuredtext.html#sections
    """

    def __init__(self) -> None:
        self._outline = Outline()
        self._styles: list[tuple[str, bool]] = []

    @property
    def path(self) -> tuple[str, ...]:
        """Titles of the sections now open, outermost first."""
        return self._outline.path

    def take(self, lines: Sequence[str], line: str) -> Block | None:
        """The title that ``lines``, of one paragraph, and the ``line`` below them are; ``None`` where they are none."""
        rule = line.strip()
        if not 1 <= len(lines) <= 2 or not _RULE.fullmatch(rule):
            return None
        title, over = lines[-1].strip(), lines[0].strip() if len(lines) > 1 else ""
        if (over and over != rule) or not _is_title(title, len(rule)):
            return None
        style = (rule[0], bool(over))
        if style not in self._styles:
            self._styles.append(style)
        return self._outline.heading(self._styles.index(style) + 1, title)

    def locate(self, page: int | None) -> Location:
        """Where text of the section now open is."""
        return Location(page=page, headings=self.path)


def _is_title(title: str, length: int) -> bool:
    width = columns(title)
    difference = abs(width - length)
    return (
        width <= _WIDEST_TITLE
        and bool(_LETTER.search(title))
        and (difference <= max(_LEAST_DIFFERENCE, _LARGEST_SHARE * width))
    )

"""Rows of a PDF page as paragraphs: which line goes on in the next, and which hyphens belong to the word."""

from __future__ import annotations

import re
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from shared.domain.models import BlockKind
from shared.parsing.figures import is_figure
from shared.parsing.pdf_layout import runs_on
from shared.parsing.pdf_words import BROKEN
from shared.parsing.prose import columns, join_all, starts_item

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

    from shared.parsing.pdf_layout import Row

# In sizes of the font.
_LARGEST_PITCH: Final = 2.0
_INDENT: Final = 1.2
_LARGEST_SHIFT: Final = 6.0
# Pitch of two lines, as a share of the usual one of their block, from which they are two paragraphs.
_LOOSE: Final = 1.35
# A line that leaves more of the usual width empty was the last of its paragraph.
_FILLED: Final = 0.75
_SAME_SIZE: Final = 0.12
# A block this wide, as a share of the page's text, holds running text.
_WIDE_BLOCK: Final = 0.6
_RUNNING: Final = 0.3
# Points between the edges of cells of one column.
_ALIGNED: Final = 1.5
_HYPHENS: Final = ("-", BROKEN, "‐")
_CONNECTIVES: Final = frozenset({"and", "or", "und", "oder", "bzw.", "et", "ou", "y", "o", "e", "en", "of"})
_PREFIXES: Final = frozenset({"well", "self", "ex", "all", "half", "cross", "e", "x"})
_CUT_WORD: Final = re.compile(rf"\w[-‐{BROKEN}]$")
_TOKEN: Final = re.compile(r"\S+$")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_ITEM: Final = re.compile(r"\A\s*(?:[•●▪◦‣○■□◆◇➢✓☑☐☒]|[-*–—]\s)\s*")


class Paragraph(Struct):
    """Lines that are one paragraph.

    Attributes:
        is_numbered: whether it begins with a number or a mark, as an item or a section does.
    """

    text: str
    rows: list[Row]
    kind: BlockKind = BlockKind.TEXT
    is_numbered: bool = False


def find_paragraphs(rows: Sequence[Row], hyphenated: Set[str], width: float) -> Iterator[Paragraph]:
    """The paragraphs of ``rows``, lines one below the other.

    Args:
        rows: from top to bottom.
        hyphenated: words with a hyphen that stand elsewhere in the document, in small letters.
        width: of the page's text, in points.
    """
    for block in _blocks(rows):
        gathered = block[:1]
        judge = _Judge(block, width)
        for first, second in pairwise(block):
            if not judge.goes_on(first, second, gathered[0]):
                yield _paragraph(gathered, hyphenated)
                gathered = []
            gathered.append(second)
        yield _paragraph(gathered, hyphenated)


def _paragraph(rows: list[Row], hyphenated: Set[str]) -> Paragraph:
    text = join([row.text for row in rows], hyphenated)
    is_cells = len(rows) == 1 and len(rows[0].segments) > 1
    is_numbered = starts_item(text)
    kind = BlockKind.ITEM if is_numbered or _ITEM.match(text) else BlockKind.ROW if is_cells else BlockKind.TEXT
    return Paragraph(text, rows, kind, is_numbered)


def _blocks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows of one size below one another, close together."""
    block: list[Row] = []
    for row in rows:
        if block and not _is_below(block[-1], row):
            yield block
            block = []
        block.append(row)
    if block:
        yield block


def _is_below(first: Row, second: Row) -> bool:
    size = max(first.size, second.size)
    pitch = first.middle - second.middle
    if not 0.3 * size < pitch < _LARGEST_PITCH * size or abs(first.left - second.left) > _LARGEST_SHIFT * size:
        return False
    if abs(first.size - second.size) > _SAME_SIZE * size or first.bold != second.bold:
        # One word in another font makes a line no heading.
        return min(len(first.segments[0].words), len(second.segments[0].words)) > 1 and (
            abs(first.segments[0].words[-1].size - second.segments[0].words[0].size) <= _SAME_SIZE * size
            and first.segments[-1].words[-1].bold == second.segments[0].words[0].bold
        )
    return min(first.right, second.right) > max(first.left, second.left)


class _Judge:
    """Decides for the lines of one block whether they go on."""

    def __init__(self, block: list[Row], width: float) -> None:
        rights = sorted(row.right for row in block)
        self._full = rights[len(rights) * 9 // 10]
        pitches = [first.middle - second.middle for first, second in pairwise(block)]
        self._pitch = median(pitches) if pitches else 0.0
        left = min(row.left for row in block)
        self._edge = median(row.left for row in block)
        self._is_prose = self._full - left >= _WIDE_BLOCK * width or self._runs(block)

    def _runs(self, block: list[Row]) -> bool:
        near = [(a.text, b.text) for a, b in pairwise(block) if not self._has_room(a, b)]
        return bool(near) and sum(runs_on(a, b) for a, b in near) >= _RUNNING * len(near)

    def _has_room(self, first: Row, second: Row) -> bool:
        """Whether the first word of ``second`` would have fitted after ``first``."""
        word = second.segments[0].words[0]
        needed = word.right - word.left
        if len(word.text) > 1 and not word.text.isascii():
            needed = min(needed, 2.2 * word.size)
        return self._full - first.right > needed + 0.6 * first.size

    def goes_on(self, first: Row, second: Row, begin: Row) -> bool:
        text = second.text
        if _CUT_WORD.search(first.text):
            return not _ITEM.match(text)
        if _are_cells(first, second):
            return False
        if starts_item(text) or _ITEM.match(text):
            return False
        if runs_on(first.text, text) and not second.bold and second.left - first.left < _INDENT * second.size:
            return self._full - first.right < 0.5 * (self._full - first.left)
        if first.middle - second.middle > _LOOSE * self._pitch or not self._is_prose:
            return False
        is_item = starts_item(begin.text) or _ITEM.match(begin.text)
        if not is_item and second.left - max(first.left, self._edge) > _INDENT * second.size:
            return False
        return not self._has_room(first, second)


def _are_cells(first: Row, second: Row) -> bool:
    """Whether two lines have gaps at the same places, as the rows of a table have."""
    if len(first.segments) != len(second.segments) or len(first.segments) < 2:
        return False
    pairs = zip(first.segments[1:], second.segments[1:], strict=True)
    return all(
        abs(one.left - other.left) < _ALIGNED
        # Justified text ends at the same place too.
        or (abs(one.right - other.right) < _ALIGNED and is_figure(one.text) and is_figure(other.text))
        for one, other in pairs
    )


def split_text(text: str, hyphenated: Set[str]) -> Iterator[Paragraph]:
    """The paragraphs of a page of which only the ``text`` is known, one line for each printed line."""
    printed = [line.strip() for line in text.split("\n")]
    widths = sorted(columns(line) for line in printed if line)
    full = widths[len(widths) * 9 // 10] if widths else 0
    gathered: list[str] = []
    for line in [*printed, ""]:
        if gathered and (not line or starts_item(line)):
            yield Paragraph(join(gathered, hyphenated), [])
            gathered = []
        if line:
            gathered.append(line)
        if gathered and columns(line) < _FILLED * full:
            yield Paragraph(join(gathered, hyphenated), [])
            gathered = []


def join(lines: Sequence[str], hyphenated: Set[str]) -> str:
    """``lines`` as one; a hyphen at the end of a line stays where it belongs to the word."""
    parts: list[str] = []
    for line in lines:
        if parts and parts[-1].endswith(_HYPHENS):
            parts[-1] = _across(parts[-1], line, hyphenated)
        elif parts:
            parts[-1] = join_all([parts[-1], line])
        else:
            parts.append(line)
    return "".join(parts).replace(BROKEN, "-")


def _across(first: str, second: str, hyphenated: Set[str]) -> str:
    token = _TOKEN.search(first)
    head = token.group()[:-1] if token else ""
    tail, _, _ = second.partition(" ")
    base = first[:-1]
    if not head:
        return f"{base}- {second}"
    if tail in _CONNECTIVES:
        return f"{base}- {second}"
    return f"{base}{second}" if _is_one_word(head, tail, hyphenated) else f"{base}-{second}"


def _is_one_word(head: str, tail: str, hyphenated: Set[str]) -> bool:
    """Whether the hyphen between ``head`` and ``tail`` was put there by the end of the line only."""
    first, second = head.lstrip("(\"'“‘[«"), tail.rstrip(".,;:!?)\"'”’]»…")
    if f"{first}-{second}".lower() in hyphenated or first.lower() in _PREFIXES:
        return False
    if not _LETTERS.fullmatch(first) or not _LETTERS.fullmatch(second):
        return False
    if first.isupper() and second.isupper():
        return min(len(first), len(second)) > 3
    return first[1:].islower() and second.islower() if len(first) > 1 else False

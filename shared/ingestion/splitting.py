"""Blocks to pieces: the parts of a block that chunks are put together from, each small enough for a chunk.

Text is split at sentences, code at line ends. A row, a record or a list item is one piece where it fits into a chunk,
else it is split between its fields.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import BlockKind
from shared.embedding import tokens
from shared.language.graphemes import is_inside_character

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.domain.models import Block

BLOCK_JOINT = "\n"
# A sentence ends with its mark and the quotes that close it; a Latin full stop counts only before a space.
_SENTENCE_END = re.compile(r"""[。！？!?…；;]+[”’"'」』）)\]]*\s*|\.[”’"')\]]*\s+|\n+""")
_LINE_END = re.compile(r"\n+")
# Between the fields of a row or the lines of a record; one field may hold several sentences.
_FIELD_END = re.compile(r"; |\n+| \| ")
# Where a sentence longer than a chunk may be cut, best first.
_BREATHS = (re.compile(r"[，,、：:]\s*"), re.compile(r"\s+"))


class Piece(Struct, frozen=True):
    """A sentence, a row, a line of code, or a part of one that is larger than a chunk.

    A document of a gigabyte has ten million of them, so they hold no more than is needed.

    Attributes:
        tokens: size, as `tokens.estimate` counts.
        start: offset of the first character in the document's text.
        end: exclusive end offset.
        first: whether it begins its block.
        oversized: whether it is part of a row, record or item that is larger than a chunk.
    """

    text: str
    tokens: int
    block: Block
    start: int
    end: int
    first: bool
    oversized: bool = False

    @property
    def heading(self) -> bool:
        """Whether this is the beginning of a heading."""
        return self.first and self.block.heading


def split_blocks(blocks: Iterable[Block], size: int) -> Iterator[Piece]:
    """The pieces of all blocks in order, none larger than ``size`` tokens; blank ones are left out."""
    offset = 0
    for block in blocks:
        first = True
        whole = block.kind in (BlockKind.ROW, BlockKind.ITEM)
        weight = tokens.estimate(block.text) if whole else 0
        oversized = weight > size
        parts = ((block.text, weight),) if whole and not oversized else _split(block, size)
        for text, count in parts:
            end = offset + len(text)
            if text.strip():
                yield Piece(text, count, block, offset, end, first, oversized)
                first = False
            offset = end
        offset += len(BLOCK_JOINT)


def _split(block: Block, size: int) -> Iterator[tuple[str, int]]:
    if block.kind is BlockKind.CODE:
        yield from _split_at(_LINE_END, block.text, size)
    elif block.kind is BlockKind.ROW:
        # A long field is split further, at its sentences.
        for field, weight in _divide(_FIELD_END, block.text):
            yield from ((field, weight),) if weight <= size else _split_at(_SENTENCE_END, field, size)
    else:
        yield from _split_at(_SENTENCE_END, block.text, size)


def _split_at(end: re.Pattern[str], text: str, size: int) -> Iterator[tuple[str, int]]:
    for part, _ in _divide(end, text):
        yield from _shorten(part, size)


def _divide(end: re.Pattern[str], text: str) -> Iterator[tuple[str, int]]:
    """The parts of ``text``, each up to an end, with their tokens."""
    start = 0
    for match in end.finditer(text):
        yield text[start : match.end()], tokens.estimate(text[start : match.end()])
        start = match.end()
    if start < len(text):
        yield text[start:], tokens.estimate(text[start:])


def _shorten(sentence: str, size: int) -> Iterator[tuple[str, int]]:
    """``sentence`` in parts of at most ``size`` tokens, cut at commas, else spaces, else anywhere."""
    start = 0
    while start < len(sentence):
        # No character weighs less than a quarter of a token, so the part ends within this window.
        window = sentence[start : start + 4 * size + 4]
        weight = tokens.estimate(window)
        if weight > size:
            window = window[: _find_cut(window, size)]
            weight = tokens.estimate(window)
        yield window, weight
        start += len(window)


def _find_cut(sentence: str, size: int) -> int:
    most = min(len(sentence), size * 4)
    while tokens.estimate(sentence[:most]) > size:
        most = most * 3 // 4
    for breath in _BREATHS:
        ends = [match.end() for match in breath.finditer(sentence, 0, most)]
        if ends and ends[-1] > most // 2:
            return ends[-1]
    cut = most
    while cut > most // 2 and is_inside_character(sentence, cut):
        cut -= 1
    return max(1, cut)

"""Blocks of text in, chunks out: cut at sentences and headings, at places the content itself chooses.

A chunk ends where the hash of two neighbouring sentences says so, not after a fixed count. An inserted sentence
therefore moves only the borders around it, and every other chunk keeps its text and so its id and its vector. A
heading always starts anew, and a section that fits into one chunk stays whole.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Chunk, digest
from shared.embedding import tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.domain.models import Block

# A sentence ends behind its mark and the quotes that close it; a Latin full stop only before a space.
_SENTENCE_END = re.compile(r"""[。！？!?…；;]+[”’"'」』）)\]]*\s*|\.[”’"')\]]*\s+|\n+""")
# Where a sentence longer than a chunk may be cut, best first.
_BREATHS = (re.compile(r"[，,、：:]\s*"), re.compile(r"\s+"))
# Chunks end by chance between this share of the size and the size itself.
_LEAST_SHARE = 0.4
_BLOCK_JOINT = "\n"


class _Piece(Struct, frozen=True):
    """A sentence, or a part of one too long to stay whole, with its place in the document.

    A document of a gigabyte has ten million of them, so they hold no more than is needed.
    """

    text: str
    tokens: int
    block: Block
    start: int
    end: int
    first: bool

    @property
    def heading(self) -> bool:
        return self.first and self.block.heading


def chunk(blocks: Iterable[Block], document_id: str, profile: str, size: int) -> Iterator[Chunk]:
    """Cut a document into chunks.

    Args:
        blocks: the document in reading order, read lazily.
        document_id: becomes part of every chunk's id.
        profile: identity of the embedding, likewise.
        size: tokens a chunk holds at most, as `tokens.estimate` counts.
    """
    seen: Counter[bytes] = Counter()
    for ordinal, group in enumerate(_groups(_pieces(blocks, size), size)):
        text = _text(group)
        key = bytes.fromhex(digest(text))
        seen[key] += 1
        location = replace(group[0].block.location, start=group[0].start, end=group[-1].end)
        yield Chunk(digest(document_id, text, str(seen[key]), profile), document_id, ordinal, text, location)


def _groups(pieces: Iterable[_Piece], size: int) -> Iterator[list[_Piece]]:
    for _, section in groupby(_numbered(pieces), key=itemgetter(0)):
        yield from _cut_section((piece for _, piece in section), size)


def _numbered(pieces: Iterable[_Piece]) -> Iterator[tuple[int, _Piece]]:
    """Pieces with the number of their section, which ends before a heading and with a page or sheet."""
    number, body, last = 0, False, None
    for piece in pieces:
        # Headings that follow one another directly belong to the same section.
        if last is not None and ((piece.heading and body) or _elsewhere(last, piece)):
            number, body = number + 1, False
        body = body or not piece.heading
        last = piece
        yield number, piece


def _elsewhere(last: _Piece, piece: _Piece) -> bool:
    before, own = last.block.location, piece.block.location
    return before is not own and (before.page, before.sheet) != (own.page, own.sheet)


def _cut_section(pieces: Iterator[_Piece], size: int) -> Iterator[list[_Piece]]:
    """The chunks of a section: one, if it fits; a half of what belongs together answers worse than the whole."""
    start: list[_Piece] = []
    held = 0
    for piece in pieces:
        start.append(piece)
        held += piece.tokens
        if held > size:
            yield from _cut_by_content(chain(start, pieces), size)
            return
    yield start


def _cut_by_content(pieces: Iterable[_Piece], size: int) -> Iterator[list[_Piece]]:
    group: list[_Piece] = []
    held = 0
    before = ""
    for piece in pieces:
        if group and held + piece.tokens > size:
            yield group
            group, held = [], 0
        group.append(piece)
        held += piece.tokens
        if held >= size * _LEAST_SHARE and _chosen(before + piece.text, size):
            yield group
            group, held = [], 0
        before = piece.text
    if group:
        yield group


def _chosen(text: str, size: int) -> bool:
    # On average one sentence in so many ends a chunk: about a third of what a chunk holds.
    one_in = max(2, size // 48)
    return zlib.crc32(text.strip().encode("utf-8", "replace")) % one_in == 0


def _text(group: list[_Piece]) -> str:
    return "".join((_BLOCK_JOINT if piece.first else "") + piece.text for piece in group).strip()


def _pieces(blocks: Iterable[Block], size: int) -> Iterator[_Piece]:
    offset = 0
    for block in blocks:
        first = True
        for sentence, weight in _split(block.text, size):
            end = offset + len(sentence)
            if sentence.strip():
                yield _Piece(sentence, weight, block, offset, end, first)
                first = False
            offset = end
        offset += len(_BLOCK_JOINT)


def _split(text: str, size: int) -> Iterator[tuple[str, int]]:
    """The sentences of ``text`` with their tokens."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield from _shorten(text[start : match.end()], size)
        start = match.end()
    if start < len(text):
        yield from _shorten(text[start:], size)


def _shorten(sentence: str, size: int) -> Iterator[tuple[str, int]]:
    """``sentence`` in parts of at most ``size`` tokens, cut at commas, else spaces, else anywhere."""
    while (weight := tokens.estimate(sentence)) > size:
        cut = _cut(sentence, size)
        yield sentence[:cut], tokens.estimate(sentence[:cut])
        sentence = sentence[cut:]
    if sentence:
        yield sentence, weight


def _cut(sentence: str, size: int) -> int:
    # No character weighs less than a quarter of a token, so the cut lies within four times the size.
    most = min(len(sentence), size * 4)
    while tokens.estimate(sentence[:most]) > size:
        most = most * 3 // 4
    for breath in _BREATHS:
        ends = [match.end() for match in breath.finditer(sentence, 0, most)]
        if ends and ends[-1] > most // 2:
            return ends[-1]
    return max(1, most)

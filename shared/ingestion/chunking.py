"""Blocks of text to chunks: cut at sentences, rows and headings, at places the content itself chooses.

A chunk ends where the hashes of neighbouring pieces decide so, not after a fixed count. An inserted sentence or row
therefore moves only the borders around it, and every other chunk keeps its text and so its id and its vector. A heading
always starts a chunk and never ends one, a section that fits into one chunk stays whole, and a row, record or list item
that fits is never cut.
"""

from __future__ import annotations

import zlib
from collections import Counter
from itertools import accumulate, chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.models import Chunk, digest
from shared.ingestion.context import build_context
from shared.ingestion.splitting import BLOCK_JOINT, split_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.domain.models import Block, Location
    from shared.ingestion.splitting import Piece

# A part that is halved leaves each half at least this share of a chunk.
_MIN_SHARE = 0.25
# Chunks in a run, on average and at most.
_MEAN_RUN, _MAX_RUN = 3, 32
_HASHES = 1 << 32


def chunk(blocks: Iterable[Block], document_id: str, profile: str, size: int, title: str = "") -> Iterator[Chunk]:
    """Cut a document into chunks.

    The id of a chunk is a hash of document, context, text, occurrence and profile: what is unchanged keeps its id.

    Args:
        blocks: the document in reading order, read lazily.
        document_id: becomes part of every chunk's id.
        profile: identity of the embedding, part of the id too.
        size: tokens of text a chunk holds at most, as `tokens.estimate` counts; its context comes on top.
        title: the document's title, for the context.
    """
    namer = ChunkNamer(document_id, profile)
    for ordinal, group in enumerate(_group(split_blocks(blocks, size), size)):
        first = group[0]
        text = _join(group)
        location = replace(_locate(group), start=first.start, end=group[-1].end)
        context = build_context(title, location, "" if first.first else first.block.keys)
        yield Chunk(namer.name(context, text), document_id, ordinal, text, location, context)


class ChunkNamer:
    """Gives the chunks of a document their ids, in the order of the chunks: equal ones are counted.

    Args:
        profile: identity of the embedding.
    """

    def __init__(self, document_id: str, profile: str) -> None:
        self._document_id = document_id
        self._profile = profile
        self._seen: Counter[bytes] = Counter()

    def name(self, context: str, text: str) -> str:
        """The id of the next chunk."""
        key = bytes.fromhex(digest(context, text))
        self._seen[key] += 1
        return digest(self._document_id, context, text, str(self._seen[key]), self._profile)


def identify_in(document_id: str, chunk: Chunk, profile: str) -> str:
    """The id of the first chunk with the same context and text in another document, if that has one."""
    return digest(document_id, chunk.context, chunk.text, "1", profile)


def _locate(group: list[Piece]) -> Location:
    """Where the first piece stands, with the columns of the first row, so that a table can be shown as one."""
    location = group[0].block.location
    columns = next((piece.block.location.columns for piece in group if piece.block.location.columns), ())
    return replace(location, columns=columns) if columns != location.columns else location


def _group(pieces: Iterable[Piece], size: int) -> Iterator[list[Piece]]:
    for _, section in groupby(_number_sections(pieces), key=itemgetter(0)):
        yield from _cut_section((piece for _, piece in section), size)


def _number_sections(pieces: Iterable[Piece]) -> Iterator[tuple[int, Piece]]:
    """Pieces with the number of their section.

    A section ends before a heading, with a page or sheet, and around a record that is larger than a chunk. Headings
    that follow one another directly belong to the section below them, on whatever page it begins.
    """
    number, has_body = 0, False
    last: Piece | None = None
    for piece in pieces:
        if last is not None and has_body and (piece.heading or _is_elsewhere(last, piece) or _is_apart(last, piece)):
            number, has_body = number + 1, False
        has_body = has_body or not piece.block.heading
        last = piece
        yield number, piece


def _is_elsewhere(last: Piece, piece: Piece) -> bool:
    previous, own = last.block.location, piece.block.location
    return previous is not own and (previous.page, previous.sheet) != (own.page, own.sheet)


def _is_apart(last: Piece, piece: Piece) -> bool:
    """Whether one of two is part of a record that fills chunks of its own."""
    return (last.oversized or piece.oversized) and last.block is not piece.block


def _cut_section(pieces: Iterator[Piece], size: int) -> Iterator[list[Piece]]:
    """The chunks of a section: one, if it fits; a half of what belongs together answers worse than the whole."""
    start: list[Piece] = []
    held = 0
    for piece in pieces:
        start.append(piece)
        held += piece.tokens
        if held > size:
            yield from _cut_by_content(chain(start, pieces), size)
            return
    yield start


def _cut_by_content(pieces: Iterable[Piece], size: int) -> Iterator[list[Piece]]:
    for run in _cut_runs(pieces, size):
        yield from _cut_run(run, size)


def _cut_runs(pieces: Iterable[Piece], size: int) -> Iterator[list[Piece]]:
    """Runs of many chunks, cut where a rare hash says so: what is held in memory, and what an edit can affect."""
    run: list[Piece] = []
    held = 0
    for piece in pieces:
        if run and (held >= size * _MAX_RUN or _begins_run(run, piece, size)):
            yield run
            run, held = [], 0
        run.append(piece)
        held += piece.tokens
    if run:
        yield run


def _begins_run(run: list[Piece], piece: Piece, size: int) -> bool:
    return not run[-1].block.heading and _hash(run[-1], piece) < piece.tokens * _HASHES // (size * _MEAN_RUN)


def _cut_run(run: list[Piece], size: int) -> Iterator[list[Piece]]:
    """Halve a run at the border with the lowest hash until all parts fit.

    A border is chosen by its hash alone, not by what was cut before it: so an edit seldom moves other borders.
    """
    parts = [run]
    while parts:
        part = parts.pop()
        border = _find_border(part, size)
        if border:
            parts += [part[border:], part[:border]]
        else:
            yield part


def _find_border(part: list[Piece], size: int) -> int:
    """Where to halve ``part``, 0 if it fits; each half holds at least some of a chunk, where that is possible."""
    total = sum(piece.tokens for piece in part)
    if total <= size:
        return 0
    borders: Sequence[int] = [at for at in range(1, len(part)) if not part[at - 1].block.heading]
    if not borders and total > 2 * size:
        borders = range(1, len(part))  # headings and nothing else
    if not borders:
        return 0
    before = list(accumulate(piece.tokens for piece in part))
    least = size * _MIN_SHARE
    central = [at for at in borders if least <= before[at - 1] <= total - least]
    return min(central or borders, key=lambda at: _hash(part[at - 1], part[at]))


def _hash(previous: Piece, piece: Piece) -> int:
    return zlib.crc32(f"{previous.text.strip()}\n{piece.text.strip()}".encode("utf-8", "replace"))


def _join(group: list[Piece]) -> str:
    return "".join((BLOCK_JOINT if piece.first else "") + piece.text for piece in group).strip()

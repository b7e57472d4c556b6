"""Plain text: paragraphs between blank lines, or one to a line where lines are long or indented."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import Block, ParsedDocument
from shared.parsing.encoding import lines
from shared.parsing.prose import WIDEST_WRAPPED_COLUMNS, columns, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

_INDENT = "\u3000"


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The paragraphs of a text file of any size; a file of one long line comes in pieces."""
    return ParsedDocument("", (Block(text) for text in _paragraphs(path, limits.max_block_characters)))


def _paragraphs(path: Path, longest: int) -> Iterator[str]:
    gathered: list[str] = []
    size = 0
    for line in lines(path, longest, cut=True):
        if gathered and (not line.strip() or line.startswith(_INDENT) or size + len(line) > longest):
            yield from _shaped(gathered)
            gathered, size = [], 0
        if line.strip():
            gathered.append(line)
            size += len(line)
    yield from _shaped(gathered)


def _shaped(gathered: list[str]) -> Iterator[str]:
    """Lines that end on purpose stay lines of one block (a list, an address) unless each is a paragraph."""
    if any(columns(line) > WIDEST_WRAPPED_COLUMNS for line in gathered):
        yield from (line.strip() for line in gathered)
    elif gathered:
        yield "\n".join(unwrap(gathered))

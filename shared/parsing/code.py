"""Source code and settings (yaml, toml, ini) as they are: stretches of whole lines; ``row`` is the number of the first.

A stretch ends where a definition does, as far as blank lines and indents show it. One that begins inside a definition
has the first line of that as its heading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import Block, BlockKind, Location, ParsedDocument
from shared.parsing.encoding import lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

# A stretch is closed at the next blank line from this size on, and anywhere at the second one.
_ENOUGH_CHARACTERS, _MOST_CHARACTERS = 600, 2_000
# Definitions this short stay with the next one.
_SHORT_CHARACTERS = 200
_LONGEST_HEADING_CHARACTERS = 120
# A line that begins with one of these ends or continues something, or only comments.
_CLOSING = ("}", ")", "]", "#", "//", "/*", "*", "--", "'''", '"""', "<!--", "end", "else", "@")


class _Stretch(Struct):
    """Lines as far as they were gathered.

    Attributes:
        row: number of the first line.
        heading: the definition that they begin inside, or empty.
    """

    row: int = 0
    heading: str = ""
    lines: list[str] = []
    size: int = 0


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The lines of a file of any size."""
    return ParsedDocument("", read(lines(path, limits.max_block_characters, cut=True)))


def read(written: Iterable[str]) -> Iterator[Block]:
    """The stretches of lines."""
    stretch = _Stretch()
    definition = ""
    is_after_blank = False
    for number, line in enumerate(written, start=1):
        if not line.strip():
            is_after_blank = True
            if stretch.lines:
                stretch.lines.append("")
            continue
        is_indented = line[0] in " \t"
        if stretch.lines and _ends(stretch, is_after_blank=is_after_blank, is_indented=is_indented):
            yield _block(stretch)
            stretch = _Stretch()
        if not stretch.lines:
            stretch.row, stretch.heading = number, definition if is_indented else ""
        stretch.lines.append(line)
        stretch.size += len(line) + 1
        if not is_indented and not line.startswith(_CLOSING):
            definition = line
        is_after_blank = False
    if stretch.lines:
        yield _block(stretch)


def _ends(stretch: _Stretch, *, is_after_blank: bool, is_indented: bool) -> bool:
    """Whether a stretch ends before the next line."""
    if stretch.size > _MOST_CHARACTERS:
        return True
    if not is_after_blank:
        return False
    if not is_indented and stretch.heading:
        return True  # the end of a long definition and the next one
    return stretch.size > (_ENOUGH_CHARACTERS if is_indented else _SHORT_CHARACTERS)


def _block(stretch: _Stretch) -> Block:
    heading = " ".join(stretch.heading.split()).rstrip("{(:= ")[:_LONGEST_HEADING_CHARACTERS]
    location = Location(row=stretch.row, headings=(heading,) if heading else ())
    return Block("\n".join(stretch.lines).rstrip("\n"), location, kind=BlockKind.CODE)

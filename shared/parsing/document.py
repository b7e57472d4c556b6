"""One call for every format: which parser, which title, and what holds whatever the parser does."""

from __future__ import annotations

from importlib import import_module
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.encoding import clean
from shared.parsing.formats import format_of
from shared.parsing.limits import Limits
from shared.parsing.outline import LONGEST_TITLE_CHARACTERS
from shared.parsing.prose import pieces
from shared.parsing.refusal import refusal, refusing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A title stands near the top: more blocks than this are not read ahead to find one.
_BLOCKS_BEFORE_TITLE = 8
_MODULES = {"txt": "text", "md": "markdown"}


def parse(path: Path, key: str, limits: Limits = Limits()) -> ParsedDocument:  # noqa: B008 - frozen
    """The title and text of the file at ``path``, an object whose name in the bucket is ``key``.

    The title is the first heading near the top, else the document's own property, else the key's stem. Blocks are
    read as they are asked for; each has text that encodes to UTF-8, at most ``limits.max_block_characters`` long.

    Raises:
        DocumentError: at once or while blocks are read, and nothing else whatever the bytes: ``unsupported_format``,
            ``format_mismatch``, ``empty_document``, ``encrypted``, ``needs_ocr``, ``too_large``, ``too_many_pages``,
            ``too_deep``, ``broken_file``.
        OSError: the file cannot be opened.
    """
    size = path.stat().st_size
    if size == 0:
        raise refusal("empty_document", "The file is empty.")
    if size > limits.max_bytes:
        raise refusal("too_large", f"The file is larger than {limits.max_bytes // (1 << 20)} MiB.")
    with refusing():
        name = format_of(path, key)
        # Imported by name: a parser's module loads with the first file of its format.
        module = import_module(f"shared.parsing.{_MODULES.get(name, name)}")
        document: ParsedDocument = module.parse(path, limits)
        blocks = _bounded(document.blocks, limits)
        first = list(islice(blocks, _BLOCKS_BEFORE_TITLE))
    if not first:
        raise refusal("empty_document", "The file holds no text.")
    return ParsedDocument(_title(first, document.title, key), _refusing(chain(first, blocks)))


def _title(first: list[Block], declared: str, key: str) -> str:
    heading = next((block.text for block in first if block.heading), "")
    title = " ".join((heading or clean(declared)).split()) or clean(PurePosixPath(key).stem)
    return title[:LONGEST_TITLE_CHARACTERS]


def _refusing(blocks: Iterator[Block]) -> Iterator[Block]:
    with refusing():
        yield from blocks


def _bounded(blocks: Iterator[Block], limits: Limits) -> Iterator[Block]:
    """Clean blocks of bounded length, as many as the bound on a document's text allows."""
    characters = 0
    for block in blocks:
        for text in pieces(clean(block.text), limits.max_block_characters):
            if not text.strip():
                continue
            characters += len(text)
            if characters > limits.max_characters:
                raise refusal("too_large", f"The document holds more than {limits.max_characters} characters.")
            yield replace(block, text=text.strip("\n"), location=_clean(block.location))


def _clean(location: Location) -> Location:
    """``location`` with names that encode to UTF-8, as texts do."""
    if location.sheet is None and not location.headings:
        return location
    sheet = None if location.sheet is None else clean(location.sheet)
    return replace(location, sheet=sheet, headings=tuple(clean(title) for title in location.headings))

"""One call for every format: which parser, which title, and what holds whatever the parser does."""

from __future__ import annotations

from contextlib import closing, nullcontext
from functools import lru_cache
from importlib import import_module
from itertools import chain, islice
from pathlib import PurePosixPath
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.models import Block, BlockKind, Location, ParsedDocument
from shared.parsing.compressed import decompress
from shared.parsing.encoding import clean
from shared.parsing.encrypted import decrypt
from shared.parsing.formats import READ_AS_BYTES, find_extension, find_format
from shared.parsing.limits import Limits
from shared.parsing.outline import LONGEST_TITLE_CHARACTERS
from shared.parsing.prose import pieces
from shared.parsing.refusing import refuse, refuse_empty, refuse_errors
from shared.parsing.wide import copy_narrow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.scratch import TemporaryCopy

# Raised by one whenever parsing reads something else than before, so that documents read before can be read again.
PARSER_REVISION = 8
# A title stands near the top: more blocks than this are not read ahead to find one.
_BLOCKS_BEFORE_TITLE = 8
# Sentences about one document; a file must not fill the registry with them.
_MOST_WARNINGS = 100
_LONGEST_WARNING_CHARACTERS = 500
_MODULES = {"txt": "text", "md": "markdown", "yaml": "code"}
_BY_EXTENSION = {"properties": "escaped_code", "strings": "escaped_code"}


def parse(path: Path, key: str, limits: Limits = Limits(), *, module: str = "") -> ParsedDocument:  # noqa: B008 - frozen
    """The title and text of the file at ``path``, the object ``key`` of the bucket.

    The title is the first heading near the top, else the document's own property, else the key's stem. Blocks are
    read as they are asked for; each has text that encodes to UTF-8, at most ``limits.max_block_characters`` long. A row
    of a table or a record stays whole up to ``limits.max_line_characters``, since it would lose its labels.

    Args:
        path: the file.
        key: name of the object.
        limits: what reading it may cost.
        module: name of a module that reads the file in place of that of its format; tests of the bounds name one that
            only computes or allocates. It has ``parse(path, limits)`` and, as every format's module may, the tuple
            ``BAD_FILE_ERRORS`` of what it raises for a bad file, and ``IS_COLLECTION`` where the first heading is the
            name of one of many documents.

    Raises:
        DocumentError: at once or while blocks are read: ``unsupported_format``, ``format_mismatch``,
            ``empty_document``, ``encrypted``, ``needs_ocr``, ``too_large``, ``too_many_pages``, ``too_deep``,
            ``too_complex``, ``broken_file``. Any other error says nothing about the file.
        OSError: the file cannot be opened.
    """
    size = path.stat().st_size
    copy = decompress(path, key, limits) or decrypt(path, limits)
    path = copy.path if copy else path
    format_ = find_format(path, key, limits)
    if format_ in READ_AS_BYTES and (narrow := copy_narrow(path, limits)):
        copy, path = narrow, narrow.path
    # Imported by name: a parser's module loads with the first file of its format.
    reader = resolve_name(module) if module else import_module(f"shared.parsing.{_find_module(format_, key)}")
    errors: tuple[type[BaseException], ...] = getattr(reader, "BAD_FILE_ERRORS", ())
    with refuse_errors(*errors):
        document: ParsedDocument = reader.parse(path, limits)
        blocks = _bounded(document, size, limits)
        first = list(islice(blocks, _BLOCKS_BEFORE_TITLE))
    if not first:
        raise refuse_empty(document.warnings)
    title = _title([] if getattr(reader, "IS_COLLECTION", False) else first, document.title, key)
    return ParsedDocument(title, _refusing(chain(first, blocks), errors, copy), format_, document.warnings)


def _find_module(format_: str, key: str) -> str:
    name = _BY_EXTENSION.get(find_extension(key), "") if format_ == "code" else ""
    return name or _MODULES.get(format_, format_)


def _title(first: list[Block], declared: str, key: str) -> str:
    heading = next((block.text for block in first if block.heading), "")
    title = " ".join((heading or clean(declared)).split()) or clean(PurePosixPath(key).stem)
    return title[:LONGEST_TITLE_CHARACTERS]


def _refusing(
    blocks: Iterator[Block], errors: tuple[type[BaseException], ...], copy: TemporaryCopy | None
) -> Iterator[Block]:
    with refuse_errors(*errors), closing(copy) if copy else nullcontext():
        yield from blocks


def _bounded(document: ParsedDocument, size: int, limits: Limits) -> Iterator[Block]:
    """Clean blocks of bounded length, as many as a file of ``size`` bytes may yield."""
    most = max(limits.min_characters, limits.characters_per_byte * size)
    characters = 0
    for block in _cut(document.blocks, limits):
        characters += len(block.text)
        if characters > limits.max_characters:
            raise refuse("too_large", f"The document holds more than {limits.max_characters:,} characters.")
        if characters > most:
            document.warnings.append(_left_out(block, most, size))
            break
        yield block
    document.warnings[:] = [text[:_LONGEST_WARNING_CHARACTERS] for text in document.warnings[:_MOST_WARNINGS]]


def _cut(blocks: Iterator[Block], limits: Limits) -> Iterator[Block]:
    for block in blocks:
        if block.picture:
            yield block
            continue
        longest = limits.max_line_characters if block.kind is BlockKind.ROW else limits.max_block_characters
        whole, location, keys = clean(block.text), _clean(block.location), block.keys and clean(block.keys)
        for piece in (whole,) if len(whole) <= longest else pieces(whole, longest):
            text = piece.strip("\n")
            if not text.strip():
                continue
            # Most blocks are clean: a copy of each would be a tenth of the time for a large table.
            is_same = text == block.text and location is block.location and keys == block.keys
            yield block if is_same else replace(block, text=text, location=location, keys=keys)


def _left_out(block: Block, most: int, size: int) -> str:
    place = block.location
    steps = (("page", place.page), ("row", place.row))
    where = " ".join(f"{name} {number}" for name, number in steps if number is not None)
    return (
        f"The file of {size:,} bytes holds more than {most:,} characters of text, the most for its size; "
        f"the text {f'from {where} on' if where else 'after them'} was left out."
    )


def _clean(location: Location) -> Location:
    """``location`` with names that encode to UTF-8, as texts do."""
    if location.sheet is None and not location.headings and not location.columns:
        return location
    sheet = None if location.sheet is None else clean(location.sheet)
    headings, columns = _clean_all(location.headings), _clean_all(location.columns)
    if (sheet, headings, columns) == (location.sheet, location.headings, location.columns):
        return location
    return replace(location, sheet=sheet, headings=headings, columns=columns)


@lru_cache(maxsize=8)  # every row of a table has the same
def _clean_all(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(clean(name) for name in names)

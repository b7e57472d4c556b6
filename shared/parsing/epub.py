"""EPUB books: the chapters in reading order. https://www.w3.org/TR/epub-33/."""

from __future__ import annotations

import posixpath
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from shared.domain.errors import DocumentError
from shared.domain.models import ParsedDocument
from shared.parsing import html
from shared.parsing.archive import Archive
from shared.parsing.charset import decode_bytes
from shared.parsing.epub_package import read_description
from shared.parsing.html_pictures import PagePictures
from shared.parsing.inner_pictures import InnerPictures
from shared.parsing.outline import Outline
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

# Encryption of fonts only, which any reader can undo.
_FONT_METHODS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a book; its title is that of its description.

    Raises:
        DocumentError: ``encrypted``, ``broken_file``, ``too_deep``, ``too_large``.
    """
    archive = Archive(path, limits)
    with archive.closed_on_error():
        if _is_encrypted(archive):
            raise refuse("encrypted", "The book is protected against copying and cannot be read.")
        title, names = read_description(archive)
        warnings = archive.warnings
        pictures = InnerPictures(limits, warnings)
        chapters = _chapters(archive, title, names, limits, warnings, pictures)
        return ParsedDocument(title, _blocks(archive, chapters, pictures), warnings=warnings)


def _blocks(archive: Archive, chapters: Iterator[Block], pictures: InnerPictures) -> Iterator[Block]:
    with archive:
        yield from pictures.unpack(chapters, is_whole=True)


def _chapters(
    archive: Archive, title: str, names: list[str], limits: Limits, warnings: list[str], pictures: InnerPictures
) -> Iterator[Block]:
    missing = 0
    if title.strip():
        # Chapters begin with headings of their own, of which none is the title of the book.
        yield Outline().heading(1, title)
    for name in names:
        if archive.resolve(name) not in archive.names:
            missing += 1
            continue
        if archive.size(name) > limits.max_whole_bytes:
            raise refuse("too_large", f"A chapter may have at most {limits.max_whole_bytes >> 20} MiB.")
        data: list[bytes] = []
        with archive.surviving_damage(name):
            data.extend(archive.chunks(name))
        own = PagePictures(pictures, partial(_open, archive, name))
        yield from html.read(decode_bytes(b"".join(data)), limits, Outline(), warnings, own)
    if missing:
        warnings.append(f"Chapters that the book names but does not hold: {missing}.")


def _open(archive: Archive, chapter: str, address: str) -> tuple[str, Callable[[], Iterator[bytes]]] | None:
    """The file that an address in a chapter names, if the book holds it: its name, and what gives its bytes."""
    path = unquote(address.partition("#")[0].partition("?")[0])
    name = archive.resolve(posixpath.normpath(posixpath.join(posixpath.dirname(chapter), path)))
    return (name, partial(archive.chunks, name)) if name in archive.names else None


def _is_encrypted(archive: Archive) -> bool:
    try:
        events = list(archive.events("META-INF/encryption.xml", frozenset({"EncryptionMethod"})))
    except DocumentError:
        return True
    methods = (event.attributes.get("Algorithm", "") for event in events if event.kind == "open")
    return any(not method.startswith(_FONT_METHODS) for method in methods)

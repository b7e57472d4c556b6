"""EPUB books: the chapters in reading order. https://www.w3.org/TR/epub-33/."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from shared.domain.errors import DocumentError
from shared.domain.models import ParsedDocument
from shared.parsing import html
from shared.parsing.archive import Archive
from shared.parsing.charset import decode_bytes
from shared.parsing.outline import Outline
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_PAGES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml"})
_PAGE_NAMES = (".xhtml", ".html", ".htm")
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
        title, names = _read_description(archive)
        warnings: list[str] = []
        return ParsedDocument(title, _blocks(archive, title, names, limits, warnings), warnings=warnings)


def _blocks(archive: Archive, title: str, names: list[str], limits: Limits, warnings: list[str]) -> Iterator[Block]:
    with archive:
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
            page = decode_bytes(b"".join(archive.chunks(name)))
            yield from html.read(page, limits, Outline(), warnings)
        if missing:
            warnings.append(f"Chapters that the book names but does not hold: {missing}.")


def _is_encrypted(archive: Archive) -> bool:
    try:
        events = list(archive.events("META-INF/encryption.xml", frozenset({"EncryptionMethod"})))
    except DocumentError:
        return True
    methods = (event.attributes.get("Algorithm", "") for event in events if event.kind == "open")
    return any(not method.startswith(_FONT_METHODS) for method in methods)


def _read_description(archive: Archive) -> tuple[str, list[str]]:
    """The title, and the names of the pages in reading order."""
    try:
        roots = archive.events("META-INF/container.xml", frozenset({"rootfile"}))
        named = [event.attributes.get("full-path", "") for event in roots if event.kind == "open"]
    except DocumentError:
        named = []
    named += sorted(name for name in archive.names if name.lower().endswith(".opf"))
    main = next((name for name in map(archive.resolve, named) if name in archive.names), "")
    title, names = _read_package(archive, main) if main else ("", [])
    return title, names or sorted(name for name in archive.names if name.lower().endswith(_PAGE_NAMES))


def _read_package(archive: Archive, main: str) -> tuple[str, list[str]]:
    items: dict[str, str] = {}
    spine: list[str] = []
    title, inside = "", False
    folder = posixpath.dirname(main)
    try:
        for event in archive.events(main):
            given = event.attributes
            if event.kind == "text":
                title += event.name if inside else ""
                continue
            inside = event.kind == "open" and event.name == "title" and not title
            if event.kind == "open" and event.name == "item" and given.get("media-type") in _PAGES:
                target = unquote(given.get("href", "").partition("#")[0])
                items[given.get("id", "")] = posixpath.normpath(posixpath.join(folder, target))
            elif event.kind == "open" and event.name == "itemref":
                spine.append(given.get("idref", ""))
    except DocumentError as error:
        if error.code != "broken_file":
            raise
    return title, [items[key] for key in dict.fromkeys(spine) if key in items]

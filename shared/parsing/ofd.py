"""OFD documents (GB/T 33190), the Chinese counterpart of PDF: the lines of each page, as they stand on it."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.archive import Archive
from shared.parsing.ofd_page import read_lines
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

_ROOT = "OFD.xml"


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The lines of all pages, those of their templates first.

    Raises:
        DocumentError: ``broken_file``, ``encrypted``, ``too_large``, ``too_many_pages``, ``needs_ocr``.
    """
    archive = Archive(path, limits)
    with archive.closed_on_error():
        title, documents = _read_root(archive)
        if archive.resolve("Encryptions.xml") in archive.names and not documents:
            raise refuse("encrypted", "The file is protected with a password; remove it and upload the file again.")
        pages = [page for document in documents for page in _read_pages(archive, document)]
        if len(pages) > limits.max_pages:
            raise refuse("too_many_pages", f"The document has more than {limits.max_pages} pages.")
        warnings: list[str] = []
        if any("/attachs/" in name.lower() and name.lower().endswith("attachments.xml") for name in archive.names):
            warnings.append("Files attached to the document are not read.")
        return ParsedDocument(title, _blocks(archive, pages), warnings=warnings)


def _blocks(archive: Archive, pages: list[tuple[str, ...]]) -> Iterator[Block]:
    with archive:
        is_empty = True
        for number, parts in enumerate(pages, start=1):
            for text in read_lines(archive, parts):
                is_empty = False
                yield Block(text, Location(page=number))
        if is_empty and pages:
            raise refuse("needs_ocr", "The document holds pictures only: its text has to be recognized (OCR) first.")


def _read_root(archive: Archive) -> tuple[str, list[str]]:
    """The title, and the names of the documents in the file."""
    title, documents, inside = "", list[str](), ""
    for event in archive.events(_ROOT):
        if event.kind == "text":
            if inside == "DocRoot":
                documents.append(event.name.strip().lstrip("/"))
            title += event.name if inside == "Title" else ""
        else:
            inside = event.name if event.kind == "open" else ""
    return title, documents


def _read_pages(archive: Archive, document: str) -> Iterator[tuple[str, ...]]:
    """Of each page, the names of its parts: the templates below it, itself, and its annotations."""
    folder = posixpath.dirname(document)
    templates: dict[str, str] = {}
    pages: list[tuple[str, str]] = []
    notes, inside = "", False
    for event in archive.events(document):
        given = event.attributes
        if event.kind == "text":
            notes += event.name.strip() if inside else ""
            continue
        inside = event.kind == "open" and event.name == "Annotations"
        if event.kind == "open" and event.name == "TemplatePage":
            templates[given.get("ID", "")] = _join(folder, given.get("BaseLoc", ""))
        elif event.kind == "open" and event.name == "Page" and "BaseLoc" in given:
            pages.append((given.get("ID", ""), _join(folder, given["BaseLoc"])))
    annotated = _read_annotated(archive, _join(folder, notes)) if notes else {}
    for key, page in pages:
        below = tuple(templates[name] for name in _used_templates(archive, page) if name in templates)
        yield (*below, page, *annotated.get(key, ()))


def _used_templates(archive: Archive, page: str) -> list[str]:
    events = archive.events(page, frozenset({"Template"}))
    return [event.attributes.get("TemplateID", "") for event in events if event.kind == "open"]


def _read_annotated(archive: Archive, part: str) -> dict[str, list[str]]:
    """The parts with the annotations of each page, by the page's id."""
    found: dict[str, list[str]] = {}
    page, inside = "", False
    for event in archive.events(part):
        if event.kind == "text":
            if inside and event.name.strip():
                found.setdefault(page, []).append(_join(posixpath.dirname(part), event.name.strip()))
        else:
            inside = event.kind == "open" and event.name == "FileLoc"
            page = event.attributes.get("PageID", page) if event.name == "Page" and event.kind == "open" else page
    return found


def _join(folder: str, name: str) -> str:
    return name.lstrip("/") if name.startswith("/") else posixpath.normpath(posixpath.join(folder, name))

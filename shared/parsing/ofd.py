"""OFD documents (GB/T 33190), the Chinese counterpart of PDF: the lines of each page, as they stand on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.archive import Archive
from shared.parsing.ofd_page import read_lines, read_units
from shared.parsing.ofd_parts import read_pages, read_resources, read_root
from shared.parsing.refusing import has_damage, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from shared.parsing.limits import Limits
    from shared.parsing.ofd_page import Part


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The lines of all pages, those of their templates first.

    Raises:
        DocumentError: ``broken_file``, ``encrypted``, ``too_large``, ``too_many_pages``, ``needs_ocr``.
    """
    archive = Archive(path, limits)
    with archive.closed_on_error():
        title, documents = read_root(archive)
        if archive.resolve("Encryptions.xml") in archive.names and not documents:
            raise refuse("encrypted", "The file is protected with a password; remove it and upload the file again.")
        units = read_units(archive, [name for document in documents for name in read_resources(archive, document)])
        pages = [page for document in documents for page in read_pages(archive, document)]
        if len(pages) > limits.max_pages:
            raise refuse("too_many_pages", f"The document has more than {limits.max_pages} pages.")
        warnings = archive.warnings
        if any("/attachs/" in name.lower() and name.lower().endswith("attachments.xml") for name in archive.names):
            warnings.append("Files attached to the document are not read.")
        return ParsedDocument(title, _blocks(archive, pages, units), warnings=warnings)


def _blocks(archive: Archive, pages: list[tuple[str, ...]], units: Mapping[str, list[Part]]) -> Iterator[Block]:
    with archive:
        is_empty = True
        for number, parts in enumerate(pages, start=1):
            readable = [part for part in parts if not archive.report_missing(part)]
            for text in read_lines(archive, readable, units):
                is_empty = False
                yield Block(text, Location(page=number))
        if is_empty and pages and not has_damage(archive.warnings):
            raise refuse("needs_ocr", "The document holds pictures only: its text has to be recognized (OCR) first.")

"""The structure of an OFD file: its title and documents, and the parts that each page consists of."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.archive import Archive

_ROOT = "OFD.xml"


def read_root(archive: Archive) -> tuple[str, list[str]]:
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


def read_pages(archive: Archive, document: str) -> Iterator[tuple[str, ...]]:
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


def read_resources(archive: Archive, document: str) -> list[str]:
    """The names of the parts with what the pages of a document share."""
    found, inside = list[str](), False
    for event in archive.events(document):
        if event.kind == "text":
            if inside and event.name.strip():
                found.append(_join(posixpath.dirname(document), event.name.strip()))
        else:
            inside = event.kind == "open" and event.name in ("PublicRes", "DocumentRes")
    return found


def _used_templates(archive: Archive, page: str) -> list[str]:
    events = archive.readable_events(page, frozenset({"Template"}))
    return [event.attributes.get("TemplateID", "") for event in events if event.kind == "open"]


def _read_annotated(archive: Archive, part: str) -> dict[str, list[str]]:
    """The parts with the annotations of each page, by the page's id."""
    found: dict[str, list[str]] = {}
    page, inside = "", False
    for event in archive.readable_events(part):
        if event.kind == "text":
            if inside and event.name.strip():
                found.setdefault(page, []).append(_join(posixpath.dirname(part), event.name.strip()))
        else:
            inside = event.kind == "open" and event.name == "FileLoc"
            page = event.attributes.get("PageID", page) if event.name == "Page" and event.kind == "open" else page
    return found


def _join(folder: str, name: str) -> str:
    return name.lstrip("/") if name.startswith("/") else posixpath.normpath(posixpath.join(folder, name))

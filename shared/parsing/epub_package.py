"""The description of an EPUB book: its title, and which pages it has in which order.

https://www.w3.org/TR/epub-33/#sec-package-doc.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from shared.domain.errors import DocumentError

if TYPE_CHECKING:
    from shared.parsing.archive import Archive

_PAGES = frozenset({"application/xhtml+xml", "text/html", "text/x-oeb1-document", "application/x-dtbook+xml"})
_PAGE_NAMES = (".xhtml", ".html", ".htm")


def read_description(archive: Archive) -> tuple[str, list[str]]:
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

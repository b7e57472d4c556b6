"""OpenDocument texts: headers, the text, footers, each header and footer once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import ParsedDocument
from shared.parsing.flow import Flow
from shared.parsing.odf import Reader
from shared.parsing.odf_objects import OdfObjects
from shared.parsing.odf_pictures import OdfPictures
from shared.parsing.odf_source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits
    from shared.parsing.xml_events import Event

_MARGINS = frozenset({"header", "header-left", "header-first", "footer", "footer-left", "footer-first"})


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a text; its property gives the title when no heading does.

    Raises:
        DocumentError: ``encrypted``, ``broken_file``, ``too_deep``, ``too_large``.
    """
    source = Source(path, limits)
    warnings = source.warnings
    pictures = OdfPictures(source, limits, warnings)
    blocks = pictures.unpack(_blocks(source, limits, pictures))
    return ParsedDocument(source.title(), blocks, warnings=warnings)


def _blocks(source: Source, limits: Limits, pictures: OdfPictures) -> Iterator[Block]:
    reader = Reader(Flow(limits), pictures, OdfObjects(source))
    margins: list[Event] = []
    for event in _styles(source.events("styles.xml"), margins):
        reader.define(event)
    yield from _read_margins(margins, "header", limits)
    for event in source.events("content.xml"):
        reader.read(event)
        yield from reader.flow.take()
    reader.flow.close()
    yield from reader.flow.take()
    yield from _read_margins(margins, "footer", limits)


def _styles(events: Iterable[Event], margins: list[Event]) -> Iterator[Event]:
    """The steps through the styles; those of headers and footers go to ``margins``."""
    inside = ""
    for event in events:
        if event.name in _MARGINS and event.kind == "open" and not inside:
            inside = event.name
        if inside:
            margins.append(event)
        elif event.kind == "open":
            yield event
        if event.kind == "close" and event.name == inside:
            inside = ""


def _read_margins(margins: list[Event], kind: str, limits: Limits) -> Iterator[Block]:
    reader = Reader(Flow(limits))
    inside = False
    for event in margins:
        if event.name in _MARGINS and event.kind != "text":
            inside = event.kind == "open" and event.name.startswith(kind)
        elif inside:
            reader.read(event)
    reader.flow.close()
    seen: set[str] = set()
    for block in reader.flow.take():
        if not block.heading and block.text not in seen:
            seen.add(block.text)
            yield block

"""OpenDocument presentations: slides in order, each with its title as heading, its shapes, tables and notes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.models import ParsedDocument
from shared.parsing.flow import Flow
from shared.parsing.odf import Reader
from shared.parsing.odf_objects import OdfObjects
from shared.parsing.odf_pictures import OdfPictures
from shared.parsing.odf_source import Source
from shared.parsing.reading_order import Box, arrange
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits
    from shared.parsing.xml_events import Event

_LENGTH = re.compile(r"(-?[0-9]{1,6}(?:\.[0-9]{1,9})?)(cm|mm|in|pt)")
_MICROMETRES = {"cm": 10_000, "mm": 1_000, "in": 25_400, "pt": 353}
_TITLES = frozenset({"title", "subtitle-title"})


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of all slides, hidden ones too.

    Raises:
        DocumentError: ``encrypted``, ``broken_file``, ``too_deep``, ``too_large``, ``too_many_pages``.
    """
    source = Source(path, limits)
    warnings = source.warnings
    pictures = OdfPictures(source, limits, warnings)
    blocks = pictures.unpack(_blocks(source, limits, pictures))
    return ParsedDocument(source.title(), blocks, warnings=warnings)


def _blocks(source: Source, limits: Limits, pictures: OdfPictures) -> Iterator[Block]:
    page = 0
    slide: list[Event] | None = None
    reader = Reader(Flow(limits), pictures, OdfObjects(source))
    for event in source.events("content.xml"):
        if event.kind == "open" and event.name == "page" and slide is None:
            page, slide = page + 1, []
            if page > limits.max_pages:
                raise refuse("too_many_pages", f"The file has more than {limits.max_pages} slides.")
        elif event.kind == "close" and event.name == "page" and slide is not None:
            yield from _slide(slide, page, reader)
            slide = None
        elif slide is not None:
            slide.append(event)
        else:
            reader.read(event)


def _slide(events: list[Event], page: int, reader: Reader) -> Iterator[Block]:
    """The title of a slide, wherever it stands, then the rest."""
    title, rest = _part(events)
    reader.read_all(title)
    text = " ".join(block.text for block in reader.flow.take())
    if text:
        yield _on(reader.flow.outline.heading(1, text), page)
    parts = _split(rest)
    for place in arrange([_find_box(part[0]) for part in parts]):
        reader.read_all(parts[place])
    reader.flow.close()
    # Slides have no headings but their titles.
    yield from (_on(block, page) for block in reader.flow.take())


def _split(events: list[Event]) -> list[list[Event]]:
    """The steps through each element of a slide."""
    parts: list[list[Event]] = []
    depth = 0
    for event in events:
        if depth:
            parts[-1].append(event)
        else:
            parts.append([event])
        depth += {"open": 1, "close": -1}.get(event.kind, 0)
    return parts


def _find_box(event: Event) -> Box | None:
    lengths = [_LENGTH.fullmatch(event.attributes.get(name, "")) for name in ("x", "y", "width", "height")]
    left, top, width, height = (int(float(match[1]) * _MICROMETRES[match[2]]) if match else None for match in lengths)
    if left is None or top is None or width is None or height is None:
        return None
    return Box(left, top, left + width, top + height)


def _on(block: Block, page: int) -> Block:
    return replace(block, location=replace(block.location, page=page))


def _part(events: list[Event]) -> tuple[list[Event], list[Event]]:
    """The steps through the frames of the title, and all others."""
    title: list[Event] = []
    rest: list[Event] = []
    depth = 0
    for event in events:
        if depth or (event.kind == "open" and event.attributes.get("class") in _TITLES):
            depth += {"open": 1, "close": -1}.get(event.kind, 0)
            title.append(event)
        else:
            rest.append(event)
    return title, rest

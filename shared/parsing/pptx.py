"""PowerPoint presentations (OOXML): slide by slide, the title first, then shapes, tables, charts, comments and notes.

Hidden slides are read too, and count as pages: people search for what they know is there. Text of layouts and masters
is not read. Element names are those of ECMA-376 part 1, sections 19 and 21.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.archive import Archive
from shared.parsing.chart import read_chart
from shared.parsing.diagram import read_diagram
from shared.parsing.inner_pictures import InnerPictures
from shared.parsing.package import find_main_part
from shared.parsing.refusing import refuse
from shared.parsing.shapes import Shape, read_comments, read_shapes
from shared.parsing.table import render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

_TITLES = frozenset({"title", "ctrTitle"})
# The date, the slide's number and its picture on the notes page say nothing about the slide.
_LEFT_OUT = frozenset({"sldNum", "dt", "sldImg"})
# The same on every slide: given once.
_REPEATED = frozenset({"ftr", "hdr"})
_EMBEDDED = frozenset({"package", "oleObject"})


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a presentation, in the order the slides are shown."""
    archive = Archive(path, limits)
    warnings = archive.warnings
    with archive.closed_on_error():
        slides = _slides(archive)
        if len(slides) > limits.max_pages:
            raise refuse("too_many_pages", f"The presentation has more than {limits.max_pages} slides.")
        return ParsedDocument(archive.title(), _Deck(archive, limits, warnings).blocks(slides), "pptx", warnings)


def _slides(archive: Archive) -> list[str]:
    main = find_main_part(archive)
    relations = archive.relations(main)
    ids = [
        event.attributes.get("r:id", "")
        for event in archive.events(main)
        if event.kind == "open" and event.name == "sldId"
    ]
    return [relations[slide][1] for slide in ids if slide in relations]


class _Deck:
    """The slides of a presentation, which share their footers."""

    def __init__(self, archive: Archive, limits: Limits, warnings: list[str]) -> None:
        self._archive = archive
        self._pictures = InnerPictures(limits, warnings)
        self._warnings = warnings
        self._repeated: set[str] = set()

    def blocks(self, slides: list[str]) -> Iterator[Block]:
        with self._archive:
            found = chain.from_iterable(self._slide(slide, page) for page, slide in enumerate(slides, start=1))
            yield from self._pictures.unpack(found, is_whole=True)

    def _slide(self, slide: str, page: int) -> Iterator[Block]:
        archive = self._archive
        if archive.report_missing(slide):
            return
        relations = archive.relations(slide)
        shapes = list(read_shapes(archive, slide))
        title = next((" ".join(shape.text.split()) for shape in shapes if shape.role in _TITLES and shape.text), "")
        location = Location(page=page, headings=(title,) if title else ())
        if title:
            yield Block(title, location, heading=True)
        for shape in shapes:
            yield from self._shape(shape, relations, location, title)
        for kind, target in relations.values():
            if kind == "comments":
                yield from (Block(text, location) for text in read_comments(archive, target))
        for kind, target in relations.values():
            if kind == "notesSlide":
                for shape in read_shapes(archive, target):
                    yield from self._shape(shape, archive.relations(target), location, "")
        if any(kind in _EMBEDDED for kind, _ in relations.values()):
            self._warn("Files embedded as objects in the presentation are not read.")

    def _shape(
        self, shape: Shape, relations: dict[str, tuple[str, str]], location: Location, title: str
    ) -> Iterator[Block]:
        if shape.role in _LEFT_OUT or (title and shape.role in _TITLES and " ".join(shape.text.split()) == title):
            return
        if shape.role in _REPEATED:
            if shape.text in self._repeated:
                return
            self._repeated.add(shape.text)
        if shape.text:
            yield Block(shape.text, location)
        for rows, header_rows in shape.tables:
            yield from (row.block(location) for row in render(rows, header_rows=header_rows))
        if shape.chart in relations:
            yield from read_chart(self._archive, relations[shape.chart][1], location, self._warnings)
        yield from read_diagram(self._archive, relations, shape.diagram, location)
        if shape.description:
            yield Block(shape.description, location)
        if shape.picture in relations:
            part = relations[shape.picture][1]
            for block in self._pictures.find(part, shape.area, partial(self._archive.chunks, part)):
                yield replace(block, location=location)

    def _warn(self, sentence: str) -> None:
        if sentence not in self._warnings:
            self._warnings.append(sentence)

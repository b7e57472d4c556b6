"""PowerPoint presentations (OOXML): slide by slide, the title first, then shapes, tables and the speaker's notes.

Element names are those of ECMA-376 part 1, sections 19 and 21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.archive import Archive
from shared.parsing.refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.archive import Event
    from shared.parsing.limits import Limits

_PRESENTATION = "ppt/presentation.xml"
_TITLES = frozenset({"title", "ctrTitle"})
# Repeated on every slide: they would drown what the slide says.
_FURNITURE = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})


class _Shape(Struct):
    """One shape's paragraphs; table rows are paragraphs too."""

    role: str = ""
    paragraphs: list[str] = []

    @property
    def text(self) -> str:
        return "\n".join(self.paragraphs)


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a presentation, in the order the slides are shown."""
    archive = Archive(path, limits)
    slides = _slides(archive)
    if len(slides) > limits.max_pages:
        raise refusal("too_many_pages", f"The presentation has more than {limits.max_pages} slides.")
    return ParsedDocument(archive.title(), _blocks(archive, slides))


def _slides(archive: Archive) -> list[str]:
    relations = archive.relations(_PRESENTATION)
    ids = [
        event.attributes.get("r:id", "")
        for event in archive.events(_PRESENTATION)
        if event.kind == "open" and event.name == "sldId"
    ]
    return [relations[slide][1] for slide in ids if slide in relations]


def _blocks(archive: Archive, slides: list[str]) -> Iterator[Block]:
    with archive:
        for page, slide in enumerate(slides, start=1):
            shapes = list(_shapes(archive, slide))
            title = next((" ".join(shape.text.split()) for shape in shapes if shape.role in _TITLES), "")
            location = Location(page=page, headings=(title,) if title else ())
            if title:
                yield Block(title, location, heading=True)
            for shape in (*shapes, *_notes(archive, slide)):
                if shape.role not in _TITLES and shape.text:
                    yield Block(shape.text, location)


def _notes(archive: Archive, slide: str) -> Iterator[_Shape]:
    for kind, target in archive.relations(slide).values():
        if kind == "notesSlide":
            yield from _shapes(archive, target)


def _shapes(archive: Archive, part: str) -> Iterator[_Shape]:
    reader = _Reader()
    for event in archive.events(part):
        reader.read(event)
    yield from (shape for shape in reader.shapes if shape.paragraphs and shape.role not in _FURNITURE)


class _Reader:
    """Turns the steps through a slide into shapes."""

    def __init__(self) -> None:
        self.shapes: list[_Shape] = []
        self._text: list[str] = []
        self._cells: list[str] | None = None
        self._in_text = False
        self._skipping = 0

    def read(self, event: Event) -> None:
        if self._skipping or (event.kind == "open" and event.name == "Fallback"):
            self._skipping += {"open": 1, "close": -1}.get(event.kind, 0)
        elif event.kind == "open":
            self._enter(event)
        elif event.kind == "close":
            self._leave(event.name)
        elif self._in_text:
            self._text.append(event.name)

    def _enter(self, event: Event) -> None:
        if event.name in ("sp", "graphicFrame"):
            self.shapes.append(_Shape())
        elif event.name == "ph" and self.shapes:
            self.shapes[-1].role = event.attributes.get("type", "body")
        elif event.name == "tr":
            self._cells = []
        elif event.name == "tc" and self._cells is not None:
            self._cells.append("")
        elif event.name == "t":
            self._in_text = True
        elif event.name == "br":
            self._text.append("\n")

    def _leave(self, name: str) -> None:
        if name == "t":
            self._in_text = False
        elif name == "p":
            self._paragraph("".join(self._text).strip())
            self._text = []
        elif name == "tr" and self._cells is not None:
            cells, self._cells = self._cells, None
            self._paragraph(" | ".join(cell for cell in cells if cell))

    def _paragraph(self, text: str) -> None:
        if not text or not self.shapes:
            return
        if self._cells:
            self._cells[-1] = f"{self._cells[-1]} {text}".strip()
        else:
            self.shapes[-1].paragraphs.append(text)

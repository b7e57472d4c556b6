"""PowerPoint presentations of 97 to 2003: slides in order, each with its title as heading, tables, comments and notes.

The records are those of [MS-PPT]: https://learn.microsoft.com/openspecs/office_file_formats/ms-ppt/.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.container import open_container, read_stream
from shared.parsing.doc_file import read_number
from shared.parsing.ppt_file import Deck, Record, read_records
from shared.parsing.ppt_shapes import Shape, read_shapes
from shared.parsing.ppt_texts import TITLES, read_texts
from shared.parsing.refusing import refuse
from shared.parsing.table import render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

_ENCRYPTED_TOKEN = 0xF3D1C4DF
_SLIDE, _SLIDE_ATOM, _NOTES_ATOM = 0x03EE, 0x03EF, 0x03F1
_DRAWING, _TAGS, _TAG, _TAG_DATA, _COMMENT, _STRING = 0x040C, 0x1388, 0x138A, 0x138B, 0x2EE0, 0x0FBA
_COMMENT_TEXT = 1
_FOOTERS, _DATE = 0x0FD9, 0
# Signs that stand for the date, the number of the slide and the like.
_SIGNS = frozenset({"*", "‹#›", "<#>"})


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of all slides, hidden ones too.

    Raises:
        DocumentError: ``broken_file``, ``encrypted``, ``too_large``, ``too_many_pages``.
    """
    warnings: list[str] = []
    with open_container(path, limits, warnings) as container:
        user = read_stream(container, "Current User")
        if read_number(user, 12) == _ENCRYPTED_TOKEN or container.exists("EncryptedSummary"):
            raise refuse("encrypted", "The file is protected with a password; remove it and upload the file again.")
        data = read_stream(container, "PP97_DUALSTORAGE/PowerPoint Document") or read_stream(
            container, "PowerPoint Document"
        )
    deck = Deck(data, read_number(user, 16), limits)
    return ParsedDocument("", _blocks(deck, limits), warnings=warnings)


class _Page(Struct):
    """What one slide shows."""

    shapes: list[Shape] = []
    comments: list[str] = []
    id: int = 0


def _blocks(deck: Deck, limits: Limits) -> Iterator[Block]:
    notes = {_find_slide(record): record for record in deck.notes}
    for number, slide in enumerate(deck.slides, start=1):
        if number > limits.max_pages:
            raise refuse("too_many_pages", f"The presentation has more than {limits.max_pages} slides.")
        page = _Page(id=slide.id)
        texts = read_texts(slide.texts)
        if slide.record is not None:
            page = _read_page(slide.record, slide.id, texts)
        if not any(shape.text or shape.rows for shape in page.shapes):
            page.shapes = [Shape(text=text, kind=kind) for kind, text in texts]
        yield from _show(page, number)
        if slide.id in notes:
            shapes = _read_page(notes[slide.id], 0, []).shapes
            yield from _show_shapes(shapes, Location(page=number, headings=_title(page)), None)
    # Slides repeat them.
    footers = (_read_footers(slide.record) for slide in deck.slides if slide.record is not None)
    yield from (Block(text) for text in dict.fromkeys(chain(*footers, _read_footers(deck.document))) if text.strip())


def _read_footers(record: Record | None) -> list[str]:
    """The headers and footers that a slide, or the presentation for all slides, has."""
    containers = (each for each in read_records(record) if each.kind == _FOOTERS) if record is not None else ()
    return [
        text.text
        for container in containers
        for text in read_records(container)
        if text.kind == _STRING and text.instance != _DATE
    ]


def _find_slide(notes: Record) -> int:
    """Id of the slide that a page of notes belongs to."""
    found = next((record for record in read_records(notes) if record.kind == _NOTES_ATOM), None)
    return read_number(found.data, found.start) if found else 0


def _read_page(record: Record, number: int, texts: list[tuple[int, str]]) -> _Page:
    page = _Page(id=number)
    waiting = [record]
    while waiting:
        for each in read_records(waiting.pop()):
            if each.kind == _DRAWING:
                page.shapes += read_shapes(each, texts)
            elif each.kind in (_TAGS, _TAG, _TAG_DATA):
                waiting.append(each)
            elif each.kind == _COMMENT:
                page.comments += [
                    text.text for text in read_records(each) if text.kind == _STRING and text.instance == _COMMENT_TEXT
                ]
    return page


def _title(page: _Page) -> tuple[str, ...]:
    title = next((" ".join(shape.text.split()) for shape in page.shapes if shape.kind in TITLES and shape.text), "")
    return (title,) if title else ()


def _show(page: _Page, number: int) -> Iterator[Block]:
    title = _title(page)
    location = Location(page=number, headings=title)
    if title:
        yield Block(title[0], location, heading=True)
    first = next((shape for shape in page.shapes if shape.kind in TITLES and shape.text), None)
    yield from _show_shapes(page.shapes, location, first)
    yield from (Block(text, location) for text in page.comments if text.strip())


def _show_shapes(shapes: list[Shape], location: Location, title: Shape | None) -> Iterator[Block]:
    for shape in shapes:
        if shape is title:
            continue
        if shape.rows:
            yield from (row.block(location) for row in render(shape.rows))
        elif shape.text.strip() and shape.text.strip() not in _SIGNS:
            yield Block(shape.text.strip(), location)

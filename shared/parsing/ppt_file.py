"""The records of a presentation, and which of them are its slides now. [MS-PPT] 2.1.2 and 2.3.

A record is a head of eight bytes and its data, which of containers are records. Each time a file is saved, changed
records are added at its end and a directory says where the present ones are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.doc_file import read_number
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.limits import Limits

_USER_EDIT, _DIRECTORY = 0x0FF5, 0x1772
_DOCUMENT, _SLIDE_LIST, _PERSIST, _SLIDE, _NOTES = 0x03E8, 0x0FF0, 0x03F3, 0x03EE, 0x03F0
_SLIDES_INSTANCE, _NOTES_INSTANCE = 0, 2
_STRINGS = frozenset({0x0FA0, 0x0FBA})
_MOST_EDITS, _MOST_PARTS = 10_000, 1 << 20


class Record(Struct):
    """A record: what it is, and where its data are."""

    kind: int
    instance: int
    data: bytes
    start: int
    end: int

    @property
    def text(self) -> str:
        """Its data as text: in UTF-16, or of other kinds than strings one byte a character."""
        data = self.data[self.start : self.end]
        if self.kind in _STRINGS:
            return data[: len(data) // 2 * 2].decode("utf-16-le", "replace")
        return data.decode("latin-1")


def read_records(within: Record) -> Iterator[Record]:
    """The records in the data of a container; ends at the first one that is damaged."""
    at = within.start
    while at + 8 <= within.end:
        head = read_number(within.data, at, "<H")
        size = read_number(within.data, at + 4)
        end = at + 8 + size
        if end > within.end:
            end = within.end
        yield Record(read_number(within.data, at + 2, "<H"), head >> 4, within.data, at + 8, end)
        at = end


class Slide(Struct):
    """A slide: its id, its record, and the texts that the list of slides holds of it."""

    id: int = 0
    record: Record | None = None
    texts: list[Record] = []


class Deck:
    """The slides and pages of notes of a presentation.

    Attributes:
        slides: in the order they are shown.
        notes: records of the pages of notes.
        document: the record of the whole presentation.
    """

    def __init__(self, data: bytes, edit: int, limits: Limits) -> None:
        """Find them.

        Args:
            data: the stream with all records.
            edit: offset of the record of the last time the file was saved.
            limits: bounds of the document.

        Raises:
            DocumentError: ``broken_file``.
        """
        if len(data) < 8:
            raise refuse("broken_file", "The file is damaged: its slides are missing.")
        self._whole = Record(0, 0, data, 0, len(data))
        self._most = limits.max_pages + 1
        self._places: dict[int, int] = {}
        root = self._read_edits(edit)
        self.document = document = self._at(root, _DOCUMENT) or self._first(_DOCUMENT)
        self.slides = self._listed(document, _SLIDES_INSTANCE, _SLIDE) if document else []
        if not any(slide.record or slide.texts for slide in self.slides):
            self.slides = [Slide(0, record) for record in read_records(self._whole) if record.kind == _SLIDE]
        listed = self._listed(document, _NOTES_INSTANCE, _NOTES) if document else []
        self.notes = [page.record for page in listed if page.record is not None]

    def _first(self, kind: int) -> Record | None:
        return next((record for record in read_records(self._whole) if record.kind == kind), None)

    def _read_edits(self, edit: int) -> int:
        """Read the directories from the last to the first; returns the number of the document's record."""
        root = 0
        for _ in range(_MOST_EDITS):
            record = self._record(edit)
            if record is None or record.kind != _USER_EDIT:
                break
            root = root or read_number(record.data, record.start + 16)
            self._read_directory(read_number(record.data, record.start + 12))
            previous = read_number(record.data, record.start + 8)
            if not previous or previous >= edit:
                break
            edit = previous
        return root

    def _read_directory(self, offset: int) -> None:
        record = self._record(offset)
        if record is None or record.kind != _DIRECTORY:
            return
        at = record.start
        while at + 4 <= record.end and len(self._places) < _MOST_PARTS:
            head = read_number(record.data, at)
            first, count = head & 0xFFFFF, head >> 20
            for number in range(min(count, (record.end - at - 4) // 4)):
                self._places.setdefault(first + number, read_number(record.data, at + 4 + 4 * number))
            at += 4 + 4 * count

    def _record(self, offset: int) -> Record | None:
        if not 0 <= offset <= self._whole.end - 8:
            return None
        return next(read_records(Record(0, 0, self._whole.data, offset, self._whole.end)), None)

    def _at(self, number: int, kind: int) -> Record | None:
        """The present record with this number."""
        record = self._record(self._places[number]) if number in self._places else None
        return record if record is not None and record.kind == kind else None

    def _listed(self, document: Record, instance: int, kind: int) -> list[Slide]:
        slides: list[Slide] = []
        for container in read_records(document):
            if container.kind != _SLIDE_LIST or container.instance != instance:
                continue
            for record in read_records(container):
                if record.kind == _PERSIST and len(slides) < self._most:
                    number = read_number(record.data, record.start)
                    slides.append(Slide(read_number(record.data, record.start + 12), self._at(number, kind)))
                elif slides:
                    slides[-1].texts.append(record)
        return slides

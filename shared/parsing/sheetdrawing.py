"""What is drawn on a worksheet: text boxes, charts, diagrams and the descriptions of pictures.

Element names are those of ECMA-376 part 1, section 20.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.models import Block, Location
from shared.parsing.chart import read_chart
from shared.parsing.diagram import read_diagram
from shared.parsing.drawing import ParagraphText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.archive import Archive
    from shared.parsing.workbook import Sheet
    from shared.parsing.xml_events import Event


def read_drawings(archive: Archive, sheet: Sheet, warnings: list[str]) -> Iterator[Block]:
    """The blocks of every drawing on a sheet."""
    for kind, part in archive.relations(sheet.part).values():
        if kind == "drawing":
            yield from _drawing(archive, part, sheet.name, warnings)


def _drawing(archive: Archive, part: str, name: str, warnings: list[str]) -> Iterator[Block]:
    relations = archive.relations(part)
    reader = _Reader(name)
    for event in archive.readable_events(part):
        if reader.skips(event):
            continue
        yield from reader.read(event)
        attributes = event.attributes
        if event.kind == "open" and event.name == "chart" and attributes.get("r:id", "") in relations:
            yield from read_chart(archive, relations[attributes["r:id"]][1], reader.at, warnings)
        elif event.kind == "open" and event.name == "relIds":
            yield from read_diagram(archive, relations, attributes.get("r:dm", ""), reader.at)


class _Reader:
    """Turns the steps through a drawing into the texts of its shapes, each at the row of its anchor."""

    def __init__(self, sheet: str) -> None:
        self.at = Location(sheet=sheet)
        self._paragraph = ParagraphText()
        self._lines: list[str] = []
        self._in_row = self._in_fallback = False

    def skips(self, event: Event) -> bool:
        """Whether the step is inside a copy for older programs."""
        if event.name == "Fallback" and event.kind != "text":
            self._in_fallback = event.kind == "open"
        return self._in_fallback

    def read(self, event: Event) -> Iterator[Block]:
        if text := self._paragraph.read(event):
            self._lines.append(text)
        if event.kind == "text":
            if self._in_row and event.name.isdecimal() and len(event.name) < 8:
                self.at = replace(self.at, row=int(event.name) + 1)
        elif event.name == "row":
            # The first of an anchor's two places is its top.
            self._in_row = event.kind == "open" and self.at.row is None
        elif event.kind == "close" and event.name.endswith("Anchor"):
            self.at = replace(self.at, row=None)
        elif event.kind == "close" and event.name in ("txBody", "sp"):
            yield from [Block("\n".join(self._lines), self.at)] if self._lines else []
            self._lines = []
        elif event.kind == "open" and event.name == "cNvPr":
            yield from [Block(text, self.at)] if (text := event.attributes.get("descr", "").strip()) else []

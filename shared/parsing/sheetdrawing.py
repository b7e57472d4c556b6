"""What is drawn on a worksheet: text boxes, charts, diagrams and the descriptions of pictures.

Element names are those of ECMA-376 part 1, section 20.5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import Block, Location
from shared.parsing.chart import read_chart
from shared.parsing.diagram import read_diagram
from shared.parsing.drawing import ParagraphText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.archive import Archive
    from shared.parsing.workbook import Sheet


def read_drawings(archive: Archive, sheet: Sheet, warnings: list[str]) -> Iterator[Block]:
    """The blocks of every drawing on a sheet."""
    for kind, part in archive.relations(sheet.part).values():
        if kind == "drawing":
            yield from _drawing(archive, part, sheet.name, warnings)


def _drawing(archive: Archive, part: str, name: str, warnings: list[str]) -> Iterator[Block]:
    relations = archive.relations(part)
    paragraph = ParagraphText()
    row: int | None = None
    lines: list[str] = []
    in_row = in_fallback = False
    for event in archive.events(part):
        at = Location(sheet=name, row=row)
        if event.name == "Fallback" and event.kind != "text":
            in_fallback = event.kind == "open"
        if in_fallback:
            continue
        if text := paragraph.read(event):
            lines.append(text)
        if event.kind == "text":
            row = int(event.name) + 1 if in_row and event.name.isdecimal() and len(event.name) < 8 else row
        elif event.name == "row":
            in_row = event.kind == "open" and row is None
        elif event.kind == "close" and event.name.endswith("Anchor"):
            row = None
        elif event.kind == "close" and event.name in ("txBody", "sp"):
            yield from [Block("\n".join(lines), at)] if lines else []
            lines = []
        elif event.kind == "open" and event.name == "cNvPr":
            yield from [Block(text, at)] if (text := event.attributes.get("descr", "").strip()) else []
        elif event.kind == "open" and event.name == "chart" and event.attributes.get("r:id", "") in relations:
            yield from read_chart(archive, relations[event.attributes["r:id"]][1], at, warnings)
        elif event.kind == "open" and event.name == "relIds":
            yield from read_diagram(archive, relations, event.attributes.get("r:dm", ""), at)

"""Shapes of a slide or a notes page: their text, tables, and what they refer to.

Element names are those of ECMA-376 part 1, 19.3 and 21.1.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.drawing import ParagraphText
from shared.parsing.form import find_form_end, is_form
from shared.parsing.grid import Cell, Grid
from shared.parsing.inner_pictures import measure_drawn_area
from shared.parsing.numbering import is_on
from shared.parsing.paragraph_graphics import describe
from shared.parsing.reading_order import Box, arrange, read_pair
from shared.parsing.tableline import Line
from shared.parsing.visible import select_visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.archive import Archive
    from shared.parsing.xml_events import Event

_FORM_ROWS = 64
_SHAPES = frozenset({"sp", "graphicFrame", "pic", "cxnSp", "contentPart"})


class Shape(Struct):
    """One shape.

    Attributes:
        role: what a placeholder holds (title, body, ftr...); empty for other shapes.
        tables: rows by column, and how many of them are the header where the table says so.
        chart: relation id of its chart, or empty.
        diagram: relation id of its diagram's data, or empty.
        description: alternative text.
        picture: relation id of the picture it shows, or empty.
        area: square centimetres it takes; 0 where its layout decides.
        box: where it stands; ``None`` where its layout decides.
    """

    role: str = ""
    paragraphs: list[str] = []
    tables: list[tuple[list[list[str]], int | None]] = []
    chart: str = ""
    diagram: str = ""
    description: str = ""
    picture: str = ""
    area: float = 0.0
    box: Box | None = None

    @property
    def is_shown(self) -> bool:
        """Whether it holds something to read."""
        return bool(self.paragraphs or self.tables or self.chart or self.diagram or self.description or self.picture)

    @property
    def text(self) -> str:
        """Its paragraphs, one a line."""
        return "\n".join(self.paragraphs)


def read_shapes(archive: Archive, part: str) -> Iterator[Shape]:
    """The shapes of a part in reading order; those of groups stand one after another."""
    reader = _Reader()
    for event in select_visible(archive.readable_events(part)):
        reader.read(event)
    yield from reader.ordered()


def read_comments(archive: Archive, part: str) -> Iterator[str]:
    """The texts of a slide's comments, old (plain text) or new (paragraphs), and of the replies."""
    paragraph = ParagraphText()
    is_plain = False
    plain = ""
    for event in archive.readable_events(part):
        if text := paragraph.read(event):
            yield text
        elif event.kind == "text":
            plain += event.name if is_plain else ""
        elif event.name == "text":
            is_plain = event.kind == "open"
            if not is_plain and plain.strip():
                yield plain.strip()
            plain = ""


class _Group(Struct):
    """Shapes that are moved together; the slide itself is one."""

    members: list[Shape | _Group] = []
    box: Box | None = None


class _Reader:
    """Turns the steps through a part into shapes."""

    def __init__(self) -> None:
        self.shapes: list[Shape] = []
        self._groups = [_Group()]
        self._is_group_described = False
        self._corner: tuple[int, int] | None = None
        self._paragraph = ParagraphText()
        self._grid: Grid | None = None
        self._has_header = False
        self._rows: list[list[str]] = []
        self._cells: list[Cell] = []
        self._is_covered = False
        self._is_bullet = False

    def ordered(self) -> Iterator[Shape]:
        """The shapes as a reader meets them."""
        waiting = [iter([*_arrange(self._groups[0])])]
        while waiting:
            member = next(waiting[-1], None)
            if member is None:
                waiting.pop()
            elif isinstance(member, Shape):
                yield member
            else:
                waiting.append(iter(_arrange(member)))

    def read(self, event: Event) -> None:
        text = self._paragraph.read(event)
        if text:
            self._add(text)
        elif event.kind == "open":
            self._enter(event.name, event.attributes)
        elif event.kind == "close":
            self._leave(event.name)

    def _enter(self, name: str, attributes: dict[str, str]) -> None:
        if self._is_group_described:
            self._place(self._groups[-1], name, attributes)
            return
        self._begin(name)
        if name in ("txBody", "tc"):
            self._paragraph.restart()
        if name == "tc":
            self._open_cell(attributes)
        elif name == "tbl":
            self._grid, self._rows, self._has_header = Grid(), [], False
        elif name == "tblPr":
            self._has_header = is_on(attributes.get("firstRow", "0"))
        elif name == "tr":
            self._cells = []
        elif self.shapes:
            self._describe(self.shapes[-1], name, attributes)

    def _begin(self, name: str) -> None:
        if name in _SHAPES:
            self.shapes.append(Shape())
            self._groups[-1].members.append(self.shapes[-1])
        elif name == "grpSp":
            self._groups[-1].members.append(group := _Group())
            self._groups.append(group)
        elif name == "grpSpPr":
            self._is_group_described = True

    def _describe(self, shape: Shape, name: str, attributes: dict[str, str]) -> None:
        if name == "ph":
            shape.role = attributes.get("type", "body")
        elif name == "chart" and "r:id" in attributes:
            shape.chart = attributes["r:id"]
        elif name == "relIds":
            shape.diagram = attributes.get("r:dm", "")
        elif name == "cNvPr":
            shape.description = shape.description or describe(name, attributes)
        elif name == "decorative" and is_on(attributes.get("val", "1")):
            shape.description = ""
        else:
            self._show(shape, name, attributes)

    def _show(self, shape: Shape, name: str, attributes: dict[str, str]) -> None:
        if name == "buBlip":
            self._is_bullet = True
        elif name == "blip":
            shape.picture = shape.picture or ("" if self._is_bullet else attributes.get("r:embed", ""))
            self._is_bullet = False
        elif name == "ext":
            shape.area = shape.area or measure_drawn_area(attributes)
            self._place(shape, name, attributes)
        elif name == "off":
            self._place(shape, name, attributes)

    def _place(self, target: Shape | _Group, name: str, attributes: dict[str, str]) -> None:
        """Take where a shape stands from its ``off`` and ``ext``, which follow one another."""
        if name == "off":
            self._corner = read_pair(attributes, "x", "y")
        elif name == "ext" and self._corner is not None and target.box is None:
            left, top = self._corner
            if size := read_pair(attributes, "cx", "cy"):
                target.box = Box(left, top, left + size[0], top + size[1])
            self._corner = None

    def _open_cell(self, attributes: dict[str, str]) -> None:
        """A cell that another one covers to its right is there in the file, but is not a cell of the row."""
        self._is_covered = is_on(attributes.get("hMerge", "0"))
        if not self._is_covered:
            span = attributes.get("gridSpan", "1")
            continues = is_on(attributes.get("vMerge", "0"))
            self._cells.append(Cell("", int(span) if span.isdecimal() and len(span) < 4 else 1, continues))

    def _add(self, text: str) -> None:
        if self._grid is not None:
            if self._cells and not self._is_covered:
                self._cells[-1].text = f"{self._cells[-1].text} {text}".strip()
        elif self.shapes:
            self.shapes[-1].paragraphs.append(text)

    def _leave(self, name: str) -> None:
        if name == "grpSp" and len(self._groups) > 1:
            self._groups.pop()
        elif name == "grpSpPr":
            self._is_group_described = False
        elif name == "tr" and self._grid is not None:
            self._rows.append(self._grid.place(self._cells))
        elif name == "tbl" and self._grid is not None and self.shapes:
            self.shapes[-1].tables.append((self._rows, self._header_rows()))
            self._grid = None

    def _header_rows(self) -> int | None:
        """One where the table is marked to have a header and its first row is one: labels that all differ."""
        labels = [text for text in self._rows[0] if text] if self._rows else []
        lines = [Line(number, row) for number, row in enumerate(self._rows[:_FORM_ROWS], 1)]
        if lines and is_form(lines) and find_form_end(lines, 0) == len(lines):
            # PowerPoint marks the first row of every new table.
            return None
        return 1 if self._has_header and len(labels) > 1 and len(set(labels)) == len(labels) else None


def _arrange(group: _Group) -> list[Shape | _Group]:
    boxes = [None if isinstance(each, Shape) and not each.is_shown else each.box for each in group.members]
    return [group.members[place] for place in arrange(boxes)]

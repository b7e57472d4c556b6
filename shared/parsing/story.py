"""A story of a Word document: its body, a header, a note. Paragraphs, lists and tables become blocks.

A table of one column is read as what it frames; for others see `layout`.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Block, BlockKind, Location
from shared.parsing.chart import read_chart
from shared.parsing.diagram import read_diagram
from shared.parsing.equation import STARTS, Equation
from shared.parsing.layout import TableCell, TableRow, lay_out
from shared.parsing.numbering import is_on
from shared.parsing.paragraph import Paragraph
from shared.parsing.refusing import refuse
from shared.parsing.runs import Runs
from shared.parsing.visible import select_visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from shared.parsing.archive import Archive
    from shared.parsing.inner_pictures import InnerPictures
    from shared.parsing.layout import Entry
    from shared.parsing.limits import Limits
    from shared.parsing.numbering import Numbering
    from shared.parsing.outline import Outline
    from shared.parsing.styles import Styles
    from shared.parsing.xml_events import Event

_ROOTS = frozenset({"footnote", "endnote", "comment"})
# Words that stand around a page number; nothing is left to read when the number is gone.
_PAGE_WORDS = re.compile(
    r"(?:page|pages|seite|seiten|página|pagina|stránka|strana|sida|side|of|von|de|di|van|af|av|sur|第|页|頁|共|ページ|쪽)",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"\w")


class Context(Struct):
    """What the stories of a document share.

    Attributes:
        include: reads an embedded document (altChunk) by the name of its part.
        sections: headings around each reference to a note or comment, by (element name, id).
    """

    archive: Archive
    limits: Limits
    styles: Styles
    numbering: Numbering
    outline: Outline
    pictures: InnerPictures
    warnings: list[str]
    include: Callable[[str], Iterator[Block]]
    is_template: bool = False
    sections: dict[tuple[str, str], tuple[str, ...]] = {}


class Story:
    """Reads the events of one part."""

    def __init__(self, context: Context, part: str, *, is_marginal: bool = False) -> None:
        """Begin a part.

        Args:
            part: its name, by which its relations are found.
            is_marginal: whether it is a header or footer: its paragraphs open no sections.
        """
        self._context = context
        self._longest = context.limits.max_block_characters
        self._relations = context.archive.relations(part)
        self._runs = Runs(context.styles, is_marginal=is_marginal, is_template=context.is_template)
        self._is_marginal = is_marginal
        self._kept: list[str] = []
        self._note = ("", "")

    def blocks(self, events: Iterable[Event]) -> Iterator[Block]:
        """The blocks of the part, in the sections that its headings open."""
        outline = self._context.outline
        for level, block in self._content(select_visible(events), ""):
            if level and not self._is_marginal:
                yield outline.heading(level, block.text)
                continue
            path = () if self._is_marginal else self._context.sections.get(self._note, outline.path)
            yield replace(block, location=replace(block.location, headings=path))
        if kept := "".join(self._kept).strip():  # of a paragraph that nothing follows
            yield Block(kept, outline.location)

    def _content(self, events: Iterator[Event], end: str) -> Iterator[Entry]:
        """What stands before the end of the element ``end``."""
        for event in events:
            if event.kind == "close" and event.name == end:
                return
            if event.kind == "open" and event.name in _ROOTS:
                self._note = (f"{event.name}Reference", event.attributes.get("id", ""))
            elif event.kind == "open":
                yield from self._element(event, events)
            else:
                self._runs.read_control(event)

    def _element(self, event: Event, events: Iterator[Event]) -> Iterator[Entry]:
        if event.name == "p":
            yield from self._paragraph(events)
        elif event.name == "tbl":
            yield from self._table(events)
        elif event.name == "altChunk":
            _, part = self._relations.get(event.attributes.get("r:id", ""), ("", ""))
            for block in self._context.include(part):
                yield len(block.location.headings) if block.heading else 0, block
        elif event.name in STARTS:
            yield 0, Block(_equation(event, events))
        elif event.kind != "text":
            self._runs.read_control(event)

    # -- paragraphs

    def _paragraph(self, events: Iterator[Event], *, in_cell: bool = False) -> Iterator[Entry]:
        paragraph = Paragraph()
        paragraph.parts, self._kept = self._kept, []
        for event in events:
            if event.kind == "close" and event.name == "p":
                break
            if event.kind == "open" and event.name == "txbxContent":
                yield from self._content(events, "txbxContent")
            elif event.kind == "open" and event.name in ("p", "tbl"):
                yield from self._element(event, events)
            elif event.kind == "open" and event.name in STARTS:
                self._runs.add(_equation(event, events), paragraph)
            else:
                self._runs.read(event, paragraph)
            if paragraph.size > self._longest:
                # Bounded memory: what is there so far becomes a block of its own.
                yield 0, Block("".join(paragraph.parts))
                paragraph.parts, paragraph.size = [], 0
        self._runs.end_paragraph()
        yield from self._close(paragraph, in_cell=in_cell)

    def _close(self, paragraph: Paragraph, *, in_cell: bool) -> Iterator[Entry]:
        for reference in paragraph.references:
            self._context.sections[reference] = self._context.outline.path
        if paragraph.joins:
            self._kept = paragraph.parts
        else:
            yield from self._finish(paragraph, in_cell=in_cell)
        yield from self._graphics(paragraph)

    def _finish(self, paragraph: Paragraph, *, in_cell: bool) -> Iterator[Entry]:
        text = "".join(paragraph.parts).strip()
        if self._is_marginal and paragraph.has_page_number and not _LETTERS.search(_PAGE_WORDS.sub("", text)):
            text = ""
        label = self._label(paragraph)
        styles = self._context.styles
        level = styles.level(paragraph.style) if paragraph.level is None else paragraph.level
        if not text and in_cell:
            # A column of numbers that Word counts holds nothing but the numbers.
            text, label = label.strip(), ""
        if text:
            kind = BlockKind.ITEM if label and not level else BlockKind.TEXT
            yield level, Block(f"{label}{text}", kind=kind)

    def _label(self, paragraph: Paragraph) -> str:
        """The number or bullet that Word puts before the paragraph."""
        styles, numbering = self._context.styles, self._context.numbering
        number, place, owner = styles.number(paragraph.style or styles.default)
        if paragraph.number:
            number = paragraph.number
        if paragraph.place is not None:
            place = paragraph.place
        else:
            linked = numbering.level_of_style(number, paragraph.style)
            linked = numbering.level_of_style(number, owner) if linked is None and owner else linked
            place = place if linked is None else linked
        return numbering.label(number, place or 0)

    def _graphics(self, paragraph: Paragraph) -> Iterator[Entry]:
        context = self._context
        for kind, relation in paragraph.graphics:
            if kind == "diagram":
                found = read_diagram(context.archive, self._relations, relation, Location())
                yield from ((0, block) for block in found)
            elif relation in self._relations:
                part = self._relations[relation][1]
                yield from ((0, block) for block in read_chart(context.archive, part, Location(), context.warnings))
        yield from ((0, Block(text)) for text in paragraph.descriptions)
        yield from ((0, block) for block in self._pictures(paragraph))

    def _pictures(self, paragraph: Paragraph) -> Iterator[Block]:
        """The pictures of a paragraph; those of headers and footers are logos."""
        for relation, area in () if self._is_marginal else paragraph.pictures:
            _, part = self._relations.get(relation, ("", ""))
            if part:
                yield from self._context.pictures.find(part, area, partial(self._context.archive.chunks, part))

    # -- tables

    def _table(self, events: Iterator[Event]) -> Iterator[Entry]:
        width = 0
        for event in events:
            if event.kind == "close" and event.name == "tbl":
                return
            if event.kind == "open" and event.name == "gridCol":
                width += 1
            elif event.kind == "open" and event.name == "tr":
                break
            else:
                self._runs.read_control(event)
        if width == 1:
            yield from self._content(events, "tbl")
        else:
            yield from lay_out(self._rows(events), width, self._longest)

    def _rows(self, events: Iterator[Event]) -> Iterator[TableRow]:
        """The rows of a table, from inside its first row on."""
        row = self._row(events)
        while True:
            if row.cells and not row.is_deleted:
                yield row
            for event in events:
                if event.kind == "close" and event.name == "tbl":
                    return
                if event.kind == "open" and event.name == "tr":
                    break
                self._runs.read_control(event)
            else:
                return
            row = self._row(events)

    def _row(self, events: Iterator[Event]) -> TableRow:
        row = TableRow()
        size = 0
        for event in events:
            if event.kind == "close" and event.name == "tr":
                break
            if event.kind == "open" and event.name == "tc":
                row.cells.append(self._cell(events))
                size += row.cells[-1].size
                if size > self._context.limits.max_line_characters:
                    most = self._context.limits.max_line_characters
                    raise refuse("too_large", f"A row of a table holds more than {most} characters.")
            elif event.kind == "open":
                self._set_row(row, event)
            else:
                self._runs.read_control(event)
        return row

    def _set_row(self, row: TableRow, event: Event) -> None:
        value = event.attributes.get("val", "1")
        if event.name == "tblHeader":
            row.is_header = is_on(value)
        elif event.name == "gridBefore" and value.isdecimal():
            row.before = int(value[:3])
        elif event.name == "del":
            row.is_deleted = True
        else:
            self._runs.read_control(event)

    def _cell(self, events: Iterator[Event]) -> TableCell:
        cell = TableCell()
        for event in events:
            if event.kind == "close" and event.name == "tc":
                break
            value = event.attributes.get("val", "continue")
            if event.kind == "open" and event.name == "gridSpan" and value.isdecimal():
                cell.span = int(value[:3])
            elif event.kind == "open" and event.name == "vMerge":
                cell.is_merged = True
                cell.continues = value != "restart"
            elif event.kind == "open":
                self._fill(cell, event, events)
            else:
                self._runs.read_control(event)
        return cell

    def _fill(self, cell: TableCell, event: Event, events: Iterator[Event]) -> None:
        found = self._paragraph(events, in_cell=True) if event.name == "p" else self._element(event, events)
        for entry in found:
            cell.entries.append(entry)
            cell.size += len(entry[1].text)
            if cell.size > self._context.limits.max_line_characters:
                return


def _equation(event: Event, events: Iterator[Event]) -> str:
    equation = Equation()
    equation.read(event)
    while equation.is_open and (inner := next(events, None)) is not None:
        equation.read(inner)
    return equation.text

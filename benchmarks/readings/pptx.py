"""Presentations: tables, charts, diagrams, notes, groups, comments and descriptions of pictures."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any, Final

from benchmarks.readings import archive
from benchmarks.readings.chart import Chart
from benchmarks.readings.truth import Truth, read_prose

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.readings.vocabulary import Vocabulary

    Made = tuple[bytes, Truth]

SUFFIX: Final = "pptx"
_P: Final = "http://schemas.openxmlformats.org/presentationml/2006/main"
_A: Final = "http://schemas.openxmlformats.org/drawingml/2006"
# A picture of one dot.
_PIXEL: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_R: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def prose(words: Vocabulary) -> Made:
    """Titles and bullets."""
    deck = _new()
    texts: list[str] = []
    for _ in range(4):
        own = [words.title(), *words.sentences(4)]
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = own[0]
        slide.placeholders[1].text = "\n".join(own[1:])
        texts += own
    return archive.save(deck.save), read_prose(*texts)


def notes(words: Vocabulary) -> Made:
    """Notes below a slide, and shapes in a group."""
    title, note, *grouped = words.title(), *words.sentences(3)
    deck, slide = _titled(title)
    slide.notes_slide.notes_text_frame.text = note
    group = slide.shapes.add_group_shape()
    for at, text in enumerate(grouped):
        group.shapes.add_textbox(0, 2_000_000 + 900_000 * at, 5_000_000, 500_000).text_frame.text = text
    return archive.save(deck.save), Truth((title, note, *grouped), sentences=(title, *grouped))


def table(words: Vocabulary) -> Made:
    """A table with empty cells."""
    title, made = words.title(), words.table(7, 5, empty=0.25)
    deck, slide = _titled(title)
    grid = slide.shapes.add_table(8, 5, 0, 2_000_000, 8_000_000, 3_000_000).table
    for at, row in enumerate(made.cells):
        for column, text in enumerate(row):
            grid.cell(at, column).text = text
    return archive.save(deck.save), made.truth(title)


def merged_cells(words: Vocabulary) -> Made:
    """A cell merged over rows counts for each of them."""
    title, made, name = words.title(), words.table(4, 4), words.name()
    region = "大区" if words.is_chinese else "Region"
    deck, slide = _titled(title)
    grid = slide.shapes.add_table(5, 5, 0, 2_000_000, 8_000_000, 3_000_000).table
    for at, row in enumerate([(region, *made.header), *(("", *row) for row in made.rows)]):
        for column, text in enumerate(row):
            grid.cell(at, column).text = text
    grid.cell(1, 0).text = name
    grid.cell(1, 0).merge(grid.cell(4, 0))
    records = tuple((pairs[0], (region, name), *pairs[1:]) for pairs in made.records())
    return archive.save(deck.save), Truth((region, name, *made.truth(title).words), rows=records, is_repeating=True)


def chart(words: Vocabulary) -> Made:
    """A chart: title, categories, series, values."""
    from pptx.enum.chart import XL_CHART_TYPE

    title, name, data = words.title(), words.title(), Chart(words)
    deck, slide = _titled(title)
    place = (0, 2_000_000, 6_000_000, 3_000_000)
    made = slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *place, data.data).chart
    made.has_title = True
    made.chart_title.text_frame.text = name
    return archive.save(deck.save), data.truth(title, name)


def comments(words: Vocabulary) -> Made:
    """Comments on a slide."""
    from pptx.opc.package import Part
    from pptx.opc.packuri import PackURI

    title, text = words.title(), words.sentence()
    deck, slide = _titled(title)
    comment = f'<p:cm authorId="0" idx="1"><p:pos x="1" y="1"/><p:text>{escape(text)}</p:text></p:cm>'
    xml = f'<?xml version="1.0" encoding="UTF-8"?><p:cmLst xmlns:p="{_P}">{comment}</p:cmLst>'
    type_ = "application/vnd.openxmlformats-officedocument.presentationml.comments+xml"
    part = Part(PackURI("/ppt/comments/comment1.xml"), type_, deck.part.package, xml.encode())
    slide.part.relate_to(part, f"{_R}/comments")
    return archive.save(deck.save), read_prose(title, text)


def diagram(words: Vocabulary) -> Made:
    """SmartArt."""
    from pptx.opc.package import Part
    from pptx.opc.packuri import PackURI
    from pptx.oxml import parse_xml

    title, *texts = words.title(), *words.sentences(4)
    deck, slide = _titled(title)
    points = "".join(
        f'<dgm:pt modelId="{at}"><dgm:t><a:bodyPr/><a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p></dgm:t></dgm:pt>'
        for at, text in enumerate(texts, 1)
    )
    model = (
        f'<?xml version="1.0" encoding="UTF-8"?><dgm:dataModel xmlns:dgm="{_A}/diagram" xmlns:a="{_A}/main">'
        f"<dgm:ptLst>{points}</dgm:ptLst></dgm:dataModel>"
    )
    type_ = "application/vnd.openxmlformats-officedocument.drawingml.diagramData+xml"
    part = Part(PackURI("/ppt/diagrams/data1.xml"), type_, deck.part.package, model.encode())
    relation = slide.part.relate_to(part, f"{_R}/diagramData")
    frame = slide.shapes.add_table(1, 1, 0, 2_000_000, 6_000_000, 3_000_000)
    data = frame._element.find(f".//{{{_A}/main}}graphicData")  # noqa: SLF001 - python-pptx has no diagrams
    data.set("uri", f"{_A}/diagram")
    data.clear()
    data.set("uri", f"{_A}/diagram")
    data.append(parse_xml(f'<dgm:relIds xmlns:dgm="{_A}/diagram" xmlns:r="{_R}" r:dm="{relation}"/>'))
    return archive.save(deck.save), read_prose(title, *texts)


def picture(words: Vocabulary) -> Made:
    """The description of a picture."""
    title, text = words.title(), words.sentence()
    deck, slide = _titled(title)
    shape = slide.shapes.add_picture(io.BytesIO(_PIXEL), 0, 2_000_000, 1_000_000, 1_000_000)
    shape._element.nvPicPr.cNvPr.set("descr", text)  # noqa: SLF001 - python-pptx cannot set it
    return archive.save(deck.save), read_prose(title, text)


def _titled(title: str) -> tuple[Any, Any]:
    deck = _new()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = title
    return deck, slide


def _new() -> Any:
    import pptx

    return pptx.Presentation()


KINDS: Final[dict[str, Callable[[Vocabulary], Made]]] = {
    "prose": prose,
    "notes and groups": notes,
    "table": table,
    "merged cells": merged_cells,
    "chart": chart,
    "diagram": diagram,
    "comments": comments,
    "picture": picture,
}

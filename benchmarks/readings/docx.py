"""Word documents: what python-docx writes, and what only Word writes, as raw XML."""

from __future__ import annotations

from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from html import escape
from typing import TYPE_CHECKING, Any, Final

from benchmarks.readings import archive, wordml
from benchmarks.readings.chart import Chart
from benchmarks.readings.truth import Table, Truth, read_prose

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.readings.vocabulary import Vocabulary

    Made = tuple[bytes, Truth]

SUFFIX: Final = "docx"
_CHINESE_NUMERALS: Final = "一二三四五六七八"


def prose(words: Vocabulary) -> Made:
    """Headings and paragraphs."""
    document = _new()
    texts: list[str] = []
    for _ in range(4):
        texts += [words.title(), *words.sentences(5)]
        document.add_heading(texts[-6], 1)
        for at in range(-5, 0):
            document.add_paragraph(texts[at])
    return archive.save(document.save), read_prose(*texts)


def table(words: Vocabulary) -> Made:
    """A table between paragraphs, with empty cells."""
    return _tabled(words, words.table(10, 5, empty=0.25))


def large_table(words: Vocabulary) -> Made:
    """200 rows of nine columns."""
    return _tabled(words, words.table(200, 9))


def merged_cells(words: Vocabulary) -> Made:
    """A cell merged over rows counts for each of them."""
    made = words.table(6, 4)
    names = [words.name(), words.name()]
    region = "大区" if words.is_chinese else "Region"
    document = _new()
    grid = document.add_table(7, 5)
    for row, cells in enumerate([(region, *made.header), *(("", *row) for row in made.rows)]):
        for column, text in enumerate(cells):
            grid.cell(row, column).text = text
    for at, name in enumerate(names):
        grid.cell(1 + 3 * at, 0).merge(grid.cell(3 + 3 * at, 0)).text = name
    records = tuple((pairs[0], (region, names[at // 3]), *pairs[1:]) for at, pairs in enumerate(made.records()))
    return archive.save(document.save), Truth((region, *names, *made.truth().words), rows=records, is_repeating=True)


def header_footer(words: Vocabulary) -> Made:
    """Header and footer once."""
    above, below, *texts = words.sentences(8)
    document = _prose(texts)
    document.sections[0].header.paragraphs[0].text = above
    document.sections[0].footer.paragraphs[0].text = below
    return archive.save(document.save), Truth((above, below, *texts), sentences=tuple(texts))


def comments(words: Vocabulary) -> Made:
    """Comments beside the text."""
    note, *texts = words.sentences(5)
    document = _prose(texts)
    document.add_comment(document.paragraphs[1].runs, text=note, author="", initials="")
    return archive.save(document.save), Truth((note, *texts), sentences=tuple(texts))


def layout_table(words: Vocabulary) -> Made:
    """A form framed by a table of one cell, larger than a block of text may be."""
    texts = words.sentences(320)
    document = _new()
    cell = document.add_table(1, 1).cell(0, 0)
    cell.text = texts[0]
    for text in texts[1:]:
        cell.add_paragraph(text)
    return archive.save(document.save), read_prose(*texts)


def numbering(words: Vocabulary) -> Made:
    """Numbers that Word computes: 1, 1.1, 第一条."""
    texts = words.sentences(8)
    levels = [0] * 8 if words.is_chinese else [0, 1, 1, 0, 1, 0, 1, 1]
    body, shown, counts = [], [], [0, 0]
    for text, level in zip(texts, levels, strict=True):
        counts = [counts[0], counts[1] + 1] if level else [counts[0] + 1, 0]
        number = ".".join(map(str, counts[: level + 1]))
        shown.append(f"第{_CHINESE_NUMERALS[counts[0] - 1]}条 {text}" if words.is_chinese else f"{number} {text}")
        body.append(wordml.numbered(text, level))
    parts = wordml.document("".join(body), numbering=wordml.numbering(is_chinese=words.is_chinese))
    return archive.pack(parts), read_prose(*shown)


def symbols(words: Vocabulary) -> Made:
    """Characters of symbol fonts."""
    first, second = words.name(), words.name()
    body = wordml.paragraph(
        f"{first} 15", wordml.symbol("Symbol", "F025"), f" {second} 90", wordml.symbol("Symbol", "F0B0"), "C"
    )
    return archive.pack(wordml.document(body)), read_prose(f"{first} 15% {second} 90°C")


def content_controls(words: Vocabulary) -> Made:
    """A placeholder is no text; what was entered is."""
    texts = words.sentences(3)
    body = (
        wordml.paragraph(texts[0]) + wordml.control(texts[1]) + wordml.control("Click or tap here to enter text.", True)
    )
    return archive.pack(wordml.document(body + wordml.paragraph(texts[2]))), read_prose(*texts)


def equations(words: Vocabulary) -> Made:
    """A fraction between sentences; both parts must be readable."""
    texts = words.sentences(2)
    body = wordml.paragraph(texts[0]) + wordml.fraction("mv", "qt") + wordml.paragraph(texts[1])
    return archive.pack(wordml.document(body)), Truth((*texts, "mv", "qt"), (), texts)


def changes(words: Vocabulary) -> Made:
    """Inserted text counts, deleted and hidden text does not."""
    texts = words.sentences(4)
    body = wordml.paragraph(texts[0]) + wordml.inserted(texts[1]) + wordml.deleted(words.sentence())
    body += wordml.hidden(words.sentence()) + wordml.paragraph(texts[2]) + wordml.text_box(texts[3])
    return archive.pack(wordml.document(body)), read_prose(*texts)


def footnotes(words: Vocabulary) -> Made:
    """A footnote."""
    note, *texts = words.sentences(4)
    body = wordml.paragraph(texts[0], wordml.footnote()) + "".join(wordml.paragraph(text) for text in texts[1:])
    return archive.pack(wordml.document(body, footnotes=wordml.footnotes(note))), Truth(
        (note, *texts), sentences=tuple(texts)
    )


def embedded(kind: str) -> Callable[[Vocabulary], Made]:
    """An ``altChunk``: a file of another kind inside."""

    def make(words: Vocabulary) -> Made:
        texts = words.sentences(4)
        inner = _include(kind, texts[1:3])
        body = wordml.paragraph(texts[0]) + wordml.inclusion() + wordml.paragraph(texts[3])
        return archive.pack(wordml.document(body, included=(kind, inner))), read_prose(*texts)

    return make


def _include(kind: str, texts: tuple[str, ...]) -> bytes:
    if kind == "docx":
        return archive.pack(wordml.document("".join(wordml.paragraph(text) for text in texts)))
    if kind == "txt":
        return "\n\n".join(texts).encode()
    page = f"<html><meta charset=utf-8><body>{''.join(f'<p>{escape(text)}</p>' for text in texts)}</body></html>"
    if kind == "html":
        return page.encode()
    message = MIMEMultipart("related")
    message.attach(MIMEText(page, "html", "utf-8"))
    return message.as_bytes()


def chart(words: Vocabulary) -> Made:
    """A chart between paragraphs."""
    before, after = words.sentences(2)
    made = Chart(words)
    content = wordml.document(
        wordml.paragraph(before) + wordml.chart() + wordml.paragraph(after), included=("xml", made.xml())
    )
    truth = made.truth(before, after)
    return archive.pack(content), Truth(truth.words, sentences=(before, after), rows=truth.rows, is_repeating=True)


def changed(change: Callable[[bytes], bytes]) -> Callable[[Vocabulary], Made]:
    """A document of prose with its parts under other names."""

    def make(words: Vocabulary) -> Made:
        content, truth = prose(words)
        return change(content), truth

    return make


def declared(name: str) -> Callable[[Vocabulary], Made]:
    """A document of prose that declares itself a template or one with macros."""
    old = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    new = f"application/vnd.{name}.main+xml".encode()

    def change(content: bytes) -> bytes:
        return archive.pack({part: text.replace(old, new) for part, text in archive.unpack(content).items()})

    return changed(change)


def _tabled(words: Vocabulary, made: Table) -> Made:
    before, after = words.sentences(2)
    document = _prose([before])
    grid = document.add_table(0, len(made.header))
    for row in made.cells:
        for cell, text in zip(grid.add_row().cells, row, strict=True):
            cell.text = text
    document.add_paragraph(after)
    return archive.save(document.save), made.truth(sentences=(before, after))


def _prose(texts: list[str]) -> Any:
    document = _new()
    for text in texts:
        document.add_paragraph(text)
    return document


def _new() -> Any:
    import docx

    return docx.Document()


KINDS: Final[dict[str, Callable[[Vocabulary], Made]]] = {
    "prose": prose,
    "table": table,
    "200 rows": large_table,
    "merged cells": merged_cells,
    "header and footer": header_footer,
    "comments": comments,
    "layout table": layout_table,
    "automatic numbers": numbering,
    "symbols": symbols,
    "content controls": content_controls,
    "equations": equations,
    "tracked changes": changes,
    "footnotes": footnotes,
    "html inside": embedded("html"),
    "text inside": embedded("txt"),
    "mht inside": embedded("mht"),
    "chart": chart,
    "docx inside": embedded("docx"),
    "document2": changed(lambda content: archive.rename_part(content, "word/document.xml", "word/document2.xml")),
    "backslash names": changed(archive.use_backslashes),
    "leading slash names": changed(archive.use_leading_slashes),
    "macros.docm": declared("ms-word.document.macroEnabled"),
    "template.dotx": declared("openxmlformats-officedocument.wordprocessingml.template"),
}

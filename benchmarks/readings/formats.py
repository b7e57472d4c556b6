"""A title and sections as a file of some format."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from benchmarks.readings import archive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Sections = Sequence[tuple[str, str]]


def write_markdown(title: str, sections: Sections) -> bytes:
    """Headings and paragraphs."""
    return "\n\n".join((f"# {title}", *(f"## {heading}\n\n{text}" for heading, text in sections))).encode()


def write_html(title: str, sections: Sections) -> bytes:
    """A page with its title in the head."""
    body = "".join(f"<h2>{escape(heading)}</h2><p>{escape(text)}</p>" for heading, text in sections)
    return f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><h1>{escape(title)}</h1>{body}".encode()


def write_docx(title: str, sections: Sections) -> bytes:
    """Headings and paragraphs; the title is a paragraph of that style."""
    import docx

    document = docx.Document()
    document.add_heading(title, 0)
    for heading, text in sections:
        document.add_heading(heading, 1)
        document.add_paragraph(text)
    return archive.save(document.save)


def write_txt(title: str, sections: Sections) -> bytes:
    """The title in the first line; paragraphs that begin with their headings."""
    return "\n\n".join((title, *(f"{heading} {text}" for heading, text in sections))).encode()


def write_xlsx(title: str, sections: Sections) -> bytes:
    """Rows of an item and its price; the title is the name of the sheet."""
    is_chinese = not title.isascii()
    header = ("品名", "单价（元）") if is_chinese else ("Item", "Price in euros")
    rows = ((heading, int(text)) for heading, text in sections)
    return write_table(title, (header, *rows))


def write_table(name: str, rows: Iterable[Sequence[str | int]]) -> bytes:
    """A workbook of one sheet."""
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = name[:31]
    for row in rows:
        book.active.append(row)
    return archive.save(book.save)


def write_jsonl(title: str, sections: Sections) -> bytes:
    """Records of a question and an answer; the title is the name of the file only."""
    names = ("question", "answer") if title.isascii() else ("问题", "回答")
    lines = (json.dumps(dict(zip(names, section, strict=True)), ensure_ascii=False) for section in sections)
    return "\n".join(lines).encode()

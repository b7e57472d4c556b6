"""Word documents (OOXML): paragraphs, headings by style, tables row by row, text boxes and notes.

Element names are those of ECMA-376 part 1, section 17: https://ecma-international.org/publications-and-standards/standards/ecma-376/.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.domain.models import ParsedDocument
from shared.parsing.archive import Archive
from shared.parsing.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.archive import Event
    from shared.parsing.limits import Limits

_HEADING_NAME = re.compile(r"(?:heading|标题|標題)\s*([1-9])", re.IGNORECASE)
_TITLE_NAMES = frozenset({"title", "标题", "標題"})
# The old drawing beside a new one, text moved away, phonetic guides, and the settings of a form field.
_SKIPPED = frozenset({"Fallback", "moveFrom", "rt", "sdtPr"})
_BODY_LEVEL = 9  # outlineLvl 9 means body text
_BASED_ON_LIMIT = 20  # longest chain of styles followed: Word itself stops at 11, a hostile file may form a ring


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a Word document; its property gives the title when no heading does."""
    archive = Archive(path, limits)
    return ParsedDocument(archive.title(), _blocks(archive, limits))


def _blocks(archive: Archive, limits: Limits) -> Iterator[Block]:
    with archive:
        reader = _Reader(_heading_levels(archive), limits.max_block_characters)
        for part in ("word/document.xml", "word/footnotes.xml", "word/endnotes.xml"):
            for event in archive.events(part):
                yield from reader.read(event)


# A template holds ten thousand elements; these tell what is a heading.
_STYLE_ELEMENTS = frozenset({"style", "name", "outlineLvl", "basedOn"})


def _heading_levels(archive: Archive) -> dict[str, int]:
    """Style id -> heading level from 1, found by the style's name, its outline level, or the style it is based on."""
    levels: dict[str, int] = {}
    bases: dict[str, str] = {}
    style = ""
    for event in archive.events("word/styles.xml", _STYLE_ELEMENTS):
        if event.kind != "open":
            continue
        value = event.attributes.get("val", "")
        if event.name == "style":
            style = event.attributes.get("styleId", "")
        elif event.name == "name" and (level := _level_of_name(value)):
            levels[style] = level
        elif event.name == "outlineLvl" and value.isdecimal() and int(value) < _BODY_LEVEL:
            levels.setdefault(style, int(value) + 1)
        elif event.name == "basedOn":
            bases[style] = value
    return levels | {style: level for style in bases if (level := _inherited(style, levels, bases))}


def _level_of_name(name: str) -> int:
    if name.strip().lower() in _TITLE_NAMES:
        return 1
    match = _HEADING_NAME.fullmatch(name.strip())
    return int(match[1]) if match else 0


def _inherited(style: str, levels: dict[str, int], bases: dict[str, str]) -> int:
    for _ in range(_BASED_ON_LIMIT):
        if style in levels or style not in bases:
            break
        style = bases[style]
    return levels.get(style, 0)


class _Paragraph:
    """A paragraph being read; text boxes open paragraphs inside paragraphs, hence a stack of these."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.size = 0
        self.level = 0


class _Reader:
    """Turns the steps through a document part into blocks."""

    def __init__(self, heading_levels: dict[str, int], longest: int) -> None:
        self._levels = heading_levels
        self._longest = longest
        self._outline = Outline()
        self._open: list[_Paragraph] = []
        self._rows: list[list[list[str]]] = []
        self._row_size = 0
        self._skipping = 0
        self._in_text = False

    def read(self, event: Event) -> Iterator[Block]:
        if self._skipping or (event.kind == "open" and event.name in _SKIPPED):
            self._skipping += {"open": 1, "close": -1}.get(event.kind, 0)
        elif event.kind == "open":
            self._enter(event)
        elif event.kind == "close":
            yield from self._leave(event.name)
        elif self._in_text and self._open:
            yield from self._add(event.name)

    def _enter(self, event: Event) -> None:
        name = event.name
        if name == "p":
            self._open.append(_Paragraph())
        elif name == "tr":
            self._rows.append([])
        elif name == "tc" and self._rows:
            self._rows[-1].append([])
        elif name == "t":
            self._in_text = True
        elif name in _SPACING and self._open:
            self._open[-1].text.append(_SPACING[name])
        elif self._open:
            self._style(name, event.attributes.get("val", ""))

    def _style(self, name: str, value: str) -> None:
        paragraph = self._open[-1]
        if name == "pStyle":
            paragraph.level = paragraph.level or self._levels.get(value, 0)
        elif name == "outlineLvl" and value.isdecimal():
            paragraph.level = int(value) + 1 if int(value) < _BODY_LEVEL else 0

    def _leave(self, name: str) -> Iterator[Block]:
        if name == "t":
            self._in_text = False
        elif name == "p" and self._open:
            yield from self._paragraph(self._open.pop())
        elif name == "tr" and self._rows:
            yield from self._row(self._rows.pop())

    def _add(self, text: str) -> Iterator[Block]:
        paragraph = self._open[-1]
        paragraph.text.append(text)
        paragraph.size += len(text)
        if paragraph.size > self._longest and not self._rows:
            yield self._outline.passage("".join(paragraph.text))
            paragraph.text, paragraph.size = [], 0

    def _paragraph(self, paragraph: _Paragraph) -> Iterator[Block]:
        text = "".join(paragraph.text).strip()
        if not text:
            return
        if self._rows:
            yield from self._in_cell(text)
        elif paragraph.level:
            yield self._outline.heading(paragraph.level, text)
        else:
            yield self._outline.passage(text)

    def _in_cell(self, text: str) -> Iterator[Block]:
        row = self._rows[-1]
        if not row:
            row.append([])
        row[-1].append(text)
        self._row_size += len(text)
        if self._row_size > self._longest:
            yield from self._row(row)
            row.clear()

    def _row(self, row: list[list[str]]) -> Iterator[Block]:
        cells = [" ".join(" ".join(cell).split()) for cell in row]
        self._row_size = 0
        text = " | ".join(cell for cell in cells if cell)
        if not text:
            return
        if self._rows and self._rows[-1]:
            self._rows[-1][-1].append(text)
        else:
            yield self._outline.passage(text)


_SPACING = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}

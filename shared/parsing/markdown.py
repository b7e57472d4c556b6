"""Markdown, read line by line: headings, paragraphs, lists, tables and code fences.

A full CommonMark tree is not needed to find passages, and a line reader streams. The rules for what opens and
closes a block are those of https://spec.commonmark.org/0.31.2/.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.domain.models import ParsedDocument
from shared.parsing.encoding import lines
from shared.parsing.outline import Outline
from shared.parsing.prose import join_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_ATX_TAIL = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^`]*)$")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_ITEM = re.compile(r"\s*(?:[-*+]|[0-9]{1,9}[.)])\s")
_DELIMITER_ROW = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_CELL_BORDER = re.compile(r"(?<!\\)\|")
_FRONT_TITLE = re.compile(r"title\s*:\s*[\"']?(.*?)[\"']?\s*$", re.IGNORECASE)
_FRONT_LINES = 200

_IMAGE_OR_LINK = re.compile(r"!?\[([^\[\]]{0,1000})\]\([^()\s]{0,2000}(?:\s+\"[^\"]{0,1000}\")?\)")
_COMMENT = re.compile(r"<!--.*?-->")
_STRONG = re.compile(r"(\*\*|~~|(?<!\w)__)(?=\S)([^*~_\n]{1,1000}?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*\n]{1,1000}?)(?<=\S)\*(?!\w)")
_CODE = re.compile(r"(?<!`)`([^`\n]{1,1000})`(?!`)")


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a markdown file; the title is the front matter's, if it has one."""
    return ParsedDocument(_front_title(path, limits), _Reader(limits.max_block_characters).read(path))


def _front_title(path: Path, limits: Limits) -> str:
    reading = lines(path, limits.max_block_characters, cut=True)
    if next(reading, "").rstrip() != "---":
        return ""
    for _, line in zip(range(_FRONT_LINES), reading, strict=False):
        if match := _FRONT_TITLE.match(line):
            return match[1]
        if line.rstrip() in ("---", "..."):
            break
    return ""


def plain(text: str) -> str:
    """``text`` without inline marks: a link becomes its words, emphasis and code lose their signs."""
    text = _IMAGE_OR_LINK.sub(r"\1", _COMMENT.sub("", text))
    return _CODE.sub(r"\1", _EMPHASIS.sub(r"\1", _STRONG.sub(r"\2", text)))


class _Reader:
    """Gathers the lines of one block until something ends it."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._outline = Outline()
        self._gathered: list[str] = []
        self._size = 0
        self._fence = ""

    def read(self, path: Path) -> Iterator[Block]:
        for line in self._after_front_matter(path):
            if self._size + len(line) > self._longest:
                yield from self._flush()
            yield from self._code(line) if self._fence else self._line(line)
        yield from self._flush()

    def _after_front_matter(self, path: Path) -> Iterator[str]:
        reading = lines(path, self._longest, cut=True)
        first = next(reading, "")
        held = [first]
        if first.rstrip() == "---":
            for _, line in zip(range(_FRONT_LINES), reading, strict=False):
                held.append(line)
                if line.rstrip() in ("---", "..."):
                    held = []
                    break
        yield from held
        yield from reading

    def _gather(self, line: str) -> None:
        self._gathered.append(line)
        self._size += len(line)

    def _code(self, line: str) -> Iterator[Block]:
        if line.strip().startswith(self._fence) and not line.strip().strip(self._fence[0]):
            yield from self._flush()
            self._fence = ""
        else:
            self._gather(line)

    def _line(self, line: str) -> Iterator[Block]:
        if not line.strip():
            yield from self._flush()
        elif match := _FENCE.match(line):
            yield from self._flush()
            self._fence = match[1]
        elif match := _ATX.match(line):
            yield from self._flush()
            yield from self._heading(len(match[1]), _ATX_TAIL.sub("", match[2] or ""))
        elif self._underlines_heading(line):
            title = join_all(self._take())
            yield from self._heading(1 if "=" in line else 2, title)
        elif _RULE.match(line):
            yield from self._flush()
        elif self._gathered and _ITEM.match(line) and not _ITEM.match(self._gathered[0]):
            yield from self._flush()
            self._gather(line)
        else:
            self._gather(line)

    def _underlines_heading(self, line: str) -> bool:
        if not self._gathered or not _SETEXT.match(line):
            return False
        return not _ITEM.match(self._gathered[0]) and not self._gathered[0].lstrip().startswith(("|", ">"))

    def _heading(self, level: int, text: str) -> Iterator[Block]:
        if title := plain(text).strip():
            yield self._outline.heading(level, title)

    def _take(self) -> list[str]:
        taken, self._gathered, self._size = self._gathered, [], 0
        return taken

    def _flush(self) -> Iterator[Block]:
        gathered = self._take()
        for text in self._texts(gathered):
            if text.strip():
                yield self._outline.passage(text)

    def _texts(self, gathered: list[str]) -> Iterator[str]:
        if self._fence:
            yield "\n".join(gathered)
        elif len(gathered) > 1 and "|" in gathered[0] and _DELIMITER_ROW.match(gathered[1]):
            yield from (_row(line) for line in (gathered[0], *gathered[2:]))
        elif gathered and _ITEM.match(gathered[0]):
            yield "\n".join(_items(gathered))
        else:
            yield plain(join_all([line.lstrip("> ") for line in gathered]))


def _row(line: str) -> str:
    cells = _CELL_BORDER.split(line.strip().removeprefix("|").removesuffix("|"))
    return " | ".join(plain(cell.strip().replace("\\|", "|")) for cell in cells)


def _items(gathered: list[str]) -> Iterator[str]:
    """The items of a list, the continuation lines of each joined to it."""
    item: list[str] = []
    for line in gathered:
        if _ITEM.match(line) and item:
            yield plain(join_all(item))
            item = []
        item.append(line)
    yield plain(join_all(item))

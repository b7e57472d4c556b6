"""Markdown: headings, paragraphs, list items, table rows and code, as markdown-it parses CommonMark with tables.

markdown-it keeps a whole text in memory, so that a file is parsed part by part.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from shared.domain.models import Block, BlockKind, Location, ParsedDocument
from shared.parsing import front_matter, markdown_parts, table
from shared.parsing.encoding import decode, split_lines
from shared.parsing.grid_table import read_grid
from shared.parsing.markdown_inline import check_box, excess_cells, parser, text_of
from shared.parsing.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from markdown_it.token import Token

    from shared.parsing.limits import Limits

# A list item stays one block with the items inside it up to this size.
_LONGEST_ITEM_CHARACTERS = 1_200
_MOST_LABELS = 100_000
# Attributes of a heading, as Pandoc, Kramdown and Hugo write them: {#name .class key="value"}.
_HEADING_ID = re.compile(
    r"""[ \t]\{:?[ ]{0,9}(?:[#.][\w:.-]{1,100}|[\w-]{1,50}=(?:"[^"{}]{0,200}"|[^\s"{}]{1,200}))"""
    r"""(?:[ ]{1,9}(?:[#.][\w:.-]{1,100}|[\w-]{1,50}=(?:"[^"{}]{0,200}"|[^\s"{}]{1,200}))){0,9}[ ]{0,9}\}$"""
)
_OPEN_TABLE = re.compile(r"<(/?)table(?=[\s>])", re.IGNORECASE)
_BARE_ROW = re.compile(r"\A\s*<(?:tr|td|th|tbody|thead|tfoot)[\s>]", re.IGNORECASE)
_SIMPLE = frozenset({"paragraph_open", "paragraph_close", "inline", "list_item_open", "list_item_close"}) | {
    f"{kind}_list_{end}" for kind in ("bullet", "ordered") for end in ("open", "close")
}


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a Markdown file of any size; the title is the front matter's, if it has one."""
    lines = _lines(path, limits)
    fields, content = front_matter.read(lines)
    title = front_matter.title_of(fields)
    warnings: list[str] = []
    reader = _Reader(limits, _references(path, limits), warnings)
    blocks = reader.read(chain(content, lines))
    return ParsedDocument(title, _with_fields(fields, title, blocks), warnings=warnings)


def _lines(path: Path, limits: Limits) -> Iterator[str]:
    return split_lines(markdown_parts.without_data(decode(path)), limits.max_block_characters, cut=True)


def _references(path: Path, limits: Limits) -> dict[str, Any]:
    """Definitions of links of the whole file, where it is parsed in several parts; where they lead does not matter."""
    if path.stat().st_size <= markdown_parts.SOFT_CHARACTERS:
        return {}
    from markdown_it.common.utils import normalizeReference

    found = markdown_parts.labels(_lines(path, limits))
    return {normalizeReference(label): {"href": "", "title": ""} for label, _ in zip(found, range(_MOST_LABELS))}  # noqa: B905


def _with_fields(fields: front_matter.Fields, title: str, blocks: Iterator[Block]) -> Iterator[Block]:
    """``blocks`` after the title, unless the first heading repeats it, and the other fields of the front matter."""
    first = next(blocks, None)
    heading = first if first is not None and first.heading else None
    if title and (heading is None or heading.text != title):
        heading = Outline().heading(1, title)
        yield heading
    elif heading is not None:
        yield heading
        first = None
    if text := front_matter.text_of(fields):
        yield Block(text, heading.location if heading and title else Location(), kind=BlockKind.ROW)
    if first is not None:
        yield first
    yield from blocks


class _Reader:
    """Turns the tokens of each part into blocks of one outline."""

    def __init__(self, limits: Limits, references: dict[str, Any], warnings: list[str]) -> None:
        self._limits = limits
        self._references = references
        self._warnings = warnings
        self._outline = Outline()
        self._lines: list[str] = []

    def read(self, lines: Iterator[str]) -> Iterator[Block]:
        for part in markdown_parts.parts(lines):
            self._lines = part.split("\n")
            yield from self._blocks(parser().parse(part, {"references": dict(self._references)}))

    def _blocks(self, tokens: Sequence[Token], mark: str = "", kind: BlockKind = BlockKind.TEXT) -> Iterator[Block]:
        """The blocks of ``tokens``.

        Args:
            tokens: whole blocks.
            mark: the number of the list item they are, which stands before the first paragraph.
            kind: of their paragraphs.
        """
        at = 0
        while at < len(tokens):
            token = tokens[at]
            end = _end(tokens, at)
            if token.type == "inline" and token.content.startswith("+-") and (grid := read_grid(token.content)):
                yield from self._grid(*grid)
            elif token.type == "inline":
                text = text_of(token)
                yield from self._text(mark + (check_box(text) if kind is BlockKind.ITEM else text), kind)
                mark = ""
            elif token.type == "heading_open":
                yield from self._heading(token, tokens[at + 1])
            elif token.type in ("fence", "code_block"):
                yield from self._text(token.content, BlockKind.CODE)
            elif token.type == "html_block":
                end = self._end_of_html(tokens, at)
                yield from self._html(tokens[at], tokens[end])
            elif token.type == "table_open":
                yield from self._table(tokens[at:end])
            elif token.type in ("bullet_list_open", "ordered_list_open"):
                yield from self._list(tokens[at + 1 : end])
            elif token.type == "math_block":
                yield from self._text(token.content, BlockKind.TEXT)
            else:
                end = at
            at = end + 1

    def _text(self, text: str, kind: BlockKind) -> Iterator[Block]:
        if text.strip():
            block = self._outline.block(text.strip("\n") if kind is BlockKind.CODE else text.strip(), kind)
            yield block

    def _grid(self, rows: list[list[str]], header_rows: int | None) -> Iterator[Block]:
        cells = [[text_of(parser().parseInline(cell)[0]) for cell in row] for row in rows]
        for row in table.render(cells, header_rows=header_rows):
            yield row.block(self._outline.location)

    def _heading(self, opening: Token, inline: Token) -> Iterator[Block]:
        if title := _HEADING_ID.sub("", text_of(inline)).strip():
            yield self._outline.heading(int(opening.tag[1:]), title)

    def _list(self, tokens: Sequence[Token]) -> Iterator[Block]:
        at = 0
        while at < len(tokens):
            end = _end(tokens, at)
            inside = tokens[at + 1 : end]
            mark = _mark(tokens[at])
            if _SIMPLE.issuperset(token.type for token in inside):
                lines = list(_item_lines(inside, mark, ""))
                if len(lines) == 1 or sum(map(len, lines)) <= _LONGEST_ITEM_CHARACTERS:
                    yield from self._text("\n".join(lines), BlockKind.ITEM)
                    at = end + 1
                    continue
            yield from self._blocks(inside, mark, BlockKind.ITEM)
            at = end + 1

    def _table(self, tokens: Sequence[Token]) -> Iterator[Block]:
        grid: list[list[str]] = []
        line: int | None = None
        for token in tokens:
            if token.type == "tr_open":
                grid.append([])
                line = token.map[0] if token.map else None
            elif token.type == "inline":
                grid[-1].append(text_of(token))
            elif token.type == "tr_close" and len(grid) > 1 and line is not None:
                grid[-1] += excess_cells(self._lines[line], len(grid[0]))
        header_rows = 1 if any(grid[0]) else 0
        for row in table.render(grid, header_rows=header_rows):
            yield row.block(self._outline.location)

    def _end_of_html(self, tokens: Sequence[Token], at: int) -> int:
        """Index of the token that ends the table that the token at ``at`` opens; ``at`` if it opens none."""
        depth, end = _opened_tables(tokens[at].content), at
        while depth > 0 and end + 1 < len(tokens):
            end += 1
            if tokens[end].type == "html_block":
                depth += _opened_tables(tokens[end].content)
        return end if depth <= 0 else at

    def _html(self, first: Token, last: Token) -> Iterator[Block]:
        # Imported here: few Markdown files hold HTML.
        from shared.parsing import html

        source = first.content
        if last is not first and first.map and last.map:
            source = "\n".join(self._lines[first.map[0] : last.map[1]])
        if _BARE_ROW.match(source):
            source = f"<table>{source}</table>"
        yield from html.read(source, self._limits, self._outline, self._warnings)


def _end(tokens: Sequence[Token], at: int) -> int:
    """Index of the token that closes the one at ``at``; ``at`` itself where nothing is opened."""
    if tokens[at].nesting != 1:
        return at
    level = tokens[at].level
    return next(i for i in range(at + 1, len(tokens)) if tokens[i].level == level and tokens[i].nesting == -1)


def _mark(item: Token) -> str:
    return f"{item.info}{item.markup} " if item.info else ""


def _item_lines(tokens: Sequence[Token], mark: str, indent: str) -> Iterator[str]:
    """The lines of a list item and of the items inside it."""
    depth = 0
    marks = [mark]
    for token in tokens:
        if token.type == "list_item_open":
            marks.append(_mark(token))
            depth += 1
        elif token.type == "list_item_close":
            depth -= 1
        elif token.type == "inline":
            for line in text_of(token).split("\n"):
                shown = check_box(line) if marks else line
                yield indent + "  " * depth + (marks.pop() if marks else "") + shown
                marks.clear()


def _opened_tables(source: str) -> int:
    return sum(-1 if match[1] else 1 for match in _OPEN_TABLE.finditer(source))

"""Web pages: headings, paragraphs, lists, table rows and code, without scripts, navigation and what is hidden.

Longer than 300 lines because the elements of a page decide together what is content; each kind has a file of its own.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.models import BlockKind, ParsedDocument
from shared.parsing import html_aria, html_table
from shared.parsing.charset import find_declared
from shared.parsing.encoding import decode_whole
from shared.parsing.html_inline import BLOCKS, HEADINGS, inline, lines_of, text_lines, text_of
from shared.parsing.html_list import definitions, disclosure, item_lines
from shared.parsing.html_numbers import Numbers
from shared.parsing.html_pictures import PagePictures
from shared.parsing.inner_pictures import InnerPictures
from shared.parsing.markup import reduce
from shared.parsing.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from selectolax.lexbor import LexborNode

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_CHARSET = re.compile(
    rb"""(?:<meta[^>]{0,512}?charset|\A<\?xml[^>]{0,200}?encoding)\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""",
    re.IGNORECASE,
)
_STRUCTURE = (
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "pre",
    "table",
    "dl",
    "details",
    "form",
    "section",
    "article",
    "figure",
    "hr",
)
_STRUCTURE_IN_ROW = "table, h1, h2, h3, h4, h5, h6, pre"
_HEADING_OR_CODE = "h1, h2, h3, h4, h5, h6, pre"
_GROUPS = {"thead": 0, "tbody": 1, "tfoot": 2}
_CONTENT = frozenset({"main", "article", "blockquote", "figure"})
# A list item stays one block with the items inside it up to this size.
_LONGEST_ITEM_CHARACTERS = 1_200
# A cell that holds this much in several paragraphs is a part of the page's layout.
_LONGEST_CELL_CHARACTERS = 1_000
_LONGEST_KEYS_CHARACTERS = 200
_LINE_NUMBERS = re.compile(r"1\s+2(?:\s+[0-9]{1,6})*\s*")


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a page; navigation, and footers and asides outside its main part, only where nothing else is there.

    Raises:
        DocumentError: ``too_large``, ``too_deep``.
    """
    # Imported here: 7 MB of parser that only a web page needs.
    from selectolax.lexbor import LexborHTMLParser

    source = decode_whole(path, limits.max_whole_bytes, declared=find_declared(path, _CHARSET))
    warnings: list[str] = []
    pictures = InnerPictures(limits, warnings)
    own = PagePictures(pictures)
    page = LexborHTMLParser(reduce(source, limits, own.note, warnings))
    title = page.css_first("title")
    body = page.body
    if body is None:
        return ParsedDocument("", iter(()), warnings=warnings)
    blocks = _Walk(Outline(), own, warnings, whole=False).blocks(body)
    begun = _begin(blocks, limits)
    whole = chain(begun, blocks) if begun else _Walk(Outline(), own, warnings, whole=True).blocks(body)
    name = " ".join(title.text().split()) if title else ""
    return ParsedDocument(name, pictures.unpack(whole, is_whole=True), warnings=warnings)


def _begin(blocks: Iterator[Block], limits: Limits) -> list[Block]:
    """The blocks up to the first one that is sure to be read; none where there is no such block."""
    begun: list[Block] = []
    for block in blocks:
        begun.append(block)
        if not block.picture or limits.ocr == "all":
            return begun
    return []


def read(
    source: str, limits: Limits, outline: Outline, warnings: list[str], chapter: PagePictures | None = None
) -> Iterator[Block]:
    """The blocks of HTML inside another document, which continue ``outline``.

    Args:
        source: the page.
        limits: what reading it may cost.
        outline: headings around it.
        warnings: takes what was left out.
        chapter: pictures of the chapter that the page is, which the caller unpacks.

    Raises:
        DocumentError: ``too_large``, ``too_deep``.
    """
    from selectolax.lexbor import LexborHTMLParser

    pictures = InnerPictures(limits, warnings)
    own = chapter or PagePictures(pictures)
    body = LexborHTMLParser(reduce(source, limits, own.note)).body
    blocks = _Walk(outline, own, warnings, whole=True).blocks(body) if body else iter(())
    return blocks if chapter else pictures.unpack(blocks)


class _Walk:
    """One pass over the tree, without recursion."""

    def __init__(self, outline: Outline, pictures: PagePictures, warnings: list[str], *, whole: bool) -> None:
        self._outline = outline
        self._pictures = pictures
        self._shown: list[Block] = []
        self._warnings = warnings
        self._whole = whole
        self._copies = html_table.Copies()
        self._numbers = Numbers()
        self._text: list[str] = []
        self._mark = ""
        self._content = 0
        self._items = 0

    def blocks(self, body: LexborNode) -> Iterator[Block]:
        """The blocks of ``body`` in reading order."""
        node: LexborNode | None = body.first_child
        above: list[LexborNode] = []
        while node is not None or above:
            if node is None:
                node = above.pop()
                yield from self._close(node)
            elif (yield from self._open(node)) and (child := node.first_child) is not None:
                above.append(node)
                node = child
                continue
            node = node.next
        yield from self._flush()
        if self._copies.exhausted:
            self._warnings.append("Merged cells of its tables cover too many cells; some were read once only.")

    def _open(self, node: LexborNode) -> Generator[Block, None, bool]:
        """The blocks that end where ``node`` begins, or that it is; returns whether to go on inside."""
        name = node.tag or ""
        text = inline(node)
        if text is not None:
            self._text.append(text)
            self._shown += self._pictures.find(node) if name == "img" else ()
            return False
        if name not in BLOCKS:
            return True
        if not self._whole and self._is_around(node, name):
            return False
        # The number of an item stands before its first paragraph, not alone.
        if name not in ("p", "div") or not self._mark or self._text != [self._mark] or self._shown:
            yield from self._flush()
        blocks = self._taken(node, name)
        if blocks is not None:
            yield from blocks
            yield from map(self._at, self._pictures.find(node))
            return False
        self._enter(node, name, 1)
        return True

    def _close(self, node: LexborNode) -> Iterator[Block]:
        name = node.tag or ""
        if name in BLOCKS:
            yield from self._flush()
            self._enter(node, name, -1)

    def _enter(self, node: LexborNode, name: str, step: int) -> None:
        if name in _CONTENT or node.attributes.get("role") == "main":
            self._content += step
        if name == "li":
            self._items += step
            if step > 0:
                self._mark = self._numbers.mark(node)
                self._text.append(self._mark)
        elif name in ("ol", "ul", "menu", "dir"):
            self._numbers.enter(node) if step > 0 else self._numbers.leave()

    def _is_around(self, node: LexborNode, name: str) -> bool:
        """Whether ``node`` is not part of what the page is about: navigation, a sidebar, the site's footer."""
        role = node.attributes.get("role")
        if name == "nav" or role == "navigation":
            return True
        return not self._content and (name in ("aside", "footer") or role in ("complementary", "contentinfo"))

    def _taken(self, node: LexborNode, name: str) -> Iterator[Block] | None:
        """The blocks of an element that is read as a whole; ``None`` for one to go into."""
        if name in HEADINGS:
            return self._heading(HEADINGS[name], text_of(node))
        if name == "pre":
            return self._code(node)
        if name == "li":
            return self._item(node)
        if name in ("dl", "details") and not _has_structure(node, name):
            return self._group(node, name)
        if name == "table" and not _is_layout(node):
            return html_table.blocks(_rows(node), self._outline.location, self._copies)
        if name in ("div", "section", "ul") and "role" in node.attributes:
            return self._by_role(node)
        if name in ("div", "p") and "lines" in node.attributes and not _has_blocks(node):
            return self._line("\n".join(text_lines(node)), BlockKind.TEXT)
        if name == "tr" and node.css_first(_STRUCTURE_IN_ROW) is None:
            return self._line(" | ".join(filter(None, map(text_of, node.iter(include_text=False)))))
        return None

    def _by_role(self, node: LexborNode) -> Iterator[Block] | None:
        if level := html_aria.find_level(node):
            return self._heading(level, text_of(node))
        rows = html_aria.find_rows(node)
        return html_table.blocks(rows, self._outline.location, self._copies) if rows else None

    def _heading(self, level: int, title: str) -> Iterator[Block]:
        if title := title.rstrip("¶ "):
            yield self._outline.heading(level, title)

    def _code(self, node: LexborNode) -> Iterator[Block]:
        text = text_of(node, keep=True)
        if text.strip() and not _LINE_NUMBERS.fullmatch(text.strip()):
            yield self._outline.block(text.strip("\n"), BlockKind.CODE)

    def _item(self, node: LexborNode) -> Iterator[Block] | None:
        if _has_structure(node, "li"):
            return None
        lines = list(item_lines(node, self._numbers, ""))
        if sum(map(len, lines)) > _LONGEST_ITEM_CHARACTERS and node.css_first("ul, ol") is not None:
            self._numbers.back()
            return None
        return self._line("\n".join(lines), BlockKind.ITEM)

    def _group(self, node: LexborNode, name: str) -> Iterator[Block]:
        for keys, text in definitions(node) if name == "dl" else disclosure(node):
            if text:
                block = self._outline.block(text, BlockKind.ITEM)
                yield replace(block, keys=keys) if len(keys) <= _LONGEST_KEYS_CHARACTERS else block

    def _line(self, text: str, kind: BlockKind = BlockKind.ROW) -> Iterator[Block]:
        if text.strip():
            yield self._outline.block(text, kind)

    def _flush(self) -> Iterator[Block]:
        text = "\n".join(lines_of("".join(self._text)))
        self._text.clear()
        yield from self._line(text, BlockKind.ITEM if self._items else BlockKind.TEXT)
        yield from map(self._at, self._shown)
        self._shown.clear()

    def _at(self, picture: Block) -> Block:
        return replace(picture, location=self._outline.location)


def _has_blocks(node: LexborNode) -> bool:
    return any(child.tag in BLOCKS for child in node.iter(include_text=False))


def _has_structure(node: LexborNode, name: str) -> bool:
    """Whether parts of a page are inside ``node``, so that it is more than an item; ``name`` is its tag."""
    others = ", ".join(tag for tag in _STRUCTURE if tag != name)
    # A selector finds the node itself too.
    return node.css_first(others) is not None or (name in _STRUCTURE and len(node.css(name)) > 1)


def _is_layout(node: LexborNode) -> bool:
    """Whether a table only arranges parts of the page: what it holds is read cell after cell."""
    if node.attributes.get("role") in ("presentation", "none") or node.css_first(_HEADING_OR_CODE) is not None:
        return True
    rows = list(_own_rows(node))
    cells = [cell for row, _, _ in rows for cell in row.iter(include_text=False) if cell.tag in ("td", "th")]
    if any(cell.tag == "th" for cell in cells):
        return False
    if len(cells) <= len(rows) or len(node.css("table")) > 1:
        return True
    return any(_is_long(cell) for cell in cells)


def _is_long(cell: LexborNode) -> bool:
    blocks = sum(1 for child in cell.iter(include_text=False) if child.tag in BLOCKS)
    return blocks >= 3 and len(cell.text_content or "") > _LONGEST_CELL_CHARACTERS


def _own_rows(node: LexborNode) -> Iterator[tuple[LexborNode, int, bool]]:
    """The rows of a table, not of tables inside it, with the number of their group and whether that is the head."""
    groups = [
        child for child in node.iter(include_text=False) if child.tag in _GROUPS and "hidden" not in child.attributes
    ]
    groups.sort(key=lambda group: _GROUPS[group.tag or ""])
    for number, group in enumerate(groups):
        for row in group.iter(include_text=False):
            if row.tag == "tr" and "hidden" not in row.attributes:
                yield row, number, group.tag == "thead"


def _rows(node: LexborNode) -> list[html_table.Row]:
    caption = node.css_first("caption")
    rows = [html_table.Row(list(_cells(row)), group, head) for row, group, head in _own_rows(node)]
    title = text_of(caption) if caption is not None and caption.parent == node else ""
    return [html_table.Row([html_table.Cell(title, columns=1 << 20)], -1), *rows] if title else rows


def _cells(row: LexborNode) -> Iterator[html_table.Cell]:
    for cell in row.iter(include_text=False):
        if cell.tag in ("td", "th") and "hidden" not in cell.attributes:
            spans = cell.attributes
            yield html_table.Cell(
                text_of(cell),
                _span(spans.get("rowspan"), 65_534),
                _span(spans.get("colspan"), 1_000) or 1,
                cell.tag == "th",
            )


def _span(text: str | None, most: int) -> int:
    """Rows or columns a cell spans, as its attribute gives them."""
    digits = (text or "1").strip()
    return min(int(digits), most) if digits.isascii() and digits.isdigit() and len(digits) < 9 else 1

"""Web pages: headings, paragraphs, lists and table rows, without scripts and navigation.

The page is first reduced to bare tags and escaped text. lexbor then sees exactly the tags that were counted, so the
bound on nesting holds whatever the page hides in attributes, comments or scripts; its own time is quadratic in depth.
"""

from __future__ import annotations

import codecs
import re
from html import escape, unescape
from io import StringIO
from itertools import chain
from typing import TYPE_CHECKING

from shared.domain.models import ParsedDocument
from shared.parsing.encoding import clean, decode_whole
from shared.parsing.outline import Outline
from shared.parsing.refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selectolax.lexbor import LexborNode

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

# The spec looks for a declared encoding in the first 1,024 bytes; pages in the wild put scripts before it.
_PRESCAN_BYTES = 4096
_CHARSET = re.compile(rb"""<meta[^>]{0,512}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)
# What pages call these encodings is smaller than what they use: https://encoding.spec.whatwg.org/#names-and-labels
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "big5": "cp950", "shift_jis": "cp932", "iso-8859-1": "cp1252"}

_DROPPED = "script|style|noscript|template|iframe|noframes|noembed|textarea|svg|math|object|canvas|select|xmp|plaintext"
# As the tokenizer of https://html.spec.whatwg.org/multipage/parsing.html reads them: comments, dropped elements with
# their content, tags with their attributes, markup declarations. Possessive, so that time stays linear.
_ATTRIBUTES = r"(?:[\s/]++|=?[^\s/>=]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+|=)*+(?:>|\Z)"
_MARKUP = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    rf"|<(?P<dropped>{_DROPPED})(?=[\s/>]){_ATTRIBUTES}.*?(?:</(?P=dropped)(?=[\s/>])[^>]*+>|\Z)"
    rf"|<(?P<end>/?)(?P<name>[a-z][^\s/>]*+){_ATTRIBUTES}"
    r"|<[!?/][^>]*+(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr"}
)
# Their end tag may be left out, so an open one says nothing about depth; what nests them is counted.
_SELF_ENDING = frozenset(
    {"html", "head", "body", "p", "li", "dt", "dd", "thead", "tbody", "tfoot", "tr", "td", "th", "rt", "rp"}
)

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BOILERPLATE = frozenset({"nav", "footer", "aside"})
_BLOCKS = frozenset(
    {"p", "div", "section", "article", "main", "header", "footer", "nav", "aside", "hgroup", "search", "center"}
    | {"ul", "ol", "li", "dl", "dt", "dd", "dir", "menu", "table", "caption", "tr", "td", "th", "blockquote", "pre"}
    | {"form", "fieldset", "legend", "figure", "figcaption", "address", "details", "summary", "hr", "body"}
)
_STRUCTURE_IN_ROW = "table, h1, h2, h3, h4, h5, h6"
_TEXT, _COMMENT = "-text", "-comment"


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a page; navigation, footers and asides are left out when anything else is there.

    Raises:
        DocumentError: ``too_large``, ``too_deep``.
    """
    # Imported here: 7 MB of parser that nothing but a web page needs.
    from selectolax.lexbor import LexborHTMLParser

    source = decode_whole(path, limits.max_whole_bytes, declared=_declared(path))
    page = LexborHTMLParser(_Reduction(limits).of(source))
    title = page.css_first("title")
    body = page.body
    if body is None:
        return ParsedDocument("", iter(()))
    blocks = _Walk(_BOILERPLATE).blocks(body)
    first = next(blocks, None)
    whole = _Walk(frozenset()).blocks(body) if first is None else chain((first,), blocks)
    return ParsedDocument(" ".join(title.text().split()) if title else "", whole)


def _declared(path: Path) -> str:
    """The encoding the page names, when its first bytes agree; a page saved anew as UTF-8 often keeps its old label."""
    with path.open("rb") as stream:
        head = stream.read(1 << 16)
    match = _CHARSET.search(head[:_PRESCAN_BYTES])
    if not match or _is_unicode(head):
        return ""
    label = match[1].decode("ascii").lower()
    encoding = _SUPERSETS.get(label, label)
    try:
        text = head.decode(encoding, "replace")
    except (LookupError, ValueError, TypeError):
        return ""
    return encoding if encoding.startswith(_TRUSTED) and text.count("\ufffd") <= 1 + len(text) // 1000 else ""


def _is_unicode(head: bytes) -> bool:
    """Whether the bytes are marked as UTF-8 or UTF-16, or are UTF-8 that goes beyond ASCII."""
    if head.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return True
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(head).isascii()
    except UnicodeDecodeError:
        return False


# Codecs that read text; Python has others (rot13, zip) that no page may name.
_TRUSTED = ("utf-8", "utf8", "gb", "big5", "cp", "shift", "euc", "iso-", "iso8859", "windows-", "koi8", "latin", "hz")


class _Reduction:
    """Rewrites a page as bare tags and escaped text, counting how deep the tags stand in one another."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[str, int] = {}
        self._depth = 0

    def of(self, source: str) -> str:
        # A list of a million short strings would take ten times the page.
        reduced = StringIO()
        at = 0
        for number, match in enumerate(_MARKUP.finditer(source), start=1):
            if number > self._limits.max_tags:
                raise refusal("too_large", f"The page holds more than {self._limits.max_tags} tags.")
            reduced.write(_escaped(source[at : match.start()]))
            reduced.write(self._tag(match))
            at = match.end()
        reduced.write(_escaped(source[at:]))
        return reduced.getvalue()

    def _tag(self, match: re.Match[str]) -> str:
        name = (match["name"] or "").lower()
        if not _NAME.fullmatch(name):
            return " " if name else ""
        if name not in _VOID and name not in _SELF_ENDING:
            self._count(name, -1 if match["end"] else 1)
        return f"<{match['end']}{name}>"

    def _count(self, name: str, step: int) -> None:
        count = self._open.get(name, 0)
        if step > 0 or count > 0:
            self._open[name] = count + step
            self._depth += step
        if self._depth > self._limits.max_nesting:
            raise refusal("too_deep", f"The page nests its elements more than {self._limits.max_nesting} deep.")


def _escaped(text: str) -> str:
    return escape(clean(unescape(text)), quote=False) if "&" in text or "<" in text else text


class _Walk:
    """One pass over the tree, without recursion."""

    def __init__(self, left_out: frozenset[str]) -> None:
        self._left_out = left_out
        self._outline = Outline()

    def blocks(self, body: LexborNode) -> Iterator[Block]:
        text: list[str] = []
        pre = 0
        for node, opens in _steps(body, self._enters):
            name = node.tag or ""
            if name == _TEXT:
                text.append(_characters(node) if pre else _collapsed(_characters(node)))
            elif name == "br":
                text.append("\n" if opens else "")
            elif name in _HEADINGS or name in _BLOCKS:
                yield from self._block("".join(text))
                text = []
                pre += (1 if opens else -1) if name == "pre" else 0
                if opens and not self._enters(node):
                    yield from self._whole(node, name)
        yield from self._block("".join(text))

    def _enters(self, node: LexborNode) -> bool:
        """Whether to go on inside ``node``; a heading, a row of data and what is left out are taken whole."""
        name = node.tag or ""
        if name in self._left_out or name in _HEADINGS or name == "title":
            return False
        return name != "tr" or node.css_first(_STRUCTURE_IN_ROW) is not None

    def _whole(self, node: LexborNode, name: str) -> Iterator[Block]:
        if name in _HEADINGS:
            title = _inner_text(node)
            if title:
                yield self._outline.heading(_HEADINGS[name], title)
        elif name == "tr":
            cells = [_inner_text(cell) for cell in node.iter(include_text=False)]
            yield from self._block(" | ".join(cell for cell in cells if cell))

    def _block(self, text: str) -> Iterator[Block]:
        lines = [line.rstrip() for line in text.split("\n")]
        shown = "\n".join(lines).strip("\n")
        if shown.strip():
            yield self._outline.passage(shown if "\n" in shown else shown.strip())


def _steps(root: LexborNode, enters: Callable[[LexborNode], bool]) -> Iterator[tuple[LexborNode, bool]]:
    """Each node under ``root`` as it opens (true) and, if entered, as it closes (false)."""
    node: LexborNode | None = root.first_child
    above: list[LexborNode] = []
    while node is not None or above:
        if node is None:
            node = above.pop()
            yield node, False
            node = node.next
            continue
        yield node, True
        child = node.first_child if enters(node) else None
        if child is None:
            node = node.next
        else:
            above.append(node)
            node = child


def _inner_text(node: LexborNode) -> str:
    """All text under ``node`` on one line, blocks kept apart by a space."""
    parts: list[str] = []
    for inner, _ in _steps(node, lambda _: True):
        name = inner.tag or ""
        if name == _TEXT:
            parts.append(_characters(inner))
        elif name in _BLOCKS or name == "br":
            parts.append(" ")
    return " ".join("".join(parts).split())


def _characters(node: LexborNode) -> str:
    return node.text_content or ""


def _collapsed(text: str) -> str:
    """White space as a browser shows it, except that a line break beside Chinese is no space at all."""
    return _SPACE.sub(" ", _WIDE_BREAK.sub("", text))


_SPACE = re.compile(r"[ \t\n]+")
_WIDE_BREAK = re.compile(r"(?<=[\u2e80-\u9fff\uff00-\uffef])[ \t]*\n\s*(?=[\u2e80-\u9fff\uff00-\uffef])")

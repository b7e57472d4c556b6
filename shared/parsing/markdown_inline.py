"""The text of a Markdown paragraph, cell or heading, and the parser that finds these."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from shared.parsing.prose import join_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

# Some rules take time that grows with the square of a paragraph's length, so that a long one is parsed in pieces.
_LONGEST_INLINE_CHARACTERS = 4_096
# Each bracket is sought a partner: the more brackets among the characters, the shorter a piece.
_CROWDED_CHARACTERS = ((1 / 3, 64), (1 / 10, 256))
_LONGEST_MATH_CHARACTERS = 1_000
_SOFT_BREAK = "\x00"
_MARKUP = re.compile(r"[\\`*_\[\]<&!$~]")
_SPACES = re.compile(r"[ \t]{2,}")
_BOX = re.compile(r"\[([ xX])\](?=\s)")
_FOOTNOTE = re.compile(r"\[\^([^\]\s\[]{1,100})\]")
# CommonMark does not close emphasis between Chinese punctuation and a Chinese character, though writers expect it.
_CJK = r"\u2e80-\u9fff\uac00-\ud7a3\uff00-\uffef"
_LEFT_EMPHASIS = re.compile(
    rf"\*\*(?=\S)([^*\n]{{1,300}}?[^*\s])\*\*(?=[{_CJK}])|(?<=[{_CJK}])\*\*(?=\S)([^*\n]{{1,300}}?[^*\s])\*\*"
)
# What Obsidian, Logseq and GitHub add: https://help.obsidian.md/obsidian-flavored-markdown.
_EMBEDDED = re.compile(r"!\[\[[^\[\]\n]{1,300}\]\]")
_WIKI_LINK = re.compile(r"(?<![\w\]])\[\[(?=[^\W\d_])([^\[\]|\n,]{1,300})(?:\|([^\[\]|\n]{1,300}))?\]\](?!\])")
_CALLOUT = re.compile(r"\A\[!([A-Za-z]{1,20})\][+-]?[ \t]*(?=(\S?))")
_MARKED = re.compile(r"(?<![=\w])==(?=[^\s=])([^=\n]{1,300})(?<!\s)==(?![=\w])")
_COMMENT = re.compile(r"(?<!\w)%%(?=\S)[^%\n]{1,300}(?<=\S)%%(?!\w)")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]{0,40})")
_ALT = re.compile(r"""\salt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
# What is left out between these tags.
_SILENT = frozenset({"rt", "rp", "script", "style", "template"})
# Tags that format text; in prose "<name>" is more often a placeholder than an unknown element.
# fmt: off
_FORMATTING = _SILENT | {
    "a", "abbr", "acronym", "address", "b", "bdi", "bdo", "big", "blockquote", "br", "button", "center", "cite",
    "code", "data", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "h1",
    "h2", "h3", "h4", "h5", "h6", "hr", "i", "iframe", "img", "input", "ins", "kbd", "label", "li", "mark", "nobr",
    "ol", "p", "picture", "pre", "q", "rb", "rtc", "ruby", "s", "samp", "section", "select", "small", "source",
    "span", "strike", "strong", "sub", "summary", "sup", "svg", "table", "tbody", "td", "th", "thead", "time", "tr",
    "tt", "u", "ul", "var", "video", "wbr",
}
# fmt: on


@cache
def parser() -> MarkdownIt:
    """The parser: CommonMark, tables, strikethrough and TeX formulas."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"])
    markdown.core.ruler.at("inline", _parse_inline)
    markdown.inline.ruler.before("escape", "math", _math)
    markdown.block.ruler.before("fence", "math_block", _math_block, {"alt": ["paragraph", "blockquote", "list"]})
    # Where a link leads does not matter, and an image with a `data:` address is an image.
    markdown.validateLink = lambda _: True  # type: ignore[method-assign,assignment]
    return markdown


def text_of(token: Token) -> str:
    """The text of an inline token as a reader sees it; a hard line break is a line break."""
    rendered = _render(token.children or ())
    text = "\n".join(join_all(line.split(_SOFT_BREAK)) for line in rendered.split("\n")).strip()
    return _SPACES.sub(" ", text) if "  " in text else text


def excess_cells(line: str, columns: int) -> list[str]:
    """The cells of a table row that has more than its header, which renderers leave out."""
    from markdown_it.rules_block.table import escapedSplit

    if line.count("|") < columns:
        return []
    cells = escapedSplit(line.strip(" \t>"))
    cells = cells[not cells[0].strip() :]
    cells = cells[: len(cells) - (not cells[-1].strip())] if cells else cells
    return [text_of(parser().parseInline(cell.strip())[0]) for cell in cells[columns:]]


def check_box(text: str) -> str:
    """A text that begins an item, with ``[x]`` as the box that is shown."""
    match = _BOX.match(text)
    return f"{'☐' if match[1] == ' ' else '☑'}{text[match.end() :]}" if match else text


def _render(tokens: Sequence[Token]) -> str:
    parts: list[str] = []
    silent = ""
    for token in tokens:
        if token.type == "html_inline":
            text, silent = _html(token.content, silent)
        elif silent:
            continue
        elif token.type == "image":
            text = _render(token.children or ())
        elif token.type == "softbreak":
            text = _SOFT_BREAK
        elif token.type == "hardbreak":
            text = "\n"
        elif token.type == "text":
            text = _plain(token.content)
        else:
            text = token.content
        parts.append(text)
    return "".join(parts)


def _plain(text: str) -> str:
    if "[" in text:
        text = _EMBEDDED.sub("", text)
        text = _WIKI_LINK.sub(lambda link: link[2] or link[1], text)
        text = _CALLOUT.sub(lambda mark: "" if mark[2] else f"{mark[1].capitalize()}:", text)
    text = _MARKED.sub(r"\1", text) if "==" in text else text
    text = _COMMENT.sub("", text) if "%%" in text else text
    text = _FOOTNOTE.sub(r"[\1]", text) if "[^" in text else text
    return _LEFT_EMPHASIS.sub(r"\1\2", text) if "**" in text else text


def _html(tag: str, silent: str) -> tuple[str, str]:
    """What a tag shows, and the element that it begins, if the content of that is left out."""
    match = _TAG.match(tag)
    if match is None:
        return "", silent  # a comment, a declaration
    name = match[2].lower()
    if silent:
        return "", "" if match[1] and name == silent else silent
    if name in _SILENT:
        return "", "" if match[1] else name
    if name == "br":
        return "\n", ""
    if name == "img":
        alt = _ALT.search(tag)
        return (alt[1] or alt[2] or "") if alt else "", ""
    return "" if name in _FORMATTING else tag, ""


def _parse_inline(state: StateCore) -> None:
    """Parse the text of each block; the rule of markdown-it without what takes more than linear time."""
    from markdown_it.token import Token

    for token in state.tokens:
        if token.type == "inline":
            children: list[Token] = []
            if not _MARKUP.search(token.content) and "  \n" not in token.content:
                # Plain text, most of most files, in a quarter of the time.
                token.children = [Token("text", "", 0, content=token.content.replace("\n", _SOFT_BREAK))]
                continue
            for piece in _pieces(token.content):
                # A list for each piece: some rules run over the whole list.
                parsed: list[Token] = []
                state.md.inline.parse(piece, state.md, state.env, parsed)
                children += parsed
            token.children = children


def _pieces(content: str) -> Sequence[str]:
    brackets = content.count("[") / max(1, len(content))
    longest = next((most for share, most in _CROWDED_CHARACTERS if brackets > share), _LONGEST_INLINE_CHARACTERS)
    if len(content) <= longest:
        return (content,)
    pieces = []
    start = 0
    while len(content) - start > longest:
        end = max(
            content.rfind("\n", start, start + longest), content.rfind(" ", start + longest // 2, start + longest)
        )
        end = end + 1 if end > start else start + longest
        pieces.append(content[start:end])
        start = end
    return [*pieces, content[start:]]


def _math(state: StateInline, silent: bool) -> bool:
    """``$x_1$`` and ``$$x$$`` as they are; a price such as $5 is no formula."""
    source, start = state.src, state.pos
    if source[start] != "$":
        return False
    mark = "$$" if source.startswith("$$", start) else "$"
    begin = start + len(mark)
    end = source.find(mark, begin, begin + _LONGEST_MATH_CHARACTERS)
    if end <= begin or source[begin].isspace() or source[end - 1] in " \t\n\\":
        return False
    after = source[end + len(mark) : end + len(mark) + 1]
    if mark == "$" and (after.isdigit() or "\n\n" in source[begin:end]):
        return False
    if not silent:
        token = state.push("math_inline", "", 0)
        token.content = " ".join(source[start : end + len(mark)].split())
    state.pos = end + len(mark)
    return True


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Lines between two lines that are ``$$``."""

    def line(number: int) -> str:
        return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]

    if line(start).strip() != "$$" or state.is_code_block(start):
        return False
    last = next(
        (number for number in range(start + 1, min(end, start + 200)) if line(number).strip().endswith("$$")), 0
    )
    if not last:
        return False
    if not silent:
        token = state.push("math_block", "", 0)
        token.content = "\n".join(line(number) for number in range(start, last + 1))
        token.map = [start, last + 1]
        state.line = last + 1
    return True

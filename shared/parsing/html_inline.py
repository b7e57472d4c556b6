"""What the elements of a page show inside a line: text, alternative texts, values of forms, formulas."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.parsing import html_math

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selectolax.lexbor import LexborNode

HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCKS = frozenset(
    {"p", "div", "section", "article", "main", "header", "footer", "nav", "aside", "hgroup", "search", "center"}
    | {"ul", "ol", "li", "dl", "dt", "dd", "dir", "menu", "table", "caption", "tr", "td", "th", "blockquote", "pre"}
    | {"thead", "tbody", "tfoot", "form", "fieldset", "legend", "figure", "figcaption", "address", "details"}
    | {"summary", "hr", "body", "dialog", "optgroup", *HEADINGS}
)
# In raw text: a line break, and the border of a block. Clean text holds neither.
BREAK, BORDER = "\x01", "\x02"

_TEXT, _COMMENT = "-text", "-comment"
_SILENT = frozenset({"rt", "rp", "rtc", "audio", "video", "datalist", "meter", "progress", "template", "title", "head"})
_SUPERSCRIPTS = str.maketrans("0123456789+-−n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿ")
_EXPONENT = re.compile(r"[+\-−]?(?:[0-9]{1,3}|n)")
_SPACE = re.compile(r"[ \t\n\r\f]+")
# Where a block ends in code, a new line begins.
_BORDERS = re.compile(f"\n?{BORDER}+")
_WIDE_BREAK = re.compile(r"(?<=[\u2e80-\u9fff\uff00-\uffef])[ \t]*\n\s*(?=[\u2e80-\u9fff\uff00-\uffef])")
_FILE_NAME = re.compile(r"\A\S{1,200}\.(?:jpe?g|png|gif|webp|svg|bmp|avif|tiff?)", re.IGNORECASE)
_VALUED = frozenset(
    {"", "text", "search", "email", "tel", "url", "number", "date", "time", "month", "week", "datetime-local", "range"}
    | {"color", "datetime"}
)
_LONGEST_TINY_CHARACTERS = 2


def inline(node: LexborNode) -> str | None:
    """Raw text of a node that is not to be entered: of text, and of what a reader sees as text; ``None`` for others."""
    name = node.tag or ""
    if name == _TEXT:
        return node.text_content or ""
    if name == _COMMENT or name in _SILENT:
        return ""
    shown = _SHOWN.get(name)
    hidden = "hidden" in node.attributes
    if shown is None:
        return "" if hidden else None
    return "" if hidden else shown(node)


def text_of(node: LexborNode, *, keep: bool = False) -> str:
    """All text inside ``node`` on one line, blocks apart by a space.

    Args:
        node: any element.
        keep: whether line breaks and spaces stay as they are, as in ``pre``.
    """
    raw = raw_text(node)
    if keep:
        return _BORDERS.sub("\n", raw.replace(BREAK, "\n"))
    return " ".join(collapse(raw.replace(BREAK, " ").replace(BORDER, " ")).split())


def text_lines(node: LexborNode) -> list[str]:
    """The lines inside ``node`` as its source has them, without empty ones."""
    return [line for part in text_of(node, keep=True).split("\n") if (line := " ".join(part.split()))]


def raw_text(node: LexborNode, leave_out: Callable[[LexborNode], bool] = lambda _: False) -> str:
    """Raw text inside ``node``, without the elements that ``leave_out`` says."""
    parts: list[str] = []
    inner: LexborNode | None = node.first_child
    above: list[LexborNode] = []
    while inner is not None or above:
        if inner is None:
            inner = above.pop()
        elif (text := "" if leave_out(inner) else inline(inner)) is not None:
            parts.append(text)
        elif (child := inner.first_child) is not None:
            parts.append(BORDER if inner.tag in BLOCKS else "")
            above.append(inner)
            inner = child
            continue
        parts.append(BORDER if inner.tag in BLOCKS else "")
        inner = inner.next
    return "".join(parts)


def lines_of(raw: str) -> Iterator[str]:
    """The lines of raw text as a browser shows them, without empty ones."""
    for line in raw.replace(BORDER, BREAK).split(BREAK):
        if shown := collapse(line).strip(" "):
            yield shown


def collapse(text: str) -> str:
    """White space as a browser shows it, except that a line break beside Chinese is no space at all."""
    return _SPACE.sub(" ", _WIDE_BREAK.sub("", text))


def _image(node: LexborNode) -> str:
    alt = " ".join((node.attributes.get("alt") or "").split())
    if not alt or _FILE_NAME.fullmatch(alt):
        return ""
    # Pictures stand for single characters too.
    return alt if len(alt) <= _LONGEST_TINY_CHARACTERS else f" {alt} "


def _input(node: LexborNode) -> str:
    kind = (node.attributes.get("type") or "").lower()
    if kind in ("checkbox", "radio"):
        return " ☑ " if "checked" in node.attributes else " ☐ "
    if kind == "image":
        return _image(node)
    return f" {node.attributes.get('value') or ''} " if kind in _VALUED else ""


def _select(node: LexborNode) -> str:
    options = node.css("option")
    chosen = [option for option in options if "selected" in option.attributes]
    if not chosen and "multiple" not in node.attributes:
        chosen = options[:1]
    return f" {', '.join(text_of(option) for option in chosen)} "


def _textarea(node: LexborNode) -> str:
    return BREAK + node.text().replace("\n", BREAK) + BREAK


def _button(node: LexborNode) -> str | None:
    """A button is a control, except in a heading, where it opens the section."""
    above = node.parent
    for _ in range(3):
        if above is not None and above.tag in _NAMED_BY_BUTTONS:
            return None
        above = above.parent if above is not None else None
    return ""


_NAMED_BY_BUTTONS = frozenset({"summary", "dt", *HEADINGS})


def _raised(node: LexborNode) -> str | None:
    """``10<sup>6</sup>`` is not 106."""
    text = text_of(node)
    return text.translate(_SUPERSCRIPTS) if _EXPONENT.fullmatch(text) else None


def _math(node: LexborNode) -> str:
    return f" {html_math.text_of(node)} "


_SHOWN: dict[str, Callable[[LexborNode], str | None]] = {
    "br": lambda _: BREAK,
    "img": _image,
    "area": _image,
    "input": _input,
    "select": _select,
    "textarea": _textarea,
    "button": _button,
    "sup": _raised,
    "math": _math,
}

"""A page rewritten as bare tags, the attributes that matter and escaped text.

lexbor then sees exactly the tags that were counted, so that the bound on nesting holds whatever the page hides in
attributes, comments or scripts; its own time is quadratic in depth.
"""

from __future__ import annotations

import re
from html import escape, unescape
from io import StringIO
from typing import TYPE_CHECKING, TypeAlias

from shared.parsing.encoding import clean
from shared.parsing.refusing import refuse, report_cut
from shared.parsing.svg_text import read_texts
from shared.parsing.xhtml import VOID, expand, is_xhtml

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.parsing.limits import Limits

Note: TypeAlias = "Callable[[dict[str, str]], str]"

_DROPPED = "script|style|noscript|template|iframe|noframes|noembed|svg|object|canvas|plaintext|xml"
_RAW = "textarea|xmp"
# As the tokenizer of https://html.spec.whatwg.org/multipage/parsing.html reads them: comments, dropped elements with
# their content, tags with their attributes, markup declarations. Possessive, so that time stays linear.
_ATTRIBUTES = r"(?>(?:[\s/]++|=?[^\s/>=]++(?>(?:\s*+=\s*+(?>(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?))?)|=)*)"
_MARKUP = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    rf"|<(?P<dropped>{_DROPPED})(?=[\s/>])(?P<given>{_ATTRIBUTES})(?:>|\Z)"
    r"(?P<inside>.*?)(?:</(?P=dropped)(?=[\s/>])[^>]*+(?:>|\Z)|\Z)"
    rf"|<(?P<raw>{_RAW})(?=[\s/>])(?P<own>{_ATTRIBUTES})(?:>|\Z)(?P<text>.*?)(?:</(?P=raw)(?=[\s/>])[^>]*+(?:>|\Z)|\Z)"
    rf"|<(?P<end>/?)(?P<name>[a-z][^\s/>]*+)(?P<attributes>{_ATTRIBUTES})(?:>|\Z)"
    r"|<[!?/][^>]*+(?:>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([^\s/>=]++)(?>(?:\s*+=\s*+(?>(\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?))?)")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")
# `html.unescape` raises for numbers of thousands of digits.
_LONG_NUMBER = re.compile(r"&#(?:[0-9]{8,}+|[xX][0-9a-fA-F]{7,}+);?")
# Their end tag may be left out, so an open one says nothing about depth; what nests them is counted.
_SELF_ENDING = frozenset(
    {"html", "head", "body", "p", "li", "dt", "dd", "thead", "tbody", "tfoot", "tr", "td", "th", "rt", "rp", "option"}
)
_BORDERS = frozenset({"html", "body"})
_KEPT = {
    "td": ("rowspan", "colspan"),
    "th": ("rowspan", "colspan"),
    "img": ("alt",),
    "area": ("alt",),
    "input": ("alt", "type", "value", "checked"),
    "option": ("selected",),
    "select": ("multiple",),
    "ol": ("start", "type", "reversed"),
    "li": ("value",),
    "math": ("alttext",),
    "annotation": ("encoding",),
}
_ROLES = frozenset(
    {
        "main",
        "navigation",
        "complementary",
        "contentinfo",
        "presentation",
        "none",
        "heading",
        "table",
        "grid",
        "treegrid",
    }
    | {"row", "cell", "gridcell", "columnheader", "rowheader"}
)
_KEPT_WITH_ROLE = ("aria-level", "aria-colspan")
# What may say that an element is not shown, or which part of the page it is.
_TELLING = re.compile(r"hidden|display|role|mso-hide|white-space", re.IGNORECASE)
# Line breaks in the source are line breaks on the page.
_KEEPING_LINES = re.compile(r"white-space:(?:pre|pre-wrap|pre-line|break-spaces)(?:;|!|\Z)")
# Content that pages hide until a script has run: articles of WeChat.
_SHOWN_BY_SCRIPT = frozenset({"js_content"})
# What React sends after the page around it, hidden until a script moves it there; many pages hold all their text so.
_STREAMED = re.compile(r"[\w:-]{0,40}S:[0-9a-f]{1,8}")
_HIDING_STYLES = ("display:none", "visibility:hidden", "mso-hide:all")
# Hidden from screen readers because it is decoration or repeats a label: only inline, since pages hide all else too
# while a dialog is open.
_DECORATED = frozenset({"a", "abbr", "b", "em", "font", "i", "img", "small", "span", "strong", "sup", "svg"})
_LONGEST_ATTRIBUTE_CHARACTERS = 10_000
# A page in a frame, and pictures in the page itself.
_WHOLE = frozenset({"srcdoc", "src", "href", "xlink:href"})
_DRAWN = re.compile(r"<image(?=[\s/>])([^>]*+)>", re.IGNORECASE)
_MOST_FRAMES = 3


def reduce(source: str, limits: Limits, note: Note | None = None, warnings: list[str] | None = None) -> str:
    """``source`` as bare tags and escaped text.

    Args:
        source: the page.
        limits: what reading it may cost.
        note: takes the attributes of a picture and gives the attribute by which it is found in the reduced page, or
            an empty text; without it pictures are left out.
        warnings: of a page that is a file of its own: takes a sentence where its end is missing.

    Raises:
        DocumentError: ``too_large``, ``too_deep``.
    """
    reduction = _Reduction(limits, note)
    reduced = reduction.of(expand(source) if is_xhtml(source) else source)
    if warnings is not None and reduction.is_cut():
        report_cut(warnings)
    return reduced


class _Reduction:
    """Counts tags, and how deep they stand in one another."""

    def __init__(self, limits: Limits, note: Note | None) -> None:
        self._limits = limits
        self._note = note
        self._open: dict[str, int] = {}
        self._depth = 0
        self._tags = 0
        self._frames = 0
        self._borders: set[str] = set()
        self._ends_inside = False

    def is_cut(self) -> bool:
        """Whether a page ends inside a tag, a comment or an element, and neither its body nor itself has an end tag.

        Programs leave out the end tags of pages, and those of paragraphs and the like, but not all others too.
        """
        has_begun = not self._borders.isdisjoint(("html", "body"))
        has_ended = not self._borders.isdisjoint(("/html", "/body"))
        return has_begun and not has_ended and (self._depth > 0 or self._ends_inside)

    def of(self, source: str) -> str:
        # A list of a million short strings would take ten times the page.
        reduced = StringIO()
        at = 0
        for match in _MARKUP.finditer(source):
            self._tags += 1
            if self._tags > self._limits.max_tags:
                raise refuse("too_large", f"The page holds more than {self._limits.max_tags} tags.")
            reduced.write(_escaped(source[at : match.start()]))
            reduced.write(self._tag(match))
            at = match.end()
            if at == len(source):
                self._ends_inside = not source.endswith(">") or at in (match.end("inside"), match.end("text"))
        reduced.write(_escaped(source[at:]))
        return reduced.getvalue()

    def _tag(self, match: re.Match[str]) -> str:
        if match["raw"]:
            return _raw(match)
        if match["dropped"]:
            return self._dropped(match)
        name = (match["name"] or "").lower()
        # Office writes tags with a prefix (o:p, st1:City) inside words; like unknown tags they leave no gap.
        if not _NAME.fullmatch(name):
            return ""
        if name in _BORDERS:
            self._borders.add(f"{match['end']}{name}")
        if name not in VOID and name not in _SELF_ENDING:
            self._count(name, -1 if match["end"] else 1)
        if match["end"]:
            return f"</{name}>"
        noted = self._note(_parsed(match["attributes"])) if self._note and name == "img" else ""
        return f"<{name}{_attributes(name, match['attributes'])}{noted}>"

    def _count(self, name: str, step: int) -> None:
        count = self._open.get(name, 0)
        if step > 0 or count > 0:
            self._open[name] = count + step
            self._depth += step
        if self._depth > self._limits.max_nesting:
            raise refuse("too_deep", f"The page nests its elements more than {self._limits.max_nesting} deep.")

    def _dropped(self, match: re.Match[str]) -> str:
        """What is shown of an element that is not parsed: a page inside a frame, a formula that a script draws."""
        name = match["dropped"].lower()
        if name == "svg":
            return self._drawing(match["inside"]) + _labels(match)
        if name not in ("iframe", "script"):
            return ""
        given = _parsed(match["given"])
        if name == "script":
            is_formula = given.get("type", "").lower().startswith("math/tex")
            return f" ${escape(clean(match['inside']), quote=False)}$ " if is_formula else ""
        if "srcdoc" not in given or self._frames >= _MOST_FRAMES or is_hidden(name, given):
            return ""
        self._frames += 1
        return f"<div>{self.of(given['srcdoc'])}</div>"

    def _drawing(self, inside: str) -> str:
        """The first picture of a drawing: books show whole pages in this way."""
        match = _DRAWN.search(inside) if self._note else None
        if match is None or self._note is None:
            return ""
        given = _parsed(match[1])
        noted = self._note({"src": given.get("xlink:href") or given.get("href", "")})
        return f"<img{noted}>" if noted else ""


def _labels(match: re.Match[str]) -> str:
    """The texts of a drawing, a line for each."""
    given = _parsed(match["given"])
    if is_hidden("svg", given):
        return ""
    texts = [_escaped(text) for text in read_texts(match["inside"])]
    return f"<div>{'<br>'.join(texts)}</div>" if texts else ""


def is_hidden(name: str, given: dict[str, str]) -> bool:
    """Whether an element with these attributes is not shown."""
    identity = given.get("id", "")
    if name == "body" or identity in _SHOWN_BY_SCRIPT:
        return False
    is_streamed = name == "div" and _STREAMED.fullmatch(identity) is not None
    if "hidden" in given and given["hidden"].lower() != "until-found" and not is_streamed:
        return True
    style = "".join(given.get("style", "").split()).lower()
    if any(hiding in style for hiding in _HIDING_STYLES):
        return True
    return name in _DECORATED and given.get("aria-hidden", "").lower() == "true"


def _attributes(name: str, text: str) -> str:
    if name == "dialog":
        return "" if "open" in _parsed(text) else " hidden"
    if name not in _KEPT and not _TELLING.search(text):
        return ""
    given = _parsed(text)
    kept = {key: given[key] for key in _KEPT.get(name, ()) if key in given}
    if given.get("role", "").lower() in _ROLES:
        kept["role"] = given["role"].lower()
        kept |= {key: given[key] for key in _KEPT_WITH_ROLE if key in given}
    if is_hidden(name, given):
        kept["hidden"] = ""
    if _KEEPING_LINES.search("".join(given.get("style", "").split()).lower()):
        kept["lines"] = ""
    return "".join(f' {key}="{escape(clean(value))}"' for key, value in kept.items())


def _parsed(text: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        name, value = match[1].lower(), match[2] or ""
        if value[:1] in ('"', "'"):
            value = value[1:-1]
        longest = len(value) if name in _WHOLE else _LONGEST_ATTRIBUTE_CHARACTERS
        given.setdefault(name, _unescaped(value[:longest]))
    return given


def _raw(match: re.Match[str]) -> str:
    name = match["raw"].lower()
    hidden = " hidden" if is_hidden(name, _parsed(match["own"])) else ""
    if name == "xmp":
        return f"<pre{hidden}>{escape(clean(match['text']), quote=False)}</pre>"
    return f"<textarea{hidden}>{escape(clean(_unescaped(match['text'])), quote=False)}</textarea>"


def _escaped(text: str) -> str:
    return escape(clean(_unescaped(text)), quote=False) if "&" in text or "<" in text else text


def _unescaped(text: str) -> str:
    return unescape(_LONG_NUMBER.sub("", text)) if "&" in text else text

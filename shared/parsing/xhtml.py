"""Pages in the syntax of XML: elements written as one tag, and CDATA, as HTML writes them.

HTML has no ``<title/>`` or ``<script src="…"/>``: there all that follows would be their content.
"""

from __future__ import annotations

import re
from html import escape

# Elements that have no end tag in HTML.
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr"})
# What a page begins with. Chapters of e-books and pages that tools write are XML; many served as HTML say so too.
_HEAD_CHARACTERS = 4_096
_DECLARED = re.compile(
    r"\A\ufeff?\s{0,99}<\?xml\s"
    r"|<html\s[^>]{0,1000}\bxmlns\s{0,9}=\s{0,9}[\"']http://www\.w3\.org/1999/xhtml",
    re.IGNORECASE,
)
_ATTRIBUTES = r"(?>(?:[^\"'<>/]++|\"[^\"]*+\"|'[^']*+'|/(?!>))*)"
# Possessive, so that time stays linear. Scripts and styles with content are passed over: they may write tags.
_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<!\[CDATA\[(?P<data>.*?)(?:\]\]>|\Z)"
    rf"|<(?P<code>script|style)(?=[\s>]){_ATTRIBUTES}>.*?(?:</(?P=code)(?=[\s>])|\Z)"
    rf"|<(?P<name>[a-z][a-z0-9:._-]*+)(?P<given>(?=[\s/]){_ATTRIBUTES})/>",
    re.IGNORECASE | re.DOTALL,
)


def is_xhtml(source: str) -> bool:
    """Whether a page says that it is XML."""
    return _DECLARED.search(source[:_HEAD_CHARACTERS]) is not None


def expand(source: str) -> str:
    """The page ``source``, which is XML, as HTML: ``<a/>`` as ``<a></a>``, and CDATA as text."""
    return _MARKUP.sub(_expand, source)


def _expand(match: re.Match[str]) -> str:
    if match["data"] is not None:
        return escape(match["data"], quote=False)
    if not match["name"] or match["name"].lower() in VOID:
        return match[0]
    return f"<{match['name']}{match['given']}></{match['name']}>"

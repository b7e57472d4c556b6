"""Ampersands in XML that begin no reference of XML: those of HTML, such as ``&nbsp;``, and plain ones."""

from __future__ import annotations

import re
from html import escape
from html.entities import html5
from typing import Final

_OPENING, _CLOSING = "<![CDATA[", "]]>"
_AMPERSAND: Final = re.compile(
    r"&(?!#[0-9]{1,7};|#x[0-9A-Fa-f]{1,6};|(?:amp|lt|gt|quot|apos);)([A-Za-z][A-Za-z0-9]{0,31};)?"
)


def name_character(name: str) -> str:
    """What a name stands for in HTML; a name that it does not have stays as a reference."""
    return html5.get(f"{name};", f"&{name};")


def repair_ampersands(text: str) -> str:
    """Replace references of HTML by what they stand for, and escape other ampersands.

    Sections of CDATA stay as they are, and so does a text that defines names of its own.
    """
    if "<!ENTITY" in text:
        return text
    parts: list[str] = []
    at = 0
    while (start := text.find(_OPENING, at)) >= 0 and (end := text.find(_CLOSING, start)) >= 0:
        parts += [_AMPERSAND.sub(_replace, text[at:start]), text[start:end]]
        at = end
    return "".join((*parts, _AMPERSAND.sub(_replace, text[at:])))


def _replace(found: re.Match[str]) -> str:
    return escape(name_character(found[1][:-1]) if found[1] else "&", quote=True)

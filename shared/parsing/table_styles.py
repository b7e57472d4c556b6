"""Styles of tables in a Word document, which are left out before its styles are read."""

from __future__ import annotations

import re

_TABLE_STYLE = re.compile(rb'<w:style [^<>]{0,500}w:type="table"')
_STYLE_END = b"</w:style>"
# Where either occurs, what looks like an element may be none.
_NO_ELEMENTS = (b"<!", b"<?xml-")


def remove_table_styles(part: bytes) -> bytes:
    """The part without styles of tables, which are most of a template and say nothing of text."""
    if any(mark in part for mark in _NO_ELEMENTS):
        return part
    kept: list[bytes] = []
    start = 0
    while match := _TABLE_STYLE.search(part, start):
        end = part.find(_STYLE_END, match.end())
        if end < 0:
            break
        kept.append(part[start : match.start()])
        start = end + len(_STYLE_END)
    return b"".join([*kept, part[start:]])

"""What is left out of the styles of a Word document before they are read: most of a template says nothing of text."""

from __future__ import annotations

import re

from shared.parsing.styles import ELEMENTS

_STYLE, _STYLE_END, _TABLE = b"<w:style ", b"</w:style>", b' w:type="table"'
_LONGEST_TAG = 500
_WANTED = "|".join(sorted(ELEMENTS)).encode()
_UNWANTED = re.compile(rb'<w:(?!(?:%s)[ /])\w{1,99}(?: [\w:]{1,99}="[^"<>]{0,500}"){0,99}/>' % _WANTED)
# What looks like an element may be none in a comment, a section of characters or an instruction; the part begins with
# one instruction, which has two question marks.
_NO_ELEMENT, _QUESTION_MARKS = b"!", 2


def reduce_styles(part: bytes) -> bytes:
    """The part without styles of tables, and without the empty elements that say nothing of text."""
    if _NO_ELEMENT in part or part.count(b"?") > _QUESTION_MARKS:
        return part
    return _UNWANTED.sub(b"", _remove_table_styles(part))


def _remove_table_styles(part: bytes) -> bytes:
    kept: list[bytes] = []
    start = place = 0
    while (place := part.find(_STYLE, place)) >= 0:
        tag = part[place : place + _LONGEST_TAG].partition(b">")[0]
        if _TABLE not in tag:
            place += len(_STYLE)
            continue
        end = part.find(_STYLE_END, place)
        if end < 0:
            break
        kept.append(part[start:place])
        start = place = end + len(_STYLE_END)
    return b"".join([*kept, part[start:]])

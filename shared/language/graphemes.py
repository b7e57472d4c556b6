"""Characters as people count them: a letter with its accents, an emoji with its parts, a flag."""

from __future__ import annotations

import re

# A mark, joiner or colour of skin belongs to what is before it, what follows a joiner too.
_ONE = re.compile(
    "(?s:\u200d.|.[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u200d"
    "\u20d0-\u20f0\u3099\u309a\ufe00-\ufe0f\U0001f3fb-\U0001f3ff])|\r\n"
)
# Two of these make a flag; of a long row of flags so many are looked at.
_FLAGS = re.compile("[\U0001f1e6-\U0001f1ff]+\\Z")
_MOST_FLAGS = 200


def is_inside_character(text: str, place: int) -> bool:
    """Return whether a cut before ``place`` would take a character apart."""
    if not 0 < place < len(text):
        return False
    if "\U0001f1e6" <= text[place] <= "\U0001f1ff":
        before = _FLAGS.search(text, max(0, place - _MOST_FLAGS), place)
        return before is not None and len(before.group()) % 2 == 1
    return _ONE.match(text, place - 1) is not None

"""Characters as people count them: a letter with its accents, an emoji with its parts, a flag."""

from __future__ import annotations

import re
from itertools import takewhile

# A mark, joiner or colour of skin belongs to what is before it, what follows a joiner too.
_ONE = re.compile(
    "(?s:\u200d.|.[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u200d"
    "\u20d0-\u20f0\u3099\u309a\ufe00-\ufe0f\U0001f3fb-\U0001f3ff])|\r\n"
)
# Of a row of flags so many letters are looked at.
_MOST_LETTERS = 200


def is_inside_character(text: str, place: int) -> bool:
    """Return whether a cut before ``place`` would take a character apart."""
    if not 0 < place < len(text):
        return False
    if _is_flag_letter(text[place]):
        before = takewhile(_is_flag_letter, reversed(text[max(0, place - _MOST_LETTERS) : place]))
        return len(list(before)) % 2 == 1  # two make a flag
    return _ONE.match(text, place - 1) is not None


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"

"""JSON that ends early, because the file was cut off: completed, so that the values before the cut can be read."""

from __future__ import annotations

import re

# A string, which the end of the text may cut; a bracket, a comma or a colon. Possessive, so that time stays linear.
_TOKEN = re.compile(r'"(?>(?:[^"\\]|\\.)*)("|\\?\Z)|[\[\]{},:]', re.DOTALL)
# What may stand after the last whole value: the name of a field and a part of a value, after a comma.
_TORN = re.compile(
    r'\s*+(?:"(?>(?:[^"\\]|\\.)*)(?:"\s*+:?|\\?\Z))?\s*+(?:-?[0-9]{0,400}[0-9.eE+-]{0,9}|t[rue]{0,3}|f[alse]{0,4}|n[ul]{0,3})\s*+',
    re.DOTALL,
)
_ENDS = {"[": "]", "{": "}"}
_HEXADECIMAL = "0123456789abcdefABCDEF"
_MOST_DIGITS = 3  # of the four after a backslash and u, where the last one is missing


def complete(text: str) -> str:
    """The text with what was cut off its end closed; empty where no bracket is open there.

    A value that is cut is left out, but for a string, which is kept as far as it goes.
    """
    ends: list[str] = []
    kept, before = 0, ""
    for match in _TOKEN.finditer(text):
        mark = match[0]
        if mark[0] == '"':
            if not ends or (ends[-1] == "}" and before != ":"):
                continue  # the name of a field
            if match[1] != '"':
                return f'{_strip_torn_escape(text)}"{"".join(reversed(ends))}'
            kept = match.end()
        elif mark == ",":
            kept = match.start()
        elif mark in _ENDS:
            ends.append(_ENDS[mark])
            kept = match.end()
        elif mark != ":":
            if not ends or ends.pop() != mark:
                return ""
            kept = match.end()
        before = mark[0]
    return text[:kept] + "".join(reversed(ends)) if ends and _is_torn(text, kept) else ""


def _is_torn(text: str, kept: int) -> bool:
    """Whether the text after the last whole value is a part of the next one, and nothing else."""
    rest = text[kept:].lstrip()
    is_next = text[kept - 1] in "[{" or rest.startswith(",")
    return not rest or (is_next and _TORN.fullmatch(rest.removeprefix(",")) is not None)


def _strip_torn_escape(text: str) -> str:
    """``text`` without an escaped character that its end cuts."""
    bare = text.rstrip(_HEXADECIMAL)
    is_number = len(text) - len(bare) <= _MOST_DIGITS and bare.endswith("u")
    before = bare[:-1] if is_number else text
    is_escaped = (len(before) - len(before.rstrip("\\"))) % 2 == 1
    return before[:-1] if is_escaped else text

"""Texts of programs in files of their own (properties of Java, strings of Apple), with their escaped characters read.

Java writes what is beyond ISO 8859-1 as a backslash, ``u`` and four digits, Apple also with ``U``:
https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/Properties.html.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.domain.models import ParsedDocument
from shared.parsing import code
from shared.parsing.encoding import clean, lines

if TYPE_CHECKING:
    from pathlib import Path

    from shared.parsing.limits import Limits

# An escaped backslash begins no character; the characters beyond the first 65,536 are written as two.
_ESCAPED = re.compile(r"\\\\|((?:\\[uU][0-9a-fA-F]{4})+)")


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The lines of a file of any size."""
    return ParsedDocument("", code.read(map(_unescape, lines(path, limits.max_block_characters, cut=True))))


def _unescape(line: str) -> str:
    return _ESCAPED.sub(_replace, line) if "\\u" in line or "\\U" in line else line


def _replace(match: re.Match[str]) -> str:
    """The characters; a line end and the like stays as it is written."""
    if not match[1]:
        return match[0]
    text = bytes.fromhex(match[1].replace("\\u", "").replace("\\U", "")).decode("utf-16-be", "replace")
    return text if text.isprintable() and clean(text) == text else match[0]

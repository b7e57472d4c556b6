"""Parts of a multipart body that its header does not separate: the boundary is missing, folded or another one.

The body shows the boundary: a line of two hyphens and a name that the header of a part or an empty line follows.
"""

from __future__ import annotations

import re
from collections import Counter
from email.errors import CloseBoundaryNotFoundDefect
from email.message import Message
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = re.compile(rb"^--([^\r\n]{1,200})\r?$", re.MULTILINE)
# A boundary that is folded in the header may go on in the next line of the body, too.
_PART_HEADER = re.compile(rb"\r?\n(?:[ \t][^\r\n]{1,200}\r?\n)?Content-[A-Za-z-]{1,40}[ \t]{0,9}:", re.IGNORECASE)
_EMPTY_LINE = re.compile(rb"\r?\n[ \t]{0,99}\r?(?:\n|\Z)")
# Lines of these are rules that people draw.
_RULE = b"-=_*~#. \t"
_MOST_LINES = 10_000
_SPACED_FIELD = re.compile(rb"^(Content-[A-Za-z-]{1,40})[ \t]{1,99}:", re.MULTILINE | re.IGNORECASE)
_SPACED_HEADER = re.compile(rb"^([A-Za-z][A-Za-z0-9-]{0,60})[ \t]{1,99}:", re.MULTILINE)
_HEADER_END = re.compile(rb"\n\r?\n")


def split_parts(content: bytes) -> list[bytes]:
    """The parts of a multipart body, each with its header; none where no line looks like their boundary."""
    name = _find_boundary(content)
    return list(islice(_between(content, name), _MOST_LINES)) if name else []


def _find_boundary(content: bytes) -> bytes:
    """The name in the first line that a part follows; a line without a header after it must come again."""
    found = [match for match in islice(_LINE.finditer(content), _MOST_LINES) if match[1].strip()]
    counts = Counter(match[1].rstrip() for match in found)
    for match in found:
        name = match[1].rstrip()
        if _PART_HEADER.match(content, match.end(1)):
            return name
        is_repeated = counts[name] + counts[name + b"--"] > 1
        if is_repeated and name.strip(_RULE) and _EMPTY_LINE.match(content, match.end(1)):
            return name
    return b""


def _between(content: bytes, name: bytes) -> Iterator[bytes]:
    start = -1
    for match in _LINE.finditer(content):
        line = match[1].rstrip()
        if line not in (name, name + b"--"):
            continue
        if start >= 0:
            yield content[start : match.start()]
        start = match.end() + 1
        if line != name:
            return
    if start >= 0:
        yield content[start:]


def find_unended(message: Message, content: bytes) -> list[str]:
    """The boundaries of the parts that do not end; none where the message ends with a line.

    Programs that leave out the last boundary write whole lines all the same; one that was cut off ends anywhere.
    """
    found: list[str] = []
    part: object = None if content.endswith(b"\n") else message
    while isinstance(part, Message):
        if any(isinstance(defect, CloseBoundaryNotFoundDefect) for defect in part.defects):
            found.append(str(part.get_boundary("")))
        inner = part.get_payload()
        part = inner[-1] if isinstance(inner, list) and inner else None
    return found


def find_torn_boundary(content: bytes, boundaries: list[str]) -> bytes:
    """The last line where it is the beginning of a boundary; else empty."""
    rest = content.rpartition(b"\n")[2]
    whole = (f"--{boundary}--".encode("ascii", "replace") for boundary in boundaries)
    return rest if any(line.startswith(rest) for line in whole) else b""


def join_fields(content: bytes) -> bytes:
    """A message without spaces between the names of its fields and their colons, as RFC 822 allowed them.

    In the bodies of parts, only the fields that describe parts are changed.
    """
    end = _HEADER_END.search(content)
    cut = end.start() if end else len(content)
    # A large message is not copied where nothing is to be changed.
    if not _SPACED_HEADER.search(content, 0, cut) and not _SPACED_FIELD.search(content, cut):
        return content
    return _SPACED_HEADER.sub(rb"\1:", content[:cut]) + _SPACED_FIELD.sub(rb"\1:", content[cut:])

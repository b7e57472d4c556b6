"""Files in UTF-16 or UTF-32, or with a mark, of formats that are read as bytes: read from a copy in plain UTF-8."""

from __future__ import annotations

import codecs
from functools import partial
from typing import TYPE_CHECKING

from shared.parsing.scratch import TemporaryCopy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

    from shared.parsing.limits import Limits

_CHUNK_BYTES = 1 << 18
_HEAD_BYTES = 8192
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# These formats begin with a letter or a sign of ASCII: without a mark, one of the first bytes is zero.
_WIDEST_BYTES = 4


def narrow(head: bytes) -> bytes:
    """The first bytes of a file as UTF-8 without a mark, where they are in another encoding of Unicode."""
    if encoding := _find(head):
        return codecs.getincrementaldecoder(encoding)("replace").decode(head).encode(errors="replace")
    return head


def copy_narrow(path: Path, limits: Limits) -> TemporaryCopy | None:
    """A copy of a file in UTF-8; ``None`` where it has neither a mark nor wide characters.

    Raises:
        DocumentError: ``too_large``.
    """
    with path.open("rb") as stream:
        encoding = _find(stream.read(_HEAD_BYTES))
        if not encoding:
            return None
        stream.seek(0)
        return TemporaryCopy(_recode(stream, encoding), limits.max_unpacked_bytes)


def _find(head: bytes) -> str:
    if not (head.startswith(_MARKS) or 0 in head[:_WIDEST_BYTES]):
        return ""
    # Imported here: its tables are needed for few files.
    from shared.parsing.detection import find_unicode

    return find_unicode(head)


def _recode(stream: IO[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for data in iter(partial(stream.read, _CHUNK_BYTES), b""):
        yield decoder.decode(data).encode(errors="replace")
    yield decoder.decode(b"", final=True).encode(errors="replace")

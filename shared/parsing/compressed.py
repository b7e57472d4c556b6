"""Files that are compressed as a whole by gzip under the name of what is inside, as objects for web servers often are.

OSS keeps and sends such an object compressed, and its header ``Content-Encoding`` says so; browsers undo it.
"""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

from shared.parsing.formats import is_supported
from shared.parsing.refusing import refuse_errors
from shared.parsing.scratch import TemporaryCopy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

_MAGIC = b"\x1f\x8b\x08"
_PIECE_BYTES = 1 << 16


def is_compressed(key: str, head: bytes) -> bool:
    """Whether an object with these first bytes is compressed and named as if it was not."""
    return head.startswith(_MAGIC) and is_supported(key)


def decompress(path: Path, key: str, limits: Limits) -> TemporaryCopy | None:
    """The copy of a compressed file as it was before; ``None`` where it is not compressed.

    Raises:
        DocumentError: ``too_large``, ``broken_file``.
    """
    with path.open("rb") as stream:
        if not is_compressed(key, stream.read(len(_MAGIC))):
            return None
    with refuse_errors(gzip.BadGzipFile, EOFError, zlib.error):
        return TemporaryCopy(_read(path), limits.max_unpacked_bytes)


def _read(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield piece

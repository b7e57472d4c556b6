"""Chunks kept in a file until the end of a document, because a document of a gigabyte has more than memory holds."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import msgspec

from shared.domain.models import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Kept in memory; what exceeds it goes to a file.
_MEMORY_BYTES = 4 << 20
_LENGTH_BYTES = 4
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Chunk).decode


class PostponedChunks:
    """Chunks in the order they were added. A context manager, which removes the file.

    Args:
        folder: where the file is made, if there are many.
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES, dir=str(folder))  # noqa: SIM115 - closed below

    def __enter__(self) -> PostponedChunks:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Keep chunks."""
        for chunk in chunks:
            data = _encode(chunk)
            self._file.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)

    def __iter__(self) -> Iterator[Chunk]:
        self._file.seek(0)
        while length := self._file.read(_LENGTH_BYTES):
            yield _decode(self._file.read(int.from_bytes(length, "big")))

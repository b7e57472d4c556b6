"""Vectors in a file, by the id of their text: those of a batch task are more than memory holds."""

from __future__ import annotations

import os
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FLOAT_BYTES = 4


class VectorFile:
    """Vectors of one size, in single precision as Milvus keeps them: one thread writes, then many may read.

    A context manager, which closes the file.

    Args:
        path: of the file, which is made.
    """

    def __init__(self, path: Path, dimension: int) -> None:
        self._dimension = dimension
        self._file = path.open("w+b")
        self._places: dict[bytes, tuple[int, int]] = {}

    def __enter__(self) -> VectorFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, id_: str, vector: tuple[float, ...], tokens: int) -> None:
        """Keep a vector and what it was billed."""
        self._places[bytes.fromhex(id_)] = (len(self._places), tokens)
        self._file.write(array("f", vector).tobytes())

    def flush(self) -> None:
        """End writing: all vectors can be read then."""
        self._file.flush()

    def find(self, id_: str) -> tuple[tuple[float, ...], int] | None:
        """The vector of a text and what it was billed, if it is there."""
        place = self._places.get(bytes.fromhex(id_))
        if place is None:
            return None
        row, tokens = place
        size = self._dimension * _FLOAT_BYTES
        return tuple(array("f", os.pread(self._file.fileno(), size, row * size))), tokens

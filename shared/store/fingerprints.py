"""Ids and positions of a document's chunks, and the fingerprint that tells two sets of them apart.

A document of a gigabyte has more than a million of them, and an instance half a gigabyte of memory: here each takes 24
bytes, as an entry of a dictionary it would take 300.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.domain.models import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ID_BYTES = 16
_MARK_BYTES = 8
# Eight bytes as they are: numpy's strings drop zeros at their end, which only comparing them allows.
_AS_BYTES = f"V{_MARK_BYTES}"
_FINGERPRINTS = 1 << 128
_GENERATION = "."
# Of the 32 that the field holds, so that a generation fits in too.
_DIGEST_CHARACTERS = 20


class ChunkPosition(Struct, frozen=True):
    """Position of a chunk, and the digest of its row.

    Attributes:
        ordinal: position in the document.
        start: offset in the document's text.
        row_digest: digest of all that the row contains except text and vector; a change makes the row be written
            again. After a dot follows the generation of the document that wrote the row, which is not compared.
    """

    ordinal: int
    start: int
    row_digest: str = ""

    @property
    def generation(self) -> int:
        """The generation of the document that wrote the row; 0 where it is not known."""
        return int(self.row_digest.partition(_GENERATION)[2] or "0", 16)


def join_generation(row_digest: str, generation: int) -> str:
    """The row digest as a row holds it."""
    return f"{row_digest[:_DIGEST_CHARACTERS]}{_GENERATION}{generation:x}"


class FingerprintBuilder:
    """Computes the fingerprint of chunks one by one, in one number."""

    def __init__(self) -> None:
        self.count = 0
        self._total = 0

    def add(self, id_: str, position: ChunkPosition) -> int:
        """Add a chunk and return a number that identifies this chunk at this position."""
        mark = _mark(id_, position)
        self.count += 1
        self._total += mark
        return mark

    @property
    def fingerprint(self) -> str:
        """The digest of all chunks added, in any order: equal for equal sets."""
        return f"{self._total % _FINGERPRINTS:032x}"


class ChunkSet:
    """The chunks of one document, for looking up ids and positions."""

    def __init__(self, positions: Iterable[tuple[str, ChunkPosition]] = ()) -> None:
        self._tally = FingerprintBuilder()
        self._ids = bytearray()
        self._marks = bytearray()
        self._sorted: tuple[Any, Any] | None = None
        self.add(positions)

    def __len__(self) -> int:
        return self._tally.count

    @property
    def fingerprint(self) -> str:
        """As that of a `FingerprintBuilder`."""
        return self._tally.fingerprint

    def add(self, positions: Iterable[tuple[str, ChunkPosition]]) -> None:
        """Take in chunks, each id once."""
        self._sorted = None
        for id_, position in positions:
            self._ids += bytes.fromhex(id_)
            self._marks += _short(self._tally.add(id_, position))

    def contains(self, ids: Sequence[str]) -> list[bool]:
        """For each id whether it is among them."""
        return [mark is not None for mark in self._find_marks(ids)]

    def find_moved(self, positions: Sequence[tuple[str, ChunkPosition]]) -> list[bool]:
        """For each chunk whether it is among them, but at another position or of another row_digest."""
        found = self._find_marks([id_ for id_, _ in positions])
        return [
            mark is not None and mark != _short(_mark(id_, position))
            for mark, (id_, position) in zip(found, positions, strict=True)
        ]

    def _find_marks(self, ids: Sequence[str]) -> list[bytes | None]:
        """The marks of chunks, ``None`` for those that are not among them."""
        if not self._ids or not ids:
            return [None] * len(ids)
        import numpy as np  # late: it comes with the Milvus client, which is imported late too

        known, marks = self._sorted = self._sorted or self._sort()
        asked = np.array([bytes.fromhex(id_) for id_ in ids], f"S{_ID_BYTES}")
        at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        return [
            mark if found else None
            for found, mark in zip((known[at] == asked).tolist(), map(bytes, marks[at].view(_AS_BYTES)), strict=True)
        ]

    def _sort(self) -> tuple[Any, Any]:
        import numpy as np

        ids = np.frombuffer(bytes(self._ids), f"S{_ID_BYTES}")
        order = np.argsort(ids)
        return ids[order], np.frombuffer(bytes(self._marks), _AS_BYTES)[order]


def compute_fingerprint(positions: Iterable[tuple[str, ChunkPosition]]) -> str:
    """That of chunks, counted as they come."""
    tally = FingerprintBuilder()
    for id_, position in positions:
        tally.add(id_, position)
    return tally.fingerprint


def _mark(id_: str, position: ChunkPosition) -> int:
    compared = position.row_digest.partition(_GENERATION)[0]
    return int(digest(id_, str(position.ordinal), str(position.start), compared), 16)


def _short(mark: int) -> bytes:
    return (mark % (1 << 8 * _MARK_BYTES)).to_bytes(_MARK_BYTES, "little")


# Of a document without chunks in the index.
EMPTY_FINGERPRINT = compute_fingerprint(())

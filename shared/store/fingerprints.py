"""What is known of a document's chunks without their texts: which there are, and where each stands.

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


class ChunkPosition(Struct, frozen=True):
    """Where a chunk stands, and what its row says of its document.

    Attributes:
        ordinal: position in the document.
        start: offset in the document's text.
        row_digest: digest of what the row says of its document; the row is written anew when that changes.
    """

    ordinal: int
    start: int
    row_digest: str = ""


class FingerprintBuilder:
    """Chunks and their places, counted as they come and kept as one number."""

    def __init__(self) -> None:
        self.count = 0
        self._total = 0

    def add(self, id_: str, place: ChunkPosition) -> int:
        """Count a chunk; returns what tells this chunk at this place from all others."""
        mark = _mark(id_, place)
        self.count += 1
        self._total += mark
        return mark

    @property
    def fingerprint(self) -> str:
        """Digest of all that was counted, whatever the order: equal for equal sets."""
        return f"{self._total % _FINGERPRINTS:032x}"


class ChunkSet:
    """The chunks of one document, to look up which of others are among them, and at which place."""

    def __init__(self, places: Iterable[tuple[str, ChunkPosition]] = ()) -> None:
        self._tally = FingerprintBuilder()
        self._ids = bytearray()
        self._marks = bytearray()
        self._sorted: tuple[Any, Any] | None = None
        self.add(places)

    def __len__(self) -> int:
        return self._tally.count

    @property
    def fingerprint(self) -> str:
        """As that of a `FingerprintBuilder`."""
        return self._tally.fingerprint

    def add(self, places: Iterable[tuple[str, ChunkPosition]]) -> None:
        """Take in chunks, each id once."""
        self._sorted = None
        for id_, place in places:
            self._ids += bytes.fromhex(id_)
            self._marks += _short(self._tally.add(id_, place))

    def hold(self, ids: Sequence[str]) -> list[bool]:
        """For each id whether it is among them."""
        return [mark is not None for mark in self._found(ids)]

    def moved(self, places: Sequence[tuple[str, ChunkPosition]]) -> list[bool]:
        """For each chunk whether it is among them, but at another place or of another row_digest."""
        found = self._found([id_ for id_, _ in places])
        return [
            mark is not None and mark != _short(_mark(id_, place))
            for mark, (id_, place) in zip(found, places, strict=True)
        ]

    def _found(self, ids: Sequence[str]) -> list[bytes | None]:
        """The marks of chunks, ``None`` for those that are not among them."""
        if not self._ids or not ids:
            return [None] * len(ids)
        import numpy as np  # late: it comes with the Milvus client, which is imported late too

        known, marks = self._sorted = self._sorted or self._in_order()
        asked = np.array([bytes.fromhex(id_) for id_ in ids], f"S{_ID_BYTES}")
        at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        return [
            mark if found else None
            for found, mark in zip((known[at] == asked).tolist(), map(bytes, marks[at].view(_AS_BYTES)), strict=True)
        ]

    def _in_order(self) -> tuple[Any, Any]:
        import numpy as np

        ids = np.frombuffer(bytes(self._ids), f"S{_ID_BYTES}")
        order = np.argsort(ids)
        return ids[order], np.frombuffer(bytes(self._marks), _AS_BYTES)[order]


def fingerprint(places: Iterable[tuple[str, ChunkPosition]]) -> str:
    """That of chunks, counted as they come."""
    tally = FingerprintBuilder()
    for id_, place in places:
        tally.add(id_, place)
    return tally.fingerprint


def _mark(id_: str, place: ChunkPosition) -> int:
    return int(digest(id_, str(place.ordinal), str(place.start), place.row_digest), 16)


def _short(mark: int) -> bytes:
    return (mark % (1 << 8 * _MARK_BYTES)).to_bytes(_MARK_BYTES, "little")


# What an index that holds none of a document's chunks is told by.
EMPTY_FINGERPRINT = fingerprint(())

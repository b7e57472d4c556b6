"""Keys of documents to repair: their number, and as many of them as memory may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.ingestion.results import MOST_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.domain.models import ObjectKey

# More are found again, part by part.
MAX_REMEMBERED = 10_000


class KeyList:
    """Keys in any order, of which the first ones are remembered.

    Attributes:
        total: number of keys.
    """

    def __init__(self) -> None:
        self.total = 0
        self._kept: list[ObjectKey] = []

    def add(self, keys: Iterable[ObjectKey]) -> None:
        """Add keys."""
        for key in keys:
            self.total += 1
            if len(self._kept) < MAX_REMEMBERED:
                self._kept.append(key)

    def take(self, keys: Sequence[ObjectKey]) -> bool:
        """Add as many keys as can be remembered; returns whether these are all."""
        fitting = keys[: max(0, MAX_REMEMBERED - len(self._kept))]
        self.add(fitting)
        return len(fitting) == len(keys)

    @property
    def is_complete(self) -> bool:
        """Whether all are remembered."""
        return self.total == len(self._kept)

    @property
    def kept(self) -> list[ObjectKey]:
        """Those that are remembered, in their order."""
        return sorted(self._kept, key=lambda key: key.key)

    @property
    def names(self) -> tuple[str, ...]:
        """The first names, for an answer."""
        return tuple(key.key for key in self.kept[:MOST_NAMES])

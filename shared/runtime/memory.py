"""A bound on the memory that all requests of a process take together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from shared.domain.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.runtime.retrying import Deadline


_SMALL_BYTES = 1024 * 1024


class MemoryBudget:
    """Lets requests wait while the others need the memory.

    Args:
        total: bytes for all requests together.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._changed = threading.Condition()

    def reserve(self, size: int, deadline: Deadline) -> Callable[[], None]:
        """Hold ``size`` bytes, or all there are if it is more, as soon as they are free; small requests never wait.

        Returns: what gives them back, to be called once.

        Raises:
            TransientError: ``busy``: the others still needed them at the deadline.
        """
        wanted = min(size, self._total) if size > _SMALL_BYTES else 0
        with self._changed:
            if not self._changed.wait_for(lambda: self._free >= wanted, max(0.0, deadline.remaining())):
                raise TransientError("busy", "Other large requests are in progress; try again, or send fewer texts.")
            self._free -= wanted
        return lambda: self._give_back(wanted)

    def _give_back(self, size: int) -> None:
        with self._changed:
            self._free += size
            self._changed.notify_all()

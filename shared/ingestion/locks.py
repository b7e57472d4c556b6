"""One lock for each document that a process is at work on, kept only while a thread holds or awaits it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.domain.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.runtime.retrying import Deadline


class _Counted:
    """A lock and the number of threads that hold or await it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0


class DocumentLocks:
    """Locks by document id: two threads at work on one document exclude one another, and no others."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, _Counted] = {}

    def __len__(self) -> int:
        return len(self._locks)

    @contextmanager
    def hold(self, document_id: str, deadline: Deadline) -> Iterator[None]:
        """Hold the lock of a document.

        Raises:
            TransientError: ``document_busy``: another thread held it until the deadline.
        """
        with self._guard:
            counted = self._locks.setdefault(document_id, _Counted())
            counted.users += 1
        try:
            if not counted.lock.acquire(timeout=max(0.0, min(deadline.remaining(), threading.TIMEOUT_MAX))):
                raise TransientError(
                    "document_busy", "Another worker is still at work on this document; it is retried.", soon=False
                )
            try:
                yield
            finally:
                counted.lock.release()
        finally:
            with self._guard:
                counted.users -= 1
                if not counted.users:
                    del self._locks[document_id]

    @contextmanager
    def hold_free(self, document_ids: Iterable[str]) -> Iterator[list[str]]:
        """Hold the locks of those documents that no thread holds or awaits; yields their ids."""
        taken: dict[str, _Counted] = {}
        with self._guard:
            for id_ in document_ids:
                if id_ not in self._locks:
                    counted = taken[id_] = self._locks[id_] = _Counted()
                    counted.users = 1
                    counted.lock.acquire()
        try:
            yield list(taken)
        finally:
            with self._guard:
                for id_, counted in taken.items():
                    counted.lock.release()
                    counted.users -= 1
                    if not counted.users:
                        del self._locks[id_]

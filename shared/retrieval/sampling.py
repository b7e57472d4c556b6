"""Keeps a share of the queries in the registry, so that collections can be compared by what is really asked."""

from __future__ import annotations

import logging
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

from shared.domain.errors import PlatformError
from shared.runtime import clock
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from shared.store.store import Store

log = logging.getLogger(__name__)

# A process keeps at most one query in so many seconds, whatever the share, and tries for so long.
_PAUSE_SECONDS = 10.0
_WRITE_SECONDS = 5.0


class Sampler:
    """Keeps queries: thread-safe, one per process. A search does not wait for it.

    Args:
        share: of the queries that are kept, 0 for none.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._choosing = threading.Lock()
        self._next = 0.0

    def offer(self, store: Store, text: str) -> None:
        """Keep a query, perhaps."""
        if self._share and random.random() < self._share and self._is_due():  # noqa: S311 - no secret
            self._pool.submit(_keep, store, text)

    def _is_due(self) -> bool:
        with self._choosing:
            now = clock.monotonic()
            is_due = now >= self._next
            if is_due:
                self._next = now + _PAUSE_SECONDS
            return is_due

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="sample")


def _keep(store: Store, text: str) -> None:
    try:
        store.samples.write(text, Deadline.after(_WRITE_SECONDS))
    except PlatformError as error:
        log.warning("query_not_sampled", extra={"code": error.code})

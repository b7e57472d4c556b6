"""Delivery of events."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import tenacity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.oss.notification import Notification, ObjectEvent

_log = logging.getLogger(__name__)

_ATTEMPTS: Final = 8
_LONGEST_WAIT_SECONDS: Final = 5.0
_DELIVERIES_AT_ONCE: Final = 8
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)
_PATIENCE_SECONDS: Final = 2.0


class Mode(StrEnum):
    """What becomes of events: tests lose them and repeat them."""

    DELIVER = "deliver"
    DROP = "drop"
    DUPLICATE = "duplicate"


class Courier:
    """Delivers events in the background, several at once; use inside a running event loop.

    A delivery that fails or is answered with an error is tried again with growing pauses, about fifteen
    seconds in all, since the receiver may be starting; then one line of the log says that it was lost.
    """

    def __init__(self, targets: Sequence[Notification], bucket: str) -> None:
        self.mode = Mode.DELIVER
        self._targets = tuple(targets)
        self._bucket = bucket
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        self._slots = asyncio.Semaphore(_DELIVERIES_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    def publish(self, event: ObjectEvent) -> None:
        """Send ``event`` to every target that wants it; returns at once."""
        copies = {Mode.DELIVER: 1, Mode.DROP: 0, Mode.DUPLICATE: 2}[self.mode]
        for target in self._targets:
            if target.wants(event):
                for _ in range(copies):
                    self._start(target, event)

    async def close(self) -> None:
        """Wait a little for deliveries under way, then give them up."""
        if self._running:
            await asyncio.wait(self._running, timeout=_PATIENCE_SECONDS)
        if self._running:
            _log.warning("gave up %d events at shutdown", len(self._running))
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._session.close()

    def _start(self, target: Notification, event: ObjectEvent) -> None:
        task = asyncio.create_task(self._deliver(target, event))
        self._running.add(task)  # a task without a reference may be collected
        task.add_done_callback(self._running.discard)

    async def _deliver(self, target: Notification, event: ObjectEvent) -> None:
        payload = event.payload(self._bucket, target.rule_id)
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type((aiohttp.ClientError, TimeoutError)),
            wait=tenacity.wait_exponential(0.2, max=_LONGEST_WAIT_SECONDS),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            reraise=True,
        )
        try:
            await retrying(self._post, target.url, payload)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            _log.error("lost the event %s of %r for %s: %s", event.name, event.key, target.url, error)

    async def _post(self, url: str, payload: dict[str, Any]) -> None:
        async with self._slots, self._session.post(url, json=payload) as response:
            await response.read()
            response.raise_for_status()

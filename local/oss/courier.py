"""Delivery of events."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import tenacity

from local.oss.gathering import Gathering
from local.reporting import report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.oss.notification import Notification, ObjectEvent

_log = logging.getLogger(__name__)

_LONGEST_WAIT_SECONDS: Final = 5.0
_DELIVERIES_AT_ONCE: Final = 8
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)
_PATIENCE_SECONDS: Final = 2.0
# An event that waits this long is worth a word at the terminal.
_REPORTED_SECONDS: Final = 10.0
# Refusals that the receiver does not take back: it knows no such trigger, or the event is too large.
_FINAL_STATUSES: Final = frozenset({400, 401, 403, 404, 405, 409, 413})


class Mode(StrEnum):
    """What becomes of events: tests lose them and repeat them."""

    DELIVER = "deliver"
    DROP = "drop"
    DUPLICATE = "duplicate"


class Courier:
    """Delivers events in the background, several at once; use inside a running event loop.

    A delivery that fails is tried again with growing pauses until it succeeds, however long the receiver is away: an
    event given up is a document that the index never hears of. Only what the receiver refuses for good is dropped.
    """

    def __init__(self, targets: Sequence[Notification], bucket: str) -> None:
        self.mode = Mode.DELIVER
        self._targets = tuple(targets)
        self._bucket = bucket
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        self._slots = asyncio.Semaphore(_DELIVERIES_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()
        self._is_waiting = False
        self._gatherings = {target: Gathering(partial(self._start, target)) for target in self._targets}

    def publish(self, event: ObjectEvent) -> None:
        """Send ``event`` to every target that wants it, alone or with the next ones; returns at once."""
        for target, gathering in self._gatherings.items():
            if target.wants(event) and self.mode is not Mode.DROP:
                if self.mode is Mode.DUPLICATE:
                    self._start(target, [event])
                gathering.add(event)

    async def close(self) -> None:
        """Wait a little for deliveries under way, then give them up."""
        for gathering in self._gatherings.values():
            gathering.flush()
        if self._running:
            await asyncio.wait(self._running, timeout=_PATIENCE_SECONDS)
        if self._running:
            _log.warning("gave up %d events at shutdown", len(self._running))
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._session.close()

    def _start(self, target: Notification, events: Sequence[ObjectEvent]) -> None:
        task = asyncio.create_task(self._deliver(target, events))
        self._running.add(task)  # a task without a reference may be collected
        task.add_done_callback(self._running.discard)

    async def _deliver(self, target: Notification, events: Sequence[ObjectEvent]) -> None:
        payload = {"events": [event.record(self._bucket, target.rule_id) for event in events]}
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(_may_pass),
            wait=tenacity.wait_exponential(0.2, max=_LONGEST_WAIT_SECONDS),
            before_sleep=self._report_waiting,
            reraise=True,
        )
        try:
            await retrying(self._post, target.url, payload)
        except (aiohttp.ClientError, ValueError) as error:
            for event in events:
                report(f"The event {event.name} of {event.key} is lost: {target.url} refuses it ({error}).")

    async def _post(self, url: str, payload: dict[str, Any]) -> None:
        async with self._slots, self._session.post(url, json=payload) as response:
            await response.read()
            response.raise_for_status()
        if self._is_waiting:
            self._is_waiting = False
            report("Events of the bucket are delivered again.")

    def _report_waiting(self, state: tenacity.RetryCallState) -> None:
        """Say once that the receiver is away; one line, however many events wait."""
        if not self._is_waiting and (state.seconds_since_start or 0) > _REPORTED_SECONDS:
            self._is_waiting = True
            why = state.outcome.exception() if state.outcome else None
            report(f"{len(self._running)} events of the bucket wait: they cannot be delivered ({_shorten(why)}).")


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, aiohttp.ClientResponseError):
        return error.status not in _FINAL_STATUSES
    return isinstance(error, aiohttp.ClientError | TimeoutError) and not isinstance(error, aiohttp.InvalidURL)


def _shorten(error: BaseException | None) -> str:
    return (str(error) or type(error).__name__)[:200]

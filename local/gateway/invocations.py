"""Asynchronous invocations as Function Compute handles them: accepted at once, delivered later, retried.

A function reports a failure as in the cloud: with status 404 *and* the header ``x-fc-status``. The same 404 without the
header is a success, and the event is gone. A crash, a timeout and a 5xx are failures too. The queue is in memory: it
survives a restart of the function's process, not one of the gateway.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from local.gateway.failed_events import FailedEvents

if TYPE_CHECKING:
    from pathlib import Path

    from local.gateway.instance import Instance

_log = logging.getLogger(__name__)

MAX_EVENT_BYTES: Final = 128 * 1024
_LONGEST_WAIT_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Event:
    """One call to be delivered.

    Attributes:
        accepted: when it was accepted, in seconds of the monotonic clock.
    """

    payload: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    accepted: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended.

    Attributes:
        status: the function's HTTP status, or 0 if there was no answer.
        error: why it counts as failed, in one sentence; empty for success.
        body: what the function answered.
    """

    status: int
    error: str
    body: bytes = b""


class Invocations:
    """The queue of asynchronous invocations of one function.

    Attributes:
        delivered: events the function processed.
        failed: events given up.
        last_error: why the latest attempt failed; empty if none did.
    """

    def __init__(
        self, instance: Instance, session: aiohttp.ClientSession, *, failures: Path, retry_seconds: float
    ) -> None:
        self.delivered = 0
        self.failed = 0
        self.last_error = ""
        self._instance = instance
        self._session = session
        self._failures = FailedEvents(failures / instance.name)
        self._retry_seconds = retry_seconds
        self._pending: set[asyncio.Task[None]] = set()
        self._in_progress = 0

    @property
    def queued(self) -> int:
        """Events accepted and neither delivered, given up, nor being processed; events that wait for a retry count."""
        return len(self._pending) - self._in_progress

    def accept(self, event: Event) -> None:
        """Deliver ``event`` as soon as the function has a place for it."""
        task = asyncio.create_task(self._deliver(event), name=f"deliver {event.request_id}")
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def close(self) -> None:
        """Drop what is still queued."""
        if self._pending:
            _log.warning("%s: %d events were still queued and are lost", self._instance.name, len(self._pending))
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)

    async def _deliver(self, event: Event) -> None:
        declared = self._instance.function.retrying
        for attempt in range(declared.max_async_retry_attempts + 1):
            if attempt:
                await asyncio.sleep(min(_LONGEST_WAIT_SECONDS, self._retry_seconds * 2 ** (attempt - 1)))
            await self._failures.await_space()
            outcome = await self._attempt(event, attempt)
            if not outcome.error:
                self.delivered += 1
                return
            self.last_error = outcome.error
            _log.warning("%s: attempt %d of %s: %s", self._instance.name, attempt + 1, event.request_id, outcome.error)
            if time.monotonic() - event.accepted > declared.max_async_event_age_in_seconds:
                break
        now = datetime.now(UTC)
        await self._failures.keep(
            f"{now:%Y%m%dT%H%M%S%f}-{event.request_id}", self._record(event, outcome, attempt + 1, now)
        )
        self.failed += 1

    async def _attempt(self, event: Event, attempt: int) -> Outcome:
        async with self._instance as instance:
            self._in_progress += 1
            try:
                return await self._post(instance, event, attempt)
            finally:
                self._in_progress -= 1

    async def _post(self, instance: Instance, event: Event, attempt: int) -> Outcome:
        headers = {
            **instance.headers(event.request_id, "/invoke"),
            "content-type": "application/octet-stream",
            "x-fc-retry-count": str(attempt),
        }
        limit = aiohttp.ClientTimeout(total=instance.function.timeout)
        try:
            async with self._session.post(
                f"{instance.url}/invoke", data=event.payload, headers=headers, timeout=limit
            ) as response:
                return _judge(response, await response.read())
        except TimeoutError:
            return Outcome(0, f"no answer within {instance.function.timeout} s")
        except aiohttp.ClientError as error:
            return Outcome(0, f"the connection failed: {error or type(error).__name__}")

    def _record(self, event: Event, outcome: Outcome, attempts: int, now: datetime) -> dict[str, Any]:
        """The shape of https://help.aliyun.com/zh/functioncompute/fc/result-callback; ``condition`` is made up."""
        context = self._instance.headers(event.request_id, "/invoke")
        arn = f"acs:fc:{context['x-fc-region']}:{context['x-fc-account-id']}:functions/{self._instance.name}"
        return {
            "timestamp": int(now.timestamp() * 1000),
            "requestContext": {
                "requestId": event.request_id,
                "functionArn": arn,
                "condition": "RetriesExhausted",
                "approximateInvokeCount": attempts,
            },
            "requestPayload": event.payload.decode("utf-8", "replace"),
            "responseContext": {"statusCode": outcome.status, "functionError": outcome.error},
            "responsePayload": outcome.body.decode("utf-8", "replace"),
        }


def _judge(response: aiohttp.ClientResponse, body: bytes) -> Outcome:
    reported = response.headers.get("x-fc-status", "")
    if reported and reported != "200":
        return Outcome(response.status, f"the function failed with x-fc-status {reported}", body)
    if response.status >= 500:
        return Outcome(response.status, f"the function answered {response.status}", body)
    return Outcome(response.status, "", body)

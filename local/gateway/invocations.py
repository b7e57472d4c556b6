"""Asynchronous invocations as Function Compute handles them: accepted at once, delivered later, retried.

A function reports a failure as in the cloud: with status 404 *and* the header ``x-fc-status``. The same 404 without the
header is a success, and the event is gone. A crash, a timeout and a 5xx are failures too. An event older than
``maxAsyncEventAgeInSeconds`` is given up, whether it was tried or not. The queue is in memory: it survives a restart of
the function's process, not one of the gateway.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from local.gateway.failed_events import FailedEvents

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.gateway.instance import Instance
    from local.gateway.pool import Pool

_log = logging.getLogger(__name__)

MAX_EVENT_BYTES: Final = 128 * 1024
# Waits double from `retry_seconds`: 0.5, 1, 2 ... s in the cloud. On a laptop the first is 1 s by default, because
# a restart of Milvus stops everything there for some seconds, where a cloud service has other nodes.
_LONGEST_WAIT_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Event:
    """One call to be delivered: by default an event, or a request to an HTTP URL that was sent as asynchronous.

    Attributes:
        path: raw path and query string at the function.
        headers: further headers of a request to an HTTP URL.
        accepted: when it was accepted, in seconds of the monotonic clock.
        records: how many things that happened it tells of.
    """

    payload: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    accepted: float = field(default_factory=time.monotonic)
    method: str = "POST"
    path: str = "/invoke"
    control_path: str = "/invoke"
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/octet-stream"})
    records: int = 1


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended.

    Attributes:
        status: the function's HTTP status, or 0 if there was no answer.
        error: why it counts as failed, in one sentence; empty for success.
        body: what the function answered.
        is_expired: whether the event became too old before another attempt.
    """

    status: int
    error: str
    body: bytes = b""
    is_expired: bool = False


class Invocations:
    """The queue of asynchronous invocations of one function.

    Attributes:
        delivered: events the function processed, each record of an event of OSS counted.
        failed: events given up, counted alike.
        last_error: why the latest attempt failed; empty if none did.
    """

    def __init__(self, pool: Pool, session: aiohttp.ClientSession, *, failures: Path, retry_seconds: float) -> None:
        self.delivered = 0
        self.failed = 0
        self.last_error = ""
        self._pool = pool
        self._name = pool.function.function_name
        self._session = session
        self._failures = FailedEvents(failures / self._name)
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
            _log.warning("%s: %d events were still queued and are lost", self._name, len(self._pending))
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)

    async def _deliver(self, event: Event) -> None:
        declared = self._pool.function.retrying
        expiry = event.accepted + declared.max_async_event_age_in_seconds
        outcome = Outcome(0, "")
        for attempt in range(declared.max_async_retry_attempts + 1):
            if attempt:
                await asyncio.sleep(min(_LONGEST_WAIT_SECONDS, self._retry_seconds * 2 ** (attempt - 1)))
            await self._failures.await_space()
            tried = await self._attempt(event, attempt, expiry)
            if tried is None:
                outcome = replace(
                    outcome, is_expired=True, error=outcome.error or "the event became too old in the queue"
                )
                attempt -= 1
                break
            if not tried.error:
                self.delivered += event.records
                return
            outcome = tried
            _log.warning("%s: attempt %d of %s: %s", self._name, attempt + 1, event.request_id, outcome.error)
            self.last_error = outcome.error
        self.last_error = outcome.error
        now = datetime.now(UTC)
        await self._failures.keep(
            f"{now:%Y%m%dT%H%M%S%f}-{event.request_id}", self._record(event, outcome, attempt + 1, now)
        )
        self.failed += event.records

    async def _attempt(self, event: Event, attempt: int, expiry: float) -> Outcome | None:
        """Deliver once there is a place; ``None`` if the event became too old before that."""
        async with AsyncExitStack() as place:
            try:
                async with asyncio.timeout(expiry - time.monotonic()):
                    instance = await place.enter_async_context(self._pool.queued_place())
            except TimeoutError:
                return None
            self._in_progress += 1
            try:
                return await self._post(instance, event, attempt)
            finally:
                self._in_progress -= 1

    async def _post(self, instance: Instance, event: Event, attempt: int) -> Outcome:
        platform = {**instance.headers(event.request_id, event.control_path), "x-fc-retry-count": str(attempt)}
        limit = aiohttp.ClientTimeout(total=instance.function.timeout)
        try:
            async with self._session.request(
                event.method,
                URL(f"{instance.url}{event.path}", encoded=True),
                data=event.payload if event.payload or event.method == "POST" else None,
                headers={**platform, **event.headers},
                allow_redirects=False,
                timeout=limit,
            ) as response:
                return _judge(response, await response.read())
        except TimeoutError:
            return Outcome(0, f"no answer within {instance.function.timeout} s")
        except aiohttp.ClientError as error:
            return Outcome(0, f"the connection failed: {error or type(error).__name__}")

    def _record(self, event: Event, outcome: Outcome, attempts: int, now: datetime) -> dict[str, Any]:
        """The shape of https://help.aliyun.com/zh/functioncompute/fc/result-callback; ``condition`` is made up."""
        context = self._pool.first.headers(event.request_id, "/invoke")
        arn = f"acs:fc:{context['x-fc-region']}:{context['x-fc-account-id']}:functions/{self._name}"
        return {
            "timestamp": int(now.timestamp() * 1000),
            "requestContext": {
                "requestId": event.request_id,
                "functionArn": arn,
                "condition": "EventAgeExceeded" if outcome.is_expired else "RetriesExhausted",
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

"""OSS event notifications: who wants which change, the event as Function Compute receives it, and its delivery.

The payload is that of an OSS trigger: ``{"events": [...]}`` with one record, ``eventName`` without the ``oss:`` that
rules carry (https://help.aliyun.com/zh/functioncompute/api-fc-2023-03-30-struct-osstriggerconfig).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import tenacity

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = logging.getLogger(__name__)

ACCOUNT: Final = "1000000000000000"
"""The account that owns the bucket; made up, but of the real shape."""

_ATTEMPTS: Final = 8
_LONGEST_WAIT_SECONDS: Final = 5.0
_DELIVERIES_AT_ONCE: Final = 8
_TIMEOUT: Final = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True)
class Notification:
    """Where events go.

    Attributes:
        url: receives each event as an HTTP POST.
        events: names as in ``s.yaml``: ``oss:ObjectCreated:PutObject``, or ``oss:ObjectCreated:*`` for all of a kind.
            The latter also fires for each part of a multipart upload, as the real one does.
        prefix: start of the keys it is about; empty for all.
        suffix: end of the keys it is about; empty for all.
    """

    url: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def wants(self, event: ObjectEvent) -> bool:
        """Whether ``event`` is to be delivered here."""
        names = {f"oss:{event.name}", f"oss:{event.name.partition(':')[0]}:*"}
        return (
            not names.isdisjoint(self.events) and event.key.startswith(self.prefix) and event.key.endswith(self.suffix)
        )

    @property
    def rule_id(self) -> str:
        """The same for the same rule, as in the real payload a hash."""
        return hashlib.sha1(repr(self).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class ObjectEvent:
    """One thing that happened to one object.

    Attributes:
        name: such as ``ObjectCreated:PutObject``.
        size: bytes of the object, before its removal if it was removed.
        delta: bytes the bucket has gained.
        request_id: of the request that caused it.
    """

    name: str
    key: str
    etag: str
    size: int
    delta: int
    content_type: str
    request_id: str
    source_ip: str
    time: datetime

    def payload(self, bucket: str, region: str, rule_id: str) -> dict[str, Any]:
        """The event as Function Compute hands it to a function."""
        stored: dict[str, Any] = {"deltaSize": self.delta, "eTag": self.etag, "key": self.key, "size": self.size}
        if self.content_type:
            stored["objectMeta"] = {"mimeType": self.content_type}
        record = {
            "eventName": self.name,
            "eventSource": "acs:oss",
            "eventTime": iso_time(self.time),
            "eventVersion": "1.0",
            "oss": {
                "bucket": {
                    "arn": f"acs:oss:{region}:{ACCOUNT}:{bucket}",
                    "name": bucket,
                    "ownerIdentity": ACCOUNT,
                    "virtualBucket": "",
                },
                "object": stored,
                "ossSchemaVersion": "1.0",
                "ruleId": rule_id,
            },
            "region": region,
            "requestParameters": {"sourceIPAddress": self.source_ip},
            "responseElements": {"requestId": self.request_id},
            "userIdentity": {"principalId": ACCOUNT},
        }
        return {"events": [record]}


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

    def __init__(self, targets: Sequence[Notification], bucket: str, region: str) -> None:
        self.mode = Mode.DELIVER
        self._targets = tuple(targets)
        self._bucket = bucket
        self._region = region
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

    async def close(self, patience_seconds: float = 2.0) -> None:
        """Wait a little for deliveries under way, then give them up."""
        if self._running:
            await asyncio.wait(self._running, timeout=patience_seconds)
        if self._running:
            _log.warning("gave up %d events at shutdown", len(self._running))
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._session.close()

    def _start(self, target: Notification, event: ObjectEvent) -> None:
        task = asyncio.create_task(self._deliver(target, event))
        self._running.add(task)  # a task nobody holds may be collected
        task.add_done_callback(self._running.discard)

    async def _deliver(self, target: Notification, event: ObjectEvent) -> None:
        payload = event.payload(self._bucket, self._region, target.rule_id)
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


def iso_time(moment: datetime) -> str:
    """``moment`` as OSS writes it: UTC with milliseconds and a Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

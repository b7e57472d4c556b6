"""OSS event notifications: who wants which change, and the event as Function Compute receives it.

The payload is that of an OSS trigger: ``{"events": [...]}`` with one record, ``eventName`` without the ``oss:`` that
rules carry (https://help.aliyun.com/zh/functioncompute/api-fc-2023-03-30-struct-osstriggerconfig).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from local.oss.stored_object import Change

ACCOUNT: Final = "1000000000000000"
"""The account that owns the bucket; made up, but of the real shape."""

REGION: Final = "cn-beijing"
"""Where the bucket claims to be."""

LOOPBACK: Final = "127.0.0.1"


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
        request_id: of the request that caused it.
    """

    name: str
    change: Change
    request_id: str
    source_ip: str = LOOPBACK
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def key(self) -> str:
        """Of the object."""
        return self.change.key

    def record(self, bucket: str, rule_id: str) -> dict[str, Any]:
        """The event as one of the records that Function Compute hands to a function."""
        return {
            "eventName": self.name,
            "eventSource": "acs:oss",
            "eventTime": iso_time(self.time),
            "eventVersion": "1.0",
            "oss": {
                "bucket": {
                    "arn": f"acs:oss:{REGION}:{ACCOUNT}:{bucket}",
                    "name": bucket,
                    "ownerIdentity": ACCOUNT,
                    "virtualBucket": "",
                },
                "object": self._object(),
                "ossSchemaVersion": "1.0",
                "ruleId": rule_id,
            },
            "region": REGION,
            "requestParameters": {"sourceIPAddress": self.source_ip},
            "responseElements": {"requestId": self.request_id},
            "userIdentity": {"principalId": ACCOUNT},
        }

    def _object(self) -> dict[str, Any]:
        change = self.change
        about: dict[str, Any] = {
            "deltaSize": change.gained,
            "eTag": change.etag,
            "key": change.key,
            "size": change.size,
        }
        if change.now and change.now.properties.content_type:
            about["objectMeta"] = {"mimeType": change.now.properties.content_type}
        return about


def iso_time(moment: datetime) -> str:
    """``moment`` as OSS writes it: UTC with milliseconds and a Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

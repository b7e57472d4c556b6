"""A bucket that cannot send events is watched by listing it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import requests

from local.watching import Watcher
from shared.ingestion import events
from shared.ingestion.bucket import Bucket
from shared.ingestion.events import ObjectEvent

if TYPE_CHECKING:
    from tests.conftest import Oss

PATIENCE_SECONDS = 240


def await_listings(oss: Oss, more: int) -> None:
    """Wait until the bucket was listed ``more`` times from now on."""

    def listed() -> int:
        return int(requests.get(f"{oss.endpoint}/control/requests", timeout=60).json().get("ListObjectsV2", 0))

    wanted, end = listed() + more, time.monotonic() + PATIENCE_SECONDS
    while listed() < wanted:
        assert time.monotonic() < end, "the bucket is not listed any more"
        time.sleep(0.05)


def test_each_object_that_appears_changes_or_vanishes_causes_one_event(oss: Oss) -> None:
    received: list[dict[str, Any]] = []
    oss.put("changes.txt", "One.")
    oss.put("goes.txt", "Gone soon.")
    oss.put("stays.txt", "Stays.")
    with Watcher(Bucket(oss.settings()), received.append):
        await_listings(oss, 2)  # what the first listing holds causes no event
        oss.put("comes.txt", "New.")
        oss.put("changes.txt", "Two.")
        oss.remove("goes.txt")
        await_listings(oss, 3)  # one may be in progress; the next sees all; the one after it repeats nothing
    parsed = [event for payload in received for event in events.parse(json.dumps(payload).encode())]
    assert all(isinstance(event, ObjectEvent) for event in parsed)
    assert sorted((event.key.key, event.name) for event in parsed if isinstance(event, ObjectEvent)) == [
        ("changes.txt", "ObjectCreated:PutObject"),
        ("comes.txt", "ObjectCreated:PutObject"),
        ("goes.txt", "ObjectRemoved:DeleteObject"),
    ]

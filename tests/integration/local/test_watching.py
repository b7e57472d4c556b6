"""A bucket that cannot send events is watched by listing it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from local.watching import Watcher
from shared.ingestion import events
from shared.ingestion.bucket import Bucket
from shared.ingestion.events import ObjectEvent

if TYPE_CHECKING:
    from tests.conftest import Oss

PATIENCE_SECONDS = 30


def test_what_appears_changes_and_vanishes_is_told_once_as_oss_would(oss: Oss) -> None:
    told: list[dict[str, Any]] = []
    oss.put("changes.txt", "One.")
    oss.put("goes.txt", "Gone soon.")
    oss.put("stays.txt", "Stays.")
    with Watcher(Bucket(oss.settings()), told.append):
        time.sleep(1)  # what is there at first is no news
        oss.put("comes.txt", "New.")
        oss.put("changes.txt", "Two.")
        oss.remove("goes.txt")
        until = time.monotonic() + PATIENCE_SECONDS
        while len(told) < 3 and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(2.5)  # another look tells nothing twice
    parsed = [event for said in told for event in events.parse(json.dumps(said).encode())]
    assert all(isinstance(event, ObjectEvent) for event in parsed)
    assert sorted((event.key.key, event.name) for event in parsed if isinstance(event, ObjectEvent)) == [
        ("changes.txt", "ObjectCreated:PutObject"),
        ("comes.txt", "ObjectCreated:PutObject"),
        ("goes.txt", "ObjectRemoved:DeleteObject"),
    ]

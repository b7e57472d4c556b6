"""Events for a real bucket on a machine that OSS cannot reach: list it again and again, and tell the differences."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from shared.domain.errors import PlatformError
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.domain.models import ObjectKey
    from shared.ingestion.bucket import Bucket

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 2.0
_LISTING_SECONDS = 60.0


class Watcher:
    """Calls ``notify`` with an OSS event for every object that appears, changes or vanishes, until stopped."""

    def __init__(self, bucket: Bucket, notify: Callable[[dict[str, Any]], object]) -> None:
        self._bucket = bucket
        self._notify = notify
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(_PAUSE_SECONDS * 2)

    def _watch(self) -> None:
        known = self._listing() or {}
        while not self._stopped.wait(_PAUSE_SECONDS):
            present = self._listing()
            if present is None:
                continue
            for key in present.keys() | known.keys():
                if present.get(key) != known.get(key):
                    name = "ObjectCreated:PutObject" if key in present else "ObjectRemoved:DeleteObject"
                    self._notify(_event(key, name))
            known = present

    def _listing(self) -> dict[ObjectKey, str] | None:
        try:
            return {state.key: state.etag for state in self._bucket.documents(Deadline.after(_LISTING_SECONDS))}
        except PlatformError as error:
            log.warning("the bucket cannot be listed: %s", error.message)
            return None


def _event(key: ObjectKey, name: str) -> dict[str, Any]:
    record = {"eventName": name, "eventSource": "acs:oss", "eventVersion": "1.0"}
    return {"events": [{**record, "oss": {"bucket": {"name": key.bucket}, "object": {"key": key.key}}}]}

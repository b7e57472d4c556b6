"""Events for a real bucket on a machine that OSS cannot reach: list it again and again, and tell the differences."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.domain.models import ObjectKey
    from shared.ingestion.bucket import Bucket

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 2.0
_LISTING_SECONDS = 60.0
# Records of an event, which may have 128 KB; large objects are among them, too, and all must be read within its time.
_EVENTS_TOGETHER = 10


class Watcher:
    """Calls ``notify`` with OSS events about the objects that appear, change or vanish, until stopped.

    Args:
        notify: an event for which it raises an error is sent again after the next listing.
        report: shows a sentence at the terminal.
    """

    def __init__(
        self, bucket: Bucket, notify: Callable[[dict[str, Any]], object], report: Callable[[str], object] = log.warning
    ) -> None:
        self._bucket = bucket
        self._notify = notify
        self._report = report
        self._problem = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(_PAUSE_SECONDS * 2)

    def _watch(self) -> None:
        known: dict[ObjectKey, str] | None = None
        while True:
            try:
                present = self._list()
                known = present if known is None else self._tell(known, present)
            except Exception as error:  # noqa: BLE001 - the bucket is watched as long as the stack runs
                self._explain(f"the bucket cannot be watched: {getattr(error, 'message', '') or repr(error)}")
            else:
                self._explain("")
            if self._stopped.wait(_PAUSE_SECONDS):
                return

    def _tell(self, known: dict[ObjectKey, str], present: dict[ObjectKey, str]) -> dict[ObjectKey, str]:
        """Send an event for each difference and take it as known, new ones first: they may be renamed ones."""
        differing = [key for key in present if known.get(key) != present[key]]
        changed = [*differing, *sorted(known.keys() - present.keys(), key=lambda key: key.key)]
        for start in range(0, len(changed), _EVENTS_TOGETHER):
            some = changed[start : start + _EVENTS_TOGETHER]
            self._notify({"events": [_record(key, is_present=key in present) for key in some]})
            for key in some:
                if key in present:
                    known[key] = present[key]
                else:
                    del known[key]
        return known

    def _list(self) -> dict[ObjectKey, str]:
        """The version of each document and its sidecar."""
        documents = self._bucket.documents(Deadline.after(_LISTING_SECONDS))
        return {state.key: f"{state.etag} {state.sidecar_etag}" for state in documents}

    def _explain(self, problem: str) -> None:
        """Report a problem once, and its end."""
        if problem and not self._problem:
            self._report(f"{problem[0].upper()}{problem[1:]}; it is tried again.")
        if self._problem and not problem:
            self._report("The bucket is watched again.")
        self._problem = problem


def _record(key: ObjectKey, *, is_present: bool) -> dict[str, Any]:
    name = "ObjectCreated:PutObject" if is_present else "ObjectRemoved:DeleteObject"
    record = {"eventName": name, "eventSource": "acs:oss", "eventVersion": "1.0"}
    return {**record, "oss": {"bucket": {"name": key.bucket}, "object": {"key": key.key}}}

"""What is remembered of objects: ETag, CRC, content type and user metadata, in ``.oss/records``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from local.oss.stored_object import StoredObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.oss.layout import Layout
    from local.oss.stored_object import Identity

_log = logging.getLogger(__name__)


class Records:
    """One record for each key, good for one identity of its file; not safe between threads.

    A file changed by hand has another identity, so its record no longer counts: its user metadata is gone, as after
    an upload without any.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._records = {record.key: record for record in self._load()}

    def find(self, key: str, identity: Identity | None) -> StoredObject | None:
        """What is known about this identity of ``key``."""
        record = self._records.get(key)
        return record if record and record.identity == identity else None

    def find_any(self, key: str) -> StoredObject | None:
        """What is known about ``key``, of whatever identity."""
        return self._records.get(key)

    def __iter__(self) -> Iterator[str]:
        """The keys something is known about."""
        return iter(self._records)

    def remember(self, stored: StoredObject) -> None:
        """Write ``stored`` down, in place of what was known about its key; until a restart it is known in any case.

        Raises:
            OSError: the disk is full, or the folder is gone.
        """
        self._records[stored.key] = stored
        path = self._layout.draft()
        try:
            path.write_bytes(msgspec.json.encode(stored))
            path.replace(self._layout.record(stored.key))
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def forget(self, key: str) -> None:
        """Drop what is known about ``key``."""
        self._records.pop(key, None)
        self._layout.record(key).unlink(missing_ok=True)

    def _load(self) -> Iterator[StoredObject]:
        for path in self._layout.records.iterdir():
            try:
                record = msgspec.json.decode(path.read_bytes(), type=StoredObject)
            except msgspec.DecodeError:
                _log.warning("dropped an unreadable record: %s", path)
                path.unlink()
                continue
            if self._layout.state(record.key) or self._layout.hides(record.key):
                yield record
            else:
                path.unlink()

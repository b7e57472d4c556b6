"""How far a reconcile has come: one row of the registry for each range of keys, which no listing of documents shows."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from shared.domain.models import Document, DocumentState, digest
from shared.store.expressions import equals
from shared.store.registry import make_row
from shared.store.schema import PROGRESS_BUCKET

if TYPE_CHECKING:
    from shared.runtime.retrying import Deadline
    from shared.store.client import Client

_FIELD = "progress"


class Phase(StrEnum):
    """What a reconcile does on its way through the keys."""

    COUNT = "count"
    INDEX = "index"
    REMOVE = "remove"


class Cursor(Struct, frozen=True):
    """Where the next invocation continues.

    Attributes:
        after: the phase is done up to this key.
        listed: documents in the bucket, as far as counted.
        known: documents in the index.
        stale: documents that must be indexed.
        waiting: documents that wait for a batch task.
        orphaned: documents that must be removed.
        indexed: of the stale ones, those that were tried.
        removed: of the orphaned ones, those that were tried.
        saved: when it was written, seconds since the epoch.
    """

    phase: Phase = Phase.COUNT
    after: str = ""
    listed: int = 0
    known: int = 0
    stale: int = 0
    waiting: int = 0
    orphaned: int = 0
    indexed: int = 0
    removed: int = 0
    saved: float = 0


class Progress(Struct, frozen=True):
    """What reconciles of a range keep from one invocation to the next.

    Attributes:
        cursor: of a run that was interrupted; ``None`` where none was.
        verified: where the next check of chunks begins: the first 32 bits of document ids.
        verified_at: when the last one ended, seconds since the epoch; 0 for never.
    """

    cursor: Cursor | None = None
    verified: int = 0
    verified_at: float = 0


class ProgressNotes:
    """Reads and writes what reconciles keep.

    Args:
        name: of the registry's collection.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    def read(self, scope: str, deadline: Deadline) -> Progress | None:
        """Return what was kept for a scope, read Strong; ``None`` where nothing was that this code can read."""
        rows = self._client.query(self._name, equals("id", _identify(scope)), ["record"], deadline)
        try:
            return msgspec.convert(rows[0]["record"][_FIELD], Progress) if rows else None
        except (msgspec.ValidationError, KeyError, TypeError):  # of another version of this software
            return None

    def write(self, scope: str, progress: Progress, deadline: Deadline) -> None:
        """Keep ``progress`` for a scope."""
        # A whole document, so that every reader of the registry can read the row.
        row = make_row(Document(_identify(scope), PROGRESS_BUCKET, _identify(scope), DocumentState.DELETED, ""))
        row["record"][_FIELD] = msgspec.to_builtins(progress)
        self._client.call("upsert", deadline, self._name, [row])


def _identify(scope: str) -> str:
    return digest(PROGRESS_BUCKET, scope)

"""Which documents wait for a batch task: one row of the registry for each task, which no listing of documents shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from shared.domain.models import Document, DocumentState
from shared.store.expressions import equals
from shared.store.registry import make_row
from shared.store.schema import BATCHES_BUCKET

if TYPE_CHECKING:
    from shared.domain.models import ObjectState
    from shared.runtime.retrying import Deadline
    from shared.store.client import Client

_FIELD = "batch"


class BatchNote(Struct, frozen=True):
    """A batch task and the documents it is for: those of a range of keys.

    Attributes:
        id: of this row, 32 hexadecimal digits.
        scope: of the deployment that created it.
        after: only documents with greater keys.
        until: only documents with keys up to this one; empty for no limit.
        planned: when the documents began to be read, seconds since the epoch: those that changed since are not part.
        file_id: DashScope's id of the file of requests; empty until it is uploaded.
        task_id: DashScope's id of the task; empty until it is known to exist.
        hours: within which the task must be answered.
        saved: when the row was written, seconds since the epoch.
        documents: documents with texts in the file.
        texts: texts in the file.
        tokens: tokens of them.
        cost_cny: what they cost, if all succeed.
        attempts: how often its answers were read and documents were left to be tried again.
        left: files to delete, where nothing else of the task is left: no document waits for it any more.
    """

    id: str
    scope: str
    after: str
    until: str
    planned: float
    file_id: str
    task_id: str = ""
    hours: int = 24
    saved: float = 0
    documents: int = 0
    texts: int = 0
    tokens: int = 0
    cost_cny: float = 0
    attempts: int = 0
    left: tuple[str, ...] = ()

    def covers(self, state: ObjectState) -> bool:
        """Whether an object waits for the task, as a listing shows it."""
        key = state.key.key
        if self.left:
            return False
        return key > self.after and (not self.until or key <= self.until) and state.modified <= self.planned

    def overlaps(self, after: str, until: str) -> bool:
        """Whether a range of keys has some in common with the range of the task."""
        return (not self.until or after < self.until) and (not until or self.after < until)


class BatchNotes:
    """Reads and writes the rows.

    Args:
        name: of the registry's collection.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    def read(self, scope: str, deadline: Deadline) -> list[BatchNote]:
        """Return all rows of a scope in the order of their keys, read Strong; an account has at most 1,000 tasks."""
        rows = self._client.query(self._name, equals("bucket", BATCHES_BUCKET), ["id", "record"], deadline)
        found = []
        for row in rows:
            try:
                found.append(msgspec.convert(row["record"][_FIELD], BatchNote))
            except (msgspec.ValidationError, KeyError, TypeError):  # of another version of this software
                continue
        return sorted((note for note in found if note.scope == scope), key=lambda note: (note.after, note.id))

    def write(self, note: BatchNote, deadline: Deadline) -> None:
        """Write a row."""
        # A whole document, so that every reader of the registry can read the row.
        row = make_row(Document(note.id, BATCHES_BUCKET, note.id, DocumentState.DELETED, ""))
        row["record"][_FIELD] = msgspec.to_builtins(note)
        self._client.call("upsert", deadline, self._name, [row])

    def delete(self, note: BatchNote, deadline: Deadline) -> None:
        """Remove a row."""
        self._client.call("delete", deadline, self._name, ids=[note.id])

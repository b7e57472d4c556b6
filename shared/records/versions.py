"""Which version of a record counts, however many processes write it and in whatever order: the highest.

Milvus has no conditional write, so a late writer can always overwrite what it has not seen. Therefore no version
overwrites another: an upsert is a row of its own in the collection of chunks, and a deletion or a failure a mark of its
own in the registry, each under an id that the version is part of. Of all that is found the highest version counts; the
rest is removed, which is safe whenever it happens. The record in the registry only repeats the result, and a writer
looks again until what it sees agrees.

    rows   chunks of the record; of several versions for a moment only
    marks  ``Document`` records in a bucket of their own, which no listing shows; one with a failure is of a version
           that could not be indexed, and the row of a lower version stays searchable then

Of one version the last writer counts: an upsert goes before a deletion of the same version, so a deletion removes the
row of its version itself.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.history import DocumentEvent, HistoryEntry, extend
from shared.domain.models import Document, DocumentState, Failure, digest
from shared.runtime import clock
from shared.store.schema import VERSIONS_BUCKET

if TYPE_CHECKING:
    from collections.abc import Sequence

# A version in 8 bytes, which base64 writes with 11 characters and one of padding.
_VERSION_BYTES, _VERSION_CHARACTERS = 8, 11


class RowVersion(Struct, frozen=True):
    """A row of a record.

    Attributes:
        id: of the chunk.
        row_digest: digest of its content, and its version.
    """

    id: str
    row_digest: str

    @property
    def version(self) -> int:
        """The version of the record that the row holds."""
        return read_version(self.row_digest)


class Versions(Struct, frozen=True):
    """What is there of one record.

    Attributes:
        document: its record in the registry.
    """

    rows: Sequence[RowVersion] = ()
    marks: Sequence[Document] = ()
    document: Document | None = None

    @property
    def highest(self) -> int:
        """The highest version that was seen; 0 if there is none."""
        orders = [*(row.version for row in self.rows), *(mark.order for mark in self.marks)]
        return max([*orders, self.document.order if self.document else 0])

    @property
    def deletion(self) -> Document | None:
        """The mark of the highest deletion."""
        return max((mark for mark in self.marks if not mark.failure), key=_order, default=None)

    @property
    def row(self) -> RowVersion | None:
        """The row to be found by a search: the highest that was not deleted."""
        deleted = self.deletion.order if self.deletion else -1
        return max((row for row in self.rows if row.version >= deleted), key=lambda row: row.version, default=None)

    @property
    def failure(self) -> Document | None:
        """The mark of a failure, if that is the highest version."""
        above = max(self.row.version if self.row else -1, self.deletion.order if self.deletion else -1)
        return max((mark for mark in self.marks if mark.failure and mark.order >= above), key=_order, default=None)

    @property
    def stale_rows(self) -> list[str]:
        """Ids of the rows to remove."""
        return [row.id for row in self.rows if row != self.row]

    @property
    def stale_marks(self) -> list[str]:
        """Ids of the marks to remove.

        A deletion stays until a row goes before it: without it a late row of a lower version would be found.
        """
        kept = {mark.id for mark in (self.failure, None if self.row else self.deletion) if mark}
        return [mark.id for mark in self.marks if mark.id not in kept]

    @property
    def is_settled(self) -> bool:
        """Whether only the highest version is left, and the registry's record agrees."""
        return not self.stale_rows and not self.stale_marks and self._agrees()

    def find_row(self, version: int) -> RowVersion | None:
        """The row of a version."""
        return next((row for row in self.rows if row.version == version), None)

    def find_mark(self, version: int) -> Document | None:
        """The mark of a version."""
        return next((mark for mark in self.marks if mark.order == version), None)

    def _agrees(self) -> bool:
        document, indexed = self.document, self.row.row_digest if self.row else ""
        if not self.rows and not self.marks:
            return True
        if document is None or document.indexed_version != indexed:
            return False
        state, mark = DocumentState.INDEXED, None
        if self.failure:
            state, mark = DocumentState.FAILED, self.failure
        elif not self.row:
            state, mark = DocumentState.DELETED, self.deletion
        order = mark.order if mark else self.row.version if self.row else 0
        return (document.state, document.order, document.chunks) == (state, order, int(bool(indexed)))


def write_version(version: int) -> str:
    """The end of a row digest that holds the version."""
    return base64.urlsafe_b64encode(version.to_bytes(_VERSION_BYTES, "big"))[:_VERSION_CHARACTERS].decode()


def read_version(row_digest: str) -> int:
    """The version at the end of a row digest."""
    return int.from_bytes(base64.urlsafe_b64decode(row_digest[-_VERSION_CHARACTERS:] + "="), "big")


def chunk_id_of(document_id: str, version: int, profile: str) -> str:
    """The id of the row of a version."""
    return digest(document_id, str(version), profile)


def make_mark(document_id: str, version: int, tenant: str, failure: Failure | None = None) -> Document:
    """The mark of a deletion, or of a failure."""
    return Document(
        id=digest(document_id, "version", str(version)),
        bucket=VERSIONS_BUCKET,
        key=document_id,
        state=DocumentState.DELETED,
        version="",
        tenant=tenant,
        order=version,
        failure=failure,
        updated=clock.time(),
    )


def make_marked(seen: Versions, new: Document) -> Document:
    """The registry's record of a record that was deleted or failed; of a failed one the older row's data is kept.

    Args:
        new: a record with the id, the name and the tenant rule.
    """
    mark = seen.failure or seen.deletion
    if mark is None:
        return new
    indexed = seen.row.row_digest if seen.row else ""
    known = seen.document if mark.failure and seen.document else replace(new, tenant=mark.tenant)
    return replace(
        known,
        state=DocumentState.FAILED if mark.failure else DocumentState.DELETED,
        version="",
        indexed_version=indexed,
        chunks=int(bool(indexed)),
        failure=mark.failure,
        order=mark.order,
        updated=clock.time(),
    )


def add_history(document: Document, seen: Versions) -> Document:
    """The registry's record with the previous history and an entry for its present state."""
    known, failure = seen.document.history if seen.document else (), document.failure
    if document.state is DocumentState.PENDING:  # other writers removed all there was
        return replace(document, history=known)
    entry = HistoryEntry(
        time=document.updated,
        event=DocumentEvent(document.state.value),
        version=str(document.order) if document.order else document.version,
        code=failure.code if failure else "",
        chunks=0 if failure else document.chunks,
        request_id=failure.request_id if failure else "",
    )
    return replace(document, history=extend(known, entry))


def _order(mark: Document) -> int:
    return mark.order

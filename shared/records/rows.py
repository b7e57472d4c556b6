"""What a record becomes in the store: a chunk with its vector, and a document in the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Chunk, Document, DocumentState, Failure, Location, digest
from shared.runtime import clock
from shared.store.rows import ChunkRow

if TYPE_CHECKING:
    from shared.records.envelopes import BadRecord, Record

# The bucket name of documents that are records; no real bucket can have this name.
RECORDS = "(records)"
_FORMAT = "record"
_TITLE_CHARACTERS = 80
# The first half of a row digest covers the text alone.
_HALF = 16


class Item(Struct, frozen=True):
    """A record with the ids and the tenant derived from it.

    The id of its chunk does not depend on its text, so that of two writers one simply replaces the other.
    """

    record: Record
    document_id: str
    chunk_id: str
    tenant: str

    @property
    def text_digest(self) -> str:
        """The first half of the row digest: which text the row's vector belongs to."""
        return digest(self.record.text)[:_HALF]

    @property
    def row_digest(self) -> str:
        """The digest of the row: of its text, its metadata and its tenant."""
        metadata = msgspec.json.encode(self.record.metadata, order="sorted").decode()
        return self.text_digest + digest(metadata, self.tenant)[:_HALF]

    def has_text_of(self, row_digest: str) -> bool:
        """Whether the row with this digest has the same text, and so the same vector."""
        return row_digest[:_HALF] == self.text_digest


def document_id_of(record: Record | BadRecord) -> str:
    """The id of a record's document."""
    return digest(RECORDS, record.id)


def make_row(item: Item, vector: tuple[float, ...]) -> ChunkRow:
    """The chunk of a record as the store keeps it."""
    record = item.record
    chunk = Chunk(item.chunk_id, item.document_id, 0, record.text, Location(0, len(record.text)))
    return ChunkRow(
        chunk=chunk,
        vector=vector,
        bucket=RECORDS,
        key=record.id,
        title=_make_title(record),
        format=_FORMAT,
        modified=clock.time(),
        metadata=record.metadata,
        row_digest=item.row_digest,
        tenant=item.tenant,
    )


def make_document(item: Item, state: DocumentState, tenant_rule: str, profile: str) -> Document:
    """The registry's document of a record that was written or deleted."""
    record, is_indexed = item.record, state is DocumentState.INDEXED
    now = clock.time()
    return Document(
        id=item.document_id,
        bucket=RECORDS,
        key=record.id,
        state=state,
        version=item.row_digest if is_indexed else "",
        indexed_version=item.row_digest if is_indexed else "",
        title=_make_title(record),
        format=_FORMAT,
        size=len(record.text.encode()),
        modified=now,
        chunks=int(is_indexed),
        tenant=item.tenant,
        tenant_from=tenant_rule,
        model=profile,
        attempts=1,
        order=record.version,
        updated=now,
    )


def make_failed_document(
    document_id: str, record_id: str, tenant: str, tenant_rule: str, failure: Failure, known: Document | None
) -> Document:
    """The registry's document of a record that failed; a chunk of an older record stays searchable."""
    new = Document(
        id=document_id,
        bucket=RECORDS,
        key=record_id,
        state=DocumentState.FAILED,
        version="",
        format=_FORMAT,
        tenant=tenant,
        tenant_from=tenant_rule,
    )
    return replace(known or new, state=DocumentState.FAILED, version="", failure=failure, updated=clock.time())


def _make_title(record: Record) -> str:
    """The title in the record's metadata, or the beginning of its text."""
    title = record.metadata.get("title")
    return title if isinstance(title, str) and title.strip() else record.text.strip().split("\n")[0][:_TITLE_CHARACTERS]

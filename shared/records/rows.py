"""What a record becomes in the store: a chunk with its vector, and a document in the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from shared.domain.models import Chunk, Document, DocumentState, Location, digest
from shared.records.versions import chunk_id_of, write_version
from shared.runtime import clock
from shared.store.rows import ChunkRow

if TYPE_CHECKING:
    from shared.domain.models import SearchHit
    from shared.records.envelopes import BadRecord, Record

# The bucket name of documents that are records; no real bucket can have this name.
RECORDS = "(records)"
_FORMAT = "record"
_TITLE_CHARACTERS = 80
# A row digest has 32 characters: of the text, of the rest, and of the version.
_TEXT_CHARACTERS, _REST_CHARACTERS = 11, 10


class Item(Struct, frozen=True):
    """A record with what is derived from it.

    Attributes:
        version: the record's, or of one without a version the highest that is known: it replaces that.
    """

    record: Record
    document_id: str
    version: int
    tenant: str
    profile: str

    @property
    def chunk_id(self) -> str:
        """The id of its row, which no other version has."""
        return chunk_id_of(self.document_id, self.version, self.profile)

    @property
    def text_digest(self) -> str:
        """The first part of the row digest: which text the row's vector belongs to."""
        return digest(self.record.text)[:_TEXT_CHARACTERS]

    @property
    def content_digest(self) -> str:
        """The digest of its text, its metadata and its tenant, without the version."""
        metadata = msgspec.json.encode(self.record.metadata, order="sorted").decode()
        return self.text_digest + digest(metadata, self.tenant)[:_REST_CHARACTERS]

    @property
    def row_digest(self) -> str:
        """The digest of the row, with the version."""
        return self.content_digest + write_version(self.version)

    def has_text_of(self, row_digest: str) -> bool:
        """Whether the row with this digest has the same text, and so the same vector."""
        return row_digest.startswith(self.text_digest)

    def has_content_of(self, row_digest: str) -> bool:
        """Whether the row with this digest has the same content."""
        return row_digest.startswith(self.content_digest)


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
        modified=record.modified or clock.time(),
        metadata=record.metadata,
        row_digest=item.row_digest,
        tenant=item.tenant,
    )


def make_document(document_id: str, record_id: str, tenant_rule: str) -> Document:
    """The registry's document of a record of which nothing is known yet."""
    now = clock.time()
    return Document(
        id=document_id,
        bucket=RECORDS,
        key=record_id,
        state=DocumentState.PENDING,
        version="",
        format=_FORMAT,
        modified=now,
        tenant_from=tenant_rule,
        attempts=1,
        updated=now,
    )


def make_indexed(new: Document, hit: SearchHit, row_digest: str, version: int, profile: str) -> Document:
    """The registry's document of a record that is indexed, as its row says.

    Args:
        new: the document of a record of which nothing is known.
        hit: the row.
    """
    return msgspec.structs.replace(
        new,
        state=DocumentState.INDEXED,
        version=row_digest,
        indexed_version=row_digest,
        title=hit.title,
        size=len(hit.text.encode("utf-8", "surrogatepass")),
        chunks=1,
        tenant=hit.tenant,
        model=profile,
        order=version,
    )


def _make_title(record: Record) -> str:
    """The title in the record's metadata, or the beginning of its text."""
    title = record.metadata.get("title")
    return title if isinstance(title, str) and title.strip() else record.text.strip().split("\n")[0][:_TITLE_CHARACTERS]

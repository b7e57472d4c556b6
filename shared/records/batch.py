"""Write a batch of records into one collection: delete, compare, embed what changed, write, register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.errors import PlatformError
from shared.domain.models import Document, DocumentState, Failure, Usage, digest
from shared.embedding.parameters import TextType
from shared.records.envelopes import BadRecord, Record
from shared.records.results import Outcome, RecordResult
from shared.records.rows import Item, document_id_of, make_document, make_failed_document, make_row
from shared.store.schema import MAX_TEXT_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.domain.tenants import Tenancy
    from shared.embedding.embedder import Embedder
    from shared.embedding.results import RefusedText
    from shared.runtime.retrying import Deadline
    from shared.store.store import Store

# Kept back from embedding, so that its vectors can be written before the deadline.
_RESERVE_SECONDS = 10.0


class Batch(Struct):
    """Records of one collection, written together.

    Attributes:
        collections: the names a record may give.
        usage: what it cost.
        results: one for each record, in order; ``None`` where it was not reached.
    """

    embedder: Embedder
    store: Store
    deadline: Deadline
    collections: frozenset[str]
    tenancy: Tenancy
    usage: Usage = Usage()
    failure: PlatformError | None = None
    known: dict[str, Document] = {}
    outcomes: dict[str, RecordResult] = {}
    documents: dict[str, Document] = {}
    results: list[RecordResult | None] = []

    def run(self, records: Sequence[Record | BadRecord]) -> PlatformError | None:
        """Write and delete what the records say.

        Returns: why some of it could not be done, if so.
        """
        self.results = [None] * len(records)
        try:
            self._run(records)
        except PlatformError as error:
            return error
        return self.failure

    def _run(self, records: Sequence[Record | BadRecord]) -> None:
        self.store.prepare(self.deadline)
        checked = [self._check(record) for record in records]
        ids = [document_id_of(record) for record in checked]
        self.known = self.store.registry.read_many(ids, self.deadline)
        items = [
            self._make_item(record, id_) for record, id_ in zip(checked, ids, strict=True) if isinstance(record, Record)
        ]
        current = [item for item in items if not self._skip_superseded(item)]
        self._delete([item for item in current if item.record.delete])
        self._upsert([item for item in current if not item.record.delete])
        for record, id_ in zip(checked, ids, strict=True):
            if isinstance(record, BadRecord):
                self._fail(id_, record.id, Failure("records", "bad_record", record.reason))
        self.store.registry.write(list(self.documents.values()), self.deadline)
        self.results = [self.outcomes.get(id_) for id_ in ids]

    def _check(self, record: Record | BadRecord) -> Record | BadRecord:
        if isinstance(record, BadRecord) or record.delete:
            return record
        if record.collection not in self.collections:
            name = f"{record.collection}:{record.id}"  # not the id of a record of this collection
            return BadRecord(name, "The record names a collection that RECORD_COLLECTIONS does not list.")
        if len(record.text.encode()) > MAX_TEXT_BYTES or self.embedder.is_too_long(record.text):
            return BadRecord(record.id, "The record's text has more tokens or bytes than one chunk may have.")
        return record

    def _make_item(self, record: Record, document_id: str) -> Item:
        chunk_id = digest(document_id, self.embedder.profile)
        return Item(record, document_id, chunk_id, self.tenancy.of(record.id, record.metadata))

    def _skip_superseded(self, item: Item) -> bool:
        """Skip a record of which a newer version was written before: events come late, and more than once."""
        known = self.known.get(item.document_id)
        is_superseded = known is not None and 0 < item.record.version < known.order
        if is_superseded:
            self._finish(item, Outcome.SUPERSEDED)
        return is_superseded

    def _delete(self, items: Sequence[Item]) -> None:
        self.store.chunks.delete([item.chunk_id for item in items], self.deadline)
        for item in items:
            self._finish(item, Outcome.DELETED, DocumentState.DELETED)

    def _upsert(self, items: Sequence[Item]) -> None:
        row_digests = self.store.chunks.read_row_digests([item.chunk_id for item in items], self.deadline)
        changed = [item for item in items if not self._skip_unchanged(item, row_digests)]
        same_text = [item.chunk_id for item in changed if item.has_text_of(row_digests.get(item.chunk_id, ""))]
        vectors = self.store.chunks.read_vectors(same_text, self.deadline)
        vectors |= self._embed([item for item in changed if item.chunk_id not in vectors])
        ready = [item for item in changed if item.chunk_id in vectors]
        self.store.chunks.write([make_row(item, vectors[item.chunk_id]) for item in ready], self.deadline)
        for item in ready:
            self._finish(item, Outcome.UPSERTED, DocumentState.INDEXED)

    def _skip_unchanged(self, item: Item, row_digests: Mapping[str, str]) -> bool:
        known = self.known.get(item.document_id)
        is_indexed = known is not None and known.state is DocumentState.INDEXED
        is_unchanged = is_indexed and row_digests.get(item.chunk_id) == item.row_digest
        if is_unchanged:
            self._finish(item, Outcome.UNCHANGED)
        return is_unchanged

    def _embed(self, items: Sequence[Item]) -> dict[str, tuple[float, ...]]:
        """Vectors by chunk id, of those that arrived: what was billed is kept whatever else failed."""
        # Embedding ends early enough for its vectors to be written.
        until = self.deadline.minus(_RESERVE_SECONDS)
        texts = [item.record.text for item in items]
        result = self.embedder.embed(texts, self.embedder.make_parameters(TextType.DOCUMENT), until)
        self.usage += result.usage
        self.failure = result.failure
        for refused in result.refused:
            self._refuse(items[refused.index], refused)
        pairs = zip(items, result.embeddings, strict=True)
        return {item.chunk_id: embedding.dense for item, embedding in pairs if embedding}

    def _refuse(self, item: Item, refused: RefusedText) -> None:
        reason = f"DashScope refused the text ({refused.code}: {refused.message})"
        failure = Failure("embedding", "text_refused", reason, refused.request_id)
        self._fail(item.document_id, item.record.id, failure)

    def _finish(self, item: Item, outcome: Outcome, state: DocumentState | None = None) -> None:
        """Set the outcome of a record, and the new state of its document where that changed."""
        self.outcomes[item.document_id] = RecordResult(item.record.id, outcome)
        if state is not None:
            document = make_document(item, state, self.tenancy.rule, self.embedder.profile)
            self.documents[item.document_id] = document

    def _fail(self, document_id: str, record_id: str, failure: Failure) -> None:
        """Record that the newest version of a record cannot be used."""
        self.outcomes[document_id] = RecordResult(record_id, Outcome.FAILED, failure.message)
        tenant, known = self.tenancy.of(record_id, {}), self.known.get(document_id)
        document = make_failed_document(document_id, record_id, tenant, self.tenancy.rule, failure, known)
        self.documents[document_id] = document

"""Write a batch of records into one collection: look, embed what changed, write, and look again until all agrees."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.errors import PlatformError
from shared.domain.models import Failure, Usage
from shared.embedding.parameters import TextType
from shared.embedding.quota import Priority
from shared.records.envelopes import BadRecord, Record
from shared.records.results import Outcome, RecordResult
from shared.records.rows import Item, document_id_of, make_document, make_indexed, make_row
from shared.records.versions import RowVersion, Versions, add_history, make_mark, make_marked
from shared.store.schema import MAX_TEXT_BYTES, VERSIONS_BUCKET

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.domain.models import Document
    from shared.domain.tenants import Tenancy
    from shared.embedding.embedder import Embedder
    from shared.runtime.retrying import Deadline
    from shared.store.store import Store

# Kept back from embedding, so that its vectors can be written before the deadline.
_RESERVE_SECONDS = 10.0


class Batch(Struct):
    """Records of one collection, written together.

    Attributes:
        collections: the names a record may give.
        vectors: of texts, which batches of the same records share: what one of them embedded is not billed again.
        usage: what it cost.
        results: one for each record, in order; ``None`` where it was not reached.
    """

    embedder: Embedder
    store: Store
    deadline: Deadline
    collections: frozenset[str]
    tenancy: Tenancy
    vectors: dict[str, tuple[float, ...]] = {}
    usage: Usage = Usage()
    failure: PlatformError | None = None
    seen: dict[str, Versions] = {}
    outcomes: dict[str, RecordResult] = {}
    written: dict[str, int] = {}
    deletions: dict[str, Document] = {}
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
        ids, checked = self._check_all(records)
        self.seen = self.look(checked)
        items = [self._make_item(record, id_) for id_, record in checked.items() if isinstance(record, Record)]
        current = [item for item in items if not self._skip_superseded(item)]
        self._delete([item for item in current if item.record.delete])
        self._upsert([item for item in current if not item.record.delete])
        for id_, record in checked.items():
            if isinstance(record, BadRecord):
                self._refuse(id_, record)
        self.settle({id_: record.id for id_, record in checked.items()})
        self.results = [self.outcomes.get(id_) for id_ in ids]

    def _check_all(self, records: Sequence[Record | BadRecord]) -> tuple[list[str], dict[str, Record | BadRecord]]:
        """The ids of the documents, in order, and the checked records by those ids."""
        checked = [self._check(record) for record in records]
        ids = [document_id_of(record) for record in checked]
        return ids, dict(zip(ids, checked, strict=True))

    def _check(self, record: Record | BadRecord) -> Record | BadRecord:
        if isinstance(record, BadRecord) or record.delete:
            return record
        if record.collection not in self.collections:
            name = f"{record.collection}:{record.id}"  # not the id of a record of this collection
            reason = "The record names a collection that RECORD_COLLECTIONS does not list."
            return BadRecord(name, reason, record.version)
        if len(record.text.encode()) > MAX_TEXT_BYTES or self.embedder.is_too_long(record.text):
            reason = "The record's text has more tokens or bytes than one chunk may have."
            return BadRecord(record.id, reason, record.version)
        return record

    def look(self, document_ids: Iterable[str]) -> dict[str, Versions]:
        """What is there of each record, read Strong."""
        ids = list(document_ids)
        rows: dict[str, list[RowVersion]] = defaultdict(list)
        for id_, document_id, row_digest in self.store.chunks.read_rows_of(ids, self.deadline):
            rows[document_id].append(RowVersion(id_, row_digest))
        marks: dict[str, list[Document]] = defaultdict(list)
        for mark in self.store.registry.read_keys(VERSIONS_BUCKET, ids, self.deadline):
            marks[mark.key].append(mark)
        documents = self.store.registry.read_many(ids, self.deadline)
        return {id_: Versions(rows[id_], marks[id_], documents.get(id_)) for id_ in ids}

    def _make_item(self, record: Record, document_id: str) -> Item:
        version = record.version or self.seen[document_id].highest
        tenant = self.tenancy.of(record.id, record.metadata)
        return Item(record, document_id, version, tenant, self.embedder.profile)

    def _skip_superseded(self, item: Item) -> bool:
        """Skip a record of which a newer version was written before: events come late, and more than once."""
        is_superseded = item.version < self.seen[item.document_id].highest
        if is_superseded:
            self._finish(item, Outcome.SUPERSEDED)
        return is_superseded

    def _delete(self, items: Sequence[Item]) -> None:
        for item in items:
            self.deletions[item.document_id] = make_mark(item.document_id, item.version, item.tenant)
        self.store.registry.write(list(self.deletions.values()), self.deadline)
        self.store.chunks.delete([item.chunk_id for item in items], self.deadline)
        for item in items:
            self._finish(item, Outcome.DELETED, is_written=True)

    def _upsert(self, items: Sequence[Item]) -> None:
        changed = [item for item in items if not self._skip_unchanged(item)]
        sources = {item.chunk_id: self._find_same_text(item) for item in changed}
        known = self.store.chunks.read_vectors(sorted({id_ for id_ in sources.values() if id_}), self.deadline)
        vectors = {id_: known[source] for id_, source in sources.items() if source in known}
        vectors |= self._embed([item for item in changed if item.chunk_id not in vectors])
        ready = [item for item in changed if item.chunk_id in vectors]
        self.store.chunks.write([make_row(item, vectors[item.chunk_id]) for item in ready], self.deadline)
        # What was deleted or failed at the same version is replaced.
        marks = [mark.id for item in ready if (mark := self.seen[item.document_id].find_mark(item.version))]
        self.store.registry.delete(marks, self.deadline)
        for item in ready:
            row = self.seen[item.document_id].row
            is_same = row is not None and item.has_content_of(row.row_digest)
            self._finish(item, Outcome.UNCHANGED if is_same else Outcome.UPSERTED, is_written=True)

    def _find_same_text(self, item: Item) -> str:
        """The id of a row with the same text, and so with the vector; empty if there is none."""
        return next((row.id for row in self.seen[item.document_id].rows if item.has_text_of(row.row_digest)), "")

    def _skip_unchanged(self, item: Item) -> bool:
        seen = self.seen[item.document_id]
        row = seen.find_row(item.version)
        is_unchanged = row is not None and row.row_digest == item.row_digest and not seen.find_mark(item.version)
        if is_unchanged:
            self._finish(item, Outcome.UNCHANGED)
        return is_unchanged

    def _embed(self, items: Sequence[Item]) -> dict[str, tuple[float, ...]]:
        """Vectors by chunk id, of those that arrived: what was billed is kept whatever else failed."""
        known = {item.chunk_id: self.vectors[item.record.text] for item in items if item.record.text in self.vectors}
        items = [item for item in items if item.chunk_id not in known]
        # Embedding ends early enough for its vectors to be written.
        until = self.deadline.minus(_RESERVE_SECONDS)
        texts = [item.record.text for item in items]
        parameters = self.embedder.make_parameters(TextType.DOCUMENT)
        result = self.embedder.embed(texts, parameters, until, Priority.BULK)
        self.usage += result.usage
        self.failure = result.failure
        for refused in result.refused:
            item = items[refused.index]
            reason = f"DashScope refused the text ({refused.code}: {refused.message})"
            failure = Failure("embedding", "text_refused", reason, refused.request_id)
            self._fail(item.document_id, item.record.id, item.version, failure, item.tenant)
        pairs = [(item, vector.dense) for item, vector in zip(items, result.embeddings, strict=True) if vector]
        self.vectors.update((item.record.text, vector) for item, vector in pairs)
        return known | {item.chunk_id: vector for item, vector in pairs}

    def _finish(self, item: Item, outcome: Outcome, *, is_written: bool = False) -> None:
        self.outcomes[item.document_id] = RecordResult(item.record.id, outcome)
        if is_written:
            self.written[item.document_id] = item.version

    def _refuse(self, document_id: str, record: BadRecord) -> None:
        """Mark that a version cannot be used, unless a newer one was written before."""
        highest = self.seen[document_id].highest
        if record.version and record.version < highest:
            self.outcomes[document_id] = RecordResult(record.id, Outcome.SUPERSEDED)
            return
        failure = Failure("records", "bad_record", record.reason)
        self._fail(document_id, record.id, record.version or highest, failure)

    def _fail(
        self, document_id: str, record_id: str, version: int, failure: Failure, tenant: str | None = None
    ) -> None:
        """Mark that a version of a record cannot be used."""
        owner = self.tenancy.of(record_id, {}) if tenant is None else tenant
        self.store.registry.write([make_mark(document_id, version, owner, failure)], self.deadline)
        self.outcomes[document_id] = RecordResult(record_id, Outcome.FAILED, failure.message)
        self.written[document_id] = version

    def settle(self, names: dict[str, str]) -> None:
        """Look again, and leave only the highest version of each record, until nothing is left to do.

        Args:
            names: ids of records by the ids of their documents.
        """
        unsettled = [id_ for id_ in names if id_ in self.written or not self.seen[id_].is_settled]
        while unsettled:
            seen = self.look(unsettled)
            for id_ in unsettled:
                if seen[id_].highest > self.written.get(id_, seen[id_].highest):
                    self.outcomes[id_] = RecordResult(names[id_], Outcome.SUPERSEDED)
            lost = [id_ for id_ in unsettled if self._is_lost(id_, seen[id_])]
            # Another writer of the same version removed the mark, and this one the row for which it did.
            self.store.registry.write([self.deletions[id_] for id_ in lost], self.deadline)
            unsettled = [id_ for id_ in unsettled if id_ in lost or not seen[id_].is_settled]
            self._repair({id_: seen[id_] for id_ in unsettled if id_ not in lost}, names)

    def _is_lost(self, document_id: str, seen: Versions) -> bool:
        """Whether nothing shows any more that this batch deleted a record."""
        mark = self.deletions.get(document_id)
        orders = [*(row.version for row in seen.rows), *(other.order for other in seen.marks)]
        return mark is not None and max(orders, default=-1) < mark.order

    def _repair(self, seen: dict[str, Versions], names: dict[str, str]) -> None:
        chunks, registry = self.store.chunks, self.store.registry
        kept = [row.id for versions in seen.values() if (row := versions.row)]
        hits = chunks.read_whole(kept, self.deadline)
        documents = []
        for id_, versions in seen.items():
            new, row = make_document(id_, names[id_], self.tenancy.rule), versions.row
            if versions.failure or row is None:
                documents.append(add_history(make_marked(versions, new), versions))
            elif row.id in hits:  # else another writer removed it meanwhile
                indexed = make_indexed(new, hits[row.id], row.row_digest, row.version, self.embedder.profile)
                documents.append(add_history(indexed, versions))
        chunks.delete([id_ for versions in seen.values() for id_ in versions.stale_rows], self.deadline)
        registry.write(documents, self.deadline)
        registry.delete([id_ for versions in seen.values() for id_ in versions.stale_marks], self.deadline)

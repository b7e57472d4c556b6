"""Records from events become chunks, in packed batches: the event-driven use case of the embed function.

A record is one chunk. Its id decides where it lands, its content whether anything is to be done: a replay finds the
content there and costs nothing; its version, whether it comes too late. A bad record is recorded as failed and
acknowledged; it never stops its neighbours.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shared.domain.errors import PlatformError
from shared.domain.models import Chunk, Document, DocumentState, Failure, Location, Usage, digest
from shared.domain.tenants import Tenancy
from shared.embedding.parameters import TextType
from shared.records.envelopes import BadRecord, Record
from shared.store.store import MOST_TEXT_BYTES, ChunkRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.embedding.embedder import Embedder
    from shared.runtime.retrying import Deadline
    from shared.store.store import Store

log = logging.getLogger(__name__)

# Stands where a document of the bucket has its bucket's name; no bucket can be called so.
RECORDS = "(records)"
_TITLE_CHARACTERS = 80
# Records embedded and written together: what an interruption can cost at most.
_WINDOW = 200
# Kept back from embedding, so that what it brought can be written before the deadline.
_RESERVE_SECONDS = 10.0
# Of what a row says of itself, this much is about its text.
_HALF = 16
_NO_TENANTS = Tenancy()


class Outcome(StrEnum):
    """What came of a record."""

    UPSERTED = "upserted"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    SUPERSEDED = "superseded"
    FAILED = "failed"


class RecordResult(Struct, frozen=True):
    """What happened to one record; ``reason`` says why it failed."""

    id: str
    outcome: Outcome
    reason: str = ""


class WriteResult(Struct, frozen=True):
    """What happened to every record of an event, in order, and what it cost."""

    results: tuple[RecordResult, ...]
    usage: Usage


class RecordWriter:
    """Writes records into the collections it was given: thread-safe, and holds nothing between events.

    Args:
        embedder: makes the vectors.
        stores: by the name a record may give; under the empty name the one for records that give none.
        tenancy: whose a record is; its id stands for the key.
    """

    def __init__(self, embedder: Embedder, stores: Mapping[str, Store], tenancy: Tenancy = _NO_TENANTS) -> None:
        self._embedder = embedder
        self._stores = stores
        self._tenancy = tenancy

    def write(self, records: Sequence[Record | BadRecord], deadline: Deadline) -> WriteResult:
        """Write and delete what the records say, in batches for each collection.

        Raises:
            TransientError, ConfigurationError: some record could not be served; what was done is kept, and the whole
                event may be delivered again for nothing.
        """
        results: list[RecordResult | None] = [None] * len(records)
        newest = _newest(records)
        places: dict[str, list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            if newest[_name(record)] != place:
                results[place] = RecordResult(record.id, Outcome.SUPERSEDED)
            else:
                places[self._destination(record)].append(place)
        usage, failure = Usage(), None
        for name, own in places.items():
            for some in (own[start : start + _WINDOW] for start in range(0, len(own), _WINDOW)):
                batch = _Batch(self._embedder, self._stores[name], deadline, set(self._stores), self._tenancy)
                failure = batch.run([records[place] for place in some]) or failure
                usage += batch.usage
                for place, result in zip(some, batch.results, strict=True):
                    results[place] = result
        log.info("records_handled", extra={"records": len(records), "tokens": usage.tokens, "cost_cny": usage.cost_cny})
        if failure:
            raise failure
        return WriteResult(tuple(result for result in results if result), usage)

    def _destination(self, record: Record | BadRecord) -> str:
        """The collection a record goes to; what cannot be used is recorded in the default one."""
        return record.collection if isinstance(record, Record) and record.collection in self._stores else ""


def _newest(records: Sequence[Record | BadRecord]) -> dict[tuple[str, str], int]:
    """Where the newest record of each id stands: the highest version, and of equal ones the last."""
    newest: dict[tuple[str, str], tuple[int, int]] = {}
    for place, record in enumerate(records):
        version = record.version if isinstance(record, Record) else 0
        newest[_name(record)] = max(newest.get(_name(record), (0, 0)), (version, place))
    return {name: place for name, (_, place) in newest.items()}


def _name(record: Record | BadRecord) -> tuple[str, str]:
    return (record.collection if isinstance(record, Record) else "", record.id)


class _Item(Struct, frozen=True):
    """A record on its way, with the ids that follow from it."""

    record: Record
    document_id: str
    chunk_id: str
    tenant: str

    @property
    def text_digest(self) -> str:
        """Half of what the row says of itself: which text its vector belongs to."""
        return digest(self.record.text)[:_HALF]

    @property
    def row_digest(self) -> str:
        """What the row says of itself: its text, its metadata and whose it is."""
        metadata = msgspec.json.encode(self.record.metadata, order="sorted").decode()
        return self.text_digest + digest(metadata, self.tenant)[:_HALF]


class _Batch(Struct):
    """Records of one collection, written together.

    A record's chunk has an id of its own whatever its text, so that of two writers one simply replaces the other.
    """

    embedder: Embedder
    store: Store
    deadline: Deadline
    collections: set[str]
    tenancy: Tenancy
    usage: Usage = Usage()
    failure: PlatformError | None = None
    known: dict[str, Document] = {}
    outcomes: dict[str, RecordResult] = {}
    documents: dict[str, Document] = {}
    results: list[RecordResult | None] = []

    def run(self, records: Sequence[Record | BadRecord]) -> PlatformError | None:
        """Do what the records say; returns what kept some from being done."""
        self.results = [None] * len(records)
        try:
            self._run(records)
        except PlatformError as error:
            return error
        return self.failure

    def _run(self, records: Sequence[Record | BadRecord]) -> None:
        self.store.prepare(self.deadline)
        checked = [self._checked(record) for record in records]
        ids = [_document_id(record) for record in checked]
        self.known = self.store.documents_with(ids, self.deadline)
        items = [
            _Item(record, id_, digest(id_, self.embedder.profile), self.tenancy.of(record.id, record.metadata))
            for record, id_ in zip(checked, ids, strict=True)
            if isinstance(record, Record)
        ]
        current = [item for item in items if not self._overtaken(item)]
        self._delete([item for item in current if item.record.delete])
        self._upsert([item for item in current if not item.record.delete])
        for record, id_ in zip(checked, ids, strict=True):
            if isinstance(record, BadRecord):
                self._fail(id_, record.id, "records", "bad_record", record.reason)
        self.store.record(list(self.documents.values()), self.deadline)
        self.results = [self.outcomes.get(id_) for id_ in ids]

    def _checked(self, record: Record | BadRecord) -> Record | BadRecord:
        if isinstance(record, BadRecord) or record.delete:
            return record
        if record.collection not in self.collections:
            name = f"{record.collection}:{record.id}"  # it must not pass for a record of this collection
            return BadRecord(name, "The record names a collection that RECORD_COLLECTIONS does not list.")
        if len(record.text.encode()) > MOST_TEXT_BYTES or self.embedder.is_too_long(record.text):
            return BadRecord(record.id, "The record's text has more tokens or bytes than one chunk may have.")
        return record

    def _overtaken(self, item: _Item) -> bool:
        """Whether a newer record of this id was here before: events come late, and again."""
        known = self.known.get(item.document_id)
        late = known is not None and 0 < item.record.version < known.order
        if late:
            self._done(item, Outcome.SUPERSEDED)
        return late

    def _delete(self, items: Sequence[_Item]) -> None:
        self.store.delete([item.chunk_id for item in items], self.deadline)
        for item in items:
            self._done(item, Outcome.DELETED)
            self._register(item, DocumentState.DELETED)

    def _upsert(self, items: Sequence[_Item]) -> None:
        row_digests = self.store.sources([item.chunk_id for item in items], self.deadline)
        unchanged = [item for item in items if self._stands(item, row_digests)]
        for item in unchanged:
            self._done(item, Outcome.UNCHANGED)
        changed = [item for item in items if item.chunk_id not in {other.chunk_id for other in unchanged}]
        keep = [item for item in changed if row_digests.get(item.chunk_id, "")[:_HALF] == item.text_digest]
        vectors = self.store.vectors([item.chunk_id for item in keep], self.deadline)
        vectors |= self._embed([item for item in changed if item.chunk_id not in vectors])
        ready = [item for item in changed if item.chunk_id in vectors]
        self.store.write([_chunk_row(item, vectors[item.chunk_id]) for item in ready], self.deadline)
        for item in ready:
            self._done(item, Outcome.UPSERTED)
            self._register(item, DocumentState.INDEXED)

    def _stands(self, item: _Item, row_digests: dict[str, str]) -> bool:
        known = self.known.get(item.document_id)
        indexed = known is not None and known.state is DocumentState.INDEXED
        return indexed and row_digests.get(item.chunk_id) == item.row_digest

    def _embed(self, items: Sequence[_Item]) -> dict[str, tuple[float, ...]]:
        """Vectors by chunk id, of those that could be had; what was paid for is kept whatever failed beside it."""
        texts = [item.record.text for item in items]
        # Embedding ends early enough for what it brought to be written.
        until = self.deadline.minus(_RESERVE_SECONDS)
        embedded = self.embedder.embed(texts, self.embedder.make_parameters(TextType.DOCUMENT), until)
        self.usage += embedded.usage
        self.failure = embedded.failure
        for refused in embedded.refused:
            item = items[refused.index]
            reason = f"DashScope refused the text ({refused.code}: {refused.message})"
            self._fail(item.document_id, item.record.id, "embedding", "text_refused", reason, refused.request_id)
        pairs = zip(items, embedded.embeddings, strict=True)
        return {item.chunk_id: embedding.dense for item, embedding in pairs if embedding}

    def _done(self, item: _Item, outcome: Outcome) -> None:
        self.outcomes[item.document_id] = RecordResult(item.record.id, outcome)

    def _register(self, item: _Item, state: DocumentState) -> None:
        record, indexed = item.record, state is DocumentState.INDEXED
        self.documents[item.document_id] = Document(
            id=item.document_id,
            bucket=RECORDS,
            key=record.id,
            state=state,
            version=item.row_digest if indexed else "",
            indexed_version=item.row_digest if indexed else "",
            title=_title(record),
            format="record",
            size=len(record.text.encode()),
            modified=time.time(),
            chunks=int(indexed),
            tenant=item.tenant,
            tenant_from=self.tenancy.rule,
            model=self.embedder.profile,
            attempts=1,
            order=record.version,
            updated=time.time(),
        )

    def _fail(self, document_id: str, id_: str, stage: str, code: str, reason: str, request_id: str = "") -> None:
        """Record that the newest record of an id cannot be used; an older one goes on answering, and is said to."""
        self.outcomes[document_id] = RecordResult(id_, Outcome.FAILED, reason)
        failed = Document(
            id=document_id,
            bucket=RECORDS,
            key=id_,
            state=DocumentState.FAILED,
            version="",
            format="record",
            tenant=self.tenancy.of(id_, {}),
            tenant_from=self.tenancy.rule,
        )
        self.documents[document_id] = replace(
            self.known.get(document_id, failed),
            state=DocumentState.FAILED,
            version="",
            failure=Failure(stage, code, reason, request_id),
            updated=time.time(),
        )


def _document_id(record: Record | BadRecord) -> str:
    return digest(RECORDS, record.id)


def _chunk_row(item: _Item, vector: tuple[float, ...]) -> ChunkRow:
    record = item.record
    chunk = Chunk(item.chunk_id, item.document_id, 0, record.text, Location(0, len(record.text)))
    return ChunkRow(
        chunk=chunk,
        vector=vector,
        bucket=RECORDS,
        key=record.id,
        title=_title(record),
        format="record",
        modified=time.time(),
        metadata=record.metadata,
        row_digest=item.row_digest,
        tenant=item.tenant,
    )


def _title(record: Record) -> str:
    """The record's own title, else how its text begins."""
    title = record.metadata.get("title")
    return title if isinstance(title, str) and title.strip() else record.text.strip().split("\n")[0][:_TITLE_CHARACTERS]

"""Records from events become passages, in packed batches: the event-driven use case of the embed function.

A record is one passage. Its id decides where it lands, its content whether anything is to be done: a replay finds the
content there and costs nothing. A bad record is recorded as failed and acknowledged; it never stops its neighbours.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from shared.embedding import TextType
from shared.models import Chunk, Document, DocumentState, Failure, Location, Usage, digest
from shared.records import BadRecord, Record
from shared.store import MOST_TEXT_BYTES, Passage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.embedding import Embedder
    from shared.errors import PlatformError
    from shared.retrying import Deadline
    from shared.store import Store

log = logging.getLogger(__name__)

# Stands where a document of the bucket has its bucket's name; no bucket can be called so.
RECORDS = "(records)"
_TITLE_CHARACTERS = 80


class Outcome(StrEnum):
    """What came of a record."""

    UPSERTED = "upserted"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    SUPERSEDED = "superseded"
    FAILED = "failed"


@dataclass(frozen=True)
class RecordResult:
    """What happened to one record; ``reason`` says why it failed."""

    id: str
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Streamed:
    """What happened to every record of an event, in order, and what it cost."""

    results: tuple[RecordResult, ...]
    usage: Usage


class Streaming:
    """Writes records into the collections it was given: thread-safe, one per process.

    Args:
        embedder: makes the vectors.
        stores: by the name a record may give; under the empty name the one for records that give none.
    """

    def __init__(self, embedder: Embedder, stores: Mapping[str, Store]) -> None:
        self._embedder = embedder
        self._stores = stores

    def handle(self, records: Sequence[Record | BadRecord], deadline: Deadline) -> Streamed:
        """Write and delete what the records say, in one batch for each collection.

        Raises:
            TransientError, ConfigurationError: some record could not be served; what was done is kept, and the whole
                event may be delivered again for nothing.
        """
        results: list[RecordResult | None] = [None] * len(records)
        batches: dict[str, _Batch] = {}
        last = {(record.collection, record.id): record for record in records if isinstance(record, Record)}
        for place, record in enumerate(records):
            if isinstance(record, Record) and last[record.collection, record.id] is not record:
                results[place] = RecordResult(record.id, Outcome.SUPERSEDED)
                continue
            name, usable = self._destination(record)
            batch = batches.setdefault(name, _Batch(self._embedder, self._stores[name], deadline))
            batch.add(place, usable)
        for batch in batches.values():
            batch.run()
            for place, result in batch.results.items():
                results[place] = result
        usage = sum((batch.usage for batch in batches.values()), Usage())
        log.info("records_handled", extra={"records": len(records), "tokens": usage.tokens, "cost_cny": usage.cost_cny})
        for batch in batches.values():
            if batch.failure:
                raise batch.failure
        return Streamed(tuple(result for result in results if result), usage)

    def _destination(self, record: Record | BadRecord) -> tuple[str, Record | BadRecord]:
        """The collection a record goes to; what cannot be used is recorded in the default one."""
        if isinstance(record, BadRecord):
            return "", record
        if record.collection not in self._stores:
            return "", BadRecord(record.id, "The record names a collection that RECORD_COLLECTIONS does not list.")
        return record.collection, record


@dataclass(frozen=True)
class _Item:
    """A record on its way, with the ids and the version that follow from it."""

    place: int
    record: Record
    chunk: Chunk
    version: str


@dataclass
class _Batch:
    """Records of one collection, written together."""

    embedder: Embedder
    store: Store
    deadline: Deadline
    items: list[_Item] = field(default_factory=list)
    bad: dict[int, BadRecord] = field(default_factory=dict)
    results: dict[int, RecordResult] = field(default_factory=dict)
    usage: Usage = Usage()
    failure: PlatformError | None = None
    documents: list[Document] = field(default_factory=list)

    def add(self, place: int, record: Record | BadRecord) -> None:
        """Take in a record; one that cannot be embedded is bad."""
        if isinstance(record, Record) and not record.delete and self._too_long(record.text):
            record = BadRecord(record.id, "The record's text has more tokens or bytes than one passage may have.")
        if isinstance(record, BadRecord):
            self.bad[place] = record
            return
        document_id = digest(RECORDS, record.id)
        chunk_id = digest(document_id, record.text, "1", self.embedder.profile)
        chunk = Chunk(chunk_id, document_id, 0, record.text, Location(0, len(record.text)))
        version = digest(record.text, msgspec.json.encode(record.metadata, order="sorted").decode())
        self.items.append(_Item(place, record, chunk, version))

    def _too_long(self, text: str) -> bool:
        return len(text.encode()) > MOST_TEXT_BYTES or self.embedder.too_long(text)

    def run(self) -> None:
        """Delete, embed what is new, write, sweep, and keep the registry."""
        self.store.prepare(self.deadline)
        ids = [item.chunk.document_id for item in self.items]
        held = self.store.passages_of(ids, self.deadline)
        known = self.store.documents_with(ids, self.deadline)
        self._delete([item for item in self.items if item.record.delete], held)
        upserts = [item for item in self.items if not item.record.delete]
        standing = [item for item in upserts if self._stands(item, known, held)]
        for item in standing:
            self._done(item, Outcome.UNCHANGED)
        self._upsert([item for item in upserts if item not in standing], held)
        for place, bad in self.bad.items():
            self._fail(place, bad.id, "records", "bad_record", bad.reason)
        self.store.record(self.documents, self.deadline)

    def _stands(self, item: _Item, known: dict[str, Document], held: dict[str, str]) -> bool:
        document = known.get(item.chunk.document_id)
        if document is None or document.state is not DocumentState.INDEXED or document.version != item.version:
            return False
        return [id_ for id_, owner in held.items() if owner == document.id] == [item.chunk.id]

    def _delete(self, items: Sequence[_Item], held: dict[str, str]) -> None:
        owners = {item.chunk.document_id for item in items}
        self.store.delete([id_ for id_, owner in held.items() if owner in owners], self.deadline)
        self.store.forget(owners, self.deadline)
        for item in items:
            self._done(item, Outcome.DELETED)

    def _upsert(self, items: Sequence[_Item], held: dict[str, str]) -> None:
        vectors = self.store.vectors([item.chunk.id for item in items if item.chunk.id in held], self.deadline)
        vectors |= self._embed([item for item in items if item.chunk.id not in vectors])
        ready = [item for item in items if item.chunk.id in vectors]
        self.store.write([_passage(item, vectors[item.chunk.id]) for item in ready], self.deadline)
        wanted = {item.chunk.document_id: item.chunk.id for item in ready}
        stale = [id_ for id_, owner in held.items() if owner in wanted and id_ != wanted[owner]]
        self.store.delete(stale, self.deadline)
        for item in ready:
            self._done(item, Outcome.UPSERTED)
            self.documents.append(_registered(item, self.embedder.profile))

    def _embed(self, items: Sequence[_Item]) -> dict[str, tuple[float, ...]]:
        """Vectors by passage id, of those that could be had; what was paid for is kept whatever failed beside it."""
        texts = [item.record.text for item in items]
        embedded = self.embedder.embed(texts, self.embedder.wanted(TextType.DOCUMENT), self.deadline)
        self.usage += embedded.usage
        self.failure = embedded.failure
        for refused in embedded.refused:
            item = items[refused.index]
            reason = f"DashScope refused the text ({refused.code}: {refused.message})"
            self._fail(item.place, item.record.id, "embedding", "text_refused", reason, refused.request_id)
        pairs = zip(items, embedded.embeddings, strict=True)
        return {item.chunk.id: embedding.dense for item, embedding in pairs if embedding}

    def _done(self, item: _Item, outcome: Outcome) -> None:
        self.results[item.place] = RecordResult(item.record.id, outcome)

    def _fail(self, place: int, id_: str, stage: str, code: str, reason: str, request_id: str = "") -> None:
        self.results[place] = RecordResult(id_, Outcome.FAILED, reason)
        failure = Failure(stage, code, reason, request_id)
        self.documents.append(
            Document(
                id=digest(RECORDS, id_), bucket=RECORDS, key=id_, state=DocumentState.FAILED, version="",
                failure=failure, updated=time.time(),
            )
        )  # fmt: skip


def _passage(item: _Item, vector: tuple[float, ...]) -> Passage:
    record = item.record
    return Passage(item.chunk, vector, RECORDS, record.id, _title(record), "record", time.time(), record.metadata)


def _registered(item: _Item, profile: str) -> Document:
    record = item.record
    return Document(
        id=item.chunk.document_id, bucket=RECORDS, key=record.id, state=DocumentState.INDEXED, version=item.version,
        indexed_version=item.version, title=_title(record), format="record", size=len(record.text.encode()),
        modified=time.time(), chunks=1, model=profile, attempts=1, updated=time.time(),
    )  # fmt: skip


def _title(record: Record) -> str:
    """The record's own title, else how its text begins."""
    title = record.metadata.get("title")
    return title if isinstance(title, str) and title.strip() else record.text.strip().split("\n")[0][:_TITLE_CHARACTERS]

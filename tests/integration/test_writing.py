"""Records become chunks: in batches, once, and none stops another."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from local import processes
from shared.domain.errors import ConfigurationError, TransientError
from shared.domain.models import DocumentState, digest
from shared.embedding.embedder import Embedder
from shared.ingestion.bucket import Bucket
from shared.ingestion.converging import Ingestion
from shared.records.envelopes import BadRecord, Record
from shared.records.results import Outcome
from shared.records.rows import RECORDS
from shared.records.writing import RecordWriter
from shared.retrieval.query import SearchQuery
from shared.retrieval.searching import Retrieval
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings, MilvusSettings
from shared.store.expressions import equals
from shared.store.registry import Place
from shared.store.schema import Space
from shared.store.store import Store
from tests.patience import grant

if TYPE_CHECKING:
    from shared.domain.models import Document, SearchHit
    from shared.records.results import WriteResult
    from tests.conftest import DashScope, Oss


pytestmark = pytest.mark.every_milvus


def soon() -> Deadline:
    return Deadline.after(60)


@dataclass(frozen=True)
class World:
    dashscope: DashScope
    embedder: Embedder
    store: Store
    other: Store
    writer: RecordWriter

    def write(self, *records: Record | BadRecord) -> WriteResult:
        return self.writer.write(records, soon())

    def outcomes(self, *records: Record | BadRecord) -> list[Outcome]:
        return [result.outcome for result in self.write(*records).results]

    def texts(self, id_: str, store: Store | None = None) -> list[str]:
        return [hit.text for hit in self.hits(id_, store or self.store)]

    def hits(self, id_: str, store: Store) -> list[SearchHit]:
        # A search may be late; never later than a Strong read before it.
        dict(store.chunks.read_positions(digest(RECORDS, id_), soon()))
        return store.chunks.search_dense([1.0] + [0.0] * 511, 10, equals("document_id", digest(RECORDS, id_)), soon())

    def document(self, id_: str) -> Document | None:
        return self.store.registry.read(digest(RECORDS, id_), soon())


@pytest.fixture(scope="module")
def stores(milvus: MilvusSettings) -> dict[str, Store]:
    space = Space("text-embedding-v4", 512)
    other = replace(milvus, collection=f"{milvus.collection}_other")
    return {"": Store(milvus, space), "other": Store(other, space)}


@pytest.fixture
def world(dashscope: DashScope, stores: dict[str, Store]) -> World:
    embedder = Embedder(dashscope.settings(call_timeout=5.0))
    return World(dashscope, embedder, stores[""], stores["other"], RecordWriter(embedder, stores))


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex


def test_records_are_embedded_in_packed_batches_and_found(world: World, name: str) -> None:
    records = [Record(f"{name}-{i}", f"Buoy {i} blinks every {i + 2} seconds.", {"buoy": i}) for i in range(25)]
    written = world.write(*records)
    assert {result.outcome for result in written.results} == {Outcome.UPSERTED}
    assert [result.id for result in written.results] == [record.id for record in records]
    assert (written.usage.calls, world.dashscope.usage()["rows"]) == (3, 25)
    dict(world.store.chunks.read_positions("any", soon()))
    hit = Retrieval(world.embedder, world.store).search(SearchQuery("buoy 17 blinks"), soon()).hits[0]
    assert (hit.key, hit.bucket, hit.metadata) == (f"{name}-17", RECORDS, {"buoy": 17})


def test_a_replay_costs_nothing(world: World, name: str) -> None:
    records = [Record(f"{name}-{i}", f"Text {i}.") for i in range(5)]
    world.write(*records)
    world.dashscope.reset()
    assert world.outcomes(*records) == [Outcome.UNCHANGED] * 5
    assert world.dashscope.usage()["calls"] == 0


def test_each_version_of_a_record_is_an_entry_of_its_history(world: World, name: str) -> None:
    world.write(Record(name, "First.", version=3))
    world.write(Record(name, "First.", version=3))
    world.write(BadRecord(name, "It has no text."))
    world.write(Record(name, "", version=5, delete=True))
    document = world.document(name)
    assert document
    assert [(entry.event, entry.version, entry.code, entry.chunks) for entry in document.history] == [
        ("indexed", "3", "", 1),
        ("failed", "3", "bad_record", 0),
        ("deleted", "5", "", 0),
    ]
    after = Place(name[:-1], "")
    listed = world.store.registry.read_page(equals("key", name), after, 1, soon()).documents
    assert listed == [replace(document, history=())]


def test_new_text_replaces_the_old_and_new_metadata_is_not_paid_for(world: World, name: str) -> None:
    world.write(Record(name, "Old."))
    assert world.outcomes(Record(name, "New.")) == [Outcome.UPSERTED]
    assert world.texts(name) == ["New."]
    world.dashscope.reset()
    assert world.outcomes(Record(name, "New.", {"seen": True})) == [Outcome.UPSERTED]
    assert world.dashscope.usage()["calls"] == 0
    assert [hit.metadata for hit in world.hits(name, world.store)] == [{"seen": True}]


def test_a_delete_removes_and_may_be_repeated(world: World, name: str) -> None:
    world.write(Record(name, "Gone soon."))
    for _ in range(2):
        assert world.outcomes(Record(name, delete=True)) == [Outcome.DELETED]
    assert world.texts(name) == []
    document = world.document(name)
    assert document is not None
    assert (document.state, document.chunks) == (DocumentState.DELETED, 0)


def test_the_last_record_of_an_id_wins(world: World, name: str) -> None:
    outcomes = world.outcomes(Record(name, "First."), Record(name, delete=True), Record(name, "Last."))
    assert outcomes == [Outcome.SUPERSEDED, Outcome.SUPERSEDED, Outcome.UPSERTED]
    assert world.texts(name) == ["Last."]


def test_a_bad_record_is_recorded_and_stops_nobody(world: World, name: str) -> None:
    world.dashscope.fail({"fault": "status", "code": "DataInspectionFailed", "match": "POISON"})
    written = world.write(
        Record(f"{name}-0", "Fine."),
        BadRecord(f"{name}-1", "It lacks a text."),
        Record(f"{name}-2", "POISON."),
        Record(f"{name}-3", "long " * 9_000),
        Record(f"{name}-4", "Nowhere.", collection="unknown"),
        Record(f"{name}-5", "Fine too."),
    )
    expected = [Outcome.UPSERTED, *[Outcome.FAILED] * 4, Outcome.UPSERTED]
    assert [result.outcome for result in written.results] == expected
    names = [f"{name}-1", f"{name}-2", f"{name}-3", f"unknown:{name}-4"]
    for i, code in ((1, "bad_record"), (2, "text_refused"), (3, "bad_record"), (4, "bad_record")):
        document = world.document(names[i - 1])
        assert document is not None
        assert document.failure is not None
        assert (document.state, document.failure.code) == (DocumentState.FAILED, code)
        assert written.results[i].reason == document.failure.message
        assert "POISON" not in document.failure.message


def test_a_record_mended_later_is_no_failure_any_more(world: World, name: str) -> None:
    world.write(BadRecord(name, "It lacks a text."))
    world.write(Record(name, "Now it has one."))
    document = world.document(name)
    assert document is not None
    assert (document.state, document.failure) == (DocumentState.INDEXED, None)


def test_an_older_record_that_comes_late_changes_nothing(world: World, name: str) -> None:
    world.write(Record(name, "Second.", version=2))
    assert world.outcomes(Record(name, "First.", version=1)) == [Outcome.SUPERSEDED]
    assert world.texts(name) == ["Second."]
    assert world.outcomes(Record(name, delete=True, version=3)) == [Outcome.DELETED]
    assert world.outcomes(Record(name, "Second.", version=2)) == [Outcome.SUPERSEDED]
    assert world.texts(name) == []
    assert world.outcomes(Record(name, "Fourth.", version=4)) == [Outcome.UPSERTED]
    assert world.texts(name) == ["Fourth."]


@pytest.mark.parametrize("is_long", [False, True], ids=["no text", "too long"])
def test_a_bad_version_counts_as_any_other(world: World, name: str, is_long: bool) -> None:
    """One that comes late does not make a newer one fail, and of one that is the newest the failure stays."""

    def make_bad(version: int) -> Record | BadRecord:
        return Record(name, "long " * 9_000, version=version) if is_long else BadRecord(name, "No text.", version)

    world.write(Record(name, "Seventh.", version=7))
    assert world.outcomes(make_bad(5)) == [Outcome.SUPERSEDED]
    document = world.document(name)
    assert document is not None
    assert (document.state, document.failure, document.order) == (DocumentState.INDEXED, None, 7)
    assert world.outcomes(make_bad(9)) == [Outcome.FAILED]
    assert world.outcomes(Record(name, "Eighth.", version=8)) == [Outcome.SUPERSEDED]
    document = world.document(name)
    assert document is not None
    assert (document.state, document.order, world.texts(name)) == (DocumentState.FAILED, 9, ["Seventh."])
    assert world.outcomes(Record(name, "Tenth.", version=10)) == [Outcome.UPSERTED]
    assert world.texts(name) == ["Tenth."]
    # Within one event too.
    assert world.outcomes(make_bad(12), Record(name, "Eleventh.", version=11)) == [Outcome.FAILED, Outcome.SUPERSEDED]


def test_two_writers_of_one_id_leave_one_chunk(world: World, name: str) -> None:
    world.dashscope.tune(latency_ms=100)
    threads = [threading.Thread(target=world.write, args=(Record(name, f"Text {i}."),)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.texts(name)) == 1


def test_a_failed_record_says_that_the_older_one_still_answers(world: World, name: str) -> None:
    world.write(Record(name, "It answers."))
    world.write(BadRecord(name, "It lacks a text."))
    document = world.document(name)
    assert document is not None
    assert (document.state, document.chunks) == (DocumentState.FAILED, 1)
    assert document.indexed_version
    assert world.texts(name) == ["It answers."]


def test_an_unknown_collection_does_not_touch_a_record_of_the_same_id(world: World, name: str) -> None:
    world.write(Record(name, "Mine."))
    world.write(Record(name, "Elsewhere.", collection="unknown"))
    document = world.document(name)
    assert document is not None
    assert document.state is DocumentState.INDEXED
    assert world.document(f"unknown:{name}") is not None


def test_what_was_paid_for_is_written_before_the_deadline(world: World, name: str) -> None:
    records = [Record(f"{name}-{i}", f"Text {i}{' HOLE' if i == 25 else ''}.") for i in range(30)]
    world.dashscope.fail({"fault": "black_hole", "match": "HOLE"})

    def write(seconds: float) -> int:
        with pytest.raises(TransientError):
            world.writer.write(records, Deadline.after(seconds))
        return int(world.dashscope.usage()["rows"])

    assert grant(write) == 20
    world.dashscope.reset()
    world.write(*records)
    assert world.dashscope.usage()["rows"] == 10


def test_a_passing_failure_fails_the_event_and_keeps_what_was_paid(world: World, name: str) -> None:
    records = [Record(f"{name}-{i}", f"Text {i}{' HOPELESS' if i == 15 else ''}.") for i in range(20)]
    world.dashscope.fail({"fault": "status", "code": "InvalidApiKey", "match": "HOPELESS"})
    with pytest.raises(ConfigurationError, match="InvalidApiKey"):
        world.write(*records)
    paid = world.dashscope.usage()["rows"]
    world.dashscope.reset()
    world.write(*records)
    assert world.dashscope.usage()["rows"] == 20 - paid


def test_a_milvus_that_is_gone_fails_the_event(dashscope: DashScope, name: str) -> None:
    gone = MilvusSettings(uri=f"http://127.0.0.1:{processes.free_port()}", timeout=0.5)
    writer = RecordWriter(Embedder(dashscope.settings()), {"": Store(gone, Space("text-embedding-v4", 512))})
    with pytest.raises(TransientError, match="milvus_unavailable"):
        writer.write([Record(name, "Text.")], Deadline.after(3))
    assert dashscope.usage()["calls"] == 0  # nothing is billed that cannot be kept


def test_a_record_may_name_a_listed_collection(world: World, name: str) -> None:
    world.store.prepare(soon())
    world.write(Record(name, "Elsewhere.", collection="other"))
    assert world.texts(name) == []
    assert world.texts(name, world.other) == ["Elsewhere."]


def test_a_reconcile_of_the_bucket_leaves_records_alone(world: World, name: str, oss: Oss) -> None:
    world.write(Record(name, "Not from the bucket."))
    everything = IngestionSettings(max_deleted_share=1.0)
    Ingestion(Bucket(oss.settings()), world.embedder, world.store, everything).reconcile(soon())
    assert world.texts(name) == ["Not from the bucket."]

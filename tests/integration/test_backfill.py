"""A backfill by batch tasks ends with the index that ordinary calls make, at half the price, whatever happens to it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from shared.domain.errors import ConfigurationError, TransientError
from shared.embedding.batch_tasks import BatchTasks
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.ingestion import events
from shared.ingestion.backfill_parts import BackfillParts
from shared.ingestion.backfilling import Backfill
from shared.ingestion.bucket import Bucket
from shared.ingestion.converging import Ingestion, Report
from shared.ingestion.results import BackfillReport
from shared.runtime import clock
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings
from shared.store.batch_notes import BatchNotes
from shared.store.schema import Space
from shared.store.store import Store

if TYPE_CHECKING:
    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope, Oss

SETTINGS = IngestionSettings(chunk_tokens=64)


def soon() -> Deadline:
    return Deadline.after(120)


@dataclass(frozen=True)
class World:
    """A bucket, a DashScope and a Milvus, with an ingest between them."""

    oss: Oss
    dashscope: DashScope
    store: Store
    ingestion: Ingestion
    backfill: Backfill
    parts: BackfillParts

    def fill(self, *numbers: int) -> None:
        for number in numbers:
            lines = (f"Line {i} of document {number} has number {i * number}. 第{i}行。" for i in range(20))
            self.oss.put(f"{number:02}.txt", "\n\n".join(lines))

    def ask(self, **request: Any) -> Any:
        (result,) = self.backfill.handle(events.parse(json.dumps(request).encode()), soon())
        return result

    def plan(self, **options: Any) -> BackfillReport:
        report = self.ask(action="backfill", step="plan", **options)
        assert isinstance(report, BackfillReport)
        return report

    def collect(self) -> BackfillReport:
        """Collect until no task is left."""
        total, ends = 0, time.monotonic() + 60
        while time.monotonic() < ends:
            report = self.ask(action="backfill", step="collect")
            total += report.converged
            if not report.waiting:
                return BackfillReport(converged=total, problem=report.problem)
            time.sleep(0.05)
        raise AssertionError(f"{report.batches} are left")

    def reconcile(self, **options: Any) -> Report:
        report = self.ask(action="reconcile", seconds=60, **options)
        assert isinstance(report, Report)
        return report

    def read_index(self) -> dict[str, tuple[float, ...]]:
        """The vectors of all chunks by their ids."""
        found: dict[str, tuple[float, ...]] = {}
        for document in self.store.registry.read_all("", soon()):
            ids = [id_ for id_, _ in self.store.chunks.read_positions(document.id, soon())]
            found |= self.store.chunks.read_vectors(ids, soon())
        return found

    def empty(self) -> None:
        for document in self.store.registry.read_all("", soon()):
            self.store.chunks.delete(dict(self.store.chunks.read_positions(document.id, soon())), soon())
            self.store.registry.delete([document.id], soon())
        for note in self.parts.read_notes(soon()):
            self.store.batches.delete(note, soon())


@pytest.fixture
def world(oss: Oss, dashscope: DashScope, milvus: MilvusSettings) -> World:
    store = Store(milvus, Space("text-embedding-v4", 512))
    store.prepare(soon())
    settings = dashscope.settings()
    client, bucket = DashScopeClient(settings), Bucket(oss.settings())
    embedder = Embedder(settings, client)
    ingestion = Ingestion(bucket, embedder, store, SETTINGS, owner="one")
    parts = BackfillParts(
        ingestion.pipeline, BatchTasks(settings), settings.model, settings.dimension, client.budget, ingestion.locks
    )
    world = World(oss, dashscope, store, ingestion, Backfill(parts, ingestion), parts)
    world.empty()
    return world


@pytest.mark.every_milvus
def test_a_backfill_makes_the_same_index_at_half_the_price(world: World) -> None:
    world.fill(1, 2, 3)
    world.oss.put("00.pdf", "%PDF-1.4 broken")
    world.reconcile()
    expected, ordinary = world.read_index(), world.dashscope.usage()
    world.empty()
    world.dashscope.reset()
    report = world.plan()
    assert (report.is_done, report.waiting, report.batches[0].documents) == (True, 1, 3)
    assert report.batches[0].tokens == ordinary["tokens"]
    compared = world.dashscope.usage()["tokens"]
    world.collect()
    found, usage = world.read_index(), world.dashscope.usage()
    assert found.keys() == expected.keys()
    assert all(found[id_] == pytest.approx(vector, abs=1e-6) for id_, vector in expected.items())
    assert usage["batch_tokens"] == ordinary["tokens"]
    assert usage["tokens"] - compared <= compared  # a few texts, compared once more
    states = {record.key: record for record in world.store.registry.read_all("", soon())}
    assert states["00.pdf"].state == "failed"
    assert states["01.txt"].cost_cny < states["01.txt"].tokens * 0.5 / 1e6
    assert world.reconcile().counts.stale == 0


def test_documents_wait_for_their_task_and_those_that_changed_do_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fill(1, 2)
    world.dashscope.tune(batch_seconds=60)
    now = clock.time()
    with monkeypatch.context() as patch:
        patch.setattr(clock, "time", lambda: now + 5)  # OSS gives whole seconds
        world.plan()
    before = world.dashscope.usage()["tokens"]
    report = world.reconcile()
    assert (report.counts.stale, report.counts.waiting) == (0, 2)
    assert world.dashscope.usage()["tokens"] == before
    assert world.plan().is_done  # nothing is ordered twice
    assert world.ask(action="backfill", step="status").waiting == 1
    (note,) = world.parts.read_notes(soon())
    world.store.batches.write(replace(note, planned=note.planned - 60), soon())  # as if they had changed since
    report = world.reconcile()
    assert (report.counts.stale, report.counts.waiting) == (2, 0)
    assert len(world.store.registry.read_all("", soon())) == 2


def test_what_failed_or_changed_meanwhile_is_embedded_by_calls(world: World) -> None:
    world.fill(1, 2, 3)
    world.dashscope.tune(batch_seconds=60)
    world.plan()
    world.dashscope.fail({"fault": "status", "code": "InternalError", "match": "Line 3 of document 1 "})
    world.dashscope.tune(batch_seconds=0)
    world.oss.put("02.txt", "It says something else now.")
    world.oss.remove("03.txt")
    ends = time.monotonic() + 60
    while not world.dashscope.usage()["faults"] and time.monotonic() < ends:
        time.sleep(0.05)
    world.dashscope.fail()
    world.collect()
    records = {record.key: record.state.value for record in world.store.registry.read_all("", soon())}
    assert records == {"01.txt": "indexed", "02.txt": "indexed"}
    assert world.reconcile().counts.stale == 0


@pytest.mark.parametrize("fault", ["batch_fails", "batch_expires"])
def test_a_task_that_fails_or_expires_leaves_its_documents_to_calls(world: World, fault: str) -> None:
    world.fill(1, 2)
    world.dashscope.fail({"fault": fault, "times": 1})
    world.plan()
    report = world.collect()
    assert bool(report.problem) == (fault == "batch_fails")
    world.reconcile()
    assert len(world.store.registry.read_all("", soon())) == 2
    assert len(world.read_index()) > 2


def test_vectors_of_another_kind_are_refused_and_never_written(world: World) -> None:
    world.fill(1, 2)
    world.dashscope.fail({"fault": "batch_differs", "times": 1})
    world.plan()
    assert "cosine" in world.collect().problem
    assert world.read_index() == {}
    assert {record.state.value for record in world.store.registry.read_all("", soon())} == {"pending"}
    world.reconcile()
    assert {record.state.value for record in world.store.registry.read_all("", soon())} == {"indexed"}


def test_a_plan_goes_no_further_than_its_cost_and_the_next_one_goes_on(world: World) -> None:
    world.fill(*range(1, 9))
    everything = world.plan(most_cost=0)
    assert (everything.is_capped, everything.waiting, everything.ordered_cny) == (True, 0, 0)
    first = world.plan(most_cost=0.0006)
    assert (first.is_capped, first.is_done, first.after) == (True, False, "04.txt")
    assert 0 < first.ordered_cny <= 0.0006
    second = world.plan(after=first.after)
    assert (second.is_done, second.waiting) == (True, 2)
    world.collect()
    assert len(world.store.registry.read_all("", soon())) == 8


@pytest.mark.parametrize("is_created", [True, False])
def test_a_process_that_dies_while_it_creates_a_task_pays_once(
    world: World, monkeypatch: pytest.MonkeyPatch, is_created: bool
) -> None:
    world.fill(1)
    create = BatchTasks.create

    def die(*arguments: Any) -> Any:
        if is_created:
            create(*arguments)
        raise TransientError("embedding_unavailable", "The answer is lost.")

    with monkeypatch.context() as patch:
        patch.setattr(BatchTasks, "create", die)
        assert [batch.state for batch in world.plan().batches] == ["starting"]
    assert [batch.state for batch in world.ask(action="backfill", step="collect").batches] == ["starting"]
    now = clock.time()
    monkeypatch.setattr(clock, "time", lambda: now + 200)
    assert world.plan().waiting == 1
    world.collect()
    assert world.dashscope.usage()["batch_rows"] == len(world.read_index())


def test_two_that_plan_the_same_documents_pay_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.fill(1, 2)
    write = BatchNotes.write
    is_first = True

    def plan_as_well(*arguments: Any) -> None:
        nonlocal is_first
        if is_first:
            is_first = False
            world.plan()
        write(*arguments)

    monkeypatch.setattr(BatchNotes, "write", plan_as_well)
    with pytest.raises(TransientError, match="backfill_busy"):
        world.plan()
    world.collect()
    assert world.dashscope.usage()["batch_rows"] == len(world.read_index())


def test_the_end_of_a_task_and_the_timer_collect(world: World) -> None:
    world.fill(1)
    world.plan()
    event = {"specversion": "1.0", "source": "acs.dashscope", "type": "dashscope:System:BatchTaskFinish", "data": {}}
    ends = time.monotonic() + 60
    while (report := world.ask(**event)).waiting and time.monotonic() < ends:
        time.sleep(0.05)
    assert report.converged == 1
    world.fill(2)
    world.plan()
    while world.parts.read_notes(soon()) and time.monotonic() < ends:
        world.ask(triggerName="reconcile", payload='{"action":"reconcile"}')
    assert len(world.store.registry.read_all("", soon())) == 2
    assert world.dashscope.usage()["batch_rows"] == len(world.read_index())


def test_vectors_that_differ_between_the_interfaces_are_seen_before_anything_is_ordered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.fill(1)
    embed = BatchTasks.embed
    monkeypatch.setattr(BatchTasks, "embed", lambda *given: [vector[::-1] for vector in embed(*given)])
    with pytest.raises(ConfigurationError, match="batch_vectors_differ"):
        world.plan()
    assert (world.parts.read_notes(soon()), world.dashscope.usage()["batch_rows"]) == ([], 0)

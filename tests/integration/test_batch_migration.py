"""A migration by batch tasks: half the price, nothing parsed again, and changes meanwhile are in both collections."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from shared.domain.catalog import EMBEDDING_MODELS
from shared.domain.errors import RequestError
from shared.domain.tenants import Tenancy
from shared.embedding.batch_tasks import BatchTasks
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.embedding.embedders import Embedders
from shared.ingestion import events
from shared.ingestion.backfill_parts import BackfillParts
from shared.ingestion.backfilling import Backfill, Handler
from shared.ingestion.bucket import Bucket
from shared.ingestion.converging import Ingestion
from shared.migration import steps
from shared.migration.ingestions import Ingestions
from shared.migration.steps import Migration
from shared.records.copying import RecordCopier
from shared.runtime import clock
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings, MilvusSettings
from shared.store.directory import StoreDirectory
from shared.store.schema import Space
from tests.fakes import FakeMilvusClient, Index, Wire, parse_here

if TYPE_CHECKING:
    from pathlib import Path

    from shared.domain.models import ParsedDocument
    from shared.ingestion.events import Action
    from shared.ingestion.origin import Origin
    from shared.migration.report import MigrationReport
    from shared.store.directory import Member
    from shared.store.store import Store
    from tests.conftest import DashScope, Oss

OLD, NEW = Space("text-embedding-v4", 64), Space("text-embedding-v3", 128)
SETTINGS = IngestionSettings(chunk_tokens=64)
_DOCUMENTS = 4


def soon() -> Deadline:
    return Deadline.after(120)


@dataclass
class World:
    """The ingest function between a bucket, a DashScope and an index in memory."""

    oss: Oss
    dashscope: DashScope
    parsed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.dashscope.settings()
        settings = replace(settings, model_name=OLD.model, requested_dimension=OLD.dimension)
        self._client, self._tasks = DashScopeClient(settings), BatchTasks(settings)
        self._embedders = Embedders(settings, self._client, Embedder(settings, self._client))
        self.stores = StoreDirectory(MilvusSettings(uri="http://fake"), OLD, FakeMilvusClient(Index(), Wire()))
        self.stores.prepare(soon())
        self._ingestions = Ingestions(self.stores, self._build, self._build_backfill)

    def put(self, name: str, subject: str = "It") -> None:
        lines = (f"{subject} is line {number} of {name}, with number {number * 7}." for number in range(20))
        self.oss.put(name, "\n\n".join(lines))

    def ask(self, **request: Any) -> Any:
        (result,) = self._ingestions.handle(events.parse(json.dumps(request).encode()), soon(), self._migrate)
        return result

    def migrate(self, step: str, **options: Any) -> MigrationReport:
        report: MigrationReport = self.ask(action="migrate", step=step, **options)
        return report

    def start(self, space: Space = NEW) -> MigrationReport:
        return self.migrate("start", model=space.model, dimension=space.dimension, batch=True)

    def order(self) -> Any:
        return self.ask(action="backfill", step="plan", migration=True)

    def collect(self) -> tuple[float, int]:
        """Collect until no task is left; returns what it cost, and documents converged."""
        cost, converged, ends = 0.0, 0, time.monotonic() + 60
        while time.monotonic() < ends:
            report = self.ask(action="backfill", step="collect", migration=True)
            cost, converged = cost + report.usage.cost_cny, converged + report.converged
            if not report.waiting:
                return cost, converged
            time.sleep(0.05)
        raise AssertionError(f"{report.batches} are left")

    def find_new(self) -> Store:
        return self.stores.find_members(soon(), fresh=True)[1].store

    def read_states(self, store: Store) -> dict[str, str]:
        return {record.key: record.state.value for record in store.registry.read_all("", soon())}

    def _migrate(self, action: Action, deadline: Deadline) -> MigrationReport:
        def copier(source: Store, target: Store) -> RecordCopier:
            return RecordCopier(self._find_embedder(target.space), source, target, Tenancy())

        return Migration(
            self.stores, SETTINGS.chunk_tokens, self._ingestions.join, copier, lambda *_: 1.0, lambda *_: (),
            self._ingestions.withdraw,
        ).act(action, deadline)  # fmt: skip

    def _build(self, member: Member, origin: Origin | None, *, is_leader: bool) -> Ingestion:
        embedder = self._find_embedder(member.store.space)
        return Ingestion(
            Bucket(self.oss.settings()), embedder, member.store, SETTINGS, parse=self._parse, owner="one", origin=origin
        )

    def _build_backfill(self, target: Ingestion, ingestion: Handler, leader: Ingestion | None) -> Backfill:
        space = target.pipeline.store.space
        model = EMBEDDING_MODELS[space.model]
        parts = BackfillParts(
            target.pipeline, self._tasks, model, space.dimension, self._client.budget, target.locks, leader
        )
        return Backfill(parts, ingestion)

    def _parse(self, path: Path, key: str, *rest: Any) -> ParsedDocument:
        self.parsed.append(key)
        return parse_here(path, key, *rest)

    def _find_embedder(self, space: Space) -> Embedder:
        return self._embedders.find(space.model, space.dimension)


@pytest.fixture
def world(oss: Oss, dashscope: DashScope, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(steps, "_DROP_SECONDS", 0)  # no other process is at work
    monkeypatch.setattr(steps, "_SETTLE_SECONDS", 0)
    world = World(oss, dashscope)
    for number in range(_DOCUMENTS):
        world.put(f"{number}.txt")
    world.ask(action="reconcile", seconds=60)
    world.parsed.clear()
    now = clock.time
    monkeypatch.setattr(clock, "time", lambda: now() + 5)  # OSS gives whole seconds
    return world


def test_a_migration_by_batch_costs_half_and_parses_nothing(world: World) -> None:
    estimate = world.migrate("start", model=NEW.model, dimension=NEW.dimension, batch=True, dry_run=True).estimate
    assert estimate
    assert estimate.batch_cny == pytest.approx(estimate.cost_cny / 2)
    world.start()
    planned = world.order()
    assert (planned.is_done, planned.waiting, planned.waiting_documents) == (True, 1, _DOCUMENTS)
    _, converged = world.collect()
    assert converged == _DOCUMENTS
    records, model = list(world.find_new().registry.read_all("", soon())), EMBEDDING_MODELS[NEW.model]
    billed, by_batch = sum(record.tokens for record in records), world.dashscope.usage()["batch_tokens"]
    assert by_batch == planned.batches[0].tokens
    # A few texts are embedded both ways, the second time at the ordinary price, to compare their vectors.
    expected = 0.5 * model.cost(by_batch) + model.cost(billed - by_batch)
    assert sum(record.cost_cny for record in records) == pytest.approx(expected)
    assert billed - by_batch < by_batch / 4
    report = world.migrate("fill")
    assert (report.phase, report.done, report.usage.tokens, world.parsed) == ("ready", 0, 0, [])
    assert world.migrate("switch").current.documents["indexed"] == _DOCUMENTS


def test_what_waits_is_not_embedded_by_calls_and_what_changed_or_failed_is(world: World) -> None:
    world.dashscope.tune(batch_seconds=60)
    world.start()
    new = world.find_new()
    world.order()
    report = world.migrate("fill")
    assert (report.phase, report.waiting, world.read_states(new)) == ("filling", _DOCUMENTS, {})
    assert world.order().is_done  # nothing is ordered twice
    world.dashscope.fail({"fault": "status", "code": "InternalError", "match": "line 3 of 2.txt"})
    world.oss.remove("1.txt")
    world.put("0.txt", "Something else")
    for name, kind in (("0.txt", "ObjectCreated:PutObject"), ("1.txt", "ObjectRemoved:DeleteObject")):
        about = {"bucket": {"name": world.oss.bucket}, "object": {"key": name}}
        world.ask(events=[{"eventName": kind, "oss": about}])
    assert world.read_states(new) == {"0.txt": "indexed"}
    world.dashscope.tune(batch_seconds=0)
    ends = time.monotonic() + 60
    while not world.dashscope.usage()["faults"] and time.monotonic() < ends:
        time.sleep(0.05)
    world.dashscope.fail()
    world.collect()
    assert world.migrate("fill").phase == "ready"
    assert world.read_states(new) == dict.fromkeys(("0.txt", "2.txt", "3.txt"), "indexed")
    assert world.parsed == ["0.txt"]


def test_a_cancelled_migration_cancels_its_tasks(world: World) -> None:
    world.dashscope.tune(batch_seconds=60)
    world.start()
    task = world.order().batches[0].id
    assert world.migrate("cancel").phase == "none"
    tasks = BatchTasks(world.dashscope.settings())
    ends = time.monotonic() + 60
    while not (found := tasks.read(task, soon())).has_ended and time.monotonic() < ends:
        time.sleep(0.05)
    assert found.status == "cancelled"
    with pytest.raises(RequestError, match="migration_missing"):
        world.order()

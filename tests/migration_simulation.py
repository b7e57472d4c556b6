"""A migration under uploads, edits, deletions, records and faults, with every step of it killed somewhere.

The code is the real one over the fakes of `tests.fakes`. A seed decides everything: what happens to the bucket, which
invocation is interrupted by others at which call, which dies or fails at which call, before or after it was applied,
and which steps the operator takes. A third of the histories order vectors by batch tasks, which end whole, in part or
without an answer, and are cancelled with their migration, in the middle of an order too. A process keeps what it has
read of alias and plans for its seconds.

    python -m tests.migration_simulation --seeds 2000

What is checked:

one space   the vectors of a collection are those of its model, of all its rows, after every invocation.
equal       at rest, after one reconcile: each collection that is in use holds exactly the documents of the bucket, and
            the records as they were sent last.
parsed      without faults and interruptions, no version of an object is parsed twice, however many collections it
            goes to.
cleaned     after the end of a migration one collection is left.
noted       a batch task that runs is named by a note of a collection, until its migration ends.
ended       once all tasks have ended, timers leave no note.
"""

from __future__ import annotations

import argparse
from collections import Counter
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace
from rich.console import Console

from benchmarks.report import at_least, at_most, report
from shared.domain.catalog import EMBEDDING_MODELS
from shared.domain.errors import PlatformError, TransientError
from shared.domain.models import DocumentState, ObjectKey
from shared.domain.tenants import Tenancy
from shared.embedding.budget import Budget
from shared.ingestion.backfill_parts import BackfillParts
from shared.ingestion.backfilling import Backfill, Handler
from shared.ingestion.claiming import CLAIM_SECONDS
from shared.ingestion.converging import Ingestion
from shared.ingestion.events import Action, BackfillRequest, ObjectEvent, Step
from shared.migration.ingestions import Ingestions
from shared.migration.record_writers import RecordWriters
from shared.migration.steps import Migration
from shared.records.copying import RecordCopier
from shared.records.envelopes import Record
from shared.records.rows import RECORDS
from shared.runtime import clock
from shared.runtime.settings import IngestionSettings, MilvusSettings
from shared.store.directory import StoreDirectory
from shared.store.schema import BATCHES_BUCKET, Space
from tests.batch_simulation import with_batches
from tests.fake_batches import BatchService, FakeBatchTasks
from tests.fakes import (
    BUCKET,
    SPACE,
    FakeBucket,
    FakeEmbedder,
    FakeMilvusClient,
    Index,
    Model,
    Objects,
    Wire,
    parse_here,
    tear,
    vector_of,
)
from tests.simulation import CHUNK_TOKENS, Killed, calm, chunks_of, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from shared import parsing
    from shared.domain.models import ParsedDocument
    from shared.ingestion.origin import Origin
    from shared.ingestion.results import BackfillReport
    from shared.migration.report import MigrationReport
    from shared.runtime.retrying import Deadline
    from shared.store.directory import Member

Result = TypeVar("Result")

SETTINGS = MilvusSettings(uri="http://fake")
OTHERS = (Space("text-embedding-v3", 64), Space("text-embedding-v4", 128), Space("qwen3.7-text-embedding", 256), SPACE)
_INGESTION = IngestionSettings(
    chunk_tokens=CHUNK_TOKENS, sync_concurrency=1, batch_concurrency=1, max_deleted_share=1.0
)
_DAY = 86_400.0
_NAMES = ("a.txt", "b.txt", "c.txt")
_LETTERS = ("ABC", "ABCDE", "BAC", "AABB", "CDE", "A", "", "ABXCDE")
_SHOWN = 5
_BATCH_SHARE = 1 / 3
# Of what happens during an order.
_CANCEL_SHARE = 1 / 4
_MOST_ROUNDS = 5


class MigrationWorld:
    """A bucket, records, models and the collections of a deployment."""

    def __init__(self, space: Space = SPACE) -> None:
        self.objects, self.model, self.index = Objects(), Model(), Index()
        self.parsed: Counter[str] = Counter()
        self.records: dict[str, str] = {}
        self.service = BatchService()
        StoreDirectory(SETTINGS, space, FakeMilvusClient(self.index, Wire())).prepare(calm())

    def instance(self, wire: Wire | None = None) -> Instance:
        """A process of its own."""
        return Instance(self, wire or Wire())

    def put(self, name: str, letters: str) -> None:
        """Upload a document with a paragraph for each letter."""
        self.objects.put(name, text(name, letters))

    def problems(self) -> list[str]:
        """What is wrong at rest, in any collection that is in use."""
        members = self.instance().stores.find_members(calm())
        return [f"{_name(member)}: {problem}" for member in members for problem in self._find_wrong(member)]

    def mixed(self) -> list[str]:
        """Rows with a vector of another model than their collection's."""
        found = []
        for name in sorted(self.index.names):
            if "_documents" in name or "_page_texts" in name:
                continue
            space = next(space for space in OTHERS if space.suffix in name)
            model = "" if space.model == SPACE.model else space.model
            for row in self.index.rows(name).values():
                text = f"{row['context']}\n{row['text']}" if row["context"] else row["text"]
                if tuple(row["vector"]) != vector_of(f"{model}{text}", space.dimension):
                    found.append(f"{name} holds a vector of another space")
        return found

    def find_notes(self) -> list[dict[str, Any]]:
        """The notes of batch tasks in all collections."""
        registries = [name for name in self.index.names if "_documents" in name]
        rows = [row for name in registries for row in self.index.rows(name).values()]
        return [row["record"]["batch"] for row in rows if row["bucket"] == BATCHES_BUCKET]

    def find_forgotten(self) -> list[str]:
        """Batch tasks that run though no note names them."""
        noted = {note["file_id"] for note in self.find_notes()}
        return [
            f"{task.id} runs, and no note names it"
            for task in self.service.tasks
            if task.is_running and task.file_id not in noted
        ]

    def _find_wrong(self, member: Member) -> list[str]:
        store, found = member.store, []
        rows = self.index.rows(store.chunks.name).values()
        size = member.plan.chunk_tokens or CHUNK_TOKENS
        for name in _NAMES:
            key = ObjectKey(BUCKET, name)
            held = sorted(
                (row for row in rows if row["document_id"] == key.document_id), key=lambda row: row["ordinal"]
            )
            content = self.objects.held[name].content if name in self.objects.held else b""
            wanted = [(chunk.id, chunk.text) for chunk in chunks_of(name, content, store.space.profile, size)]
            # A version that cannot be indexed leaves the one before it, which the other collection may lack.
            if (wanted or name not in self.objects.held) and [(row["id"], row["text"]) for row in held] != wanted:
                found.append(f"{name} has {len(held)} chunks instead of {len(wanted)}")
            record = store.registry.read(key.document_id, calm())
            state = None if name not in self.objects.held else DocumentState.INDEXED if wanted else DocumentState.FAILED
            if (record.state if record else None) is not state:
                found.append(f"the record of {name} is {record}")
        texts = {row["key"]: row["text"] for row in rows if row["bucket"] == RECORDS}
        if texts != self.records:
            found.append(f"the records are {texts} instead of {self.records}")
        return found


class Instance:
    """A process of each function: its clients and its caches."""

    def __init__(self, world: MigrationWorld, wire: Wire, retention_days: int = 0) -> None:
        self._world = world
        self._wire = wire
        self.stores = StoreDirectory(SETTINGS, SPACE, FakeMilvusClient(world.index, wire))
        self._embedders: dict[tuple[str, int], FakeEmbedder] = {}
        self._ingestions = Ingestions(self.stores, self._build, self._build_backfill, retention_days)
        self._writers = RecordWriters({"": self.stores}, self._find_embedder, Tenancy())

    def handle(self, *names: str) -> None:
        """Handle events of objects."""
        events = [ObjectEvent(ObjectKey(BUCKET, name), "ObjectCreated:PutObject") for name in names]
        self._ingestions.handle(events, calm(), self._migrate)

    def reconcile(self) -> None:
        """What the timer does."""
        self._ingestions.handle([Action("reconcile")], calm(), self._migrate)

    def write(self, record: Record) -> None:
        """Handle an event with a record."""
        self._writers.write([record], calm())

    def step(self, name: str, space: Space = SPACE, *, dry_run: bool = False, **options: Any) -> MigrationReport:
        """Do a step of a migration."""
        action = Action("migrate", dry_run, step=Step(name, space.model, space.dimension, **options))
        (result,) = self._ingestions.handle([action], calm(), self._migrate)
        return result  # type: ignore[return-value]

    def order(self, after: str = "", step: str = "plan") -> BackfillReport:
        """Order vectors for the new collection by batch tasks, or collect them."""
        request = BackfillRequest(step, after=after, is_migration=True)
        (result,) = self._ingestions.handle([request], calm(), self._migrate)
        return result  # type: ignore[return-value]

    def _migrate(self, action: Action, deadline: Deadline) -> MigrationReport:
        def copier(source: Any, target: Any) -> RecordCopier:
            return RecordCopier(self._find_embedder(target.space), source, target, Tenancy())

        return Migration(
            self.stores, CHUNK_TOKENS, self._ingestions.join, copier, lambda *_: 1.0, lambda *_: (),
            self._ingestions.withdraw,
        ).act(action, deadline)  # fmt: skip

    def _build(self, member: Member, origin: Origin | None, *, is_leader: bool) -> Ingestion:
        settings = replace(_INGESTION, chunk_tokens=member.plan.chunk_tokens or CHUNK_TOKENS)
        return Ingestion(
            FakeBucket(self._world.objects, self._wire), self._find_embedder(member.store.space), member.store,
            settings, parse=self._parse, origin=origin,
        )  # fmt: skip

    def _build_backfill(self, target: Ingestion, ingestion: Handler, leader: Ingestion | None) -> Backfill:
        model = EMBEDDING_MODELS[target.pipeline.store.space.model]
        space = target.pipeline.store.space
        tasks = FakeBatchTasks(self._world.service, self._wire, space)
        parts = BackfillParts(target.pipeline, tasks, model, space.dimension, Budget(0), target.locks, leader)
        return Backfill(parts, ingestion)

    def _parse(self, path: Path, key: str, limits: parsing.Limits, deadline: Deadline) -> ParsedDocument:
        held = self._world.objects.held.get(key)
        self._world.parsed[f"{key} of {held.modified if held else 0}"] += 1
        return parse_here(path, key, limits, deadline)

    def _find_embedder(self, space: Space) -> FakeEmbedder:
        key = (space.model, space.dimension)
        if key not in self._embedders:
            self._embedders[key] = FakeEmbedder(self._world.model, self._wire, space)
        return self._embedders[key]


class Interrupted(Wire):
    """Carries calls until something happens at one of them: another invocation, a failure, or death."""

    def __init__(self, random: Random, happen: Callable[[], None] | None, chance: float, torn: Random) -> None:
        self._random = random
        self._torn = torn
        self._happen = happen
        self._chance = chance

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        if self._happen and self._random.random() < 0.05:
            happen, self._happen = self._happen, None
            happen()
        if self._random.random() < self._chance:
            if self._random.random() < 0.5:
                with suppress(Exception):
                    apply()
            raise self._random.choice((Killed(), TransientError("simulated", f"{call} fails.")))
        return apply()

    def tear(self, ids: Sequence[str]) -> Sequence[str]:
        return tear(self._torn, self._chance, ids)


class History:
    """One seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(f"migration {seed}")
        self.world = MigrationWorld()
        self.chance = self.random.choice((0, 0, 0.01, 0.04))
        # A draw of its own, so that other histories stay as they were.
        self._torn = Random(f"torn writes of migration {seed}")
        self.other = self.random.choice(OTHERS)
        self.options: dict[str, Any] = self.random.choice(({}, {}, {}, {"reread": True}, {"chunk_tokens": 64}))
        self.trace: list[str] = []
        self.versions = 0
        self.has_failed = False
        self._processes = [self._instance() for _ in range(3)]
        self._pending: list[str] = []
        # A draw of its own, so that other histories stay as they were.
        self._drawn = Random(f"batches of migration {seed}")
        self.is_batch = self._drawn.random() < _BATCH_SHARE
        self._after = ""
        self._is_ordering = False

    def run(self) -> list[str]:
        """Let everything happen; returns what is wrong."""
        found: list[str] = []
        if self.is_batch:
            self._begin_batch()
        for _ in range(self.random.randint(8, 25)):
            self._act(depth=0)
            found += self.world.mixed() + self.world.find_forgotten()
        while self._pending:
            self._deliver(0)
        found += self.world.mixed() + self._finish()
        return found

    def _finish(self) -> list[str]:
        """Come to rest, and end the migration one way or the other."""
        clock.sleep(_DAY)
        calm_one = self.world.instance()
        calm_one.reconcile()
        self._recopy(calm_one)
        if self.is_batch:
            self._end_batches(calm_one)
        found = [f"a task is left: {note}" for note in self.world.find_notes()] + self.world.problems()
        phase = calm_one.step("status").phase
        self.trace.append(f"at rest: {phase}")
        if phase == "filling":
            phase = calm_one.step("fill").phase
            found += self.world.problems()
        if phase == "filling":
            found.append("the new collection cannot be filled")
        if phase != "none":
            if phase == "ready" and self.random.random() < 0.5:
                calm_one.step("switch")
            calm_one.step("finish" if calm_one.step("status").phase == "switched" else "cancel")
        else:
            calm_one.step("cancel")
        found += self.world.problems()
        chunks = [name for name in self.world.index.names if "_documents" not in name and "_page_texts" not in name]
        if len(chunks) != 1 or self.world.index.aliases["search"] != chunks[0]:
            found.append(f"the collections {sorted(chunks)} are left")
        if not self.has_failed and not self.options and any(count > 1 for count in self.world.parsed.values()):
            found.append(f"parsed more than once: {self.world.parsed}")
        return found

    def _end_batches(self, instance: Instance) -> None:
        """Let all tasks end and timers collect, and fill the rest by calls, as the operator does at last."""
        if instance.step("status").phase == "filling":
            instance.step("start", self.other, **self.options)
        for _ in range(_MOST_ROUNDS):
            self._end_tasks("completed")
            clock.sleep(_DAY)
            instance.reconcile()

    def _end_tasks(self, status: str, is_answered: Callable[[str], bool] = lambda _: True) -> None:
        for task in self.world.service.tasks:
            if task.is_running:
                self.world.service.end(task, status, is_answered)
                self.trace.append(f"{task.id} ends: {task.describe()}")

    def _begin_batch(self) -> None:
        """Documents from before the migration, and an order of their vectors."""
        for name in _NAMES:
            self.world.put(name, self._drawn.choice(_LETTERS))
        self._invoke("events", lambda instance: instance.handle(*_NAMES), 0)
        self._invoke("start", lambda instance: instance.step("start", self.other, batch=True, **self.options), 0)
        self._invoke("order", self._order, 0)

    def _act_on_batches(self, depth: int) -> None:
        """Order more, let tasks end, or collect what they returned."""
        drawn = self._drawn.random()
        if drawn < 0.5:
            self._invoke("order", self._order, depth)
        elif drawn < 0.75:
            status, share = self._drawn.choice(
                (("completed", 1.0), ("completed", 0.5), ("expired", 0.5), ("failed", 0.0))
            )
            self._end_tasks(status, lambda _: self._drawn.random() < share)
        else:
            self._invoke("collect", lambda instance: instance.order(step="collect"), depth)

    def _order(self, instance: Instance) -> None:
        self._is_ordering = True
        try:
            report = instance.order(self._after)
        finally:
            self._is_ordering = False
        self._after = "" if report.is_done else report.after

    def _recopy(self, instance: Instance) -> None:
        """Deliver the records again of which an event was given up, as a queue does until it is handled."""
        for key, sent in self.world.records.items():
            instance.write(Record(key, sent, version=self.versions + 1))

    def _act(self, depth: int) -> None:
        self.has_failed |= depth > 0
        if self._is_ordering and self._drawn.random() < _CANCEL_SHARE:
            self._invoke("cancel", lambda instance: instance.step("cancel"), depth)
            return
        drawn = self.random.random()
        if drawn < 0.3:
            self._change()
        elif drawn < 0.5 and self._pending:
            self._deliver(depth)
        elif drawn < 0.6:
            self._send(depth)
        elif drawn < 0.65:
            clock.sleep(self.random.choice((1.0, 5.0, CLAIM_SECONDS)))
        elif drawn < 0.7:
            self._invoke("reconcile", lambda instance: instance.reconcile(), depth)
        elif self.is_batch and self._drawn.random() < 0.5:
            self._act_on_batches(depth)
        elif depth == 0:
            name = self.random.choice(
                ("start", "start", "fill", "fill", "switch", "switch", "back", "finish", "cancel")
            )
            options = {**self.options, "batch": self.is_batch}
            self._invoke(name, lambda instance: instance.step(name, self.other, **options), depth)
            if self.is_batch and name == "start":
                self._invoke("order", self._order, depth)

    def _change(self) -> None:
        name = self.random.choice(_NAMES)
        if self.random.random() < 0.75:
            self.world.put(name, self.random.choice(_LETTERS))
        else:
            self.world.objects.remove(name)
        self.trace.append(f"change {name}")
        self._pending.append(name)

    def _deliver(self, depth: int) -> None:
        name = self._pending.pop(self.random.randrange(len(self._pending)))
        self._invoke(f"event {name}", lambda instance: instance.handle(name), depth)

    def _send(self, depth: int) -> None:
        key, text = self.random.choice("xy"), f"text {self.random.randint(1, 4)}"
        self.versions += 1
        record = Record(key, text, version=self.versions)
        self.world.records[key] = text
        self._invoke(f"record {key} {text}", lambda instance: instance.write(record), depth)

    def _instance(self, depth: int = 0) -> Instance:
        happen = (lambda: self._act(depth + 1)) if depth < 2 else None
        return self.world.instance(Interrupted(self.random, happen, self.chance, self._torn))

    def _invoke(self, what: str, call: Callable[[Instance], object], depth: int) -> None:
        """Let a process do something, that is perhaps interrupted by others, and repeat what failed a few times."""
        self.trace.append(f"{'  ' * depth}{what}")
        for _ in range(2):
            at = self.random.randrange(3)
            if depth or self.random.random() < 0.4:
                self._processes[at] = self._instance(depth)
            try:
                call(self._processes[at])
            except Killed:
                self._processes[at] = self._instance(depth)
            except PlatformError as error:
                self.trace.append(f"{'  ' * depth}{what} fails: {error.code}")
                if error.code.startswith("migration_"):
                    return
            else:
                return
            self.has_failed = True
            clock.sleep(CLAIM_SECONDS)


def _name(member: Member) -> str:
    return member.store.chunks.name


def simulate(seed: int) -> tuple[list[str], History]:
    """Run one seed; returns what is wrong."""
    with with_batches():
        history = History(seed)
        return history.run(), history


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    bad, migrated = 0, 0
    for seed in range(options.first, options.first + options.seeds):
        found, history = simulate(seed)
        migrated += any(line == "at rest: switched" for line in history.trace)
        if found:
            bad += 1
            if bad <= _SHOWN:
                lines: Sequence[str] = [f"seed {seed}", *history.trace, *found]
                Console(highlight=False, markup=False).print("\n  ".join(lines))
    report(
        "simulate-migrations",
        [
            at_least("seeds", options.seeds, "runs", 1),
            at_least("that end after a switch", migrated, "runs", 1),
            at_most("violations", bad, "runs", 0),
        ],
    )
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()

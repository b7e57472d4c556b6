"""Records under a scheduler that decides after every remote call who goes on, and what befalls the call.

The code of `shared.records` and below is the real one, over the fakes of `tests.fakes`. A seed decides everything: two
or three records or more of the same ids, upserts, deletions, bad and refused ones, in which order and how often they
are delivered, which writer dies at which call, which call fails before it was applied, after that, or in between.

    python -m tests.record_simulation --seeds 100000

What is checked:

highest     once every event was handled, of each id the highest version counts: its text is the only row, or there is
            none where it is a deletion; where it failed, the failure is recorded and at most one older row is left. The
            registry agrees, and no other trace of a version is left.
given up    some events are given up as Function Compute does; what was acknowledged still counts against every lower
            version, and one more delivery of an event of the id settles everything.
acknowledged  a writer that reports success was the highest, or says that it was superseded.
charges     a text is billed at most once for each delivery of a record with it.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from shared.domain.errors import ConfigurationError, PlatformError, TransientError
from shared.domain.models import DocumentState
from shared.records.envelopes import BadRecord, Record
from shared.records.results import Outcome
from shared.records.rows import document_id_of
from shared.records.versions import RowVersion, Versions
from shared.records.writing import RecordWriter
from shared.store.schema import MAX_TEXT_BYTES, VERSIONS_BUCKET
from tests.fakes import REFUSED, FakeEmbedder, FakeStore, Index, Model, Wire, tear, vector_of
from tests.seeds import Simulated
from tests.simulation import Killed, Moment, Patience, calm, simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.domain.models import Document
    from shared.records.results import WriteResult

Result = TypeVar("Result")

REPETITIONS = 3
_MOST_WRITERS = 3
# A record that no chunk can hold: it is bad before anything is asked of DashScope.
TOO_LONG = "word " * (MAX_TEXT_BYTES // 5 + 1)
_SHOWN_CHARACTERS = 40


class RecordWorld:
    """A model and an index, and what must hold between them and the records that were sent."""

    def __init__(self) -> None:
        self.model, self.index = Model(), Index()
        self.store = FakeStore(self.index)

    def writer(self, wire: Wire | None = None) -> RecordWriter:
        """A process of its own."""
        return RecordWriter(FakeEmbedder(self.model, wire), {"": FakeStore(self.index, wire)})

    def write(self, *records: Record | BadRecord, wire: Wire | None = None) -> WriteResult:
        return self.writer(wire).write(records, calm())

    def rows(self, record: Record | BadRecord) -> list[dict[str, Any]]:
        """The rows of a record."""
        rows = self.index.rows(self.store.chunks.name).values()
        return [row for row in rows if row["document_id"] == document_id_of(record)]

    def look(self, record: Record | BadRecord) -> Versions:
        """What is there of a record."""
        id_ = document_id_of(record)
        rows = [RowVersion(row["id"], row["row_digest"]) for row in self.rows(record)]
        marks = self.store.registry.read_keys(VERSIONS_BUCKET, [id_], calm())
        return Versions(rows, marks, self.store.registry.read(id_, calm()))

    def wrong(self, newest: Record) -> list[str]:
        """What is wrong with a record at rest, if ``newest`` is its highest version."""
        seen, rows = self.look(newest), self.rows(newest)
        document, found = seen.document, []
        if not seen.is_settled:
            found.append(f"it is not settled: {seen}")
        if len(rows) > 1:
            found.append(f"{len(rows)} versions are found: {[row['text'] for row in rows]}")
        if any(tuple(row["vector"]) != vector_of(row["text"]) for row in rows):
            found.append("a vector is not that of its text")
        if document is None:
            return [*found, "it has no record"]
        if document.chunks != len(rows):
            found.append(f"the record says {document.chunks} chunks, there are {len(rows)}")
        return found + _compare(newest, document, rows)


def _compare(newest: Record, document: Document, rows: Sequence[dict[str, Any]]) -> list[str]:
    """What of the registry's record and of the rows is not as the highest version wants it."""
    found, state = [], _state_of(newest)
    if (document.state, document.order) != (state, newest.version):
        found.append(f"the record is {document.state} of {document.order}, not {state} of {newest.version}")
    if state is DocumentState.DELETED and rows:
        found.append("it was deleted and is found")
    if state is DocumentState.FAILED and document.failure is None:
        found.append("nothing says why it failed")
    held = [(row["text"], row["metadata"]) for row in rows]
    if state is DocumentState.INDEXED and held != [(newest.text, newest.metadata)]:
        found.append(f"{held} is found instead of version {newest.version}")
    return found


def _state_of(record: Record) -> DocumentState:
    if record.delete:
        return DocumentState.DELETED
    return DocumentState.FAILED if REFUSED in record.text or record.text == TOO_LONG else DocumentState.INDEXED


@dataclass(frozen=True)
class Delivery:
    """An event, and how often it was delivered before."""

    records: tuple[Record, ...]
    repeated: int = 0


class Writer(Wire):
    """A process that handles one event, in a thread of its own that takes turns with the others."""

    def __init__(self, name: str, simulation: RecordSimulation, delivery: Delivery) -> None:
        self.name = name
        self.delivery = delivery
        self.turn = threading.Semaphore(0)
        self.is_dead = False
        self.patience = Patience()
        self._simulation = simulation
        self._writer = simulation.world.writer(self)

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        if self.is_dead:
            raise Killed
        self._simulation.wait_for_turn(self)
        return self._simulation.carry(self, call, apply)

    def lag(self) -> int:
        return self._simulation.random.randint(0, 3)

    def tear(self, ids: Sequence[str]) -> Sequence[str]:
        kept = tear(self._simulation.torn, self._simulation.torn_chance, ids)
        if len(kept) < len(ids):
            self._simulation.trace.append(f"{self.name} is torn: {len(kept)} of {len(ids)} rows")
        return kept

    def run(self) -> None:
        """Handle the event, and pass the turn on."""
        self.turn.acquire()
        outcome, result = "killed", None
        try:
            result = self._writer.write(self.delivery.records, Moment(0, self.patience))
            outcome = "acknowledged"
        except Killed:
            pass
        except PlatformError as error:
            outcome = f"failed {error.code}"
        except BaseException as error:  # an internal error must not hang the others
            self._simulation.violate(f"{self.name} raised {error!r}")
        self._simulation.end(self, outcome, result)


@dataclass(frozen=True)
class Verdict:
    """What came of one seed."""

    seed: int
    violations: tuple[str, ...]
    trace: tuple[str, ...]
    steps: int

    def report(self) -> str:
        """What happened, for people."""
        return "\n  ".join((f"seed {self.seed}:", *self.trace))


@dataclass
class RecordSimulation:
    """One seed. Threads take turns: exactly one runs, and only a call of a wire passes the turn on."""

    seed: int
    world: RecordWorld = field(default_factory=RecordWorld)
    trace: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        draw = self.random.choice
        # A draw of its own, so that other histories stay as they were.
        self.torn = Random(f"torn writes of {self.seed}")
        self.torn_chance = self.torn.choice((0, 0.05, 0.3))
        self.crash, self.fail, self.hang = draw((0, 0.02, 0.08)), draw((0, 0.02, 0.08)), draw((0, 0.02))
        self.repetitions = draw((REPETITIONS, 1_000, 1_000))
        self.sent = [record for name in ("a", "b")[: draw((1, 1, 2))] for record in self._make_records(name)]
        self.sent += self._make_more() if self.torn_chance else []
        self.pending = self._make_deliveries()
        self.active: list[Writer] = []
        self.acknowledged: set[tuple[str, int]] = set()
        self.delivered = Counter[str]()
        self.given_up: list[Record] = []
        self._main = threading.Semaphore(0)
        self._count = 0

    def _make_records(self, name: str) -> list[Record]:
        versions = self.random.sample(range(1, 9), self.random.randint(2, 4))
        return [self._make_record(name, version) for version in versions]

    def _make_more(self) -> list[Record]:
        """Records whose rows are written at once, as Milvus tears only writes of several."""
        drawn = [(name, self.torn.choice((f"{name} says X", f"{name} says Y", ""))) for name in "cdecde"]
        return [
            Record(name, text, delete=not text, version=version) for version, (name, text) in enumerate(drawn, start=1)
        ]

    def _make_record(self, name: str, version: int) -> Record:
        drawn = self.random.random()
        if drawn < 0.3:
            return Record(name, delete=True, version=version)
        # Some versions have the same text, some the same content.
        text = f"{name} is {REFUSED}" if drawn < 0.4 else f"{name} says {self.random.choice('XYZ')}"
        text = TOO_LONG if drawn > 0.9 else text
        return Record(name, text, {"seen": self.random.choice((True, False))}, version=version)

    def _make_deliveries(self) -> list[Delivery]:
        deliveries = []
        for record in self.sent:
            deliveries += [Delivery((record,))] * self.random.choice((1, 1, 2))
        if self.random.random() < 0.3:
            some = self.random.sample(self.sent, 2)
            deliveries.append(Delivery(tuple(some)))
        if self.torn_chance and self.torn.random() < 0.7:  # more records whose rows are written at once
            deliveries.append(Delivery(tuple(self.torn.sample(self.sent, len(self.sent)))))
        return deliveries

    def run(self) -> Verdict:
        """Let everything happen, then judge."""
        following = self._choose()
        if following:
            following.turn.release()
            self._main.acquire()
        if not self.violations:
            self._judge()
        return Verdict(self.seed, tuple(self.violations), tuple(self.trace), self.steps)

    def violate(self, what: str) -> None:
        self.violations.append(what)
        self.trace.append(f"VIOLATION {what}")

    def wait_for_turn(self, writer: Writer) -> None:
        """Called by a writer before each call."""
        following = self._choose()
        if following is not writer and following is not None:
            following.turn.release()
            writer.turn.acquire()
        if self.violations:
            writer.is_dead = True
            raise Killed

    def end(self, writer: Writer, outcome: str, result: WriteResult | None) -> None:
        """Called by a writer that has ended; others go on."""
        self.trace.append(f"{writer.name} {outcome} {[one.outcome.value for one in result.results] if result else ''}")
        self.active.remove(writer)
        if result:
            self._check_acknowledged(writer, result)
        elif writer.delivery.repeated < self.repetitions:
            self.pending.append(Delivery(writer.delivery.records, writer.delivery.repeated + 1))
        else:
            self.given_up += writer.delivery.records
        following = self._choose()
        (following.turn if following else self._main).release()

    def carry(self, writer: Writer, call: str, apply: Callable[[], Result]) -> Result:
        """A writer's call, at its turn: it happens, or something happens to it."""
        self.steps += 1
        drawn = self.random.random()
        if drawn < self.crash:
            writer.is_dead = True
            self._half(writer, f"dies at {call}", apply)
            raise Killed
        drawn -= self.crash
        if drawn < self.fail:
            self._half(writer, f"fails at {call}", apply)
            error = ConfigurationError if self.random.random() < 0.2 else TransientError
            raise error("simulated", "The simulation refuses.")
        if drawn - self.fail < self.hang:
            writer.patience.over = True
            self._half(writer, f"hangs at {call}", apply)
            raise TransientError("simulated", "The simulation takes for ever.")
        self.trace.append(f"{writer.name} {call}")
        return apply()

    def _half(self, writer: Writer, what: str, apply: Callable[[], Any]) -> None:
        is_applied = self.random.random() < 0.5
        self.trace.append(f"{writer.name} {what}, {'applied' if is_applied else 'not applied'}")
        if is_applied:
            with suppress(Exception):
                apply()

    def _choose(self) -> Writer | None:
        """Start writers until one is due; ``None`` at rest."""
        if self.violations:
            return self.active[0] if self.active else None
        while self.pending and len(self.active) < _MOST_WRITERS and (not self.active or self.random.random() < 0.3):
            delivery = self.pending.pop(self.random.randrange(len(self.pending)))
            self._count += 1
            writer = Writer(f"w{self._count}", self, delivery)
            self.delivered.update(record.text for record in delivery.records)
            self.active.append(writer)
            self.trace.append(f"{writer.name} gets {[_name(record) for record in delivery.records]}")
            threading.Thread(target=writer.run, daemon=True).start()
        return self.random.choice(self.active) if self.active else None

    def _check_acknowledged(self, writer: Writer, result: WriteResult) -> None:
        for record, one in zip(writer.delivery.records, result.results, strict=True):
            self.acknowledged.add((record.id, record.version))
            if one.outcome is Outcome.SUPERSEDED and record.version == max(other.version for other in self._of(record)):
                self.violate(f"{_name(record)} is the highest version and was superseded")

    def _of(self, record: Record) -> list[Record]:
        return [other for other in self.sent if other.id == record.id]

    def _judge(self) -> None:
        for name in sorted({record.id for record in self.sent}):
            records = {record.version: record for record in self.sent if record.id == name}
            given_up = [record.version for record in self.given_up if record.id == name]
            if given_up:
                self._judge_given_up(name, records, given_up)
            else:
                self._judge_one(records[max(records)])
        for text, count in self.world.model.billed.items():
            if count > self.delivered[text]:
                self.violate(f"{text!r} was billed {count} times, delivered {self.delivered[text]} times")

    def _judge_one(self, newest: Record) -> None:
        for problem in self.world.wrong(newest):
            self.violate(f"{newest.id}: {problem}")

    def _judge_given_up(self, name: str, records: dict[int, Record], given_up: list[int]) -> None:
        """What was acknowledged counts, whatever others left undone; one more delivery settles the rest."""
        acknowledged = [version for id_, version in self.acknowledged if id_ == name]
        seen = self.world.look(records[max(records)])
        if acknowledged and _winner_of(seen) < max(acknowledged):
            self.violate(f"{name}: version {max(acknowledged)} was acknowledged, and {_winner_of(seen)} counts")
        again = records[self.random.choice(sorted(records))]
        self.trace.append(f"once more: {_name(again)}")
        for text in [again.text]:
            self.delivered[text] += 1
        self.world.write(again)
        winner = _winner_of(self.world.look(again))
        if winner < max([*acknowledged, again.version]) or winner not in {*acknowledged, *given_up, again.version}:
            self.violate(f"{name}: after {again.version} was delivered once more, {winner} counts")
        else:
            self._judge_one(records[winner])


def _winner_of(seen: Versions) -> int:
    """The version that counts, by what is there of it."""
    found = [mark.order for mark in (seen.failure, seen.deletion) if mark]
    return max([*found, seen.row.version if seen.row else -1])


def simulate(seed: int) -> Verdict:
    """Run one seed."""
    with simulated():
        return RecordSimulation(seed).run()


def _simulate_all(seeds: Sequence[int]) -> list[Verdict]:
    verdicts = (simulate(seed) for seed in seeds)
    return [one if one.violations else Verdict(one.seed, (), (), one.steps) for one in verdicts]


def main() -> int:
    """Simulate many seeds and report."""
    return Simulated("writers of records", _simulate_all).conclude("simulate-records")


def _name(record: Record) -> str:
    what = "deletion" if record.delete else repr(record.text[:_SHOWN_CHARACTERS])
    return f"{record.id}{record.version} {what}"


if __name__ == "__main__":
    sys.exit(main())

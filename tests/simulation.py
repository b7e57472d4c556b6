"""Ingestion under a scheduler that decides after every remote call who goes on, and what befalls the call.

The code of `shared.ingestion` and below is the real one, over the fakes of `tests.fakes`. A seed decides everything:
what people do to the bucket, which events are doubled, late or lost, which process dies at which call, which call
fails before or after it was applied or after some of its rows, which answer never comes, where the parser has a bug,
and whether one or two deployments with different prefixes share bucket and index. At rest the index must equal the
bucket.

    python -m tests.simulation --seeds 100000

What is checked, and when:

exact       at rest, of every key: chunks, places, vectors, metadata and record are those of the bucket's present
            version; of a version that cannot be indexed, those of the version the record names, and the failure.
            At rest means: all events handled. If events were lost, or given up after three repetitions as Function
            Compute does, or a call took effect after its caller had given it up, then: after one reconcile.
settled     then a reconcile finds nothing to do, and an event again costs no call of DashScope, no write, and at most
            three reads of Milvus.
acknowledged  a process that reports success left its key exact, unless another was at work on the same key.
readable    while one process replaces a document, it never has no chunks, and never those of three versions.
charges     rows billed are at most ``needed + 2 * largest * disturbances``, for each key. Needed: what each version
            adds to the one before, and all of one that is refused. A disturbance is a fault, or a change or a second
            process while one is at work: it may cost one process what it embedded (at most the largest version), and
            the index what an outdated process swept (as much again). Without disturbances nothing is embedded but what
            is needed. This holds because within one invocation a process embeds a version once: what it embedded of a
            good version is only swept by a process at another version, which a change brought about; what it embedded
            of a refused one it sweeps itself, and the record that it leaves keeps the next one from embedding it again.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

import msgspec

from benchmarks.report import at_most
from shared import parsing
from shared.domain.errors import ConfigurationError, InternalError, PlatformError, TransientError
from shared.domain.models import DocumentState, ObjectKey
from shared.ingestion import (
    batch,
    bucket,
    chunking,
    claiming,
    comparing,
    indexing,
    key_list,
    reconciling,
    results,
    standing,
)
from shared.ingestion.bucket import SIDECAR, document_of
from shared.ingestion.converging import Ingestion, Report
from shared.ingestion.events import Action, BackfillRequest, ObjectEvent, Span, Unknown
from shared.runtime import clock
from shared.runtime.clock import ManualClock, use
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings
from shared.store import spans
from shared.store.expressions import select_document
from tests.fakes import (
    BUCKET,
    REFUSED,
    FakeBucket,
    FakeEmbedder,
    FakeStore,
    Index,
    Model,
    Objects,
    Wire,
    parse_here,
    tear,
    vector_of,
)
from tests.seeds import Simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shared.domain.models import Chunk, Document, ObjectState, ParsedDocument
    from shared.ingestion.events import AnyEvent
    from shared.ingestion.pipeline import Parse

Result = TypeVar("Result")

# The least a chunk may have, so that short documents have several.
CHUNK_TOKENS = 32
# So few that documents of five chunks take several windows.
WINDOW = 2
_DAY = 86_400.0
_START = 1_800_000_000.0  # of the simulated clock
# How often Function Compute repeats a failed event at most; `s.yaml` asks for as many.
REPETITIONS = 3
_SETTINGS = IngestionSettings(chunk_tokens=CHUNK_TOKENS, sync_concurrency=1, batch_concurrency=1, max_deleted_share=1.0)
_MOST_PROCESSES = 4
# The share of histories in which reconciles go by parts of few documents.
_PARTED = 0.3
# The share of histories in which the clock of each process is wrong, by so many seconds at most.
_SKEWED = 0.3
_MOST_SKEW = 300.0
_skew: ContextVar[float] = ContextVar("skew", default=0.0)
_WHOLE = {
    (module, name): getattr(module, name)
    for module, name in (
        (bucket, "_KEYS_PER_PAGE"),
        (comparing, "_DOCUMENTS_PER_PART"),
        (reconciling, "_KEYS_PER_BATCH"),
        (spans, "MAX_RECORDS"),
        (reconciling, "_SAVE_SECONDS"),
        (key_list, "MAX_REMEMBERED"),
    )
}
PROFILE = FakeEmbedder(Model()).profile


# -- documents --------------------------------------------------------------------------------------------------------


def text(key: str, letters: str) -> bytes:
    """A document with one chunk for each letter; equal letters make equal chunks. ``!`` is one that is refused."""
    return "\n\n".join(_paragraph(key, letter) for letter in letters).encode()


def _paragraph(key: str, letter: str) -> str:
    subject = REFUSED if letter == "!" else f"the matter of {letter * 3}"
    name = "X" if letter == "!" else letter  # "!" would end a sentence
    return f"Paragraph {name} of the document called {key} tells, in one sentence of some length, of {subject}."


@lru_cache(maxsize=10_000)
def chunks_of(
    key: str, content: bytes, profile: str = PROFILE, size: int = CHUNK_TOKENS, bucket: str = BUCKET
) -> tuple[Chunk, ...]:
    """The chunks of a document as a fresh start would cut them."""
    if not content.strip():
        return ()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "object")
        path.write_bytes(content)
        parsed = parsing.parse(path, key)
        document_id = ObjectKey(bucket, key).document_id
        return tuple(chunking.chunk(parsed.blocks, document_id, profile, size, parsed.title))


def _texts(key: str, content: bytes) -> Counter[str]:
    return Counter(chunk.text for chunk in chunks_of(key, content))


def _indexable(key: str, content: bytes, problem: str) -> bool:
    return bool(chunks_of(key, content)) and REFUSED.encode() not in content and not problem


# -- time -------------------------------------------------------------------------------------------------------------


@dataclass
class Patience:
    """Whether a process has time left; simulated time knows no more."""

    over: bool = False


class Moment(Deadline, frozen=True):
    """A deadline that passes when a call hangs. There is no waiting, so nothing is repeated within a call."""

    patience: Patience = msgspec.field(default_factory=Patience)

    def remaining(self) -> float:
        return -1.0 if self.patience.over else 1e-9

    def minus(self, seconds: float) -> Deadline:
        return self

    def timeout(self, most: float) -> float:
        if self.patience.over:
            raise TransientError("deadline_exceeded", "No time is left to finish this; try again.")
        return most


def calm() -> Moment:
    """A deadline that never passes."""
    return Moment(0)


# -- the world --------------------------------------------------------------------------------------------------------


class World:
    """A bucket, a model and an index, and what must hold between them."""

    def __init__(self) -> None:
        self.objects, self.model, self.index = Objects(), Model(), Index()
        self.bucket, self.store = FakeBucket(self.objects), FakeStore(self.index)
        self.keys: list[str] = []
        # Every version a key ever had, to know what an index that answers from an older one must hold.
        self._contents: dict[tuple[str, str], bytes] = {}
        self._times: dict[str, set[int]] = {}
        self.contents: dict[str, list[bytes]] = {}

    def ingestion(
        self, wire: Wire | None = None, prefix: str = "", parse: Parse = parse_here, owner: str = ""
    ) -> Ingestion:
        """A process of its own, of the deployment for keys with a prefix."""
        return Ingestion(
            FakeBucket(self.objects, wire, prefix),
            FakeEmbedder(self.model, wire),
            FakeStore(self.index, wire),
            _SETTINGS,
            parse=parse,
            owner=owner,
        )

    def key(self, name: str) -> ObjectKey:
        return ObjectKey(BUCKET, name)

    def event(self, name: str = "a.txt") -> ObjectEvent:
        """What says that something happened to an object."""
        return ObjectEvent(self.key(name), "ObjectCreated:PutObject")

    def deliver(self, name: str = "a.txt", wire: Wire | None = None) -> list[results.Result | Report]:
        """Let a new process handle an object's event."""
        return self.ingestion(wire).handle([self.event(name)], calm())

    def put(self, name: str, content: bytes, **headers: str) -> None:
        self.objects.put(name, content, **headers)
        self._note(name)

    def remove(self, name: str) -> None:
        self.objects.remove(name)
        self._note(name)

    def _note(self, name: str) -> None:
        key = document_of(self.key(name)).key
        if key not in self.keys:
            self.keys.append(key)
        state = self.state(key)
        if state:
            self._contents[key, state.version] = self.objects.held[key].content
            self._times.setdefault(key, set()).add(state.modified)
            self.contents.setdefault(key, []).append(self.objects.held[key].content)

    def state(self, key: str) -> ObjectState | None:
        return self.bucket.state(self.key(key), calm())

    def rows(self, key: str) -> list[dict[str, Any]]:
        """The chunks the index holds of a document, in order."""
        id_ = self.key(key).document_id
        rows = self.index.rows(self.store.chunks.name).values()
        return sorted((row for row in rows if row["document_id"] == id_), key=lambda row: (row["ordinal"], row["id"]))

    def good(self, key: str) -> bool:
        """Whether the bucket holds something under ``key`` that can be indexed."""
        state = self.state(key)
        return state is not None and _indexable(key, self.objects.held[key].content, state.problem)

    def problems(self) -> list[str]:
        """What is wrong at rest."""
        ids = {self.key(key).document_id for key in self.keys}
        strangers = [row for row in self.index.rows(self.store.chunks.name).values() if row["document_id"] not in ids]
        found = [f"{len(strangers)} chunks are of no document"] if strangers else []
        return found + [f"{key}: {problem}" for key in self.keys for problem in self.wrong(key)]

    def wrong(self, key: str) -> list[str]:
        """What is wrong with one document."""
        state, rows = self.state(key), self.rows(key)
        record = self.store.registry.read(self.key(key).document_id, calm())
        if state is None or record is None:
            chunks = [f"{len(rows)} chunks of a document without record or object"] if rows else []
            return chunks + ([f"record {record}, state {state}"] if (record, state) != (None, None) else [])
        found = _wrong_record(record, state, rows)
        found += [
            f"the vector of chunk {row['ordinal']} is not that of its text"
            for row in rows
            if tuple(row["vector"]) != vector_of(f"{row['context']}\n{row['text']}" if row["context"] else row["text"])
        ]
        content = self.objects.held[key].content
        if _indexable(key, content, state.problem):
            return found + self._wrongly_indexed(key, record, state, rows)
        return found + self._wrongly_failed(key, record, rows)

    def _wrongly_indexed(
        self, key: str, record: Document, state: ObjectState, rows: Sequence[dict[str, Any]]
    ) -> list[str]:
        found = []
        wanted = [
            (chunk.id, chunk.ordinal, chunk.text, chunk.location.start, chunk.location.end)
            for chunk in chunks_of(key, self.objects.held[key].content)
        ]
        if [(row["id"], row["ordinal"], row["text"], row["start"], row["end"]) for row in rows] != wanted:
            found.append(f"it holds {_letters(rows)} instead of {len(wanted)} chunks")
        # A chunk is of the time when its row last changed.
        if any(row["metadata"] != state.metadata or row["modified"] not in self._times[key] for row in rows):
            found.append(f"chunks say {[(row['modified'], row['metadata']) for row in rows]}, the bucket {state}")
        if (record.state, record.indexed_version) != (DocumentState.INDEXED, state.version):
            found.append(f"the record is {record.state} and answers from {record.indexed_version!r}")
        if record.fingerprint != self.store.chunks.compute_fingerprint(record.id, calm()):
            found.append("the fingerprint is not that of what the index holds")
        return found

    def _wrongly_failed(self, key: str, record: Document, rows: Sequence[dict[str, Any]]) -> list[str]:
        found = []
        failure = record.failure
        if record.state is not DocumentState.FAILED or failure is None or failure.retryable or record.attempts < 1:
            found.append(f"it cannot be indexed, but its record is {record.state} with {failure}")
        elif not (record.key == key and failure.stage and failure.code and failure.message):
            found.append(f"its record does not say why it failed: {record}")
        standing = self._contents.get((key, record.indexed_version), b"") if record.indexed_version else b""
        if Counter(row["text"] for row in rows) != _texts(key, standing):
            found.append(f"it failed and answers from {record.indexed_version!r}, but holds {_letters(rows)}")
        return found

    def search(self, key: str) -> list[str]:
        """The texts a search finds of a document."""
        within = select_document(self.key(key).document_id)
        hits = self.store.chunks.search_dense(vector_of("?"), 100, within, calm())
        return [hit.text for hit in hits]


def _wrong_record(record: Document, state: ObjectState, rows: Sequence[dict[str, Any]]) -> list[str]:
    found = []
    if (record.version, record.etag, record.modified) != (state.version, state.etag, state.modified):
        found.append(f"the record is of {record.version} at {record.modified}, the bucket has {state}")
    if record.chunks != len(rows):
        found.append(f"the record says {record.chunks} chunks, there are {len(rows)}")
    return found


def _letters(rows: Sequence[dict[str, Any]]) -> str:
    """Rows in few words: a letter and a place each."""
    return " ".join(f"{row['text'][10:11]}@{row['ordinal']}" for row in rows) or "nothing"


# -- processes --------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone; nothing it would have done happens any more."""


@dataclass(frozen=True)
class Delivery:
    """An invocation: events, and how often they were delivered before."""

    events: tuple[AnyEvent, ...]
    repeated: int = 0

    def names(self, keys: Sequence[str]) -> list[str]:
        """The documents it may touch."""
        if any(isinstance(event, Action | BackfillRequest) for event in self.events):
            return list(keys)
        return [document_of(event.key).key for event in self.events if isinstance(event, ObjectEvent)]


@dataclass(frozen=True)
class Chances:
    """What may befall a call, and an event."""

    crash: float
    fail: float
    hang: float
    late: float
    lost: float
    doubled: float
    stale: float
    repetitions: int
    broken: float
    joined: float


@dataclass
class _Before:
    """What a process found of a document when it began, to judge what it did to it."""

    ids: frozenset[str]
    contents: int
    alone: bool = True
    good: bool = True
    changes: int = 0
    asked_at: int = -1


class Process(Wire):
    """An instance of the function, which handles one invocation at a time: its wire, and its turn to go on."""

    def __init__(self, name: str, simulation: Simulation, prefix: str) -> None:
        self.name = name
        self.prefix = prefix
        self.turn = threading.Lock()
        self.turn.acquire()
        self.dead = False
        self.patience = Patience()
        self.delivery = Delivery(())
        self.found: dict[str, _Before] = {}
        self.skew = simulation.draw_skew()
        self._simulation = simulation
        self.ingestion = simulation.world.ingestion(self, prefix, self._parse)

    def _parse(self, path: Path, key: str, limits: parsing.Limits, deadline: Deadline) -> ParsedDocument:
        self._simulation.break_parser(self, key)
        return parse_here(path, key, limits, deadline)

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        if self.dead:
            raise Killed
        self._simulation.wait_for_turn(self)
        return self._simulation.carry(self, call, apply)

    def lag(self) -> int:
        return self._simulation.lag()

    def tear(self, ids: Sequence[str]) -> Sequence[str]:
        return self._simulation.tear(self, ids)

    def handle(self) -> Sequence[object]:
        """Handle the delivery."""
        events = [event for event in self.delivery.events if not isinstance(event, BackfillRequest)]
        return self.ingestion.handle(events, Moment(0, self.patience))

    def run(self) -> None:
        """Handle the delivery, and pass the turn on."""
        _skew.set(self.skew)
        self.turn.acquire()
        outcome = "acknowledged"
        try:
            for result in self.handle():
                if isinstance(result, Report) and (result.unfinished or result.left):
                    outcome = "left something to the next reconcile"
                elif isinstance(result, Report) and self._simulation.has_parts and outcome == "acknowledged":
                    outcome = "compared part by part"
        except Killed:
            outcome = "killed"
        except PlatformError as error:
            outcome = f"failed {error.code}"
        except BaseException as error:  # a defect: it must not hang the others
            self._simulation.violate(f"{self.name} raised {error!r}")
            outcome = "defect"
        self._simulation.ended(self, outcome)


# -- the scheduler ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What came of one seed."""

    seed: int
    violations: tuple[str, ...]
    trace: tuple[str, ...]
    steps: int
    billed: int
    needed: int
    reconciled: bool

    def report(self) -> str:
        """What happened, for people."""
        return "\n  ".join((f"seed {self.seed}:", *self.trace))


class Simulation:
    """One seed. Threads take turns: exactly one runs, and only a call of a wire passes the turn on."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.world = World()
        # Some histories are of two deployments on one bucket and one collection.
        self.prefixes = self.random.choice((("",), ("",), ("one/", "two/")))
        names = ["a.txt", "b.txt", "c.txt"][: self.random.randint(1, 3)]
        self.names = [f"{self.random.choice(self.prefixes)}{name}" for name in names]
        self.world.keys += self.names
        self.chances = self._draw_chances()
        # Some reconciles go by parts of one document and keep their cursor after each; these verify chunks only when
        # nothing else is to be done, and what they have passed may change before they end.
        drawn = Random(f"parts of {seed}")
        self.has_parts = drawn.random() < _PARTED
        _set_whole()
        if self.has_parts:
            _set_parts(drawn.choice((1, 2)), -1.0, drawn.choice((1, 2)))
        self._asked = drawn
        self._clocks = Random(f"clocks of {seed}")
        # Of these histories, in so many writes of several rows some are written, and then Milvus fails.
        self._torn = Random(f"torn writes of {seed}")
        self._torn_chance = self._torn.choice((0, 0.03, 0.2))
        self.are_clocks_wrong = self._clocks.random() < _SKEWED
        # From so many documents on, an invocation converges them together.
        batch._LEAST_DOCUMENTS = self.random.choice((1, 2, 4))
        self.trace: list[str] = []
        self.violations: list[str] = []
        self.steps = 0
        self.lost = False
        self.active: list[Process] = []
        self.idle: list[Process] = []
        self.pending: list[Delivery] = []
        self.late: list[tuple[str, tuple[str, ...], Callable[[], Any]]] = []
        self.changes_left = self.random.randint(2, 7)
        self.changes = Counter[str]()
        self.needed = Counter[str]()
        self.largest = Counter[str]()
        self.disturbed = Counter[str]()
        self._held: dict[str, Counter[str]] = {}
        self._turn = threading.Lock()
        self._turn.acquire()
        self._processes = 0

    def _draw_chances(self) -> Chances:
        draw = self.random.choice
        return Chances(
            crash=draw((0, 0, 0.03, 0.1)),
            fail=draw((0, 0, 0.03, 0.1)),
            hang=draw((0, 0, 0.02)),
            late=draw((0, 0, 0, 0.02)),
            lost=draw((0, 0, 0.3)),
            doubled=draw((0, 0.3)),
            stale=draw((0.5, 1)),
            repetitions=draw((REPETITIONS, REPETITIONS, 0)),
            broken=draw((0, 0, 0.1)),
            joined=draw((0, 0.1, 0.6)),
        )

    def run(self) -> Verdict:
        """Let everything happen, then judge."""
        self._pass_on(self._choose())
        if not self.violations:
            self._judge()
        return Verdict(
            self.seed, tuple(self.violations), tuple(self.trace), self.steps, self.world.model.rows,
            self.needed.total(), self.lost,
        )  # fmt: skip

    def violate(self, what: str) -> None:
        self.violations.append(what)
        self.trace.append(f"VIOLATION {what}")

    # -- turns --------------------------------------------------------------------------------------------------------

    def _choose(self) -> Process | None:
        """Let the world act until a process is due; ``None`` at rest."""
        while not self.violations:
            acts: list[Callable[[], None]] = []
            if self.changes_left:
                acts.append(self._change)
            if self.pending and len(self.active) < _MOST_PROCESSES:
                acts.append(self._deliver)
            if self.late:
                acts.append(self._apply_late)
            acts += self._find_acts()
            if acts and (not self.active or self.random.random() < 0.2):
                self.random.choice(acts)()
            elif self.active:
                return self.random.choice(self.active)
            else:
                return None
        return self.active[0] if self.active else None

    def _find_acts(self) -> list[Callable[[], None]]:
        """What else the world may do now."""
        return []

    def _pass_on(self, following: Process | None) -> None:
        """Main's own way of letting another go on: it comes back at rest."""
        if following:
            following.turn.release()
            self._turn.acquire()

    def wait_for_turn(self, process: Process) -> None:
        """Called by a process before each call."""
        following = self._choose()
        if following is not process and following is not None:
            following.turn.release()
            process.turn.acquire()
        if self.violations:
            process.dead = True
            raise Killed

    def ended(self, process: Process, outcome: str) -> None:
        """Called by a process after its invocation has ended; others go on."""
        self.trace.append(f"{process.name} {outcome}")
        self.active.remove(process)
        if not self.violations:
            if outcome == "acknowledged":
                self._check_acknowledged(process)
            elif outcome.startswith("left"):
                self.lost = True
            elif not outcome.startswith("compared"):
                self._repeat(process.delivery)
            if not process.dead and not process.patience.over:
                self.idle.append(process)
        following = self._choose()
        (following.turn if following else self._turn).release()

    # -- what happens -------------------------------------------------------------------------------------------------

    def _change(self) -> None:
        """A user changes the bucket; the event is published."""
        self.changes_left -= 1
        draw = self.random.choice
        name = draw(self.names)
        kind = self.random.random()
        if kind < 0.65:
            letters = draw(("ABC", "ABCDE", "BAC", "AABB", "CDE", "A", "A!C", "ABCD!", "", "ABXCDE"))
            headers = {"x-oss-meta-team": "harbour"} if self.random.random() < 0.1 else {}
            what, event = f"put {name} {letters or 'nothing'}", "ObjectCreated:PutObject"
            self.world.put(name, text(name, letters), **headers)
        elif kind < 0.8:
            what, event = f"remove {name}", "ObjectRemoved:DeleteObject"
            self.world.remove(name)
        else:
            metadata = draw(('{"team": "harbour"}', '{"team": "office"}', "[broken", ""))
            beside = name + SIDECAR
            what, event = f"sidecar of {name}: {metadata or 'removed'}", "ObjectCreated:PutObject"
            if metadata:
                self.world.put(beside, metadata.encode())
            else:
                self.world.remove(beside)
            self._publish(ObjectEvent(self.world.key(beside), event))
        self.trace.append(what)
        if kind < 0.8:
            self._publish(ObjectEvent(self.world.key(name), event))
        self._reckon(name)

    def _reckon(self, name: str) -> None:
        """Count the rows this change makes necessary at most, and note it with those at work on the document."""
        self.changes[name] += 1
        state = self.world.state(name)
        content = self.world.objects.held[name].content if state else b""
        wanted = _texts(name, content) if state and not state.problem else Counter()
        embedded = Counter({text: count for text, count in wanted.items() if REFUSED not in text})
        good = state is None or self.world.good(name)
        # What is refused is embedded for nothing: all of it, should the version before never have been seen.
        self.needed[name] += (embedded - (self._held.get(name, Counter()) if good else Counter())).total()
        self.largest[name] = max(self.largest[name], embedded.total())
        if good:
            self._held[name] = embedded
        for process in self.active:
            if name in process.found:
                process.found[name].good &= self.world.good(name)
                self.disturbed[name] += 1

    def _publish(self, event: ObjectEvent) -> None:
        if self.random.random() < self.chances.lost:
            self.lost = True
            self.trace.append("  its event is lost")
            return
        copies = 1 + (self.random.random() < self.chances.doubled)
        self.pending += [Delivery((event,))] * copies
        if self.random.random() < 0.05 or (self.has_parts and self._asked.random() < 0.4):
            times = self.random.randint(1, 2)
            self.pending += [Delivery((self._draw_reconcile(),))] * times
        if self.random.random() < 0.05:
            self.pending.append(Delivery((Unknown("poison"), event)))

    def _draw_reconcile(self) -> Action:
        """A reconcile; of those by parts, some are of a range of keys, and some only count."""
        if not self.has_parts:
            return Action("reconcile")
        span = self._asked.choice((Span(), Span(), Span(until=self.names[0]), Span(after=self.names[0])))
        return Action("reconcile", seconds=self._asked.choice((None, None, 0)), span=span)

    def _deliver(self) -> None:
        """One of the pending events arrives, whichever; sometimes with others, sometimes a copy comes ages later."""
        delivery = self.pending.pop(self.random.randrange(len(self.pending)))
        prefix = self._prefix(delivery)
        while self.pending and not delivery.repeated and self.random.random() < self.chances.joined:
            at = self.random.randrange(len(self.pending))
            if self._prefix(self.pending[at]) == prefix:
                joined = self.pending.pop(at)
                delivery = Delivery(delivery.events + joined.events, joined.repeated)
            else:
                break
        if self.random.random() < self.chances.doubled / 5:
            self.pending.append(delivery)
        process = self._process(prefix or self.random.choice(self.prefixes))
        process.delivery, process.patience, process.found = delivery, Patience(), {}
        for name in delivery.names([name for name in self.names if name.startswith(process.prefix)]):
            others = [other for other in self.active if name in other.found]
            rows = self.world.rows(name)
            contents = max(0, len(self.world.contents.get(name, ())) - 1)
            before = _Before(frozenset(row["id"] for row in rows), contents, good=self.world.good(name))
            before.alone = not others and not any(name in names for _, names, _ in self.late)
            for other in others:
                other.found[name].alone = False
            self.disturbed[name] += len(others)
            process.found[name] = before
        self.active.append(process)
        if self.random.random() < self.chances.doubled / 3:  # those that are at work lose their claims
            clock.sleep(claiming.CLAIM_SECONDS)
        self.trace.append(f"{process.name} gets {_named(delivery)}")
        threading.Thread(target=process.run, daemon=True).start()

    def _prefix(self, delivery: Delivery) -> str:
        """Of the deployment an invocation is for; empty where any may take it."""
        keys = [event.key.key for event in delivery.events if isinstance(event, ObjectEvent)]
        return next((prefix for prefix in self.prefixes if keys and keys[0].startswith(prefix)), "")

    def _process(self, prefix: str) -> Process:
        idle = [process for process in self.idle if process.prefix == prefix]
        if idle and self.random.random() < 0.7:
            self.idle.remove(idle[-1])
            return idle[-1]
        self._processes += 1
        return self._make_process(f"p{self._processes}", prefix)

    def _make_process(self, name: str, prefix: str) -> Process:
        return Process(name, self, prefix)

    def draw_skew(self) -> float:
        """By how many seconds the clock of a process is wrong; in most histories by none."""
        return self._clocks.uniform(-_MOST_SKEW, _MOST_SKEW) if self.are_clocks_wrong else 0.0

    def break_parser(self, process: Process, key: str) -> None:
        """An internal error, perhaps: the document is tried again, and is never condemned for it."""
        if self.random.random() < self.chances.broken:
            self.disturbed.update(process.found.keys())
            self.trace.append(f"{process.name} breaks at {key}")
            raise InternalError("internal_error", "The simulation has a bug.")

    def _repeat(self, delivery: Delivery) -> None:
        # Claims of those that died end meanwhile, or not.
        clock.sleep(self.random.choice((0.0, claiming.CLAIM_SECONDS / 2, claiming.CLAIM_SECONDS)))
        if delivery.repeated < self.chances.repetitions:
            self.pending.append(Delivery(delivery.events, delivery.repeated + 1))
        else:
            self.lost = True
            self.trace.append("  given up")

    def _apply_late(self) -> None:
        call, names, apply = self.late.pop(0)
        self.trace.append(f"late: {call}")
        for name in names:
            self.disturbed[name] += 1
        _ignoring(apply)

    def lag(self) -> int:
        return self.random.randint(1, 4) if self.random.random() < self.chances.stale else 0

    def tear(self, process: Process, ids: Sequence[str]) -> Sequence[str]:
        """The rows of a write that are written before it fails; all of them where it does not."""
        kept = tear(self._torn, self._torn_chance, ids)
        if len(kept) < len(ids):
            self.disturbed.update(process.found.keys())
            self.trace.append(f"{process.name} is torn: {len(kept)} of {len(ids)} rows")
        return kept

    def carry(self, process: Process, call: str, apply: Callable[[], Result]) -> Result:
        """A process's call, at its turn: it happens, or something happens to it."""
        self.steps += 1
        for name, before in process.found.items():
            if call == f"oss.head {name}" or (call == "oss.list" and process.lists(name)):
                before.asked_at = self.changes[name]
        drawn, chances = self.random.random(), self.chances
        for chance, fate in ((chances.crash, self._kill), (chances.fail, self._fail), (chances.hang, self._hang)):
            if drawn < chance:
                self.disturbed.update(process.found.keys())
                fate(process, call, apply)
            drawn -= chance
        self.trace.append(f"{process.name} {call}")
        try:
            return apply()
        finally:
            self._check_readable(process, call)

    def _kill(self, process: Process, call: str, apply: Callable[[], Any]) -> None:
        process.dead = True
        self._half(process, f"dies at {call}", apply)
        raise Killed

    def _fail(self, process: Process, call: str, apply: Callable[[], Any]) -> None:
        self._half(process, f"fails at {call}", apply)
        if self.random.random() < 0.2:
            raise ConfigurationError("simulated", "The simulation refuses.")
        raise TransientError("simulated", "The simulation says no.")

    def _hang(self, process: Process, call: str, apply: Callable[[], Any]) -> None:
        process.patience.over = True
        if self.random.random() < self.chances.late * 25 and "embed" not in call:
            self.lost = True
            self.late.append((f"{process.name} {call}", tuple(process.found), apply))
            for name in process.found:
                self._not_alone(name)
        self._half(process, f"hangs at {call}", apply)
        raise TransientError("simulated", "The simulation takes for ever.")

    def _half(self, process: Process, what: str, apply: Callable[[], Any]) -> None:
        applied = self.random.random() < 0.5
        self.trace.append(f"{process.name} {what}, {'applied' if applied else 'not applied'}")
        if applied:
            _ignoring(apply)
            self._check_readable(process, what)

    def _not_alone(self, name: str) -> None:
        for process in self.active:
            if name in process.found:
                process.found[name].alone = False

    # -- what must hold -----------------------------------------------------------------------------------------------

    def _check_readable(self, process: Process, call: str) -> None:
        if "milvus.delete chunks" not in call and "milvus.upsert chunks" not in call:
            return
        for name, before in process.found.items():
            if before.alone and before.good:
                rows = self.world.rows(name)
                if before.ids and not rows:
                    self.violate(f"{name} cannot be found while {process.name} replaces it")
                if not self._is_of_two(name, before, frozenset(row["id"] for row in rows)):
                    self.violate(f"{name} is found in three versions")

    def _is_of_two(self, name: str, before: _Before, ids: frozenset[str]) -> bool:
        """Whether chunks are of two versions at most: of what was found, and of each content since."""
        contents = self.world.contents.get(name, [])[before.contents :]
        versions = [before.ids, *(frozenset(chunk.id for chunk in chunks_of(name, content)) for content in contents)]
        return any(ids <= one | other for one in versions for other in versions)

    def _check_acknowledged(self, process: Process) -> None:
        for name, before in process.found.items():
            if self._is_delayed(process, name) or self._is_waiting(process, name):
                continue
            if before.alone and before.asked_at == self.changes[name] and not self._lost_one(name):
                for problem in self.world.wrong(name):
                    self.violate(f"{process.name} acknowledged, but {name}: {problem}")

    def _is_delayed(self, process: Process, name: str) -> bool:
        """Whether a reconcile leaves a document alone because an internal error has stopped it a moment ago."""
        if not any(isinstance(event, Action) for event in process.delivery.events):
            return False
        record = self.world.store.registry.read(self.world.key(name).document_id, calm())
        return record is not None and standing.is_delayed(record)

    def _is_waiting(self, process: Process, name: str) -> bool:
        """Whether the events of a process leave a document to another one."""
        return False

    def _lost_one(self, name: str) -> bool:
        return any(name in names for _, names, _ in self.late)

    def _judge(self) -> None:
        world = self.world
        if self.lost:
            self.trace.append("reconcile")
            clock.sleep(_DAY)  # no claim is left, and no document is waiting to be tried again
            # One that remembers a single document finds what only chunks tell of in turns.
            for prefix in self.prefixes * (5 if self.has_parts else 1):
                world.ingestion(prefix=prefix).reconcile(calm())
        for problem in world.problems():
            self.violate(problem)
        if not self.violations:
            self._judge_charges()
            self._judge_settled()

    def _judge_charges(self) -> None:
        billed = Counter[str]()
        for text, count in self.world.model.billed.items():
            billed[next(name for name in self.names if f"called {name} tells" in text)] += count
        for name in self.names:
            bound = self.needed[name] + 2 * self.largest[name] * self.disturbed[name]
            if billed[name] > bound:
                self.violate(f"{name}: {billed[name]} rows were billed, at most {bound} may be")

    def _judge_settled(self) -> None:
        for prefix in self.prefixes:
            counter = CallCounter()
            ingestion = self.world.ingestion(counter, prefix)
            report = ingestion.reconcile(calm(), dry_run=True)
            if report.stale or report.orphaned:
                self.violate(f"a reconcile at rest finds {report}")
            self._judge_finished(ingestion, counter, [name for name in self.names if name.startswith(prefix)])

    def _judge_finished(self, ingestion: Ingestion, counter: CallCounter, names: list[str]) -> None:
        for name in names:
            counter.calls.clear()
            ingestion.handle([ObjectEvent(self.world.key(name), "ObjectCreated:PutObject")], calm())
            milvus = [call for call in counter.calls if call.startswith("milvus")]
            if (
                len(milvus) > 3
                or any("query" not in call for call in milvus)
                or any("embed" in c for c in counter.calls)
            ):
                self.violate(f"a finished event costs {counter.calls}")


class CallCounter(Wire):
    """Notes the calls it carries."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        self.calls.append(call)
        return apply()


class Gates(Wire):
    """Stops a process, in a thread of its own, before some of its calls: each the n-th of a name."""

    def __init__(self, world: World, *stops: tuple[str, int]) -> None:
        self.error: TransientError | None = None
        self._stops = list(stops)
        self._seen = Counter[str]()
        self._stopped, self._open = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(world,))
        self._thread.start()
        assert self._stopped.acquire(timeout=30)

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        self._seen[call] += 1
        if self._stops and self._stops[0] == (call, self._seen[call]):
            self._stops.pop(0)
            self._stopped.release()
            assert self._open.acquire(timeout=30)
        return apply()

    def go_on(self) -> None:
        """To the next stop, or to the end."""
        self._open.release()
        assert self._stopped.acquire(timeout=30)

    def _run(self, world: World) -> None:
        try:
            world.deliver(wire=self)
        except TransientError as error:  # its event would come again
            self.error = error
        finally:
            self._stopped.release()


def _set_parts(documents: int, save_seconds: float, remembered: int) -> None:
    """Let a reconcile go by parts of so many documents, and set how often it keeps its cursor."""
    values = (documents, documents, documents, documents + 1, save_seconds, remembered)
    for (module, name), value in zip(_WHOLE, values, strict=True):
        setattr(module, name, value)


def _set_whole() -> None:
    """Let a reconcile go by parts of the usual size."""
    for (module, name), value in _WHOLE.items():
        setattr(module, name, value)


def _named(delivery: Delivery) -> str:
    names = [_name(event) for event in delivery.events]
    return f"{', '.join(names)}{f' (repeated {delivery.repeated})' if delivery.repeated else ''}"


def _name(event: AnyEvent) -> str:
    if isinstance(event, ObjectEvent):
        return event.key.key
    return event.step if isinstance(event, BackfillRequest) else type(event).__name__


def _ignoring(apply: Callable[[], Any]) -> None:
    """Let a call happen without an answer to its caller."""
    with suppress(Exception):
        apply()


def _keep_nothing(_: claiming.ClaimKeeper) -> None:
    """Renew no claim by the clock of the machine: the work renews it whenever it pays for something."""


@contextmanager
def small_steps() -> Iterator[None]:
    """Documents go in windows of few chunks, and nothing is logged."""
    before, level = (indexing._WINDOW, batch._LEAST_DOCUMENTS), logging.getLogger("shared").level
    indexing._WINDOW = WINDOW
    logging.getLogger("shared").setLevel(logging.CRITICAL + 1)
    try:
        with patch.object(claiming.ClaimKeeper, "_keep", _keep_nothing):
            yield
    finally:
        indexing._WINDOW, batch._LEAST_DOCUMENTS = before
        _set_whole()
        logging.getLogger("shared").setLevel(level)


class SkewedClock(ManualClock):
    """A clock that is wrong for some processes."""

    def time(self) -> float:
        return super().time() + _skew.get()


@contextmanager
def simulated() -> Iterator[None]:
    """Small steps on a clock that advances only by sleeping: no result depends on the speed of the machine."""
    with small_steps(), use(SkewedClock(_START)):
        yield


def simulate(seed: int) -> Verdict:
    """Run one seed."""
    with simulated():
        return Simulation(seed).run()


def _simulate_all(seeds: Sequence[int]) -> list[Verdict]:
    return [_brief(simulate(seed)) for seed in seeds]


def _brief(verdict: Verdict) -> Verdict:
    """Without the trace where it is not needed."""
    if verdict.violations:
        return verdict
    return Verdict(verdict.seed, (), (), verdict.steps, verdict.billed, verdict.needed, verdict.reconciled)


def main() -> int:
    """Simulate many seeds and report."""
    simulated_ = Simulated("ingestion", _simulate_all)
    billed = sum(verdict.billed for verdict in simulated_.verdicts)
    needed = sum(verdict.needed for verdict in simulated_.verdicts)
    share = at_most("rows billed for each row needed", billed / max(1, needed), "rows", 2)
    return simulated_.conclude("simulate", [share])


if __name__ == "__main__":
    sys.exit(main())

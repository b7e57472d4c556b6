"""Backfills by batch tasks under the scheduler of `tests.simulation`, with all that can happen there.

An operator plans, tasks end as a whole, in part, late or not at all, their end is announced or not, and instances
collect what came back, in slices; meanwhile documents change and go, events and reconciles arrive, and processes die.
The code is the real one over the fakes of `tests.fakes` and `tests.fake_batches`. A seed decides everything.

    python -m tests.batch_simulation --seeds 3000

What is checked besides what `tests.simulation` does (exact, settled, acknowledged, readable):

noted       while a task runs, a note of the registry names it: nothing is ordered and then forgotten.
once        no text is in two tasks at once.
waiting     a reconcile that begins while a task runs embeds nothing that the task was asked for.
kept        a task is not forgotten while documents lack what it returned, but after several attempts.
ended       once all tasks have ended, timers leave no note and no document that waits.
charges     rows billed by calls and by tasks together are within the bound of `tests.simulation`, and the texts that
            were embedded both ways. A change of a document that waits for a task, or an event of it, is a disturbance.
"""

from __future__ import annotations

import math
import secrets
import sys
from collections import Counter
from contextlib import contextmanager
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from shared.domain.catalog import EMBEDDING_MODELS
from shared.domain.errors import ConfigurationError, PlatformError, TransientError
from shared.embedding import sources
from shared.embedding.budget import Budget
from shared.embedding.failures import ThrottledError
from shared.ingestion import backfilling, collecting, order_file
from shared.ingestion.backfill_parts import BackfillParts
from shared.ingestion.backfilling import Backfill
from shared.ingestion.bucket import document_of
from shared.ingestion.events import Action, BackfillRequest, ObjectEvent
from shared.ingestion.order_file import OrderFile
from shared.ingestion.results import BackfillReport
from shared.runtime import clock
from shared.store.schema import BATCHES_BUCKET
from tests.fake_batches import BatchService, FakeBatchTasks, ServedTask
from tests.fakes import SPACE, Wire
from tests.seeds import Simulated
from tests.simulation import Delivery, Moment, Process, Simulation, Verdict, calm, chunks_of, simulated, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from shared.ingestion.converging import Ingestion

# The defaults of the arguments that say what a task may hold.
_LIMITS: dict[str, Any] = OrderFile.__init__.__kwdefaults__ or {}
MODEL = EMBEDDING_MODELS[SPACE.model]
_MOST_PLANS = 12
# The chance that a task ends rather than that others go on.
_ENDS = 0.02
_MOST_ROUNDS = 8
_DAY = 86_400.0
_FIRST, _ALL = "", math.inf


class BatchProcess(Process):
    """An instance that backfills too."""

    def __init__(self, name: str, simulation: BatchSimulation, prefix: str) -> None:
        super().__init__(name, simulation, prefix)
        self.began = 0
        self._batches = simulation
        self._backfill = simulation.make_backfill(self.ingestion, self)

    def handle(self) -> Sequence[object]:
        results = self._backfill.handle(self.delivery.events, Moment(0, self.patience))
        for result in results:
            if isinstance(result, BackfillReport):
                self._batches.follow(self, result)
        return results


class BatchSimulation(Simulation):
    """One seed: a bucket of which some or all comes by a backfill."""

    def __init__(self, seed: int) -> None:
        self.service = BatchService(on_create=self._check_once)
        self._waited: dict[str, int] = {}
        self._created: dict[str, int] = {}
        self._plans = 0
        self._read = 0
        super().__init__(seed)
        drawn = self._drawn = Random(f"batches of {seed}")
        self._tick = drawn.choice((0.0, 0.0, 0.1))
        self._is_announced = drawn.choice((0.0, 0.5, 1.0))
        self._is_whole = drawn.choice((0.2, 0.6, 1.0))
        self._is_event = drawn.choice((0.0, 0.3, 1.0))
        collecting._KEYS_AT_ONCE = drawn.choice((1, 200))
        _LIMITS["most_lines"] = drawn.choice((3, 6, 1_000, 1_000))
        self._timers_left = drawn.choice((0, 1, 3))
        self.changes_left = drawn.choice((0, 1, 2, 4))
        self._fill()

    def _fill(self) -> None:
        """Documents that the bucket held before the deployment, and a backfill of them."""
        self.world.objects.clock = int(clock.time()) - 1_000
        for name in self.names:
            letters = self._drawn.choice(("ABC", "ABCDE", "AABB", "CDE", "A", "A!C", ""))
            self.world.put(name, text(name, letters))
            self.trace.append(f"the bucket holds {name} {letters or 'nothing'}")
            self._reckon(name)
        self.lost = True
        self._plan(_FIRST)

    def make_backfill(self, ingestion: Ingestion, wire: Wire) -> Backfill:
        """The backfill of a process."""
        tasks = FakeBatchTasks(self.service, wire)
        parts = BackfillParts(ingestion.pipeline, tasks, MODEL, SPACE.dimension, Budget(0), ingestion.locks)
        return Backfill(parts, ingestion)

    def follow(self, process: Process, found: BackfillReport) -> None:
        """Go on as the operator does, after a step."""
        planned = [event for event in process.delivery.events if _is_plan(event)]
        if planned and not found.is_done and (found.after or found.is_capped):
            self._plan(found.after)

    # -- what happens -------------------------------------------------------------------------------------------------

    def _change(self) -> None:
        clock.sleep(self._drawn.choice((1.0, 5.0, 200.0)))
        self.world.objects.clock = max(self.world.objects.clock, int(clock.time()) - 1)
        before = self.changes.copy()
        super()._change()
        for name in self.changes - before:
            self.disturbed[name] += self._waits(name)
        if self._drawn.random() < 0.4:
            self._plan(_FIRST)
        if self._drawn.random() < 0.2:
            seconds = self._drawn.choice((None, 1.0))
            self.pending.append(Delivery((Action("reconcile", seconds=seconds),)))

    def _publish(self, event: ObjectEvent) -> None:
        if self._drawn.random() < self._is_event:
            super()._publish(event)
        else:
            self.lost = True
            self.trace.append("  it was there before the deployment")

    def _plan(self, after: str) -> None:
        self._plans += 1
        if self._plans <= _MOST_PLANS:
            seconds, cost = self._drawn.choice((None, None, 0.5, 2.0)), self._drawn.choice((_ALL, _ALL, 0.00002))
            plan = BackfillRequest("plan", seconds=seconds, after=after, most_cost=cost)
            self.pending += [Delivery((plan,))] * self._drawn.choice((1, 1, 1, 2))

    def _find_acts(self) -> list[Callable[[], None]]:
        if not any(task.is_running for task in self.service.tasks):
            return []
        is_idle = not (self.active or self.pending or self.changes_left)
        if is_idle and self._timers_left:
            return [self._tick_timer]
        return [self._end_task] if is_idle or self._drawn.random() < _ENDS else []

    def _tick_timer(self) -> None:
        self._timers_left -= 1
        self.pending.append(Delivery((Action("reconcile"),)))

    def _end_task(self) -> None:
        """A task ends: whole, with texts that failed, too late for some, or without any answer."""
        clock.sleep(self._drawn.choice((0.0, 60.0, 200.0)))
        task = self._drawn.choice([task for task in self.service.tasks if task.is_running])
        if self._drawn.random() < self._is_whole:
            self.service.end(task, "completed")
        else:
            status, share = self._drawn.choice((("completed", 0.5), ("expired", 0.5), ("failed", 0.0)))
            self.service.end(task, status, lambda _: self._drawn.random() < share)
        self.trace.append(f"{task.id} ends: {task.describe()}")
        if self._drawn.random() < self._is_announced:
            seconds = self._drawn.choice((None, None, 0.5, 2.0))
            request = BackfillRequest("collect", seconds=seconds)
            self.pending += [Delivery((request,))] * self._drawn.choice((1, 2))

    def _deliver(self) -> None:
        known = {id(process) for process in self.active}
        super()._deliver()
        for process in self.active:
            if id(process) not in known:
                for name in _find_named(process.delivery):
                    self.disturbed[name] += self._waits(name)

    def _make_process(self, name: str, prefix: str) -> Process:
        return BatchProcess(name, self, prefix)

    def _process(self, prefix: str) -> Process:
        process = super()._process(prefix)
        if isinstance(process, BatchProcess):
            process.began = self.steps
        return process

    def carry(self, process: Process, call: str, apply: Callable[[], Any]) -> Any:
        clock.sleep(self._tick)
        self._see_waiting()
        billed, notes = self.world.model.billed.copy(), self.find_notes()
        result = super().carry(process, call, apply)
        self._read += call.endswith("content")
        self._check_waiting(process, self.world.model.billed - billed)
        self._check_kept([note for note in notes if note not in self.find_notes()])
        return result

    def _fail(self, process: Process, call: str, apply: Callable[[], Any]) -> None:
        drawn = self._drawn.random()
        if call.startswith("batch.post") and drawn < 0.4:  # a refusal does nothing
            self.trace.append(f"{process.name} is refused at {call}")
            raise (ThrottledError if drawn < 0.2 else ConfigurationError)("simulated", "The simulation refuses.")
        if call.startswith("batch.post"):
            self._half(process, f"gets no answer to {call}", apply)
            raise TransientError("simulated", "The simulation loses the answer.")
        super()._fail(process, call, apply)

    def _hang(self, process: Process, call: str, apply: Callable[[], Any]) -> None:
        # To create a task twice makes two: one call does so once at most, in time or late.
        super()._hang(process, call, _make_single(apply) if call.startswith("batch.post") else apply)

    # -- what must hold -----------------------------------------------------------------------------------------------

    def find_notes(self) -> list[dict[str, Any]]:
        """The notes of all tasks."""
        rows = self.world.index.rows(self.world.store.registry.name).values()
        return [row["record"]["batch"] for row in rows if row["bucket"] == BATCHES_BUCKET]

    def _see_waiting(self) -> None:
        for note in self.find_notes():
            for name in self.names if not note.get("left") else ():
                if name > note["after"] and (not note["until"] or name <= note["until"]):
                    self._waited[name] = self.steps

    def _is_waiting(self, process: Process, name: str) -> bool:
        if name in _find_named(process.delivery):
            return False
        if not any(isinstance(event, Action) for event in process.delivery.events):
            return True
        return isinstance(process, BatchProcess) and self._waited.get(name, -1) >= process.began

    def _waits(self, name: str) -> int:
        """The tasks that a document is in and that are not collected."""
        noted = {note["file_id"] for note in self.find_notes()}
        open_tasks = [task for task in self.service.tasks if task.is_running or task.file_id in noted]
        return sum(any(f"called {name} tells" in text for text in task.lines.values()) for task in open_tasks)

    def _check_readable(self, process: Process, call: str) -> None:
        super()._check_readable(process, call)
        if "batch." in call or "records" in call:
            noted = {note["file_id"] for note in self.find_notes()}
            for task in self.service.tasks:
                if task.is_running and task.file_id not in noted:
                    self.violate(f"{task.id} runs, and no note names it")

    def _check_once(self, created: ServedTask) -> None:
        self._created[created.id] = self.steps
        noted = {note["file_id"] for note in self.find_notes()}
        for task in self.service.tasks:
            if task is not created and (task.is_running or task.file_id in noted) and task.lines.keys() & created.lines:
                self.violate(f"{created.id} has texts of {task.id}")

    def _check_waiting(self, process: Process, embedded: Counter[str]) -> None:
        """A reconcile that began while a task runs embeds nothing that the task was asked for."""
        events = process.delivery.events
        if not isinstance(process, BatchProcess) or not all(isinstance(event, Action) for event in events):
            return
        planned = {note["file_id"]: note["planned"] for note in self.find_notes()}
        for task in self.service.tasks:
            if task.is_running and self._created[task.id] < process.began:
                for name in self._find_names(embedded.keys() & task.lines.values()):
                    state = self.world.state(name)
                    if state and state.modified <= planned[task.file_id]:
                        self.violate(f"{process.name} embeds what {task.id} was asked for")

    def _check_kept(self, forgotten: Sequence[dict[str, Any]]) -> None:
        """A task is not forgotten while documents lack what it returned, but after several attempts."""
        ids = {note["id"] for note in self.find_notes()}
        for note in forgotten:
            if note["id"] in ids or note["attempts"] + 1 >= collecting._MAX_ATTEMPTS:
                continue
            answered = [
                text for task in self.service.tasks if task.file_id == note["file_id"] for text in task.answered
            ]
            for name in self._find_names(answered):
                state, held = self.world.state(name), {row["id"] for row in self.world.rows(name)}
                if state and state.modified <= note["planned"] and self.world.good(name):
                    wanted = {chunk.id for chunk in chunks_of(name, self.world.objects.held[name].content)}
                    if not wanted <= held:
                        self.violate(f"{note['task_id']} is forgotten, and {name} lacks its vectors")

    def _find_names(self, texts: Iterable[str]) -> set[str]:
        """The documents of texts."""
        return {name for name in self.names for text in texts if f"called {name} tells" in text}

    def _judge(self) -> None:
        self._end_all()
        if not self.violations:
            super()._judge()

    def _end_all(self) -> None:
        """Let all tasks end and timers collect."""
        for _ in range(_MOST_ROUNDS):
            for task in self.service.tasks:
                if task.is_running:
                    self.service.end(task, "completed")
            if not self.find_notes():
                self._check_files()
                return
            clock.sleep(_DAY)
            self.trace.append("timers collect")
            for prefix in self.prefixes:
                self._collect(prefix)
        self.violate(f"tasks are left: {self.find_notes()}")

    def _check_files(self) -> None:
        """No file of requests is left of which nothing tells any more."""
        if left := [name for id_, name in self.service.names.items() if id_ in self.service.files]:
            self.violate(f"files are left: {left}")

    def _collect(self, prefix: str) -> None:
        counter = _ContentCounter()
        try:
            backfill = self.make_backfill(self.world.ingestion(prefix=prefix), counter)
            backfill.handle([Action("reconcile")], calm())
        except PlatformError as error:
            self.trace.append(f"the timer fails: {error}")
        self._read += counter.read

    def _judge_charges(self) -> None:
        billed = Counter[str]()
        for paragraph, number in (self.world.model.billed + self.service.billed + self.service.compared).items():
            billed[next(name for name in self.names if f"called {name} tells" in paragraph)] += number
        compared = self._read + 2 * self.service.compared.total()
        for name in self.names:
            bound = self.needed[name] + 2 * self.largest[name] * self.disturbed[name] + compared
            if billed[name] > bound:
                self.violate(f"{name}: {billed[name]} rows were billed, at most {bound} may be")


class _ContentCounter(Wire):
    """Counts how often answers of tasks are read."""

    read = 0

    def carry(self, call: str, apply: Callable[[], Any]) -> Any:
        self.read += call.endswith("content")
        return apply()


def _make_single(apply: Callable[[], Any]) -> Callable[[], Any]:
    """A call that has an effect the first time only."""
    left = [apply]
    return lambda: left.pop()() if left else None


def _is_plan(event: object) -> bool:
    return isinstance(event, BackfillRequest) and event.step == "plan"


def _find_named(delivery: Delivery) -> set[str]:
    """The documents that events name, and not a comparison."""
    return {document_of(event.key).key for event in delivery.events if isinstance(event, ObjectEvent)}


@contextmanager
def with_batches() -> Iterator[None]:
    """Small tasks, one text compared, and ids that a seed decides."""
    numbers = count(1)
    before = collecting._KEYS_AT_ONCE
    try:
        with (
            simulated(),
            patch.object(secrets, "token_hex", lambda size=32: f"{next(numbers):0{2 * size}x}"),
            patch.dict(_LIMITS),
            patch.object(sources, "COMPARED_TEXTS", 1),
            patch.object(order_file, "COMPARED_TEXTS", 1),
            patch.object(backfilling, "_TIMER_SHARE", 1e12),  # of a simulated deadline, which has a nanosecond
        ):
            yield
    finally:
        collecting._KEYS_AT_ONCE = before


def simulate(seed: int) -> Verdict:
    """Run one seed."""
    with with_batches():
        return BatchSimulation(seed).run()


def _simulate_all(seeds: Sequence[int]) -> list[Verdict]:
    verdicts = (simulate(seed) for seed in seeds)
    return [
        one if one.violations else Verdict(one.seed, (), (), one.steps, one.billed, one.needed, one.reconciled)
        for one in verdicts
    ]


def main() -> int:
    """Simulate many seeds and report."""
    return Simulated("backfills", _simulate_all, portion=50).conclude("simulate-backfills")


if __name__ == "__main__":
    sys.exit(main())

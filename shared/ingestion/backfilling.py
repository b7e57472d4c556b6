"""Documents embedded by batch tasks of Model Studio, at half price and without the quota.

*Plan* reads documents that the index lacks, in the order of their keys, and orders the vectors of their texts: the
note of the range of keys is written, the file of a task is uploaded, and the task is created. Until it has ended, a
reconcile leaves these documents alone. *Collect* takes what has come back and converges the documents of the range as
any other, with these vectors in place of calls: what changed meanwhile, and what failed, is embedded by calls.

A note is written before its file is uploaded and its task created. Where it is not known whether there is a task, it is
looked up, and where there is none, the file, which has the id of the note in its name, is deleted, so that the task
cannot be created any more, and the documents are planned again. So a process may die anywhere, nothing is billed twice,
and no file is left. Nothing is written to the bucket.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from shared.domain.errors import PlatformError
from shared.ingestion.collecting import Collector
from shared.ingestion.events import Action, BackfillRequest, ObjectEvent, Span
from shared.ingestion.ordering import Orderer
from shared.ingestion.results import MOST_NAMES, BackfillReport, WaitingBatch
from shared.runtime import clock
from shared.runtime.crashing import explain_crashes
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.ingestion.backfill_parts import BackfillParts
    from shared.ingestion.events import Event
    from shared.ingestion.results import Report, Result
    from shared.store.batch_notes import BatchNote

log = logging.getLogger(__name__)

# A task that was not seen to be created is looked up after the first, a file that was not seen to be uploaded after the
# second: until then another process may be at it.
_LOOK_UP_SECONDS, _LOOK_UP_FILE_SECONDS = 120.0, 900.0
_STARTING = "starting"
# What a timer's reconcile may take of its time for tasks that have ended.
_TIMER_SHARE = 0.5


class Handler(Protocol):
    """Acts on events that are about documents."""

    def handle(self, events: Sequence[Event], deadline: Deadline) -> Sequence[Result | Report]:
        """Act on every event."""


class Backfill:
    """Plans batch tasks and collects what they return: thread-safe, one per process.

    Args:
        ingestion: acts on all other events.
    """

    def __init__(self, parts: BackfillParts, ingestion: Handler) -> None:
        self._parts = parts
        self._ingestion = ingestion

    def handle(
        self, events: Sequence[Event | BackfillRequest], deadline: Deadline
    ) -> list[Result | Report | BackfillReport]:
        """Act on every event: on documents that are named, on steps of a backfill, on all else.

        A plan then leaves out what is indexed already, and a reconcile by a timer collects first what tasks returned.

        Raises:
            PlatformError: the first failure, once all have been tried: the invocation must be repeated.
        """
        results: list[Result | Report | BackfillReport] = []
        failures: list[PlatformError] = []
        steps = [event for event in events if isinstance(event, BackfillRequest)]
        named = [event for event in events if isinstance(event, ObjectEvent)]
        others = [event for event in events if not isinstance(event, BackfillRequest | ObjectEvent)]
        acts: list[Callable[[], Sequence[Result | Report | BackfillReport]]] = [
            partial(self._handle, named, deadline),
            *(partial(self._act, step, deadline) for step in steps),
            partial(self._handle, others, deadline),
        ]
        for act in acts:
            try:
                results += act()
            except PlatformError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return results

    def _handle(self, events: Sequence[Event], deadline: Deadline) -> Sequence[Result | Report]:
        if any(map(is_by_timer, events)):
            self.collect_first(deadline)
        return self._ingestion.handle(events, deadline) if events else []

    def _act(self, request: BackfillRequest, deadline: Deadline) -> list[BackfillReport]:
        try:
            with explain_crashes("backfilling"):
                return [self.act(request, deadline)]
        except PlatformError as error:
            log.warning("event_failed", extra={"code": error.code, "reason": error.message})
            raise

    def act(self, request: BackfillRequest, deadline: Deadline) -> BackfillReport:
        """Do one step of a backfill.

        Raises:
            TransientError, ConfigurationError: it cannot be done; what was done before stays.
        """
        if request.step == "plan":
            notes = self._resume(deadline)
            planned = Orderer(self._parts, request, notes, deadline).order()
            report = BackfillReport(
                after=planned.after,
                is_done=planned.is_done,
                is_capped=planned.is_capped,
                ordered_cny=planned.cost_cny,
            )
            return describe(report, [(note, "") for note in self._parts.read_notes(deadline)])
        if request.step == "collect":
            return self._collect(request.seconds, deadline)
        return describe(BackfillReport(), [(note, "") for note in self._parts.read_notes(deadline)])

    def collect_first(self, deadline: Deadline) -> None:
        """Collect in a part of the time that is left; failures are logged."""
        try:
            with explain_crashes("collecting"):
                self._collect(deadline.remaining() * _TIMER_SHARE, deadline)
        except PlatformError as error:
            log.warning("backfill_failed", extra={"code": error.code, "reason": error.message})

    def withdraw(self, deadline: Deadline) -> None:
        """Cancel all tasks and forget them: their documents wait no longer.

        What DashScope does not let us cancel keeps its note, so that the next call tries it once more.
        """
        for note in self._parts.read_notes(deadline):
            try:
                started = note if note.task_id else self._parts.look_up(note, deadline)
                if started:
                    self._parts.tasks.cancel(started.task_id, deadline)
            except PlatformError as error:
                log.warning("batch_left", extra={"batch": note.task_id, "file": note.file_id, "code": error.code})
                self._parts.delete_files(filter(None, (note.file_id,)), deadline)
            else:
                self._parts.forget(note, (note.file_id,), deadline)

    def _collect(self, seconds: float | None, deadline: Deadline) -> BackfillReport:
        """Collect what tasks that have ended returned, as far as the time allows.

        Raises:
            PlatformError: the first failure, once all have been tried.
        """
        until = deadline if seconds is None else Deadline.after(seconds)
        left: list[tuple[BatchNote, str]] = []
        total, failure = BackfillReport(), None
        for note in self._resume(deadline):
            if not note.task_id or until.remaining() <= 0:
                left.append((note, ""))
                continue
            collector = Collector(self._parts, deadline, None if seconds is None else max(0.0, until.remaining()))
            try:
                with explain_crashes("collecting"):
                    found = collector.collect(note)
            except PlatformError as error:  # it does not keep the others from being collected
                log.warning("batch_not_collected", extra={"batch": note.task_id, "code": error.code})
                failure = failure or error
                continue
            total = replace(
                total,
                converged=total.converged + found.done,
                refused=total.refused + found.refused,
                failed=total.failed + found.failed,
                usage=total.usage + found.usage,
                problem=found.problem or total.problem,
            )
            if not found.is_done:
                left.append((note, found.status))
        if failure:
            raise failure
        return describe(total, left)

    def _resume(self, deadline: Deadline) -> list[BatchNote]:
        """The notes, after those were looked up of which it is not known whether their task was created."""
        self._parts.clear(deadline)
        notes: list[BatchNote | None] = []
        for note in self._parts.read_notes(deadline):
            patience = _LOOK_UP_SECONDS if note.file_id else _LOOK_UP_FILE_SECONDS
            is_due = not note.task_id and clock.time() - note.saved >= patience
            notes.append(self._parts.look_up(note, deadline) if is_due else note)
        return [note for note in notes if note]


def describe(report: BackfillReport, notes: Sequence[tuple[BatchNote, str]]) -> BackfillReport:
    """Add to a report the tasks that are left, each with its status where it was asked for."""
    batches = [
        WaitingBatch(
            id=note.task_id,
            state=status if note.task_id else _STARTING,
            documents=note.documents,
            texts=note.texts,
            tokens=note.tokens,
            cost_cny=note.cost_cny,
        )
        for note, status in notes[:MOST_NAMES]
    ]
    documents, cost = sum(note.documents for note, _ in notes), sum(note.cost_cny for note, _ in notes)
    return replace(report, batches=tuple(batches), waiting=len(notes), waiting_documents=documents, waiting_cny=cost)


def is_by_timer(event: object) -> bool:
    """Whether an event asks for a whole reconcile, without an operator who waits."""
    if not isinstance(event, Action) or event.selection or event.dry_run:
        return False
    return event.seconds is None and event.span == Span()

"""What a batch task has returned, into the index: the same way as any document, with its vectors in place of calls."""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Usage
from shared.embedding.batch_lines import most_line_bytes, parse_line
from shared.embedding.batch_task import BatchTask
from shared.embedding.batch_tasks import MissingError
from shared.embedding.sources import KnownVectors
from shared.embedding.vector_file import VectorFile
from shared.ingestion.comparing import compare
from shared.ingestion.converging import Ingestion
from shared.ingestion.events import Span
from shared.ingestion.joint import JointIngestion
from shared.ingestion.repairing import make_repairs
from shared.runtime import clock, workspace
from shared.store.client import split

if TYPE_CHECKING:
    from shared.embedding.sources import VectorSource
    from shared.ingestion.backfill_parts import BackfillParts
    from shared.ingestion.repairing import Repairs
    from shared.ingestion.results import Result
    from shared.runtime.retrying import Deadline
    from shared.store.batch_notes import BatchNote

log = logging.getLogger(__name__)

_KEYS_AT_ONCE = 200
# Answers are kept while documents fail for the moment; after so many invocations the others are embedded by calls.
_MAX_ATTEMPTS = 5


class Collected(Struct, frozen=True):
    """What came of the answers of one task.

    Attributes:
        done: documents that were converged.
        refused: of these, documents that cannot be indexed as they are.
        failed: documents that failed for now.
        is_done: whether nothing of the task is left.
        status: of the task, as DashScope says.
        problem: why its vectors were not used.
    """

    done: int = 0
    refused: int = 0
    failed: int = 0
    is_done: bool = False
    status: str = ""
    usage: Usage = Usage()
    problem: str = ""


class Collector:
    """Takes in the answers of tasks that have ended.

    Args:
        seconds: begin no document after so long.
    """

    def __init__(self, parts: BackfillParts, deadline: Deadline, seconds: float | None) -> None:
        self._parts = parts
        self._deadline = deadline
        self._seconds = seconds
        self._delayed = 0

    def collect(self, note: BatchNote) -> Collected:
        """Converge the documents of a task, or as many as the time allows; the next invocation goes on.

        Raises:
            TransientError, ConfigurationError: the answers or the listing cannot be read.
        """
        try:
            task = self._parts.tasks.read(note.task_id, self._deadline)
        except MissingError:
            task = BatchTask(note.task_id, "unknown", reason="DashScope does not know it any more")
        if not task.has_ended and task.status != "unknown":
            return Collected(status=task.status)
        return self._take(note, task)

    def _take(self, note: BatchNote, task: BatchTask) -> Collected:
        log.info("batch_ended", extra={"batch": task.id, "status": task.status, "failed": task.failed})
        with workspace.folder() as folder, VectorFile(folder / "vectors", self._parts.dimension) as vectors:
            try:
                self._load(task, vectors)
            except MissingError:  # the note was written once more after another process was done with it
                task = replace(task, reason="they are deleted, by another process that has read them or by DashScope")
            source = KnownVectors(vectors, self._parts.pipeline.embedder, self._parts.model)
            if not len(vectors):
                problem = f"The task {task.id} has no answers ({task.status}): {task.reason or 'no reason given'}."
                return self._end(note, task, Collected(is_done=True, problem=problem))
            repairs = make_repairs(self._parts.pipeline, self._converge_with(source), self._deadline, self._seconds)
            is_whole = self._run(note, source, repairs)
        is_given_up = note.attempts + 1 >= _MAX_ATTEMPTS
        is_settled = is_given_up or not (repairs.failed or self._delayed)
        is_done = bool(source.problem) or (is_whole and not repairs.left and is_settled)
        found = Collected(
            repairs.done, repairs.refused, repairs.failed, is_done, task.status, repairs.usage, source.problem
        )
        return self._end(note, task, found)

    def _load(self, task: BatchTask, vectors: VectorFile) -> None:
        """Read the answers as they arrive; those that cannot be used count as failed.

        Raises:
            MissingError: there are none any more.
        """
        dimension, codes = self._parts.dimension, Counter[str]()
        most = most_line_bytes(dimension)
        if task.output_file_id:
            for line in self._parts.tasks.read_lines(task.output_file_id, most, self._deadline):
                answered = parse_line(line, dimension)
                if answered and answered.vector:
                    vectors.add(answered.id, answered.vector, answered.tokens)
                else:
                    codes[answered.code if answered else "malformed"] += 1
            vectors.flush()
        codes["failed"] += task.failed
        if codes.total():
            log.warning("batch_texts_failed", extra={"batch": task.id, "codes": dict(codes.most_common(10))})

    def _converge_with(self, source: VectorSource) -> partial[Result]:
        one, leader = self._parts.pipeline, self._parts.leader
        ingestion = Ingestion(
            one.bucket, source, one.store, one.settings, one.tenancy, one.parse, one.scans, one.owner,
            one.origin, self._parts.locks,
        )  # fmt: skip
        converge = JointIngestion(leader, ingestion).converge if leader else ingestion.converge
        return partial(converge, yields=True)

    def _run(self, note: BatchNote, source: KnownVectors, repairs: Repairs) -> bool:
        """Converge documents; returns whether all were begun."""
        for found in compare(self._parts.pipeline, Span(note.after, note.until), self._deadline):
            self._delayed += found.delayed
            for keys in split(found.stale, _KEYS_AT_ONCE):
                repairs.run(keys)
                if source.problem or repairs.is_over:
                    return False
        return True

    def _end(self, note: BatchNote, task: BatchTask, found: Collected) -> Collected:
        """Forget a task of which nothing is left, or note that there is more."""
        if found.problem:
            log.error("batch_unused", extra={"batch": task.id, "reason": found.problem})
        if found.is_done:
            self._parts.forget(note, (note.file_id, task.output_file_id, task.error_file_id), self._deadline)
        elif found.failed:
            tried = replace(note, attempts=note.attempts + 1, saved=clock.time())
            self._parts.pipeline.store.batches.write(tried, self._deadline)
        return found

"""What planning and collecting batch tasks have in common."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.errors import PlatformError, TransientError
from shared.embedding.failures import ThrottledError
from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.domain.catalog import EmbeddingModel
    from shared.embedding.batch_task import BatchTask
    from shared.embedding.batch_tasks import BatchTasks
    from shared.embedding.budget import Budget
    from shared.ingestion.converging import Ingestion
    from shared.ingestion.locks import DocumentLocks
    from shared.ingestion.pipeline import Pipeline
    from shared.runtime.retrying import Deadline
    from shared.store.batch_notes import BatchNote

log = logging.getLogger(__name__)
_NAME = "semantic-search"


class BackfillParts(Struct, frozen=True):
    """The parts of a backfill.

    Attributes:
        budget: what this process may spend.
        locks: those of the process's ingestion.
        leader: of a migration's new collection, the ingestion that documents pass first; ``None`` without a migration.
    """

    pipeline: Pipeline
    tasks: BatchTasks
    model: EmbeddingModel
    dimension: int
    budget: Budget
    locks: DocumentLocks
    leader: Ingestion | None = None

    @property
    def scope(self) -> str:
        """The documents of this deployment, among all that the registry may hold."""
        bucket = self.pipeline.bucket
        return "\n".join((bucket.name, bucket.prefix, bucket.suffix))

    def read_notes(self, deadline: Deadline) -> list[BatchNote]:
        """The notes of this deployment that documents wait for, in the order of their keys."""
        return [note for note in self.pipeline.store.batches.read(self.scope, deadline) if not note.left]

    def clear(self, deadline: Deadline) -> None:
        """Delete the files that a process left which ended in the middle of that."""
        for note in self.pipeline.store.batches.read(self.scope, deadline):
            if note.left:
                self._clear(note, deadline)

    def is_wanted(self, deadline: Deadline) -> bool:
        """Whether a collection still needs vectors: the new one of a migration, as long as the other one names it."""
        if self.leader is None:
            return True
        plan = self.leader.pipeline.store.plans.read(deadline)
        return plan is not None and plan.other == self.pipeline.store.space

    def start(self, note: BatchNote, deadline: Deadline) -> None:
        """Create the task of a note, once; the note stays without one where that is not known.

        Raises:
            PlatformError: there is none, and the note is gone.
        """
        try:
            task = self.tasks.create(note.file_id, note.hours, _NAME, deadline)
        except PlatformError as error:
            if isinstance(error, TransientError) and not isinstance(error, ThrottledError):
                log.warning("batch_uncertain", extra={"code": error.code, "reason": error.message})
                return
            self.forget(note, (note.file_id,), deadline)
            raise
        self._write_started(note, task, deadline)

    def look_up(self, note: BatchNote, deadline: Deadline) -> BatchNote | None:
        """Look for the task of a note that has none; where there is none, see to it that there never will be.

        A note that does not know its file was written by a process that may have ended while it uploaded the file.

        No task can be created of a file that is gone. So a process that still meant to create one cannot do so after
        this, and the next plan of the documents is the only one.

        Returns:
            The note with its task; ``None`` where there is none, and the note is gone.

        Raises:
            TransientError, ConfigurationError: DashScope cannot be asked; nothing is decided.
        """
        task = self.tasks.find(note.file_id, deadline) if note.file_id else None
        if task is None:
            for file in (note.file_id,) if note.file_id else self.tasks.find_files(name_file(note), deadline):
                self.tasks.delete_file(file, deadline)
            task = self.tasks.find(note.file_id, deadline) if note.file_id else None
        if task is None:
            self.pipeline.store.batches.delete(note, deadline)
            log.info("batch_not_started", extra={"file": note.file_id, "documents": note.documents})
            return None
        return self._write_started(note, task, deadline)

    def _write_started(self, note: BatchNote, task: BatchTask, deadline: Deadline) -> BatchNote:
        started = replace(note, task_id=task.id, saved=clock.time())
        self.pipeline.store.batches.write(started, deadline)
        log.info("batch_started", extra={"batch": task.id, "documents": note.documents, "texts": note.texts})
        return started

    def forget(self, note: BatchNote, files: Iterable[str], deadline: Deadline) -> None:
        """Remove a note and files at DashScope: the note goes last, so that no file is forgotten."""
        ended = replace(note, left=tuple(filter(None, files)), saved=clock.time())
        if ended.left:
            self.pipeline.store.batches.write(ended, deadline)
        self._clear(ended, deadline)

    def _clear(self, note: BatchNote, deadline: Deadline) -> None:
        if self.delete_files(note.left, deadline):
            self.pipeline.store.batches.delete(note, deadline)

    def delete_files(self, files: Iterable[str], deadline: Deadline) -> bool:
        """Delete files at DashScope; returns whether none is left. One that cannot be deleted does no harm."""
        is_done = True
        for file in files:
            try:
                self.tasks.delete_file(file, deadline)
            except PlatformError as error:
                log.warning("batch_file_left", extra={"file": file, "code": error.code})
                is_done = False
        return is_done


def name_file(note: BatchNote) -> str:
    """The name under which the file of a note is uploaded, which no other has."""
    return f"{_NAME}-{note.id}.jsonl"

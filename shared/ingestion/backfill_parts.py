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
        """The notes of this deployment, in the order of their keys."""
        return self.pipeline.store.batches.read(self.scope, deadline)

    def start(self, note: BatchNote, deadline: Deadline, *, is_new: bool) -> BatchNote:
        """Create the task of a note, unless it exists; the note stays without one where that is not known.

        Args:
            is_new: whether there can be none yet.

        Raises:
            TransientError, ConfigurationError: there is none, and the note is gone.
        """
        try:
            task = None if is_new else self.tasks.find(note.file_id, deadline)
            task = task or self.tasks.create(note.file_id, note.hours, _NAME, deadline)
        except PlatformError as error:
            if isinstance(error, TransientError) and not isinstance(error, ThrottledError):
                log.warning("batch_uncertain", extra={"code": error.code, "reason": error.message})
                return note
            self.forget(note, (note.file_id,), deadline)
            raise
        started = replace(note, task_id=task.id, saved=clock.time())
        self.pipeline.store.batches.write(started, deadline)
        log.info("batch_started", extra={"batch": task.id, "documents": note.documents, "texts": note.texts})
        return started

    def forget(self, note: BatchNote, files: Iterable[str], deadline: Deadline) -> None:
        """Remove a note, and then files at DashScope; one that cannot be deleted does no harm."""
        self.pipeline.store.batches.delete(note, deadline)
        for file in filter(None, files):
            try:
                self.tasks.delete_file(file, deadline)
            except PlatformError as error:
                log.warning("batch_file_left", extra={"file": file, "code": error.code})

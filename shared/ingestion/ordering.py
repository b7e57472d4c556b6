"""One batch task: the texts of documents that the index lacks, in the order of their keys, within time and cost."""

from __future__ import annotations

import contextvars
import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.disk import FULL_DISK, make_full_disk_error
from shared.domain.errors import ConfigurationError, PlatformError, RequestError, TransientError
from shared.embedding.parameters import TextType
from shared.embedding.sources import describe_difference
from shared.ingestion.backfill_parts import name_file
from shared.ingestion.comparing import compare
from shared.ingestion.events import Span
from shared.ingestion.order_file import OrderFile
from shared.ingestion.planning import read_texts
from shared.runtime import clock, workspace
from shared.runtime.crashing import explain_crashes
from shared.runtime.retrying import Deadline
from shared.store.batch_notes import BatchNote
from shared.store.client import split

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shared.domain.models import ObjectKey
    from shared.ingestion.backfill_parts import BackfillParts
    from shared.ingestion.events import BackfillRequest

log = logging.getLogger(__name__)

# Kept of the time of an invocation for uploading the file and creating the task: a quarter of it, and this at most.
_UPLOAD_SECONDS = 120.0
_FILE = "requests.jsonl"


class Planned(Struct, frozen=True):
    """How far planning has come.

    Attributes:
        after: the next invocation continues after this key.
        is_done: whether no documents are left to plan.
        is_capped: whether the next document would cost more than is allowed.
        cost_cny: what was ordered now, if all succeeds.
    """

    after: str = ""
    is_done: bool = False
    is_capped: bool = False
    cost_cny: float = 0.0


class _Reach(Struct):
    """How far a file reaches."""

    after: str
    documents: int = 0
    is_capped: bool = False
    is_whole: bool = False


class Orderer:
    """Orders the vectors of documents by one task.

    Args:
        notes: of the tasks that exist.
    """

    def __init__(
        self, parts: BackfillParts, request: BackfillRequest, notes: Sequence[BatchNote], deadline: Deadline
    ) -> None:
        self._parts = parts
        self._request = request
        self._notes = notes
        self._deadline = deadline
        self._read_by = deadline.minus(_UPLOAD_SECONDS)
        seconds = request.seconds
        self._begin_by = self._read_by if seconds is None else Deadline.after(seconds)

    def order(self) -> Planned:
        """Order the vectors of the next documents.

        Raises:
            ConfigurationError: ``batch_vectors_differ``, ``cost_cap_reached``, or DashScope refuses.
            TransientError: ``backfill_busy``: another process plans the same documents; or something is not available.
                ``disk_full``: not even one document fits.
            RequestError: ``migration_missing``: the new collection was given up meanwhile.
        """
        span = find_gap(self._notes, self._request.after)
        if span is None:
            return Planned(is_done=True)
        parts, planned = self._parts, clock.time()
        profile = parts.pipeline.embedder.profile
        with workspace.folder() as folder:
            path = folder / _FILE
            with OrderFile(path, profile, parts.model, parts.dimension, self._request.most_cost) as lines:
                reach = self._fill(lines, span)
                if lines.texts:
                    self._check_vectors(lines.samples)
                    self._begin(path, lines, Span(span.after, reach.after), planned, reach.documents)
                cost = lines.cost
        is_done = reach.is_whole and not span.until
        return Planned(reach.after, is_done=is_done, is_capped=reach.is_capped, cost_cny=cost)

    def _fill(self, lines: OrderFile, span: Span) -> _Reach:
        """Add the texts of documents until the time is over or a limit is reached."""
        reach = _Reach(span.after)
        at_once = self._parts.pipeline.settings.sync_concurrency
        with ThreadPoolExecutor(at_once, thread_name_prefix="plan") as pool:
            for found in compare(self._parts.pipeline, span, self._deadline):
                for keys in split(found.stale, at_once):
                    if self._begin_by.remaining() <= 0 or not self._add(pool, keys, lines, reach):
                        return reach
                reach.after = found.end
        reach.is_whole = True
        return reach

    def _add(self, pool: ThreadPoolExecutor, keys: Sequence[ObjectKey], lines: OrderFile, reach: _Reach) -> bool:
        """Add documents, or none of them where they do not fit; returns whether there is room for more."""
        contexts = [contextvars.copy_context() for _ in keys]  # log fields, trace and credentials
        found = list(pool.map(lambda context, key: context.run(self._read, key, lines), contexts, keys))
        if lines.is_disk_full and not reach.documents:
            raise make_full_disk_error()
        is_full = lines.is_full or lines.is_disk_full
        if lines.is_dear or (is_full and reach.documents):
            reach.is_capped = lines.is_dear
            lines.drop()
            return False
        lines.keep()  # of a document that is larger than a task, the rest is embedded by calls
        reach.after = keys[-1].key
        reach.documents += sum(found)
        return not is_full

    def _read(self, key: ObjectKey, lines: OrderFile) -> bool:
        try:
            with explain_crashes("planning"):
                return read_texts(self._parts.pipeline, key, lines.add, self._read_by)
        except ConfigurationError:
            raise
        except PlatformError as error:  # indexing meets the same, and records it
            log.info("document_not_planned", extra={"key": key.key, "code": error.code})
            lines.is_full |= error.code == FULL_DISK  # the file takes the room that the document needs
            return False

    def _check_vectors(self, texts: Sequence[str]) -> None:
        """Compare what both interfaces make of the same texts, before anything is ordered.

        Raises:
            ConfigurationError: ``batch_vectors_differ``.
        """
        parts, embedder = self._parts, self._parts.pipeline.embedder
        ordinary = embedder.embed(texts, embedder.make_parameters(TextType.DOCUMENT), self._deadline)
        dimension = parts.dimension if parts.model.takes_dimension else None
        other = parts.tasks.embed(texts, parts.model.name, dimension, self._deadline)
        problem = describe_difference(zip((one.dense for one in ordinary.complete()), other, strict=True))
        if problem:
            raise ConfigurationError("batch_vectors_differ", problem)

    def _begin(self, path: Path, lines: OrderFile, span: Span, planned: float, documents: int) -> None:
        """Note what the file is for, upload it, and create the task."""
        parts, deadline = self._parts, self._deadline
        parts.budget.reserve(lines.cost)
        try:
            note = BatchNote(
                id=secrets.token_hex(16),
                scope=parts.scope,
                after=span.after,
                until=span.until,
                planned=planned,
                file_id="",
                hours=self._request.hours,
                saved=clock.time(),
                documents=documents,
                texts=lines.texts,
                tokens=lines.tokens,
                cost_cny=lines.cost,
            )
            self._write(note)
            note = replace(note, file_id=self._upload(path, note), saved=clock.time())
            self._write(note)
            self._check_alone(note)
            parts.start(note, deadline)
        except PlatformError:
            parts.budget.settle(lines.cost, 0)
            raise

    def _upload(self, path: Path, note: BatchNote) -> str:
        try:
            return self._parts.tasks.upload(path, name_file(note), self._deadline)
        except PlatformError:
            with suppress(PlatformError):  # else it is looked up later
                self._parts.look_up(note, self._deadline)
            raise

    def _write(self, note: BatchNote) -> None:
        try:
            self._parts.pipeline.store.batches.write(note, self._deadline)
        except PlatformError:  # where it was written all the same, no task can be created of it
            self._parts.delete_files((note.file_id,), self._deadline)
            raise

    def _check_alone(self, note: BatchNote) -> None:
        """Withdraw where another process has noted some of the same documents: each sees the other, or was first.

        So it is with the end of a migration: either it sees the note, or it is seen here.
        """
        if not self._parts.is_wanted(self._deadline):
            self._parts.forget(note, (note.file_id,), self._deadline)
            raise RequestError("migration_missing", "The migration ended meanwhile: `migrate start` begins another.")
        others = [one for one in self._parts.read_notes(self._deadline) if one.id != note.id]
        if any(one.overlaps(note.after, note.until) for one in others):
            self._parts.forget(note, (note.file_id,), self._deadline)
            raise TransientError("backfill_busy", "Another backfill plans the same documents; try again later.")


def find_gap(notes: Sequence[BatchNote], after: str) -> Span | None:
    """The first range of keys after a key that waits for no task; ``None`` where there is none.

    Args:
        notes: in the order of their keys.
    """
    for note in notes:
        if note.after <= after and (not note.until or after < note.until):
            if not note.until:
                return None
            after = note.until
    return Span(after, min((note.after for note in notes if note.after > after), default=""))

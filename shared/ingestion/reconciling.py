"""All documents that differ between bucket and index.

A reconcile counts first what differs, so that a wrong listing removes nothing, and then repairs: first it indexes, so
that a renamed object keeps its vectors, then it removes. It goes by ranges of keys, in memory that does not depend on
the number of documents, and keeps a cursor from which the next invocation continues.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.ingestion.comparing import IDS, compare, verify
from shared.ingestion.ending import log_end
from shared.ingestion.events import Span
from shared.ingestion.key_list import KeyList
from shared.ingestion.repairing import make_repairs, make_too_many, make_unfinished
from shared.ingestion.results import MOST_NAMES, Counts, Report, join_reports
from shared.runtime import clock
from shared.store.client import split
from shared.store.progress import Cursor, Phase, Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.domain.models import ObjectKey
    from shared.ingestion.pipeline import Pipeline
    from shared.ingestion.repairing import Converge, Repairs
    from shared.runtime.retrying import Deadline

_KEYS_PER_BATCH = 500
_SAVE_SECONDS = 5.0
# An older cursor is not continued: what it counted no longer says much.
_MAX_CURSOR_SECONDS = 86_400.0
# The chunks of so many documents are verified in any case, and for so long at most.
_MIN_VERIFIED = 10_000
_MAX_VERIFY_SECONDS = 120.0
_DAY_SECONDS = 86_400.0
_FIRST_VERIFY_SECONDS = 3_600.0


def reconcile(
    pipeline: Pipeline, converge: Converge, span: Span, deadline: Deadline, *, dry_run: bool, seconds: float | None
) -> Report:
    """Compare listing and registry, and repair both ways; see `Ingestion.reconcile`."""
    if dry_run:
        return _Run(pipeline, converge, span, deadline, None).count()
    with log_end() as end:
        end.report = _complete(_Run(pipeline, converge, span, deadline, seconds), span, seconds)
        return end.report


def _complete(run: _Run, span: Span, seconds: float | None) -> Report:
    if run.interrupted is None:
        return run.complete(Cursor(after=span.after))
    first = run.complete(run.interrupted)
    # What was compared before the interruption may have changed since.
    return first if seconds is not None else join_reports(first, run.complete(Cursor(after=span.after)))


class _Batch(Struct, frozen=True):
    """Documents of one phase.

    Attributes:
        end: the phase is done up to this key then.
        is_last: whether the phase is done then.
    """

    phase: Phase
    keys: Sequence[ObjectKey]
    end: str
    is_last: bool


class _Run:
    """One invocation's part in a reconcile.

    Attributes:
        interrupted: the cursor of an earlier run that was interrupted.
    """

    def __init__(
        self, pipeline: Pipeline, converge: Converge, span: Span, deadline: Deadline, seconds: float | None
    ) -> None:
        self._pipeline = pipeline
        self._converge = converge
        self._span = span
        self._deadline = deadline
        self._seconds = seconds
        bucket = pipeline.bucket
        self._scope = "\n".join((bucket.name, bucket.prefix, bucket.suffix, span.after, span.until))
        self._notes = pipeline.store.batches.read("\n".join((bucket.name, bucket.prefix, bucket.suffix)), deadline)
        self._progress = pipeline.store.progress.read(self._scope, deadline) or Progress()
        self._saved = clock.monotonic()
        self._stale, self._orphaned = KeyList(), KeyList()
        # What chunks show where the lists above are full already.
        self._damaged, self._strays = KeyList(), KeyList()
        self._is_counted = False
        cursor = self._progress.cursor
        self.interrupted = cursor if cursor and 0 <= clock.time() - cursor.saved < _MAX_CURSOR_SECONDS else None

    def count(self) -> Report:
        """Only say what differs."""
        cursor = self._count(Cursor(after=self._span.after), keeps=False)
        self._verify(cursor)
        return self._report(self._add_damage(cursor))

    def complete(self, cursor: Cursor) -> Report:
        """Continue at a cursor, to the end or until the time is over.

        Raises:
            RequestError: ``too_many_deletions``.
            TransientError: ``reconcile_unfinished``, or something could not be read.
        """
        self._stale, self._orphaned = KeyList(), KeyList()
        is_whole = cursor == Cursor(after=self._span.after)
        verified = None
        self._is_counted = cursor.phase is Phase.COUNT
        if self._is_counted:
            cursor = self._count(cursor)
            if is_whole:
                verified = self._verify(cursor)
            cursor = self._begin_repairs(cursor)
        repairs = make_repairs(self._pipeline, self._converge, self._deadline, self._seconds)
        is_known = is_whole and self._is_remembered
        batches = self._list_known() if is_known else chain(self._find(cursor), self._list_damage())
        cursor, left = self._repair(cursor, repairs, batches)
        if left:
            self._save(cursor)
            if self._seconds is None:
                raise make_unfinished(left, cursor.stale + cursor.orphaned)
        else:
            self._finish(verified)
        return repairs.add_to(self._report(cursor), left)

    @property
    def _is_remembered(self) -> bool:
        return self._stale.is_complete and self._orphaned.is_complete

    def _count(self, cursor: Cursor, *, keeps: bool = True) -> Cursor:
        """Count what differs from the cursor on; ``keeps``: save how far it has come."""
        for found in compare(self._pipeline, Span(cursor.after, self._span.until), self._deadline, self._notes):
            self._stale.add(found.stale)
            self._orphaned.add(found.orphaned)
            cursor = replace(
                cursor,
                after=found.end,
                listed=cursor.listed + found.listed,
                known=cursor.known + found.known,
                stale=cursor.stale + len(found.stale),
                waiting=cursor.waiting + found.waiting,
                orphaned=cursor.orphaned + len(found.orphaned),
            )
            if keeps and found.end != self._span.until:
                self._save_when_due(cursor)
        return cursor

    def _verify(self, cursor: Cursor) -> int | None:
        """Compare chunks with records, by turns.

        Returns:
            Where the next run begins; ``None`` where nothing or everything was verified.
        """
        if self._span != Span():
            return None
        stale, orphaned = (self._stale, self._orphaned) if self._is_remembered else (self._damaged, self._strays)
        share = self._choose_share(cursor.known)
        start = 0 if share >= 1 else self._progress.verified % IDS
        size = min(IDS, int(IDS * share))
        until, began, reached = start + size, clock.monotonic(), start
        different = {key.document_id for key in (*self._stale.kept, *self._orphaned.kept)}
        for first, last in ((start, min(until, IDS)), (0, max(0, until - IDS))):
            for found in verify(self._pipeline, first, last, cursor.known, self._deadline):
                damaged = [key for key in found.damaged if key.document_id not in different]
                strays = [key for key in found.strays if key.document_id not in different]
                if not (stale.take(damaged) and orphaned.take(strays)):
                    return reached  # the next run verifies this range again
                reached = found.end
                if clock.monotonic() - began > _MAX_VERIFY_SECONDS:
                    return reached
        return None if share >= 1 else reached

    def _choose_share(self, known: int) -> float:
        """The share of documents to verify now, so that each is verified within the days that are set."""
        since = clock.time() - self._progress.verified_at if self._progress.verified_at else _FIRST_VERIFY_SECONDS
        days = self._pipeline.settings.verify_days
        return max(_MIN_VERIFIED / max(known, 1), since / (days * _DAY_SECONDS))

    def _begin_repairs(self, cursor: Cursor) -> Cursor:
        """The cursor at the beginning of the repairs, unless too much would be removed."""
        cursor = replace(self._add_damage(cursor), phase=Phase.INDEX, after=self._span.after)
        self._check_deletions(cursor.orphaned, cursor.known)
        if cursor.stale + cursor.orphaned:
            self._save_when_due(cursor)
        return cursor

    def _add_damage(self, cursor: Cursor) -> Cursor:
        """Count what chunks have shown too."""
        strays = max(0, self._orphaned.total - cursor.orphaned) + self._strays.total
        return replace(
            cursor,
            known=cursor.known + strays,
            stale=max(cursor.stale, self._stale.total) + self._damaged.total,
            orphaned=cursor.orphaned + strays,
        )

    def _check_deletions(self, orphaned: int, total: int) -> None:
        if orphaned > self._pipeline.settings.max_deleted_share * total:
            self._finish(None)
            raise make_too_many((*self._orphaned.names, *self._strays.names), orphaned, total)

    def _list_known(self) -> Iterator[_Batch]:
        """What was counted, as it is remembered."""
        yield from _divide(Phase.INDEX, self._stale.kept, "", is_last=True)
        yield from _divide(Phase.REMOVE, self._orphaned.kept, "", is_last=True)

    def _list_damage(self) -> Iterator[_Batch]:
        """What chunks have shown; a run that is interrupted here finds it again when it is their turn."""
        for phase, found in ((Phase.INDEX, self._damaged), (Phase.REMOVE, self._strays)):
            yield from (_Batch(phase, keys, "", is_last=True) for keys in split(found.kept, _KEYS_PER_BATCH))

    def _find(self, cursor: Cursor) -> Iterator[_Batch]:
        """What differs from the cursor on, found part by part."""
        until = self._span.until
        if cursor.phase is Phase.INDEX:
            for found in compare(self._pipeline, Span(cursor.after, until), self._deadline, self._notes):
                if not self._is_counted:
                    self._stale.add(found.stale)
                yield from _divide(Phase.INDEX, found.stale, found.end, is_last=found.end == until)
        if cursor.orphaned:
            after = cursor.after if cursor.phase is Phase.REMOVE else self._span.after
            for found in compare(self._pipeline, Span(after, until), self._deadline, self._notes):
                if not self._is_counted:
                    self._orphaned.add(found.orphaned)
                yield from _divide(Phase.REMOVE, found.orphaned, found.end, is_last=found.end == until)

    def _repair(self, cursor: Cursor, repairs: Repairs, batches: Iterable[_Batch]) -> tuple[Cursor, int]:
        """Repair batch by batch; returns how far it has come, and how many documents are left."""
        if not cursor.stale + cursor.orphaned:
            return cursor, 0
        for batch in batches:
            if repairs.is_over:
                return cursor, max(1, cursor.stale + cursor.orphaned - cursor.indexed - cursor.removed)
            if batch.phase is Phase.REMOVE:
                self._check_deletions(cursor.removed + len(batch.keys), cursor.known)
                if self._progress.cursor:  # a process that dies may have removed them
                    self._save(replace(cursor, removed=cursor.removed + len(batch.keys)))
            tried = repairs.run(batch.keys)
            if batch.phase is Phase.INDEX:
                cursor = replace(cursor, indexed=cursor.indexed + tried)
            else:
                cursor = replace(cursor, removed=cursor.removed + tried)
            if not repairs.left:
                cursor = self._advance(cursor, batch)
                self._save_when_due(cursor)
        return cursor, repairs.left

    def _advance(self, cursor: Cursor, batch: _Batch) -> Cursor:
        if not batch.is_last:
            return replace(cursor, phase=batch.phase, after=batch.end)
        return replace(cursor, phase=Phase.REMOVE, after=self._span.after)

    def _save_when_due(self, cursor: Cursor) -> None:
        if clock.monotonic() - self._saved >= _SAVE_SECONDS:
            self._save(cursor)

    def _save(self, cursor: Cursor) -> None:
        self._write(replace(self._progress, cursor=replace(cursor, saved=clock.time())))
        self._saved = clock.monotonic()

    def _finish(self, verified: int | None) -> None:
        """Keep no cursor any more, and where the next run begins to verify chunks."""
        progress = replace(self._progress, cursor=None)
        if verified is not None:
            progress = replace(progress, verified=verified, verified_at=clock.time())
        if progress != self._progress:
            self._write(progress)

    def _write(self, progress: Progress) -> None:
        self._pipeline.store.progress.write(self._scope, progress, self._deadline)
        self._progress = progress

    def _report(self, cursor: Cursor) -> Report:
        stale, orphaned = max(cursor.stale, self._stale.total), max(cursor.orphaned, self._orphaned.total)
        counts = Counts(stale=stale, orphaned=orphaned, waiting=cursor.waiting)
        to_index, to_remove = self._stale.names + self._damaged.names, self._orphaned.names + self._strays.names
        return Report(cursor.listed, to_index[:MOST_NAMES], to_remove[:MOST_NAMES], counts=counts)


def _divide(phase: Phase, keys: Sequence[ObjectKey], end: str, *, is_last: bool) -> Iterator[_Batch]:
    """Batches of a part of a phase, which ends at a key; one without keys where it has none."""
    batches = list(split(keys, _KEYS_PER_BATCH)) or [[]]
    for batch in batches[:-1]:
        yield _Batch(phase, batch, batch[-1].key, is_last=False)
    yield _Batch(phase, batches[-1], end, is_last)

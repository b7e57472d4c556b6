"""One document converges to what the bucket holds, and a reconcile does so for all.

An event only says where to look. The bucket's present state is the target, and before success is reported the bucket
is asked once more; so events may come twice, late, in any order or side by side.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.errors import PlatformError, RequestError, TransientError
from shared.domain.models import DocumentState, Usage
from shared.domain.tenants import Tenancy
from shared.ingestion.bucket import ChangedError, document_of
from shared.ingestion.events import Action, ObjectEvent, Unknown
from shared.ingestion.indexing import Attempt, Outcome, Parse, Pipeline, Result
from shared.parsing import parse_bounded
from shared.runtime import logs
from shared.runtime.retrying import Deadline
from shared.store.expressions import select_bucket
from shared.store.fingerprints import EMPTY_FINGERPRINT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.domain.models import Document, Failure, ObjectKey, ObjectState
    from shared.embedding.embedder import Embedder
    from shared.ingestion.bucket import Bucket
    from shared.ingestion.events import Event
    from shared.runtime.settings import IngestionSettings
    from shared.store.chunks import DocumentFingerprint
    from shared.store.store import Store

log = logging.getLogger(__name__)

# An object that changes under our hands more often than this is left to the next event.
_MOST_ROUNDS = 5
# Documents share locks by their id, so that the locks need no keeping; two that meet wait, no more.
_LOCKS = 256
_SHOWN_NAMES = 20
_NO_TENANTS = Tenancy()


class Report(Struct, frozen=True):
    """What a reconcile found and did.

    Attributes:
        listed: objects in the bucket.
        stale: keys whose content the index does not hold.
        orphaned: keys the index holds and the bucket does not.
        results: what was done about them; empty for a dry run.
        unfinished: keys left to the next run because something failed.
        left: how many more were not begun in the time given.
        usage: what the repairs cost altogether.
    """

    listed: int
    stale: tuple[str, ...]
    orphaned: tuple[str, ...]
    results: tuple[Result, ...] = ()
    unfinished: tuple[str, ...] = ()
    left: int = 0
    usage: Usage = Usage()


class Ingestion:
    """The use case of the ingest function: thread-safe, one per process."""

    def __init__(
        self,
        bucket: Bucket,
        embedder: Embedder,
        store: Store,
        settings: IngestionSettings,
        tenancy: Tenancy = _NO_TENANTS,
        parse: Parse = parse_bounded,
    ) -> None:
        self._pipeline = Pipeline(bucket, embedder, store, settings, tenancy, parse)
        self._tenancy = tenancy
        self._bucket = bucket
        self._embedder = embedder
        self._store = store
        self._settings = settings
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def handle(self, events: Iterable[Event], deadline: Deadline) -> list[Result | Report]:
        """Act on every event; one that fails does not keep the others from being handled.

        Raises:
            PlatformError: the first failure, once all have been tried: the invocation must be repeated.
        """
        results: list[Result | Report] = []
        failures: list[PlatformError] = []
        for event in events:
            try:
                results.extend(self._handle(event, deadline))
            except PlatformError as error:
                log.warning("event_failed", extra={"code": error.code, "reason": error.message})
                failures.append(error)
        if failures:
            raise failures[0]
        return results

    def _handle(self, event: Event, deadline: Deadline) -> list[Result | Report]:
        match event:
            case Unknown(reason):
                raise RequestError("unknown_event", f"Nothing can be done with this event: {reason}.")
            case Action(dry_run=dry_run, seconds=seconds):
                return [self.reconcile(deadline, dry_run=dry_run, seconds=seconds)]
            case ObjectEvent(named):
                candidates = [key for key in _readings(document_of(named)) if self._bucket.owns(key)]
                if not candidates:
                    raise RequestError(
                        "foreign_object", "The event is about another bucket or prefix than OSS_BUCKET's."
                    )
                return [self.converge(key, deadline) for key in self._meant(candidates, deadline)]

    def _meant(self, candidates: Sequence[ObjectKey], deadline: Deadline) -> Sequence[ObjectKey]:
        """The key as it came, if the bucket holds it; else all it may mean: whether keys come encoded is not said."""
        as_it_came = candidates[:1]
        if len(candidates) == 1 or self._bucket.state(candidates[0], deadline) is not None:
            return as_it_came
        return candidates

    def converge(self, key: ObjectKey, deadline: Deadline) -> Result:
        """Bring the index to what the bucket holds under ``key``.

        Raises:
            TransientError: something failed that may succeed later; the record says what.
            ConfigurationError: likewise, once someone has mended the deployment.
        """
        with logs.bind(key=key.key, document_id=key.document_id), self._turn(key, deadline):
            total = Result(key.key, Outcome.UNCHANGED)
            state = self._state(key, deadline)
            known: Failure | None = None
            for _ in range(_MOST_ROUNDS):
                try:
                    fresh = self._converge_to(key, state, known, deadline)
                except ChangedError:
                    state, known = self._state(key, deadline), None
                    continue
                total = _added(total, fresh)
                seen, state = state, self._state(key, deadline)
                known = fresh.failure if _version(seen) == _version(state) else None
                # A failure is looked at once more: what stays of the version before depends on who else was at it.
                if _version(seen) == _version(state) and not fresh.failure:
                    log.info("document_converged", extra={"outcome": total.outcome, "chunks": total.chunks})
                    return total
            raise TransientError("object_changing", "The object keeps changing; it will be looked at again.")

    def reconcile(self, deadline: Deadline, *, dry_run: bool = False, seconds: float | None = None) -> Report:
        """Compare the whole listing with the whole registry, and repair both ways, several documents at once.

        With ``seconds`` no document is begun after so long: what is left is counted, and the next run goes on there.
        Without, all must be done by the deadline.

        Raises:
            RequestError: ``too_many_deletions``: a larger share of the index than allowed would go.
            TransientError: the listing or the registry could not be read whole, so nothing was done;
                ``reconcile_unfinished``: the deadline came first.
        """
        listed = {state.key.document_id: state for state in self._bucket.documents(deadline)}
        known = {
            document.id: document
            for document in self._store.registry.read_all(select_bucket(self._bucket.name), deadline)
        }
        census = self._store.chunks.read_fingerprints(self._bucket.name, deadline)
        stale = [
            state.key for id_, state in listed.items() if not self._settled(known.get(id_), state, census.get(id_))
        ]
        # A process that died behind a removal may leave chunks that no record tells of.
        names = {id_: found.key for id_, found in census.items()}
        names |= {id_: document.key for id_, document in known.items()}
        orphaned = [self._bucket.key(name) for id_, name in names.items() if id_ not in listed]
        report = Report(len(listed), _names(stale), _names(orphaned))
        if dry_run:
            return report
        if len(orphaned) > self._settings.max_deleted_share * len(names):
            raise RequestError(
                "too_many_deletions",
                f"{len(orphaned)} of {len(names)} documents would be removed, more than RECONCILE_MAX_DELETED_SHARE "
                f"allows: {_shown(report.orphaned)}. Raise the share if that is right; "
                '{"action": "reconcile", "dry_run": true} lists everything that would be done.',
            )
        keys = [*orphaned, *stale]
        report = self._repair(report, keys, deadline, deadline if seconds is None else Deadline.after(seconds))
        if report.left and seconds is None:
            left = f"{report.left} of {len(keys)} documents are left; the next run goes on there."
            raise TransientError("reconcile_unfinished", left)
        return report

    def _repair(self, report: Report, keys: Sequence[ObjectKey], deadline: Deadline, begin_by: Deadline) -> Report:
        def attempt(key: ObjectKey) -> Result | PlatformError | None:
            if begin_by.remaining() <= 0:
                return None
            try:
                return self.converge(key, deadline)
            except PlatformError as error:
                log.warning("repair_failed", extra={"key": key.key, "code": error.code, "reason": error.message})
                return error

        with ThreadPoolExecutor(self._settings.sync_concurrency, thread_name_prefix="sync") as pool:
            contexts = [contextvars.copy_context() for _ in keys]  # what log lines and traces of the event say
            results = list(pool.map(lambda context, key: context.run(attempt, key), contexts, keys))
        done = tuple(result for result in results if isinstance(result, Result))
        failed = [key.key for key, result in zip(keys, results, strict=True) if isinstance(result, PlatformError)]
        usage = sum((result.usage for result in done), Usage())
        return replace(report, results=done, unfinished=tuple(failed), left=results.count(None), usage=usage)

    @contextmanager
    def _turn(self, key: ObjectKey, deadline: Deadline) -> Iterator[None]:
        """One worker of this process at a time for each document, so that none buys what another is buying."""
        lock = self._locks[int(key.document_id, 16) % _LOCKS]
        if not lock.acquire(timeout=max(0.0, deadline.remaining())):
            raise TransientError(
                "document_busy", "Another worker is still at this document; it will be looked at again."
            )
        try:
            yield
        finally:
            lock.release()

    def _state(self, key: ObjectKey, deadline: Deadline) -> ObjectState | None:
        """What the index should hold of ``key``: nothing, if the settings no longer make it one of ours."""
        return self._bucket.state(key, deadline) if self._bucket.owns(key) else None

    def _converge_to(
        self, key: ObjectKey, state: ObjectState | None, known: Failure | None, deadline: Deadline
    ) -> Result:
        record = self._store.registry.read(key.document_id, deadline)
        if state is None:
            return self._remove(key, record, deadline)
        if record and self._stands(record, state, deadline):
            outcome = Outcome.INDEXED if record.state is DocumentState.INDEXED else Outcome.FAILED
            return Result(key.key, Outcome.UNCHANGED if outcome is Outcome.INDEXED else outcome, record.chunks)
        attempt = Attempt(self._pipeline, state, record, deadline)
        # Two workers that both fail would else undo each other's chunks and buy them again, round after round.
        return attempt.failed(known) if known else attempt.result()

    def _stands(self, record: Document, state: ObjectState, deadline: Deadline) -> bool:
        """Whether there is nothing to do: this version is done with, and the index holds exactly what the record says.

        That is the version's chunks, or those of the one before if this one failed for good.
        """
        is_of = (record.version, record.modified, record.sidecar_etag, record.model, record.tenant_from)
        if is_of != (state.version, state.modified, state.sidecar_etag, self._embedder.profile, self._tenancy.rule):
            return False
        return _finished(record) and self._store.chunks.compute_fingerprint(record.id, deadline) == record.fingerprint

    def _settled(self, record: Document | None, state: ObjectState, found: DocumentFingerprint | None) -> bool:
        """Whether a listing and a census give no reason to look at a document."""
        if record is None or record.tenant_from != self._tenancy.rule:
            return False
        if (record.etag, record.modified, record.sidecar_etag) != (state.etag, state.modified, state.sidecar_etag):
            return False
        return _finished(record) and record.fingerprint == (found.fingerprint if found else EMPTY_FINGERPRINT)

    def _remove(self, key: ObjectKey, record: Document | None, deadline: Deadline) -> Result:
        held = [id_ for id_, _ in self._store.chunks.read_positions(key.document_id, deadline)]
        if not held and record is None:
            return Result(key.key, Outcome.UNCHANGED)
        self._store.chunks.delete(held, deadline)
        self._store.registry.delete([key.document_id], deadline)
        return Result(key.key, Outcome.REMOVED)


def _readings(key: ObjectKey) -> tuple[ObjectKey, ...]:
    """The keys an event may mean: as it came, and with percent-encoding undone."""
    plain = document_of(replace(key, key=urllib.parse.unquote(key.key)))
    return (key,) if plain == key else (key, plain)


def _version(state: ObjectState | None) -> tuple[str, int, str] | None:
    return (state.version, state.modified, state.sidecar_etag) if state else None


def _finished(record: Document) -> bool:
    """Whether another attempt at the record's version would change nothing."""
    failed_for_good = record.failure is not None and not record.failure.retryable
    return record.state is DocumentState.INDEXED or (record.state is DocumentState.FAILED and failed_for_good)


def _added(total: Result, last: Result) -> Result:
    failure = last.failure or (total.failure if last.outcome is Outcome.FAILED else None)
    return replace(last, embedded=total.embedded + last.embedded, usage=total.usage + last.usage, failure=failure)


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more


def _names(keys: Iterable[ObjectKey]) -> tuple[str, ...]:
    return tuple(sorted(key.key for key in keys))

"""One document converges to what the bucket holds; `reconciling` does so for all.

An event only says where to look. The bucket's present state is the target, and before success is reported the bucket
is asked once more; so events may come twice, late, in any order or at the same time.
"""

from __future__ import annotations

import logging
import secrets
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.errors import PlatformError, RequestError, TransientError
from shared.domain.models import DocumentState
from shared.domain.tenants import Tenancy
from shared.ingestion import reconciling, retrying
from shared.ingestion.batch import BatchConverger
from shared.ingestion.bucket import ChangedError, document_of
from shared.ingestion.claiming import ClaimedError, await_end, is_claimed
from shared.ingestion.events import Action, ObjectEvent, Span, Unknown
from shared.ingestion.indexing import Attempt
from shared.ingestion.locks import DocumentLocks
from shared.ingestion.pipeline import Parse, Pipeline
from shared.ingestion.results import Outcome, Report, Result, add
from shared.ingestion.sidecar import list_readings
from shared.ingestion.standing import can_keep_chunks, is_current, is_recent, read_version
from shared.parsing import parse_bounded
from shared.runtime import clock, logs
from shared.runtime.crashing import explain_crashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.domain.models import Document, ObjectKey, ObjectState
    from shared.embedding.sources import VectorSource
    from shared.ingestion.bucket import Bucket
    from shared.ingestion.events import Event, Selection
    from shared.ingestion.origin import Origin
    from shared.ingestion.scans import Scans
    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import IngestionSettings
    from shared.store.store import Store

__all__ = ["Ingestion", "Report"]
log = logging.getLogger(__name__)

# An object that changes more often than this while it is indexed is left to the next event.
_MOST_ROUNDS = 5
_NO_TENANTS, _ALL_KEYS = Tenancy(), Span()


class Ingestion:
    """The use case of the ingest function: thread-safe, one per process.

    Args:
        owner: name of this instance, for claims: a process that is started again does not wait for the previous one.
        origin: another collection to copy chunks from, as far as it has them.

    Attributes:
        pipeline: what documents pass through.
        locks: one worker of this process at a time for each document, so that none embeds what another is embedding.
    """

    def __init__(
        self,
        bucket: Bucket,
        embedder: VectorSource,
        store: Store,
        settings: IngestionSettings,
        tenancy: Tenancy = _NO_TENANTS,
        parse: Parse = parse_bounded,
        scans: Scans | None = None,
        owner: str = "",
        origin: Origin | None = None,
        locks: DocumentLocks | None = None,
    ) -> None:
        name = owner or secrets.token_hex(8)
        self.pipeline = Pipeline(bucket, embedder, store, settings, tenancy, parse, name, scans, origin)
        self._bucket = bucket
        self._store = store
        self.locks = locks or DocumentLocks()
        self._batch = BatchConverger(self.pipeline, self.locks, self._begin)

    def handle(self, events: Iterable[Event], deadline: Deadline) -> list[Result | Report]:
        """Act on every event; one that fails does not keep the others from being handled.

        Raises:
            PlatformError: the first failure, once all have been tried: the invocation must be repeated.
        """
        results: list[Result | Report] = []
        failures: list[PlatformError] = []
        events = list(events)
        settled = self._batch.converge(self._find_keys(events), deadline)
        for event in events:
            try:
                results.extend(self._handle(event, settled, deadline))
            except PlatformError as error:
                log.warning("event_failed", extra={"code": error.code, "reason": error.message})
                failures.append(error)
        if failures:
            raise failures[0]
        return results

    def _find_keys(self, events: Iterable[Event]) -> list[ObjectKey]:
        """The documents that the events name, where a name has only one meaning."""
        readings = [list_readings(document_of(event.key)) for event in events if isinstance(event, ObjectEvent)]
        return [key for (key, *others) in readings if not others and self._bucket.owns(key)]

    @explain_crashes()
    def _handle(
        self, event: Event, settled: Mapping[ObjectKey, Result | PlatformError], deadline: Deadline
    ) -> Sequence[Result | Report]:
        match event:
            case Unknown(reason):
                raise RequestError("unknown_event", f"Nothing can be done with this event: {reason}.")
            case Action(dry_run=dry_run, seconds=seconds, selection=selection, span=span):
                if selection:
                    return [self.retry(selection, deadline, dry_run=dry_run, seconds=seconds)]
                return [self.reconcile(deadline, dry_run=dry_run, seconds=seconds, span=span)]
            case ObjectEvent(named):
                if found := settled.get(document_of(named)):
                    if isinstance(found, PlatformError):
                        raise found
                    return [found]
                return self._handle_object(named, deadline)

    def _handle_object(self, named: ObjectKey, deadline: Deadline) -> list[Result]:
        if named.bucket != self._bucket.name:
            raise RequestError("foreign_object", "The event is about another bucket than OSS_BUCKET.")
        candidates = [key for key in list_readings(document_of(named)) if self._bucket.owns(key)]
        if not candidates:
            # OSS may deliver more than the settings include, such as the "folders" that consoles make.
            log.info("event_ignored", extra={"key": named.key})
            return [Result(named.key, Outcome.IGNORED)]
        return [self.converge(key, deadline) for key in self._choose(candidates, deadline)]

    def _choose(self, candidates: Sequence[ObjectKey], deadline: Deadline) -> Sequence[ObjectKey]:
        """The key as it came, if the bucket holds it; else all it may mean: OSS does not say whether it is encoded."""
        is_as_it_came = len(candidates) == 1 or self._bucket.state(candidates[0], deadline) is not None
        return candidates[:1] if is_as_it_came else candidates

    @explain_crashes()
    def converge(self, key: ObjectKey, deadline: Deadline, *, yields: bool = False, force: bool = False) -> Result:
        """Bring the index to what the bucket holds under ``key``; a key that is not a document's is left alone.

        Args:
            yields: leave the document to another instance that works on it, instead of waiting for that.
            force: read the document again, even if nothing changed.

        Raises:
            ClaimedError: another instance works on it, and this one yields, or has no time left to wait.
            TransientError: something failed that may succeed later; the record says what.
            ConfigurationError: the deployment must be fixed first.
        """
        if not self._bucket.owns(key):
            return Result(key.key, Outcome.IGNORED)
        with logs.bind(key=key.key, document_id=key.document_id), self.locks.hold(key.document_id, deadline):
            return self._settle(key, self._bucket.state(key, deadline), deadline, yields=yields, force=force)[0]

    @explain_crashes()
    def _begin(
        self, key: ObjectKey, listed: ObjectState, deadline: Deadline, *, is_new: bool
    ) -> tuple[Result, ObjectState | None]:
        """As `converge`, for a document of a batch, which confirms at its end that the version is still the last.

        Args:
            is_new: whether its content will be needed, unless its chunks are copied.
        """
        with logs.bind(key=key.key, document_id=key.document_id), self.locks.hold(key.document_id, deadline):
            if is_new and not self.pipeline.origin:
                state, content = self._bucket.fetch(listed, deadline)
            else:
                state, content = self._bucket.state(key, deadline, listed=listed), None
            return self._settle(key, state, deadline, is_batched=True, content=content)

    def _settle(
        self,
        key: ObjectKey,
        state: ObjectState | None,
        deadline: Deadline,
        *,
        yields: bool = False,
        force: bool = False,
        is_batched: bool = False,
        content: bytes | None = None,
    ) -> tuple[Result, ObjectState | None]:
        """Converge to a state, and to each that follows meanwhile.

        Args:
            is_batched: leave it to the caller to confirm that an object is still the same, where a listing can.
            content: of this state, if it was loaded already.

        Returns:
            The result, and the version that the caller must confirm; ``None`` where none is left to confirm.
        """
        total = Result(key.key, Outcome.UNCHANGED)
        for _ in range(_MOST_ROUNDS):
            try:
                fresh = self._converge_to(key, state, deadline, yields=yields, force=force, content=content)
            except (ChangedError, ClaimedError) as error:
                if isinstance(error, ClaimedError):
                    if yields or is_batched:
                        raise
                    now = self._bucket.reference.now
                    await_end(self._store.registry, key.document_id, self.pipeline.owner, now, deadline)
                state, content = self._bucket.state(key, deadline), None
                continue
            force, content = False, None
            total = add(total, fresh)
            if is_batched and state and not fresh.failure and not is_recent(state):
                return total, state
            seen, state = state, self._bucket.state(key, deadline)
            # A failure is looked at once more: what remains of the previous version depends on other workers.
            if read_version(seen) == read_version(state) and not fresh.failure:
                log.info("document_converged", extra={"outcome": total.outcome, "chunks": total.chunks})
                return total, None
        raise TransientError("object_changing", "The object keeps changing; it will be looked at again.")

    def reconcile(
        self, deadline: Deadline, *, dry_run: bool = False, seconds: float | None = None, span: Span = _ALL_KEYS
    ) -> Report:
        """Compare bucket and index and repair both ways; the next run continues where this one is interrupted.

        Args:
            seconds: begin no document after so long; all must be done by the deadline where it is not given.
            span: a range of keys; the chunks of documents are only verified for all keys.

        Raises:
            RequestError: ``too_many_deletions``: a larger share of the range than allowed would go.
            TransientError: a part could not be read, or ``reconcile_unfinished``: the deadline came first.
        """
        converge = partial(self.converge, yields=True)
        return reconciling.reconcile(self.pipeline, converge, span, deadline, dry_run=dry_run, seconds=seconds)

    def retry(
        self, selection: Selection, deadline: Deadline, *, dry_run: bool = False, seconds: float | None = None
    ) -> Report:
        """Try the documents again that ``selection`` chooses, several at once, whatever their records say.

        Raises:
            TransientError: the registry could not be read; ``reconcile_unfinished``: the deadline came first.
        """
        converge = partial(self.converge, yields=True, force=True)
        return retrying.retry(self.pipeline, converge, selection, deadline, dry_run=dry_run, seconds=seconds)

    def _converge_to(
        self,
        key: ObjectKey,
        state: ObjectState | None,
        deadline: Deadline,
        *,
        yields: bool,
        force: bool,
        content: bytes | None,
    ) -> Result:
        record = self._store.registry.read(key.document_id, deadline)
        if state is None and not yields:  # this costs nothing, and ends work that would
            return self._remove(key, record, deadline)
        if is_claimed(record, self.pipeline.owner, self._bucket.reference.now()):
            raise ClaimedError
        if state is None:
            return self._remove(key, record, deadline)
        if record and not force and (result := self._keep(key, record, state, deadline)):
            return result
        origin = self.pipeline.origin
        source = origin.find(state, self._bucket.reference.now, deadline, yields=yields) if origin else None
        return Attempt(self.pipeline, state, record, deadline, yields, content, source).result()

    def _keep(self, key: ObjectKey, record: Document, state: ObjectState, deadline: Deadline) -> Result | None:
        """The result where no chunk must be written; ``None`` where the document must be read."""
        if not is_current(record, state, self.pipeline.embedder.profile, self.pipeline.tenancy.rule):
            return None
        # Of this version, or of the previous one if this one failed permanently.
        is_exact = self._store.chunks.compute_fingerprint(record.id, deadline) == record.fingerprint
        is_known = (record.modified, record.sidecar_etag) == (state.modified, state.sidecar_etag)
        if not is_exact and is_known and record.failure:
            # What a version that failed left in the index goes, and is not paid for again.
            return Attempt(self.pipeline, state, record, deadline).fail(record.failure)
        if not is_exact:
            return None
        if not is_known:
            if not can_keep_chunks(record):
                return None
            noted = {"etag": state.etag, "modified": state.modified, "sidecar_etag": state.sidecar_etag}
            self._store.registry.write([replace(record, **noted, updated=clock.time())], deadline)
        outcome = Outcome.UNCHANGED if record.state is DocumentState.INDEXED else Outcome.FAILED
        return Result(key.key, outcome, record.chunks)

    def _remove(self, key: ObjectKey, record: Document | None, deadline: Deadline) -> Result:
        held = [id_ for id_, _ in self._store.chunks.read_positions(key.document_id, deadline)]
        if not held and record is None:
            return Result(key.key, Outcome.UNCHANGED)
        self._store.chunks.delete(held, deadline)
        if record and (record.ocr_pages or self.pipeline.scans):
            self._store.page_texts.expire(record.id, deadline)
        self._store.registry.delete([key.document_id], deadline)
        return Result(key.key, Outcome.REMOVED)

"""The documents that one invocation names, converged together where that saves calls.

Listings say which of them the bucket holds. What is gone is removed by a few calls for all; small objects are indexed
side by side, so that their calls of Milvus are joined; and listings confirm at the end that nothing has changed. What
fits none of this is left to be converged one by one.
"""

from __future__ import annotations

import contextvars
import logging
from concurrent import futures
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from shared.domain.errors import PlatformError
from shared.ingestion.claiming import ClaimedError
from shared.ingestion.results import Outcome, Result
from shared.ingestion.standing import is_same_version
from shared.runtime import logs
from shared.runtime.crashing import explain_crashes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.domain.models import ObjectKey, ObjectState
    from shared.ingestion.locks import DocumentLocks
    from shared.ingestion.pipeline import Pipeline
    from shared.runtime.retrying import Deadline

    Listed = Mapping[ObjectKey, ObjectState | None]

log = logging.getLogger(__name__)

# Fewer are converged one by one: the listings cost more than they save.
_LEAST_DOCUMENTS = 3
# Larger objects are indexed one after the other, because each takes memory and disk.
_SMALL_BYTES = 1 << 16


class Begin(Protocol):
    """Indexes what the bucket holds under a key; returns the result and the version that must still be confirmed."""

    def __call__(
        self, key: ObjectKey, listed: ObjectState, deadline: Deadline, *, is_new: bool
    ) -> tuple[Result, ObjectState | None]:
        """Index one document; ``is_new``: whether its content will be needed."""


class BatchConverger:
    """Converges the documents of one invocation: thread-safe, one per process.

    Args:
        begin: indexes one document.
    """

    def __init__(self, pipeline: Pipeline, locks: DocumentLocks, begin: Begin) -> None:
        self._pipeline = pipeline
        self._locks = locks
        self._begin = begin

    def converge(self, keys: Iterable[ObjectKey], deadline: Deadline) -> dict[ObjectKey, Result | PlatformError]:
        """What came of documents; those that must be converged by themselves are left out."""
        wanted = list(dict.fromkeys(keys))
        if len(wanted) < _LEAST_DOCUMENTS:
            return {}
        settled: dict[ObjectKey, Result | PlatformError] = {}
        try:
            with explain_crashes():
                self._converge(wanted, settled, deadline)
        except PlatformError as error:  # each document is tried by itself
            log.warning("batch_failed", extra={"code": error.code, "reason": error.message})
        return settled

    def _converge(
        self, wanted: Sequence[ObjectKey], settled: dict[ObjectKey, Result | PlatformError], deadline: Deadline
    ) -> None:
        """Converge documents; in ``settled`` what came of them."""
        listed = self._pipeline.bucket.look_up(wanted, deadline)
        # New ones first: a renamed object keeps its vectors while the index holds them under the previous name.
        begun = self._index(listed, settled, deadline)
        listed = self._pipeline.bucket.look_up([*begun, *_find_gone(listed)], deadline)
        confirmed = {key: result for key, (result, seen) in begun.items() if _confirms(listed, key, seen)}
        _log(confirmed)
        settled.update(confirmed)
        removed = self._remove([key for key in _find_gone(listed) if key not in begun], deadline)
        _log(removed)
        settled.update(removed)

    def _index(
        self, listed: Listed, settled: dict[ObjectKey, Result | PlatformError], deadline: Deadline
    ) -> dict[ObjectKey, tuple[Result, ObjectState]]:
        """Index small objects side by side; what is to be confirmed, and in ``settled`` what came of the others."""

        small = [(key, state) for key, state in listed.items() if state and state.size <= _SMALL_BYTES]
        known = self._pipeline.store.registry.read_many([key.document_id for key, _ in small], deadline)

        def attempt(key: ObjectKey, state: ObjectState) -> tuple[Result, ObjectState | None] | PlatformError:
            record = known.get(key.document_id)
            try:
                return self._begin(key, state, deadline, is_new=record is None or record.etag != state.etag)
            except PlatformError as error:
                return error

        # With the event's log fields, trace and credentials.
        running = [self._pool.submit(contextvars.copy_context().run, attempt, key, state) for key, state in small]
        futures.wait(running)  # nothing goes on after the invocation has ended
        begun: dict[ObjectKey, tuple[Result, ObjectState]] = {}
        for (key, _), future in zip(small, running, strict=True):
            outcome = future.result()
            if isinstance(outcome, ClaimedError):
                continue  # it is awaited by itself, so that no thread of the batch waits
            if isinstance(outcome, PlatformError):
                settled[key] = outcome
            elif outcome[1] is None:
                settled[key] = outcome[0]
            else:
                begun[key] = (outcome[0], outcome[1])
        return begun

    def _remove(self, gone: Sequence[ObjectKey], deadline: Deadline) -> dict[ObjectKey, Result]:
        """Remove what the index holds of documents that are gone, unless other threads work on them."""
        if not gone:
            return {}
        keys, store = {key.document_id: key for key in gone}, self._pipeline.store
        with self._locks.hold_free(keys) as held:
            records = store.registry.read_many(held, deadline)
            chunks = list(store.chunks.read_ids(held, deadline))
            known = records.keys() | {document_id for _, document_id in chunks}
            store.chunks.delete([id_ for id_, _ in chunks], deadline)
            for record in records.values():
                if record.ocr_pages:
                    store.page_texts.expire(record.id, deadline)
            store.registry.delete([id_ for id_ in held if id_ in known], deadline)
        listed = self._pipeline.bucket.look_up([keys[id_] for id_ in held], deadline)
        results = {
            keys[id_]: Result(keys[id_].key, Outcome.REMOVED if id_ in known else Outcome.UNCHANGED) for id_ in held
        }
        return {key: result for key, result in results.items() if key in listed and listed[key] is None}

    @cached_property
    def _pool(self) -> futures.ThreadPoolExecutor:
        return futures.ThreadPoolExecutor(self._pipeline.settings.batch_concurrency, thread_name_prefix="batch")


def _log(results: Mapping[ObjectKey, Result]) -> None:
    """Write the line that says that a document is as the bucket has it, for each."""
    for key, result in results.items():
        with logs.bind(key=key.key, document_id=key.document_id):
            log.info("document_converged", extra={"outcome": result.outcome, "chunks": result.chunks})


def _find_gone(listed: Listed) -> list[ObjectKey]:
    return [key for key, state in listed.items() if state is None]


def _confirms(listed: Listed, key: ObjectKey, seen: ObjectState) -> bool:
    """Whether a listing shows the version that was indexed."""
    state = listed.get(key)
    return state is not None and is_same_version(seen, state)

"""Many documents at once: all that differ between bucket and index, or those that an operator wants tried again."""

from __future__ import annotations

import contextvars
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.errors import PlatformError, RequestError, TransientError
from shared.domain.models import DocumentState, Usage
from shared.ingestion.claiming import ClaimedError
from shared.ingestion.results import Report, Result
from shared.ingestion.standing import is_delayed, is_finished, is_same_object
from shared.parsing import PARSER_REVISION
from shared.runtime import clock
from shared.runtime.retrying import Deadline
from shared.store.expressions import select_bucket
from shared.store.fingerprints import EMPTY_FINGERPRINT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from shared.domain.models import Document, ObjectKey, ObjectState
    from shared.ingestion.events import Selection
    from shared.ingestion.indexing import Pipeline
    from shared.store.chunks import DocumentFingerprint

    Converge = Callable[[ObjectKey, Deadline], Result]

log = logging.getLogger(__name__)

_SHOWN_NAMES = 20
# Between two looks at documents that another process works on.
_POLL_SECONDS = 2.0


def reconcile(
    pipeline: Pipeline, converge: Converge, deadline: Deadline, *, dry_run: bool, seconds: float | None
) -> Report:
    """Compare the whole listing with the whole registry, and repair both ways; see `Ingestion.reconcile`."""
    report, keys, total = _compare(pipeline, deadline)
    if dry_run:
        return report
    _check_deletions(pipeline, report, total)
    return _repair(pipeline, converge, report, keys, deadline, seconds)


def retry(
    pipeline: Pipeline,
    converge: Converge,
    selection: Selection,
    deadline: Deadline,
    *,
    dry_run: bool,
    seconds: float | None,
) -> Report:
    """Try the documents again that an operator has chosen; see `Ingestion.retry`."""
    started = clock.time() if selection.before is None else selection.before
    state = DocumentState(selection.state) if selection.state else None
    bucket = pipeline.bucket
    condition = select_bucket(bucket.name, selection.prefix or bucket.prefix, state)
    known = [
        record
        for record in pipeline.store.registry.read_all(condition, deadline)
        if bucket.owns(bucket.key(record.key)) and record.updated < started
    ]
    keys = [bucket.key(record.key) for record in known if is_selected(record, selection)]
    report = Report(len(known), _names(keys), (), before=started)
    return report if dry_run else _repair(pipeline, converge, report, keys, deadline, seconds)


def is_selected(record: Document, selection: Selection) -> bool:
    """Whether an operator's choice includes a document.

    Documents that are indexed are only read again on request, and only where older parsing code read them; one that is
    named by its id is read again in any case.
    """
    if selection.id not in ("", record.id):
        return False
    if selection.code and (record.failure is None or record.failure.code != selection.code):
        return False
    if record.state is DocumentState.INDEXED:
        return selection.reread and (bool(selection.id) or record.parser_revision < PARSER_REVISION)
    return record.state in (DocumentState.PENDING, DocumentState.FAILED)


def _compare(pipeline: Pipeline, deadline: Deadline) -> tuple[Report, list[ObjectKey], int]:
    """What differs, the keys to repair, and the number of documents in the index.

    Only keys of this deployment's prefix and suffix count: others in the same bucket and collection are another's.
    """
    bucket, store = pipeline.bucket, pipeline.store
    listed = {state.key.document_id: state for state in bucket.documents(deadline)}
    records = store.registry.read_all(select_bucket(bucket.name, bucket.prefix), deadline)
    known = {record.id: record for record in records}
    held = store.chunks.read_fingerprints(bucket.name, deadline, bucket.prefix)
    stale = [
        state.key
        for id_, state in listed.items()
        if not _is_settled(known.get(id_), state, held.get(id_), pipeline.tenancy.rule)
    ]
    # A process that died after a removal may leave chunks without a record.
    names = {id_: found.key for id_, found in held.items()}
    names |= {id_: record.key for id_, record in known.items()}
    own = {id_: key for id_, name in names.items() if bucket.owns(key := bucket.key(name))}
    orphaned = [key for id_, key in own.items() if id_ not in listed]
    report = Report(len(listed), _names(stale), _names(orphaned))
    # New ones first: a renamed object keeps its vectors while the index holds them under the previous name.
    return report, [*stale, *orphaned], len(own)


def _is_settled(record: Document | None, state: ObjectState, found: DocumentFingerprint | None, rule: str) -> bool:
    """Whether a listing and the fingerprint of a document's chunks give no reason to look at it."""
    if record is None or record.tenant_from != rule or not is_same_object(record, state):
        return False
    if is_delayed(record):
        return True
    return is_finished(record) and record.fingerprint == (found.fingerprint if found else EMPTY_FINGERPRINT)


def _check_deletions(pipeline: Pipeline, report: Report, total: int) -> None:
    if len(report.orphaned) > pipeline.settings.max_deleted_share * total:
        raise RequestError(
            "too_many_deletions",
            f"{len(report.orphaned)} of {total} documents would be removed, more than RECONCILE_MAX_DELETED_SHARE "
            f"allows: {_show(report.orphaned)}. Raise the share if that is right; "
            '{"action": "reconcile", "dry_run": true} lists everything that would be done.',
        )


def _repair(
    pipeline: Pipeline,
    converge: Converge,
    report: Report,
    keys: Sequence[ObjectKey],
    deadline: Deadline,
    seconds: float | None,
) -> Report:
    """Converge ``keys``, several at once; what another process works on is looked at again until it is free."""
    begin_by = deadline if seconds is None else Deadline.after(seconds)
    outcomes: dict[ObjectKey, Result | PlatformError | None] = dict.fromkeys(keys)
    waiting = list(keys)

    def attempt(key: ObjectKey) -> Result | PlatformError | None:
        if begin_by.remaining() <= 0:
            return None
        try:
            return converge(key, deadline)
        except PlatformError as error:
            log.warning("repair_failed", extra={"key": key.key, "code": error.code, "reason": error.message})
            return error

    with ThreadPoolExecutor(pipeline.settings.sync_concurrency, thread_name_prefix="sync") as pool:
        while waiting:
            contexts = [contextvars.copy_context() for _ in waiting]  # the event's log fields, trace and credentials
            found = pool.map(lambda context, key: context.run(attempt, key), contexts, waiting)
            outcomes |= zip(waiting, found, strict=True)
            waiting = [key for key in waiting if isinstance(outcomes[key], ClaimedError)]
            if not waiting or begin_by.remaining() <= 0:
                break
            clock.sleep(_POLL_SECONDS)
    return _summarize(report, outcomes, is_bounded=seconds is not None)


def _summarize(report: Report, outcomes: dict[ObjectKey, Result | PlatformError | None], *, is_bounded: bool) -> Report:
    done = tuple(outcome for outcome in outcomes.values() if isinstance(outcome, Result))
    left = [key for key, outcome in outcomes.items() if outcome is None or isinstance(outcome, ClaimedError)]
    failed = [key.key for key, outcome in outcomes.items() if isinstance(outcome, PlatformError) and key not in left]
    if left and not is_bounded:
        message = f"{len(left)} of {len(outcomes)} documents are left; the next run goes on there."
        raise TransientError("reconcile_unfinished", message)
    usage = sum((result.usage for result in done), Usage())
    return replace(report, results=done, unfinished=tuple(failed), left=len(left), usage=usage)


def _show(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more


def _names(keys: Iterable[ObjectKey]) -> tuple[str, ...]:
    return tuple(sorted(key.key for key in keys))

"""What differs between bucket and index, found in parts of bounded size.

By keys: a listing is in their order, and the registry is read by the same ranges. By ids: the chunks of a range of
document ids are compared with the records of the same range.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.ingestion.standing import is_delayed, is_finished, is_same_object
from shared.store.expressions import select_bucket, select_id_range
from shared.store.fingerprints import EMPTY_FINGERPRINT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.domain.models import Document, ObjectKey, ObjectState
    from shared.ingestion.events import Span
    from shared.ingestion.pipeline import Pipeline
    from shared.runtime.retrying import Deadline
    from shared.store.batch_notes import BatchNote
    from shared.store.chunks import DocumentFingerprint
    from shared.store.spans import Part

# Listed documents that are compared at once; mostly the registry has as many in their range.
_DOCUMENTS_PER_PART = 4_000
# Chunks or records that are compared at once, on average.
_CHUNKS_PER_RANGE = 10_000
# The first 32 bits of an id.
IDS = 1 << 32


class Difference(Struct, frozen=True):
    """What differs within a range of keys.

    Attributes:
        end: the range goes up to this key; empty for the end of all keys.
        listed: documents in the bucket.
        known: documents in the registry.
        stale: documents that must be indexed, in the order of their keys.
        orphaned: documents that must be removed, in the order of their keys.
        waiting: documents that must be indexed and wait for a batch task.
        delayed: documents that must be indexed and wait after an internal error.
    """

    end: str
    listed: int
    known: int
    stale: list[ObjectKey]
    orphaned: list[ObjectKey]
    waiting: int = 0
    delayed: int = 0


class Damage(Struct, frozen=True):
    """What differs between chunks and records within a range of ids.

    Attributes:
        end: the range goes up to this id, in its first 32 bits.
        damaged: documents with other chunks than their record says.
        strays: documents with chunks and no record.
    """

    end: int
    damaged: list[ObjectKey]
    strays: list[ObjectKey]


def compare(
    pipeline: Pipeline, span: Span, deadline: Deadline, notes: Sequence[BatchNote] = ()
) -> Iterator[Difference]:
    """Yield what differs by listing and registry, in the order of keys; chunks are not looked at.

    Args:
        notes: of batch tasks; the documents that wait for them are not stale.

    Only keys of this deployment's prefix and suffix count: others in the same bucket and collection are another's.

    Raises:
        TransientError, ConfigurationError: a part cannot be read whole; what was yielded before is complete.
    """
    bucket, spans = pipeline.bucket, pipeline.store.spans
    condition, after = select_bucket(bucket.name, bucket.prefix), span.after
    for states, end in _divide(bucket.walk(deadline, span.after, span.until), span.until):
        waiting = states
        for part in spans.read(condition, after, end, deadline):
            cut = bisect_right(waiting, part.end, key=_name) if part.end else len(waiting)
            yield _compare(pipeline, waiting[:cut], part, notes)
            waiting = waiting[cut:]
        after = end


def verify(pipeline: Pipeline, start: int, end: int, known: int, deadline: Deadline) -> Iterator[Damage]:
    """Yield what is wrong with the chunks of documents by ranges of ids, from ``start`` to ``end``.

    Args:
        known: number of documents in the registry.
    """
    bucket, store = pipeline.bucket, pipeline.store
    condition = select_bucket(bucket.name, bucket.prefix)
    rows = max(known, store.chunks.count(deadline, condition))
    step = max(1, IDS * _CHUNKS_PER_RANGE // max(rows, _CHUNKS_PER_RANGE))
    for first in range(start, end, step):
        last = min(first + step, end)
        low, high = _bound(first), _bound(last)
        records = store.spans.read_ids(condition, low, high, deadline)
        within = select_id_range("document_id", low, high)
        held = store.chunks.read_fingerprints(bucket.name, deadline, bucket.prefix, within)
        yield _check(pipeline, last, records, held)


def _divide(pages: Iterable[list[ObjectState]], until: str) -> Iterator[tuple[list[ObjectState], str]]:
    """Join pages of a listing to parts, each with the key up to which it goes."""
    states: list[ObjectState] = []
    for page in pages:
        states += page
        if len(states) >= _DOCUMENTS_PER_PART:
            yield states, states[-1].key.key
            states = []
    yield states, until


def _compare(pipeline: Pipeline, states: list[ObjectState], part: Part, notes: Sequence[BatchNote]) -> Difference:
    bucket, rule = pipeline.bucket, pipeline.tenancy.rule
    listed = {state.key.document_id for state in states}
    known = {record.id: record for record in part.documents}
    own = {record.id: key for record in part.documents if bucket.owns(key := bucket.key(record.key))}
    stale = [state for state in states if not _is_settled(known.get(state.key.document_id), state, rule)]
    due = [state.key for state in stale if not any(note.covers(state) for note in notes)]
    return Difference(
        end=part.end,
        listed=len(states),
        known=len(own),
        stale=due,
        waiting=len(stale) - len(due),
        delayed=sum(_is_delayed(known.get(state.key.document_id), state) for state in states),
        orphaned=[key for id_, key in own.items() if id_ not in listed],
    )


def _is_settled(record: Document | None, state: ObjectState, rule: str) -> bool:
    """Whether listing and record give no reason to look at a document."""
    if record is None or record.tenant_from != rule or not is_same_object(record, state):
        return False
    return is_delayed(record) or is_finished(record)


def _is_delayed(record: Document | None, state: ObjectState) -> bool:
    """Whether it is too early to look at a document that has not changed."""
    return record is not None and is_same_object(record, state) and is_delayed(record)


def _check(pipeline: Pipeline, end: int, records: dict[str, Document], held: dict[str, DocumentFingerprint]) -> Damage:
    bucket = pipeline.bucket
    damaged = [
        bucket.key(record.key)
        for id_, record in records.items()
        if is_finished(record) and record.fingerprint != (held[id_].fingerprint if id_ in held else EMPTY_FINGERPRINT)
    ]
    # A process that died after a removal may leave chunks without a record.
    strays = [bucket.key(found.key) for id_, found in held.items() if id_ not in records]
    return Damage(end, list(filter(bucket.owns, damaged)), list(filter(bucket.owns, strays)))


def _name(state: ObjectState) -> str:
    return state.key.key


def _bound(position: int) -> str:
    """A position among ids as text; "g" is after all of them."""
    return f"{position:08x}" if position < IDS else "g"

"""Whether a document's record, and what the index holds of it, are up to date: what neither costs nor needs work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import parsing
from shared.domain.models import DocumentState
from shared.runtime import clock

if TYPE_CHECKING:
    from shared.domain.models import Document, ObjectState

# Delay before a document that failed by an internal error is tried again, after the first attempt and at most.
_FIRST_DELAY_SECONDS, _MAX_DELAY_SECONDS = 60.0, 86_400.0
_MAX_DOUBLINGS = 12
# The clock of OSS and this machine's may differ by some seconds.
_RECENT_SECONDS = 10.0


def is_finished(record: Document) -> bool:
    """Whether another attempt at the record's version would change nothing.

    A failure under older parsing code is tried once more: the record of that attempt has the present revision.
    """
    if record.state is DocumentState.INDEXED:
        return True
    is_permanent = record.failure is not None and not record.failure.retryable
    return record.state is DocumentState.FAILED and is_permanent and record.parser_revision >= parsing.PARSER_REVISION


def is_current(record: Document, state: ObjectState, profile: str, rule: str) -> bool:
    """Whether nothing must be done about this version, as far as its record says.

    Args:
        profile: of the embedding model.
        rule: by which documents have tenants.
    """
    described = (record.version, record.model, record.tenant_from)
    return described == (state.version, profile, rule) and is_finished(record)


def is_same_object(record: Document, state: ObjectState) -> bool:
    """Whether a record is of the object as a listing shows it."""
    return (record.etag, record.modified, record.sidecar_etag) == (state.etag, state.modified, state.sidecar_etag)


def is_same_version(seen: ObjectState, listed: ObjectState) -> bool:
    """Whether a listing shows a version that was seen before, as far as a listing tells."""
    return (seen.etag, seen.modified, seen.sidecar_etag) == (listed.etag, listed.modified, listed.sidecar_etag)


def is_recent(state: ObjectState) -> bool:
    """Whether an object may change again within the second in which it was written: a listing would not tell.

    Listings give whole seconds, and no metadata of headers.
    """
    return abs(clock.time() - state.modified) < _RECENT_SECONDS


def is_delayed(record: Document) -> bool:
    """Whether it is too early to try a document again that failed by an internal error."""
    if record.failure is None or record.failure.code != "internal_error":
        return False
    delay = _FIRST_DELAY_SECONDS * 2.0 ** min(max(0, record.attempts - 1), _MAX_DOUBLINGS)
    return 0 <= clock.time() - record.updated < min(delay, _MAX_DELAY_SECONDS)


def can_keep_chunks(record: Document) -> bool:
    """Whether a version that was uploaded again, byte for byte, needs a new record only.

    A document that failed is tried again then: people upload a file once more to ask for that.
    """
    return record.state is DocumentState.INDEXED and record.parser_revision >= parsing.PARSER_REVISION


def read_version(state: ObjectState | None) -> tuple[str, int, str] | None:
    """What tells two versions of an object apart; ``None`` where there is no object."""
    return (state.version, state.modified, state.sidecar_etag) if state else None

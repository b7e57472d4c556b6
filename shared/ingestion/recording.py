"""The registry's record of one version of a document, at the beginning and at the end of an attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import parsing
from shared.domain.history import DocumentEvent, HistoryEntry, extend
from shared.domain.models import Document, DocumentState
from shared.runtime import clock
from shared.store.fingerprints import EMPTY_FINGERPRINT, FingerprintBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shared.domain.models import Claim, Failure, ObjectState, ParsedDocument, Usage
    from shared.ingestion.scans import ScanTally
    from shared.store.fingerprints import ChunkPosition, ChunkSet


class Recorder:
    """Makes the records of one attempt.

    Args:
        claim: makes a claim of this instance from now on.
        source: the record of this version in the collection that its chunks are copied from, if it has them.

    Attributes:
        parsed: the document, once it is parsed.
        base_generation: how many versions were indexed before; chunks of a later generation are of this attempt or of
            others since.
        tenant: the tenant that owns the document, or empty.
        revision: of the parsing code that read the document.
        generation: that of the chunks this attempt writes. To repair the version that is indexed begins no new one.
    """

    def __init__(
        self, state: ObjectState, previous: Document | None, claim: Callable[[], Claim], tenant: str,
        source: Document | None = None,
    ) -> None:  # fmt: skip
        self.parsed: ParsedDocument | None = None
        self.revision = parsing.PARSER_REVISION
        self.base_generation = previous.generation if previous else 0
        self.generation = self.base_generation + (not _is_repair(previous, state))
        self._state = state
        self._previous = previous
        self._make_claim = claim
        self.tenant = tenant
        # A copy from another collection continues the history there.
        self._history = next((known.history for known in (previous, source) if known and known.history), ())
        # The record of the version from which the index answers while this one is not in.
        self._fallback = previous if previous and previous.indexed_version else None

    def find_withdrawn(self, positions: Iterable[tuple[str, ChunkPosition]]) -> list[str]:
        """The chunks to remove so that exactly the version indexed before remains, or nothing.

        Args:
            positions: what the index holds of the document.
        """
        kept, older, newer = FingerprintBuilder(), list[str](), list[str]()
        for id_, position in positions:
            if position.generation <= self.base_generation:
                kept.add(id_, position)
                older.append(id_)
            else:
                newer.append(id_)
        if self._fallback and self._fallback.fingerprint != kept.fingerprint:
            self._fallback = None
        return newer if self._fallback else older + newer

    def make(
        self, state: DocumentState, failure: Failure | None, wanted: ChunkSet, usage: Usage, scanned: ScanTally
    ) -> Document:
        """The record of this version; what earlier attempts at it spent counts on.

        Args:
            wanted: the chunks of this version.
            usage: what this attempt spent on embedding so far.
            scanned: pictures that it had read by a model.
        """
        key, previous = self._state.key, self._previous
        same = previous if previous and previous.version == self._state.version else None
        indexed_version, chunks, fingerprint = self._describe_index(state, wanted)
        return Document(
            id=key.document_id,
            bucket=key.bucket,
            key=key.key,
            state=state,
            version=self._state.version,
            etag=self._state.etag,
            sidecar_etag=self._state.sidecar_etag,
            indexed_version=indexed_version,
            title=self.parsed.title if self.parsed else (previous.title if previous else ""),
            format=self.parsed.format if self.parsed else (previous.format if previous else ""),
            size=self._state.size,
            modified=self._state.modified,
            chunks=chunks,
            fingerprint=fingerprint,
            tenant=self.tenant,
            tokens=usage.tokens + scanned.usage.tokens + (same.tokens if same else 0),
            cost_cny=usage.cost_cny + scanned.usage.cost_cny + (same.cost_cny if same else 0),
            ocr_pages=max(scanned.pages, same.ocr_pages if same else 0),
            ocr_cost_cny=scanned.usage.cost_cny + (same.ocr_cost_cny if same else 0),
            attempts=1 + (same.attempts if same else 0),
            parser_revision=self.revision,
            warnings=tuple(self.parsed.warnings) if self.parsed else (),
            generation=self.generation if state is DocumentState.INDEXED else self.base_generation,
            claim=self._make_claim() if state is DocumentState.PENDING and not failure else None,
            failure=failure,
            updated=clock.time(),
            history=self._extend_history(state, failure, len(wanted), usage + scanned.usage),
        )

    def _extend_history(
        self, state: DocumentState, failure: Failure | None, chunks: int, usage: Usage
    ) -> tuple[HistoryEntry, ...]:
        """The history with the end of this attempt, if it has ended."""
        if state is DocumentState.PENDING and not failure:
            return self._history
        entry = HistoryEntry(
            time=clock.time(),
            event=DocumentEvent.RETRYING if state is DocumentState.PENDING else DocumentEvent(state.value),
            version=self._state.version,
            code=failure.code if failure else "",
            chunks=0 if failure else chunks,
            tokens=usage.tokens,
            cost_cny=usage.cost_cny,
            request_id=failure.request_id if failure else "",
        )
        return extend(self._history, entry)

    def _describe_index(self, state: DocumentState, wanted: ChunkSet) -> tuple[str, int, str]:
        """The version the index answers from, the number of its chunks and their fingerprint."""
        if state is DocumentState.INDEXED:
            return self._state.version, len(wanted), wanted.fingerprint
        if self._fallback:
            return self._fallback.indexed_version, self._fallback.chunks, self._fallback.fingerprint
        return "", 0, EMPTY_FINGERPRINT


def _is_repair(previous: Document | None, state: ObjectState) -> bool:
    """Whether the index should hold exactly this version already."""
    if previous is None or previous.state is not DocumentState.INDEXED:
        return False
    return (previous.version, previous.parser_revision) == (state.version, parsing.PARSER_REVISION)

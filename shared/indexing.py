"""One version of one document into the index: load, parse, chunk, embed what is new, write, sweep.

Passages of the new version are written before those of the old one go, and what the index already holds is never
bought again. The registry's record is written first (what is being attempted) and last (what came of it), so that a
crash in between is seen by whoever comes next.
"""

from __future__ import annotations

import logging
import tempfile
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from shared import chunking, parsing
from shared.embedding import TextType
from shared.errors import DocumentError, PlatformError
from shared.loading import ChangedError
from shared.models import Document, DocumentState, Failure, Usage, digest
from shared.store import Held, Passage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.config import IngestionSettings
    from shared.embedding import Embedder
    from shared.loading import Bucket
    from shared.models import Chunk, ObjectState, ParsedDocument
    from shared.retrying import Deadline
    from shared.store import Store

log = logging.getLogger(__name__)
Item = TypeVar("Item")

# Passages embedded and written together: what a crash can cost at most, and what stands in memory at once.
_WINDOW = 200
# A window is only begun when there is time left; the rest is left to the next attempt, which resumes here.
_LEAST_SECONDS = 1.0


class Outcome(StrEnum):
    """What came of a document."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """What happened to one object, and what it cost."""

    key: str
    outcome: Outcome
    chunks: int = 0
    embedded: int = 0
    usage: Usage = Usage()
    failure: Failure | None = None


@dataclass(frozen=True)
class Pipeline:
    """What a document passes through on its way into the index."""

    bucket: Bucket
    embedder: Embedder
    store: Store
    settings: IngestionSettings


def fingerprint(held: Mapping[str, Held]) -> str:
    """Digest of a set of passages and their places: equal for equal sets."""
    return digest(*(f"{id_} {place.ordinal} {place.start} {place.source}" for id_, place in sorted(held.items())))


@dataclass
class Attempt:
    """One attempt at one version of one document."""

    pipeline: Pipeline
    state: ObjectState
    before: Document | None
    deadline: Deadline
    stage: str = "loading"
    title: str = ""
    source: str = ""
    usage: Usage = Usage()
    embedded: int = 0
    held: dict[str, Held] = field(default_factory=dict)
    wanted: dict[str, Held] = field(default_factory=dict)

    def result(self) -> Result:
        """Index this version, or record why it cannot be. A version that is gone by now is simply not indexed.

        Raises:
            TransientError, ConfigurationError: recorded, and worth another attempt.
        """
        self._record(DocumentState.PENDING)
        try:
            self._index()
        except ChangedError:
            return self._result(Outcome.UNCHANGED)
        except DocumentError as error:
            return self._failed(error)
        except PlatformError as error:
            self._record(DocumentState.PENDING, Failure(self.stage, error.code, error.message, error.request_id, True))
            raise
        self._record(DocumentState.INDEXED)
        return self._result(Outcome.INDEXED)

    def _index(self) -> None:
        if self.state.problem:
            raise DocumentError("broken_metadata", self.state.problem, stage="loading")
        store, document_id = self.pipeline.store, self.state.key.document_id
        with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
            path = Path(folder, "object")
            self.pipeline.bucket.download(self.state, path, self.pipeline.settings.max_file_bytes, self.deadline)
            self.stage = "parsing"
            parsed = parsing.parse(path, self.state.key.key)
            self.title = parsed.title
            self.source = digest(self.title, self.state.version, str(self.state.modified))
            # Without a record nothing was ever attempted, so nothing can be held.
            self.held = store.held(document_id, self.deadline) if self.before else {}
            for window in _windows(self._chunks(parsed), _WINDOW):
                self.deadline.timeout(_LEAST_SECONDS)
                self._write(window)
        self.stage = "storing"
        stale = store.held(document_id, self.deadline).keys() - self.wanted.keys()
        store.delete(sorted(stale), self.deadline)

    def _chunks(self, parsed: ParsedDocument) -> Iterator[Chunk]:
        profile, size = self.pipeline.embedder.profile, self.pipeline.settings.chunk_tokens
        chunks = chunking.chunk(parsed.blocks, self.state.key.document_id, profile, size)
        for chunk in chunks:
            self.wanted[chunk.id] = Held(chunk.ordinal, chunk.location.start, self.source)
            yield chunk
            self.stage = "parsing"
        if not self.wanted:
            raise DocumentError("empty_document", "The document holds no text.", stage="parsing")

    def _write(self, window: Sequence[Chunk]) -> None:
        """Write a window's passages: new ones are embedded, moved ones keep their vector, the rest stays as it is."""
        store = self.pipeline.store
        new = [chunk for chunk in window if chunk.id not in self.held]
        moved = [chunk for chunk in window if self.held.get(chunk.id, self.wanted[chunk.id]) != self.wanted[chunk.id]]
        if new:
            self.stage = "embedding"
            failure = self._embed(new)
            if failure:
                raise failure
        if moved:
            self.stage = "storing"
            vectors = store.vectors([chunk.id for chunk in moved], self.deadline)
            store.write(
                [self._passage(chunk, vectors[chunk.id]) for chunk in moved if chunk.id in vectors], self.deadline
            )

    def _embed(self, chunks: Sequence[Chunk]) -> PlatformError | None:
        """Embed and write; what was paid for is written even when the rest failed: it is never bought again."""
        embedder, store = self.pipeline.embedder, self.pipeline.store
        texts = [chunk.text for chunk in chunks]
        embedded = embedder.embed(texts, embedder.wanted(TextType.DOCUMENT), self.deadline)
        self.usage += embedded.usage
        paid = [(chunk, vector) for chunk, vector in zip(chunks, embedded.embeddings, strict=True) if vector]
        self.embedded += len(paid)
        self.stage = "storing"
        store.write([self._passage(chunk, vector.dense) for chunk, vector in paid], self.deadline)
        self.stage = "embedding"
        if embedded.refused:
            first = embedded.refused[0]
            return DocumentError(
                "text_refused",
                f"DashScope refused {len(embedded.refused)} passages, the first with {first.code}: {first.message}",
                stage="embedding",
                request_id=first.request_id,
            )
        return embedded.failure

    def _passage(self, chunk: Chunk, vector: tuple[float, ...]) -> Passage:
        key, state = self.state.key, self.state
        return Passage(
            chunk=chunk,
            vector=vector,
            bucket=key.bucket,
            key=key.key,
            title=self.title,
            format=_format(key.key),
            modified=state.modified,
            metadata=state.metadata,
            source=self.source,
        )

    def _failed(self, error: DocumentError) -> Result:
        failure = Failure(error.stage, error.code, error.message, error.request_id)
        log.warning("document_failed", extra={"stage": error.stage, "code": error.code})
        # The index goes on answering from the version before, and from nothing of this one.
        self.pipeline.store.delete(sorted(self.wanted.keys() - self.held.keys()), self.deadline)
        self._record(DocumentState.FAILED, failure)
        return replace(self._result(Outcome.FAILED), failure=failure)

    def _record(self, state: DocumentState, failure: Failure | None = None) -> None:
        """Write the record. Beginning an attempt keeps what the last one on this version spent."""
        before = self.before if self.before and self.before.version == self.state.version else None
        indexed = state is DocumentState.INDEXED
        key = self.state.key
        document = Document(
            id=key.document_id,
            bucket=key.bucket,
            key=key.key,
            state=state,
            version=self.state.version,
            etag=self.state.etag,
            indexed_version=self.state.version if indexed else (self.before.indexed_version if self.before else ""),
            title=self.title or (self.before.title if self.before else ""),
            format=_format(key.key),
            size=self.state.size,
            modified=self.state.modified,
            chunks=len(self.wanted) if indexed else (self.before.chunks if self.before else 0),
            fingerprint=fingerprint(self.wanted) if indexed else "",
            tokens=self.usage.tokens + (before.tokens if before else 0),
            cost_cny=self.usage.cost_cny + (before.cost_cny if before else 0),
            model=self.pipeline.embedder.profile,
            attempts=1 + (before.attempts if before else 0),
            failure=failure,
            updated=time.time(),
        )
        self.pipeline.store.record([document], self.deadline)

    def _result(self, outcome: Outcome) -> Result:
        chunks = len(self.wanted) if outcome is Outcome.INDEXED else 0
        return Result(self.state.key.key, outcome, chunks, self.embedded, self.usage)


def _format(key: str) -> str:
    return parsing.FORMATS.get(Path(key).suffix.lower().lstrip("."), "")


def _windows(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while window := list(islice(iterator, size)):
        yield window

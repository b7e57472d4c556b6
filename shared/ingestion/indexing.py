"""One version of one document into the index: load, parse, chunk, embed what is new, write, sweep.

Chunks of the new version are written before those of the old one go, and what the index already holds is never
bought again. The registry's record is written first (what is being attempted) and last (what came of it), so that a
crash in between is seen by whoever comes next.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from shared import parsing
from shared.domain.errors import DocumentError, PlatformError, RequestError, TransientError
from shared.domain.models import Document, DocumentState, Failure, Usage, digest
from shared.embedding.parameters import TextType
from shared.ingestion import chunking
from shared.ingestion.bucket import ChangedError
from shared.runtime import clock, workspace
from shared.store.fingerprints import EMPTY_FINGERPRINT, ChunkPosition, ChunkSet, FingerprintBuilder
from shared.store.rows import ChunkRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from shared.domain.models import Chunk, ObjectState, ParsedDocument
    from shared.domain.tenants import Tenancy
    from shared.embedding.embedder import Embedder
    from shared.ingestion.bucket import Bucket
    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import IngestionSettings
    from shared.store.store import Store

log = logging.getLogger(__name__)
Item = TypeVar("Item")

# Chunks embedded and written together: what a crash can cost at most, and what stands in memory at once.
_WINDOW = 200
# Kept back from embedding and loading, so that what they brought can be written before the deadline.
_RESERVE_SECONDS = 10.0
# Chunks of the index compared with the wanted ones at once.
_IDS_AT_ONCE = 10_000
# A window is only begun when there is time left; the rest is left to the next attempt, which resumes here.
_LEAST_SECONDS = 1.0


class Outcome(StrEnum):
    """What came of a document."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    FAILED = "failed"


class Result(Struct, frozen=True):
    """What happened to one object, and what it cost."""

    key: str
    outcome: Outcome
    chunks: int = 0
    embedded: int = 0
    usage: Usage = Usage()
    failure: Failure | None = None


Parse: TypeAlias = "Callable[[Path, str, parsing.Limits, Deadline], ParsedDocument]"


class Pipeline(Struct, frozen=True):
    """What a document passes through on its way into the index.

    Attributes:
        parse: reads a file; `parsing.parse_bounded`, or one that needs no process of its own.
    """

    bucket: Bucket
    embedder: Embedder
    store: Store
    settings: IngestionSettings
    tenancy: Tenancy
    parse: Parse


@dataclass
class Attempt:
    """One attempt at one version of one document."""

    pipeline: Pipeline
    state: ObjectState
    previous: Document | None
    deadline: Deadline
    stage: str = "loading"
    title: str = ""
    row_digest: str = ""
    usage: Usage = Usage()
    embedded: int = 0
    held: ChunkSet = field(default_factory=ChunkSet)
    wanted: ChunkSet = field(default_factory=ChunkSet)
    rewrite: bool = False
    # The record of another version, from which the index answers while this one is not in.
    fallback: Document | None = field(init=False)

    def __post_init__(self) -> None:
        previous = self.previous
        self.fallback = previous if previous and previous.indexed_version not in ("", self.state.version) else None

    @property
    def tenant(self) -> str:
        """Whose the document is."""
        return self.pipeline.tenancy.of(self.state.key.key, self.state.metadata)

    def result(self) -> Result:
        """Index this version, or record why it cannot be.

        Raises:
            ChangedError: the bucket holds another version by now.
            TransientError, ConfigurationError: recorded, and worth another attempt.
        """
        self._record(DocumentState.PENDING)
        try:
            self._index()
        except ChangedError:
            raise
        except DocumentError as error:
            return self.failed(Failure(error.stage, error.code, error.message, error.request_id))
        except PlatformError as error:
            self._record(DocumentState.PENDING, Failure(self.stage, error.code, error.message, error.request_id, True))
            raise
        except Exception as error:
            log.exception("document_crashed", extra={"stage": self.stage})
            message = f"A defect of ours ({type(error).__name__}); the log says where."
            self._record(DocumentState.PENDING, Failure(self.stage, "internal_error", message, retryable=True))
            raise TransientError("internal_error", message) from error
        self._record(DocumentState.INDEXED)
        return self._result(Outcome.INDEXED)

    def _index(self) -> None:
        if self.state.problem:
            raise DocumentError("broken_metadata", self.state.problem, stage="loading")
        store, document_id = self.pipeline.store, self.state.key.document_id
        # Without a record nothing was ever attempted, so nothing can be held.
        self.held = ChunkSet(store.chunks.read_positions(document_id, self.deadline) if self.previous else ())
        with workspace.folder() as folder:
            path = folder / "object"
            self.pipeline.bucket.download(
                self.state, path, self.pipeline.settings.max_file_bytes, self.deadline.minus(_RESERVE_SECONDS)
            )
            for window in self._windows(path):
                present = self.held.contains([chunk.id for chunk in window])
                self._embed([chunk for chunk, here in zip(window, present, strict=True) if not here])
                self.rewrite = self.rewrite or any(self._moved(window))
            # Rows that only moved are rewritten last: until then a version that fails can be told from the one before.
            for window in self._windows(path) if self.rewrite else ():
                self._rewrite([chunk for chunk, moved in zip(window, self._moved(window), strict=True) if moved])
        self._sweep()

    def _sweep(self) -> None:
        self.stage = "storing"
        store = self.pipeline.store
        present, gone = 0, list[str]()
        for some in batched(store.chunks.read_positions(self.state.key.document_id, self.deadline), _IDS_AT_ONCE):
            ids = [id_ for id_, _ in some]
            wanted = self.wanted.contains(ids)
            present += sum(wanted)
            gone += [id_ for id_, keep in zip(ids, wanted, strict=True) if not keep]
        store.chunks.delete(gone, self.deadline)
        if present < len(self.wanted):
            raise TransientError("chunks_missing", "Another worker removed chunks meanwhile; it is done again.")

    def _moved(self, chunks: Sequence[Chunk]) -> list[bool]:
        return self.held.find_moved([(chunk.id, self._position(chunk)) for chunk in chunks])

    def _position(self, chunk: Chunk) -> ChunkPosition:
        return ChunkPosition(chunk.ordinal, chunk.location.start, self.row_digest)

    def _windows(self, path: Path) -> Iterator[list[Chunk]]:
        """The document's chunks, so many at a time; `wanted` grows with them, from nothing.

        Raises:
            DocumentError: it cannot be parsed, or holds no text.
            TransientError: ``deadline_exceeded``: the rest is left to the next attempt, which resumes here.
        """
        settings = self.pipeline.settings
        self.stage = "parsing"
        self.wanted = ChunkSet()
        limits = parsing.Limits(max_bytes=settings.max_file_bytes)
        parsed = self.pipeline.parse(path, self.state.key.key, limits, self.deadline.minus(_RESERVE_SECONDS))
        self.title = parsed.title
        self.row_digest = digest(self.title, self.state.version, str(self.state.modified), self.tenant)
        chunks = chunking.chunk(
            parsed.blocks,
            self.state.key.document_id,
            self.pipeline.embedder.profile,
            settings.chunk_tokens,
            parsed.title,
        )
        for window in batched(chunks, _WINDOW):
            self.deadline.timeout(_LEAST_SECONDS)
            self.wanted.add((chunk.id, self._position(chunk)) for chunk in window)
            yield window
            self.stage = "parsing"
        if not self.wanted:
            raise DocumentError("empty_document", "The document holds no text.", stage="parsing")

    def _rewrite(self, chunks: Sequence[Chunk]) -> None:
        """Write chunks whose place or document changed, with the vectors they have; those are not bought again."""
        self.stage = "storing"
        vectors = self.pipeline.store.chunks.read_vectors([chunk.id for chunk in chunks], self.deadline)
        kept = [self._row(chunk, vectors[chunk.id]) for chunk in chunks if chunk.id in vectors]
        self.pipeline.store.chunks.write(kept, self.deadline)
        self._embed([chunk for chunk in chunks if chunk.id not in vectors])

    def _embed(self, chunks: Sequence[Chunk]) -> None:
        """Embed and write chunks; what was paid for is written whatever failed beside it, and never bought again.

        Raises:
            DocumentError: ``text_refused``: DashScope will not embed some chunk.
            PlatformError: what kept others from being embedded.
        """
        if not chunks:
            return
        self.stage = "embedding"
        embedder = self.pipeline.embedder
        texts = [chunk.embedded_text for chunk in chunks]
        # Embedding ends early enough for what it brought to be written.
        until = self.deadline.minus(_RESERVE_SECONDS)
        try:
            embedded = embedder.embed(texts, embedder.make_parameters(TextType.DOCUMENT), until)
        except RequestError as error:
            raise DocumentError(error.code, f"A chunk cannot be embedded: {error.message}", stage="embedding") from None
        self.usage += embedded.usage
        paid = [(chunk, vector) for chunk, vector in zip(chunks, embedded.embeddings, strict=True) if vector]
        self.embedded += len(paid)
        self.stage = "storing"
        self.pipeline.store.chunks.write([self._row(chunk, vector.dense) for chunk, vector in paid], self.deadline)
        self.stage = "embedding"
        if embedded.refused:
            first = embedded.refused[0]
            raise DocumentError(
                "text_refused",
                f"DashScope refused {len(embedded.refused)} chunks, the first with {first.code}: {first.message}",
                stage="embedding",
                request_id=first.request_id,
            )
        if embedded.failure:
            raise embedded.failure

    def _row(self, chunk: Chunk, vector: tuple[float, ...]) -> ChunkRow:
        key, state = self.state.key, self.state
        return ChunkRow(
            chunk=chunk,
            vector=vector,
            bucket=key.bucket,
            key=key.key,
            title=self.title,
            format=_format(key.key),
            modified=state.modified,
            metadata=state.metadata,
            row_digest=self.row_digest,
            tenant=self.tenant,
        )

    def failed(self, failure: Failure) -> Result:
        """Record why this version cannot be indexed, and take out what is in of it."""
        log.warning("document_failed", extra={"stage": failure.stage, "code": failure.code})
        withdrawn = self._withdrawn()
        # Recorded first: whoever comes after a crash finds what was paid for, and sees that it must still go.
        self._record(DocumentState.FAILED, failure)
        self.pipeline.store.chunks.delete(withdrawn, self.deadline)
        return replace(self._result(Outcome.FAILED), failure=failure)

    def _withdrawn(self) -> list[str]:
        """What must go so that exactly the version before stays, or nothing: no part of it, nothing of this one."""
        versions: defaultdict[str, tuple[FingerprintBuilder, list[str]]] = defaultdict(
            lambda: (FingerprintBuilder(), [])
        )
        for id_, place in self.pipeline.store.chunks.read_positions(self.state.key.document_id, self.deadline):
            tally, ids = versions[place.row_digest]
            tally.add(id_, place)
            ids.append(id_)
        before = self.fallback.fingerprint if self.fallback else ""
        kept = next((digest_ for digest_, (tally, _) in versions.items() if tally.fingerprint == before), None)
        if kept is None:
            self.fallback = None
        return [id_ for digest_, (_, ids) in versions.items() if digest_ != kept for id_ in ids]

    def _record(self, state: DocumentState, failure: Failure | None = None) -> None:
        """Write the record. Beginning an attempt keeps what the last one on this version spent."""
        previous = self.previous if self.previous and self.previous.version == self.state.version else None
        indexed, fallback = state is DocumentState.INDEXED, self.fallback
        key = self.state.key
        document = Document(
            id=key.document_id,
            bucket=key.bucket,
            key=key.key,
            state=state,
            version=self.state.version,
            etag=self.state.etag,
            sidecar_etag=self.state.sidecar_etag,
            indexed_version=self.state.version if indexed else (fallback.indexed_version if fallback else ""),
            title=self.title or (self.previous.title if self.previous else ""),
            format=_format(key.key),
            size=self.state.size,
            modified=self.state.modified,
            chunks=len(self.wanted) if indexed else (fallback.chunks if fallback else 0),
            fingerprint=self.wanted.fingerprint
            if indexed
            else (fallback.fingerprint if fallback else EMPTY_FINGERPRINT),
            tenant=self.tenant,
            tenant_from=self.pipeline.tenancy.rule,
            tokens=self.usage.tokens + (previous.tokens if previous else 0),
            cost_cny=self.usage.cost_cny + (previous.cost_cny if previous else 0),
            model=self.pipeline.embedder.profile,
            attempts=1 + (previous.attempts if previous else 0),
            failure=failure,
            updated=clock.time(),
        )
        self.pipeline.store.registry.write([document], self.deadline)

    def _result(self, outcome: Outcome) -> Result:
        chunks = len(self.wanted) if outcome is Outcome.INDEXED else 0
        return Result(self.state.key.key, outcome, chunks, self.embedded, self.usage)


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """``items`` in portions of ``size``, the last of what is left."""
    rest = iter(items)
    return iter(lambda: list(islice(rest, size)), [])


def _format(key: str) -> str:
    return parsing.FORMATS.get(Path(key).suffix.lower().lstrip("."), "")

"""One version of one document into the index: load, parse, chunk, embed what is new, write, sweep.

Chunks of the new version are written before those of the previous one go, and what the index already holds is never
embedded again. The registry's record is written first (what is being attempted) and last (how it ended), so that the
next attempt sees a crash in between.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared import parsing
from shared.domain.errors import DocumentError, PlatformError, RequestError, TransientError
from shared.domain.models import DocumentState, Failure, ParsedDocument, Usage
from shared.embedding.parameters import TextType
from shared.ingestion import chunking, object_names
from shared.ingestion.bucket import ChangedError
from shared.ingestion.claiming import ClaimedError, ClaimKeeper, make_claim
from shared.ingestion.equal_content import EqualContent
from shared.ingestion.postponed import PostponedChunks
from shared.ingestion.recording import Recorder
from shared.ingestion.results import Outcome, Result
from shared.ingestion.rows import RowMaker
from shared.ingestion.scans import ScanTally
from shared.runtime import workspace
from shared.runtime.crashing import explain_crash
from shared.store.client import split
from shared.store.fingerprints import ChunkSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from shared.domain.models import Chunk, Document, ObjectState
    from shared.ingestion.pipeline import Pipeline
    from shared.runtime.retrying import Deadline

log = logging.getLogger(__name__)

# Chunks embedded and written together: what a crash can cost at most, and what is held in memory at once.
_WINDOW = 200
# Kept back from embedding and loading, so that what was embedded can be written before the deadline.
_RESERVE_SECONDS = 10.0
# Chunks of the index compared with the wanted ones at once.
_IDS_AT_ONCE = 10_000
# A window is only begun when there is time left; the rest is left to the next attempt, which resumes here.
_LEAST_SECONDS = 1.0
# An object up to this size is loaded whole before its format is known: to ask for its first bytes costs as much.
_SMALL_BYTES = 1 << 16


@dataclass
class Attempt:
    """One attempt at one version of one document.

    Attributes:
        yields: whether another instance may have begun at the same moment, as reconciles by a timer do.
        content: the object's content, if it was loaded already.
        source: the record of this version in the collection that its chunks are copied from, if it has them.
    """

    pipeline: Pipeline
    state: ObjectState
    previous: Document | None
    deadline: Deadline
    yields: bool = False
    content: bytes | None = None
    source: Document | None = None
    stage: str = "loading"
    usage: Usage = Usage()
    embedded: int = 0
    held: ChunkSet = field(default_factory=ChunkSet)
    wanted: ChunkSet = field(default_factory=ChunkSet)
    scanned: ScanTally = field(default_factory=ScanTally)
    records: Recorder = field(init=False)
    rows: RowMaker = field(init=False)
    _equal: EqualContent = field(init=False)
    _claim: ClaimKeeper = field(init=False)

    def __post_init__(self) -> None:
        pipeline, state = self.pipeline, self.state
        tenant = pipeline.tenancy.of(state.key.key, state.metadata)
        now = pipeline.bucket.reference.now
        self.records = Recorder(state, self.previous, lambda: make_claim(pipeline.owner, now()), tenant, self.source)
        self.rows = RowMaker(state, tenant, self.records.generation)
        self._equal = EqualContent(pipeline.store, state, tenant, pipeline.embedder.profile)
        self._claim = ClaimKeeper(pipeline.store.registry, state.key.document_id, pipeline.owner, now, self.deadline)

    def result(self) -> Result:
        """Index this version, or record why it cannot be.

        Raises:
            ChangedError: the bucket holds another version by now.
            ClaimedError: another instance works on the document.
            InternalError: this program failed; recorded, and retried after a delay.
            TransientError, ConfigurationError: recorded, and worth another attempt.
        """
        self._record(DocumentState.PENDING)
        try:
            with self._claim, self.scanned:
                self._index()
        except (ChangedError, ClaimedError):
            raise
        except DocumentError as error:
            return self.fail(Failure(error.stage, error.code, error.message, error.request_id))
        except PlatformError as error:
            self._record(DocumentState.PENDING, Failure(self.stage, error.code, error.message, error.request_id, True))
            raise
        except Exception as error:
            crash = explain_crash(error, self.stage)
            self._record(DocumentState.PENDING, Failure(self.stage, crash.code, crash.message, retryable=True))
            raise crash from error
        self._record(DocumentState.INDEXED)
        return self._result(Outcome.INDEXED)

    def fail(self, failure: Failure) -> Result:
        """Record why this version cannot be indexed, and remove the chunks that are in the index of it."""
        log.warning("document_failed", extra={"stage": failure.stage, "code": failure.code})
        positions = self.pipeline.store.chunks.read_positions(self.state.key.document_id, self.deadline)
        withdrawn = self.records.find_withdrawn(positions)
        # Recorded first: after a crash the next attempt finds what was paid for, and sees that it must still go.
        self._record(DocumentState.FAILED, failure)
        self.pipeline.store.chunks.delete(withdrawn, self.deadline)
        return replace(self._result(Outcome.FAILED), failure=failure)

    def _index(self) -> None:
        if problem := object_names.find_problem(self.state.key.key):
            raise DocumentError("unsupported_key", problem, stage="loading")
        if self.state.problem:
            raise DocumentError("broken_metadata", self.state.problem, stage="loading")
        # Without a record nothing was ever attempted, so that the index holds nothing.
        if self.previous:
            self._read_held()
        with workspace.folder() as folder:
            chunks = self._copy() if self.source else self._cut(self._load(folder))
            if self.yields:  # another process may have begun at the same moment, and its chunks count
                self._read_held()
            with PostponedChunks(folder) as moved:
                for window in self._windows(chunks):
                    present = self.held.contains([chunk.id for chunk in window])
                    self._embed([chunk for chunk, is_held in zip(window, present, strict=True) if not is_held])
                    moved.add(self._find_moved(window))
                # Rows that only moved are written last: until then a version that fails leaves the previous one whole.
                for some in split(moved, _WINDOW):
                    self._rewrite(some)
        self._claim.check_again()
        self._sweep()

    def _read_held(self) -> None:
        self.held = ChunkSet(self.pipeline.store.chunks.read_positions(self.state.key.document_id, self.deadline))

    def _load(self, folder: Path) -> Path:
        """The object in a file, once its name and first bytes say that some parser may read it."""
        bucket, state, until = self.pipeline.bucket, self.state, self.deadline.minus(_RESERVE_SECONDS)
        path, most = folder / "object", self.pipeline.settings.max_file_bytes
        if self.content is not None and state.size <= most:
            path.write_bytes(self.content)
            return path
        if _SMALL_BYTES < state.size <= most:
            head = bucket.read_head(state, parsing.HEAD_BYTES, until)
            if not parsing.is_compressed(state.key.key, head):
                parsing.decide(state.key.key, state.size, head, self.pipeline.limits)
        bucket.download(state, path, most, until)
        return path

    def _sweep(self) -> None:
        self.stage = "storing"
        store = self.pipeline.store
        present, gone = 0, list[str]()
        for some in split(store.chunks.read_positions(self.state.key.document_id, self.deadline), _IDS_AT_ONCE):
            ids = [id_ for id_, _ in some]
            wanted = self.wanted.contains(ids)
            present += sum(wanted)
            gone += [id_ for id_, is_wanted in zip(ids, wanted, strict=True) if not is_wanted]
        store.chunks.delete(gone, self.deadline)
        if present < len(self.wanted):
            raise TransientError("chunks_missing", "Another worker removed chunks meanwhile; it is done again.")

    def _find_moved(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        moved = self.held.find_moved([(chunk.id, self.rows.locate(chunk)) for chunk in chunks])
        return [chunk for chunk, is_moved in zip(chunks, moved, strict=True) if is_moved]

    def _windows(self, chunks: Iterable[Chunk]) -> Iterator[list[Chunk]]:
        """The document's chunks, so many at a time; `wanted` grows with them, from nothing.

        Raises:
            DocumentError: it cannot be parsed, or holds no text.
            TransientError: ``deadline_exceeded``: the rest is left to the next attempt, which resumes here.
        """
        for window in split(chunks, _WINDOW):
            self.deadline.timeout(_LEAST_SECONDS)
            self.wanted.add((chunk.id, self.rows.locate(chunk)) for chunk in window)
            yield window
            self.stage = "parsing"
        if not self.wanted:
            raise DocumentError("empty_document", "The document holds no text.", stage="parsing")

    def _copy(self) -> Iterator[Chunk]:
        """The document's chunks, as another collection holds them: nothing is loaded or parsed."""
        origin, source = self.pipeline.origin, self.source
        if origin is None or source is None:
            raise ValueError("there is nothing to copy from")
        if failure := source.failure:
            raise DocumentError(failure.code, failure.message, stage=failure.stage, request_id=failure.request_id)
        self.wanted = ChunkSet()
        self.scanned.pages = source.ocr_pages
        self.records.parsed = ParsedDocument(source.title, iter(()), source.format, list(source.warnings))
        self.records.revision = source.parser_revision
        self.rows.describe(source.title, source.format)
        return origin.read_chunks(source, self.pipeline.embedder.profile, self.deadline)

    def _cut(self, path: Path) -> Iterator[Chunk]:
        """The chunks of the loaded document."""
        parsed = self._parse(path)
        return chunking.chunk(
            parsed.blocks, self.state.key.document_id, self.pipeline.embedder.profile,
            self.pipeline.settings.chunk_tokens, parsed.title,
        )  # fmt: skip

    def _parse(self, path: Path) -> ParsedDocument:
        self.stage = "parsing"
        self.wanted = ChunkSet()
        read_by = self.deadline.minus(_RESERVE_SECONDS)
        parsed = self.pipeline.parse(path, self.state.key.key, self.pipeline.limits, read_by)
        if self.pipeline.scans:
            parsed = self.pipeline.scans.read(parsed, self.state.key, self.records.tenant, self.scanned, read_by)
        self.records.parsed = parsed
        self.rows.describe(parsed.title, parsed.format)
        return parsed

    def _rewrite(self, chunks: Sequence[Chunk]) -> None:
        """Write chunks that are at another place or of a changed document, with the vectors they have."""
        self.stage = "storing"
        vectors = self.pipeline.store.chunks.read_vectors([chunk.id for chunk in chunks], self.deadline)
        kept = [self.rows.make(chunk, vectors[chunk.id]) for chunk in chunks if chunk.id in vectors]
        self.pipeline.store.chunks.write(kept, self.deadline)
        self._embed([chunk for chunk in chunks if chunk.id not in vectors])

    def _embed(self, chunks: Sequence[Chunk]) -> None:
        """Embed and write chunks; what was paid for is written even if others fail, and never embedded again.

        Raises:
            DocumentError: ``text_refused``: DashScope will not embed some chunk; ``field_too_large``.
            ClaimedError: another instance works on the document.
            PlatformError: the reason why others could not be embedded.
        """
        if not chunks:
            return
        self.stage = "embedding"
        self.rows.check(chunks)
        if not (chunks := self._reuse(chunks)):
            return
        self._claim.check()
        embedder = self.pipeline.embedder
        texts = [chunk.embedded_text for chunk in chunks]
        until = self.deadline.minus(_RESERVE_SECONDS)
        try:
            embedded = embedder.embed(texts, embedder.make_parameters(TextType.DOCUMENT), until)
        except RequestError as error:
            raise DocumentError(error.code, f"A chunk cannot be embedded: {error.message}", stage="embedding") from None
        self.usage += embedded.usage
        paid = [(chunk, vector) for chunk, vector in zip(chunks, embedded.embeddings, strict=True) if vector]
        self.embedded += len(paid)
        self.stage = "storing"
        self.pipeline.store.chunks.write([self.rows.make(chunk, vector.dense) for chunk, vector in paid], self.deadline)
        self.stage = "embedding"
        if embedded.refused:
            first = embedded.refused[0]
            message = f"DashScope refused {len(embedded.refused)} chunks, the first with {first.code}: {first.message}"
            raise DocumentError("text_refused", message, stage="embedding", request_id=first.request_id)
        if embedded.failure:
            raise embedded.failure

    def _reuse(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Write the chunks that a document of the same content holds, with its vectors; returns the others."""
        vectors = self._find_vectors(chunks)
        kept = [self.rows.make(chunk, vectors[chunk.id]) for chunk in chunks if chunk.id in vectors]
        self.pipeline.store.chunks.write(kept, self.deadline)
        return [chunk for chunk in chunks if chunk.id not in vectors]

    def _find_vectors(self, chunks: Sequence[Chunk]) -> Mapping[str, tuple[float, ...]]:
        """The vectors that another collection or another document has of chunks, by their ids."""
        if (origin := self.pipeline.origin) and origin.profile == self.pipeline.embedder.profile:
            return origin.store.chunks.read_vectors([chunk.id for chunk in chunks], self.deadline)
        # A new version of a document is seldom another's content.
        return {} if self.previous else self._equal.find_vectors(chunks, self.deadline)

    def _record(self, state: DocumentState, failure: Failure | None = None) -> None:
        """Write the record. Beginning an attempt keeps what the last one on this version spent."""
        document = self.records.make(state, failure, self.wanted, self.usage, self.scanned)
        document = replace(document, tenant_from=self.pipeline.tenancy.rule, model=self.pipeline.embedder.profile)
        self.pipeline.store.registry.write([document], self.deadline)

    def _result(self, outcome: Outcome) -> Result:
        chunks = len(self.wanted) if outcome is Outcome.INDEXED else 0
        return Result(self.state.key.key, outcome, chunks, self.embedded, self.usage + self.scanned.usage)

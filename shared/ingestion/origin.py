"""Another collection with the same documents, from which chunks are copied instead of reading the bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.errors import TransientError
from shared.domain.models import DocumentState
from shared.ingestion.chunking import ChunkNamer
from shared.ingestion.claiming import ClaimedError, await_end, is_claimed
from shared.ingestion.standing import is_finished
from shared.store.fingerprints import FingerprintBuilder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.domain.models import Chunk, Document, ObjectState
    from shared.runtime.retrying import Deadline
    from shared.store.store import Store

_WINDOW = 200
# Work of this process counts too: a copy waits until it is done.
_ANY_OWNER = ""
# Failures of these stages do not depend on the embedding model.
_SHARED_STAGES = ("loading", "parsing")


class Origin(Struct, frozen=True):
    """A collection to copy from.

    Attributes:
        is_copied: whether its chunks are cut as they are wanted; if not, only equal vectors are taken from it.
    """

    store: Store
    is_copied: bool = True

    @property
    def profile(self) -> str:
        """Identity of its vectors."""
        return self.store.space.profile

    def find(
        self, state: ObjectState, now: Callable[[], float], deadline: Deadline, *, yields: bool = False
    ) -> Document | None:
        """Return the record of a version from which it can be copied, or that says why it cannot be indexed.

        Args:
            now: tells the time by the clock that all instances see.

        Raises:
            ClaimedError: a process is at work on it there, and this one yields, or has no time left to wait.
        """
        record = self._read(state.key.document_id, now, deadline, yields=yields) if self.is_copied else None
        if record is None or record.version != state.version:
            return None
        if record.state is DocumentState.FAILED:
            return record if is_finished(record) and record.failure and self._is_shared(record) else None
        if record.state is not DocumentState.INDEXED or record.indexed_version != state.version:
            return None
        is_whole = self.store.chunks.compute_fingerprint(record.id, deadline) == record.fingerprint
        return record if is_whole else None

    def read_chunks(self, record: Document, profile: str, deadline: Deadline) -> Iterator[Chunk]:
        """Yield the chunks of a document in order, with ids for another embedding.

        Raises:
            TransientError: ``chunks_missing``: they changed meanwhile.
        """
        namer, tally = ChunkNamer(record.id, profile), FingerprintBuilder()
        for start in range(0, record.chunks, _WINDOW):
            for chunk, position in self.store.chunks.read_window(record.id, start, start + _WINDOW, deadline):
                tally.add(chunk.id, position)
                yield replace(chunk, id=namer.name(chunk.context, chunk.text))
        if tally.fingerprint != record.fingerprint:
            raise TransientError("chunks_missing", "Another worker changed the chunks meanwhile; it is done again.")

    def _read(self, document_id: str, now: Callable[[], float], deadline: Deadline, *, yields: bool) -> Document | None:
        record = self.store.registry.read(document_id, deadline)
        if not is_claimed(record, _ANY_OWNER, now()):
            return record
        if yields:
            raise ClaimedError
        await_end(self.store.registry, document_id, _ANY_OWNER, now, deadline)
        return self.store.registry.read(document_id, deadline)

    def _is_shared(self, record: Document) -> bool:
        return record.failure is not None and record.failure.stage in _SHARED_STAGES

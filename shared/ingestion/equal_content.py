"""Vectors that other documents of the same content hold: an object that was renamed or copied costs no embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.ingestion.chunking import identify_in
from shared.store.registry import identify_content

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.domain.models import Chunk, ObjectState
    from shared.runtime.retrying import Deadline
    from shared.store.store import Store


class EqualContent:
    """Finds the documents with the content of an object, among those of its tenant, and their vectors.

    Another tenant's are left out: a document that costs nothing would tell that another tenant has the same.

    Args:
        profile: identity of the embedding.
    """

    def __init__(self, store: Store, state: ObjectState, tenant: str, profile: str) -> None:
        self._store = store
        self._state = state
        self._tenant = tenant
        self._profile = profile
        self._documents: list[str] | None = None

    def find_vectors(self, chunks: Sequence[Chunk], deadline: Deadline) -> dict[str, tuple[float, ...]]:
        """The vectors of chunks with the same context and text, by the id of the chunk that wants one."""
        found: dict[str, tuple[float, ...]] = {}
        for document_id in self._find_documents(deadline):
            ids = {
                chunk.id: identify_in(document_id, chunk, self._profile) for chunk in chunks if chunk.id not in found
            }
            vectors = self._store.chunks.read_vectors(list(ids.values()), deadline)
            found |= {id_: vectors[other] for id_, other in ids.items() if other in vectors}
            if len(found) == len(chunks):
                break
        return found

    def _find_documents(self, deadline: Deadline) -> list[str]:
        if self._documents is None:
            content = identify_content(self._state.etag, self._profile)
            found = self._store.registry.find_content(content, self._tenant, deadline)
            self._documents = [id_ for id_ in found if id_ != self._state.key.document_id]
        return self._documents

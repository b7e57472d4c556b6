"""Rows of a document's chunks, and the digest that tells whether a row must be written again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shared.domain.errors import DocumentError
from shared.domain.models import digest
from shared.store.fingerprints import ChunkPosition, join_generation
from shared.store.rows import ChunkRow, check_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.domain.models import Chunk, ObjectState


class RowMaker:
    """Makes the rows of one version of one document.

    A row's digest covers all that a search shows of it, but neither the version nor the time of the document: an edit
    then writes only the rows that it changes, and ``modified`` says when a chunk last changed.

    Args:
        generation: number of this version among those that were indexed.
    """

    def __init__(self, state: ObjectState, tenant: str, generation: int) -> None:
        self._state = state
        self._tenant = tenant
        self._generation = generation
        self._title = self._format = self._digest = ""

    def describe(self, title: str, format_: str) -> None:
        """Set the document's title and format, once they are known."""
        self._title, self._format = title, format_
        metadata = msgspec.json.encode(self._state.metadata, order="sorted").decode()
        self._digest = digest(title, format_, metadata, self._tenant)

    def locate(self, chunk: Chunk) -> ChunkPosition:
        """Where a chunk is, and what its row holds beside text and vector, as a digest."""
        location = msgspec.json.encode(chunk.location).decode("utf-8", "replace")
        row_digest = join_generation(digest(self._digest, location), self._generation)
        return ChunkPosition(chunk.ordinal, chunk.location.start, row_digest)

    def check(self, chunks: Sequence[Chunk]) -> None:
        """Refuse what Milvus would not accept, before it is billed.

        Raises:
            DocumentError: ``field_too_large``.
        """
        for chunk in chunks:
            try:
                check_row(self.make(chunk, ()))
            except ValueError as error:
                message = f"A chunk cannot be stored: {error}."
                raise DocumentError("field_too_large", message, stage="chunking") from None

    def make(self, chunk: Chunk, vector: tuple[float, ...]) -> ChunkRow:
        """The row of a chunk."""
        state = self._state
        return ChunkRow(
            chunk=chunk,
            vector=vector,
            bucket=state.key.bucket,
            key=state.key.key,
            title=self._title,
            format=self._format,
            modified=state.modified,
            metadata=state.metadata,
            row_digest=self.locate(chunk).row_digest,
            tenant=self._tenant,
        )

"""The texts of documents that the index lacks vectors for: what a batch task is asked to embed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.ingestion.indexing import Attempt
from shared.runtime import workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.domain.models import ObjectKey
    from shared.ingestion.pipeline import Pipeline
    from shared.runtime.retrying import Deadline


def read_texts(pipeline: Pipeline, key: ObjectKey, add: Callable[[Sequence[str]], bool], deadline: Deadline) -> bool:
    """Read a document as indexing would, and add the texts that it would embed; nothing is embedded or written.

    Args:
        add: takes texts; returns whether there was room for all, and is not called again otherwise.

    Returns:
        Whether the document has texts to embed.

    Raises:
        PlatformError: the document cannot be read.
    """
    state = pipeline.bucket.state(key, deadline)
    if state is None or state.problem:
        return False
    record = pipeline.store.registry.read(key.document_id, deadline)
    return _Preview(pipeline, state, record, deadline).add_missing(add)


class _Preview(Attempt):
    """An attempt that ends before the first text is embedded."""

    def add_missing(self, add: Callable[[Sequence[str]], bool]) -> bool:
        if self.previous:
            self._read_held()
        has_texts = False
        with self.scanned, workspace.folder() as folder:
            for window in self._windows(self._cut(self._load(folder))):
                present = self.held.contains([chunk.id for chunk in window])
                missing = [chunk for chunk, is_held in zip(window, present, strict=True) if not is_held]
                if missing and not self.previous:  # a document of the same content gives its vectors
                    known = self._equal.find_vectors(missing, self.deadline)
                    missing = [chunk for chunk in missing if chunk.id not in known]
                has_texts = has_texts or bool(missing)
                if not add([chunk.embedded_text for chunk in missing]):
                    break
        return has_texts

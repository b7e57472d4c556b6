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
    """Read or copy a document as indexing would, and add the texts that it would embed; nothing is embedded or written.

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
    record, origin = pipeline.store.registry.read(key.document_id, deadline), pipeline.origin
    source = origin.find(state, pipeline.bucket.reference.now, deadline, yields=True) if origin else None
    if origin and origin.is_copied and source is None:  # it will be copied once it is there; nothing is parsed twice
        return False
    return _Preview(pipeline, state, record, deadline, source=source).add_missing(add)


class _Preview(Attempt):
    """An attempt that ends before the first text is embedded."""

    def add_missing(self, add: Callable[[Sequence[str]], bool]) -> bool:
        if self.previous:
            self._read_held()
        has_texts = False
        with self.scanned, workspace.folder() as folder:
            chunks = self._copy() if self.source else self._cut(self._load(folder))
            for window in self._windows(chunks):
                present = self.held.contains([chunk.id for chunk in window])
                missing = [chunk for chunk, is_held in zip(window, present, strict=True) if not is_held]
                if missing:
                    known = self._find_vectors(missing)
                    missing = [chunk for chunk in missing if chunk.id not in known]
                has_texts = has_texts or bool(missing)
                if not add([chunk.embedded_text for chunk in missing]):
                    break
        return has_texts

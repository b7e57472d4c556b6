"""What the calls of one request returned and cost, collected from several threads."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct, field

from shared.domain.models import Usage
from shared.embedding.results import EmbeddingResult, RefusedText

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.domain.errors import PlatformError
    from shared.domain.models import Embedding
    from shared.embedding.failures import RefusedError
    from shared.embedding.packing import Row
    from shared.embedding.results import Answer

# Every answer is billed, so one that cannot be used is asked for again once, and not as often as other failures.
_MAX_UNUSABLE_ANSWERS = 2


class Ledger(Struct):
    """The state of one request; `close` makes its result."""

    embeddings: list[Embedding | None]
    usage: Usage = Usage()
    refused: list[RefusedText] = []
    failure: PlatformError | None = None
    request_ids: list[str] = []
    unusable_answers: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, rows: Sequence[Row], answer: Answer[tuple[Embedding, ...]], usage: Usage) -> None:
        """Add the embeddings of ``rows``."""
        with self.lock:
            for row, embedding in zip(rows, answer.content, strict=True):
                self.embeddings[row.index] = embedding
            self.usage += usage
            self.request_ids.append(answer.request_id)

    def add_unusable(self, rows: Sequence[Row], usage: Usage) -> bool:
        """Count an answer that was billed and cannot be used.

        Returns: whether the call may be repeated.
        """
        with self.lock:
            self.usage += usage
            self.unusable_answers[rows[0].index] += 1
            return self.unusable_answers[rows[0].index] < _MAX_UNUSABLE_ANSWERS

    def spend(self, usage: Usage) -> None:
        """Count what a call cost that gave none of the embeddings."""
        with self.lock:
            self.usage += usage

    def refuse(self, row: Row, error: RefusedError) -> None:
        """Record that DashScope refused the text of ``row``."""
        with self.lock:
            self.refused.append(RefusedText(row.index, error.code, error.message, error.request_id))

    def fail(self, error: PlatformError) -> None:
        """Record why a call failed; the first failure counts."""
        with self.lock:
            self.failure = self.failure or error

    def close(self) -> EmbeddingResult:
        """The result of the request."""
        refused = tuple(sorted(self.refused, key=lambda text: text.index))
        return EmbeddingResult(tuple(self.embeddings), self.usage, refused, self.failure, tuple(self.request_ids))

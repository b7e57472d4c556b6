"""A question in, ranked passages out.

Passages are found by meaning (dense vectors), by words (BM25), or by both, and then `shared.fusion` decides.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.errors import RequestError
from shared.filters import compile_filter
from shared.fusion import fuse
from shared.models import Hit, Usage

if TYPE_CHECKING:
    from typing import Any

    from shared.embedding import Embedder
    from shared.retrying import Deadline
    from shared.store import Store

MAX_TOP_K = 100
MAX_QUERY_CHARACTERS = 2_000
# Candidates each side contributes to the fusion: twice as many change no figure of quality by a thousandth.
_DEPTH = 50


class Mode(StrEnum):
    """How passages are found."""

    HYBRID = "hybrid"
    DENSE = "dense"
    KEYWORD = "keyword"


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        top_k: passages wanted, 1 to `MAX_TOP_K`.
        filter: a condition of `shared.filters`, or ``None``.
    """

    query: str
    top_k: int = 10
    mode: Mode = Mode.HYBRID
    filter: Any = None


@dataclass(frozen=True)
class Found:
    """The answer.

    Attributes:
        mode: how passages were found; dense when hybrid was asked of a Milvus that cannot search words.
        milliseconds: time spent by stage.
    """

    hits: tuple[Hit, ...]
    mode: Mode
    usage: Usage = Usage()
    milliseconds: dict[str, float] = field(default_factory=dict)


class Retrieval:
    """The use case of the search function: thread-safe, one per process."""

    def __init__(self, embedder: Embedder, store: Store) -> None:
        self._embedder = embedder
        self._store = store

    def search(self, question: Question, deadline: Deadline) -> Found:
        """The passages that answer ``question`` best.

        Raises:
            RequestError: ``invalid_query``, ``invalid_top_k``, ``invalid_filter`` or ``keywords_unsupported``.
            TransientError, ConfigurationError: DashScope or Milvus cannot be asked.
        """
        _check(question)
        condition = compile_filter(question.filter)
        if not self._store.check(deadline):
            return Found((), question.mode)
        mode = self._possible(question.mode, deadline)
        clock = _Clock()
        usage = Usage()
        dense: list[Hit] = []
        lexical: list[Hit] = []
        depth = max(_DEPTH, question.top_k) if mode is Mode.HYBRID else question.top_k
        if mode is not Mode.KEYWORD:
            embedding, usage = self._embedder.embed_query(question.query, deadline)
            clock.lap("embedding")
            dense = self._store.nearest(embedding.dense, depth, condition, deadline)
            clock.lap("dense")
        if mode is not Mode.DENSE:
            lexical = self._store.matching(question.query, depth, condition, deadline)
            clock.lap("keyword")
        hits = fuse(question.query, dense, lexical) if mode is Mode.HYBRID else dense or lexical
        clock.lap("fusion")
        return Found(tuple(hits[: question.top_k]), mode, usage, clock.laps)

    def _possible(self, mode: Mode, deadline: Deadline) -> Mode:
        if mode is Mode.DENSE or self._store.has_keywords(deadline):
            return mode
        if mode is Mode.KEYWORD:
            raise RequestError("keywords_unsupported", "This Milvus cannot search words (BM25 needs 2.5 or later).")
        return Mode.DENSE


def _check(question: Question) -> None:
    if not question.query.strip():
        raise RequestError("invalid_query", "The query is empty.")
    if len(question.query) > MAX_QUERY_CHARACTERS:
        raise RequestError("invalid_query", f"The query is longer than {MAX_QUERY_CHARACTERS} characters.")
    if not 1 <= question.top_k <= MAX_TOP_K:
        raise RequestError("invalid_top_k", f"top_k must be between 1 and {MAX_TOP_K}.")


class _Clock:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = round((now - self._since) * 1000, 2)
        self._since = now

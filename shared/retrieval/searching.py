"""A query in, ranked chunks out.

Chunks are found by meaning (dense vectors), by words (BM25), or by both, and then `shared.retrieval.fusion` decides;
a reranker may look at the best of them once more. The order never depends on the page that is asked for: each side is
first asked for the same number of chunks, and what lies deeper only follows behind them.
"""

from __future__ import annotations

import contextvars
import logging
import math
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.errors import PlatformError, RequestError
from shared.domain.models import Chunk, SearchHit, Usage
from shared.retrieval.fusion import DEPTH, fuse
from shared.retrieval.highlighting import Highlighter
from shared.runtime.auth import EVERYTHING, Scope
from shared.store.expressions import all_of, compile_filter, visible_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from shared.embedding.embedder import Embedder
    from shared.embedding.reranker import Reranker
    from shared.runtime.retrying import Deadline
    from shared.store.store import Store

log = logging.getLogger(__name__)
Result = TypeVar("Result")

MAX_TOP_K = 100
MAX_REACH = 1_000
MAX_QUERY_CHARACTERS = 2_000
# What an instance serves at once (instanceConcurrency): each may search words beside meaning.
_THREADS = 20


class Mode(StrEnum):
    """How chunks are found."""

    HYBRID = "hybrid"
    DENSE = "dense"
    KEYWORD = "keyword"


class SearchQuery(Struct, frozen=True):
    """What is asked.

    Attributes:
        top_k: chunks wanted, 1 to `MAX_TOP_K`; groups, if grouped.
        offset: how many to leave out before; with ``top_k`` at most `MAX_REACH`.
        filter: a condition of `shared.store.expressions`, or ``None``.
        min_score: the least score of a chunk, or of a group's best one; ``None`` takes all.
        context: neighbours wanted before and behind each chunk.
        grouped: whether chunks of one document are shown together.
        group_size: chunks shown of a document at most.
        rerank: whether a reranker orders the best; ``None`` leaves it to the settings.
        tenant: whose documents alone to search; ``None`` for all that may be seen.
    """

    text: str
    top_k: int = 10
    mode: Mode = Mode.HYBRID
    filter: Any = None
    offset: int = 0
    min_score: float | None = None
    context: int = 0
    grouped: bool = False
    group_size: int = 3
    rerank: bool | None = None
    tenant: str | None = None

    @property
    def reach(self) -> int:
        """How many of the ranking are looked at."""
        return self.offset + self.top_k


class Scores(Struct, frozen=True):
    """What each way of looking at a chunk said of it; ``None`` where it did not find or see it.

    Attributes:
        dense: cosine, between -1 and 1.
        keyword: BM25, positive.
        rerank: relevance, between 0 and 1.
    """

    dense: float | None = None
    keyword: float | None = None
    rerank: float | None = None


class Context(Struct, frozen=True):
    """What stands before and behind a chunk in its document."""

    before: tuple[Chunk, ...]
    after: tuple[Chunk, ...]


class ResultItem(Struct, frozen=True):
    """A chunk that is shown.

    Attributes:
        highlights: stretches of its text, in characters: first and behind last.
    """

    hit: SearchHit
    scores: Scores
    highlights: list[tuple[int, int]]
    context: Context | None = None


class ResultGroup(Struct, frozen=True):
    """Chunks of one document; its score is that of the best."""

    items: tuple[ResultItem, ...]


class SearchWarning(Struct, frozen=True):
    """Something the caller should know, though the request succeeded."""

    code: str
    message: str


class SearchResult(Struct, frozen=True):
    """The answer.

    Attributes:
        groups: those wanted, if they were; else each chunk is a group of its own.
        mode: how chunks were found; dense when hybrid was asked of a Milvus that cannot search words.
        milliseconds: time spent by stage; the words are searched beside the meaning.
    """

    groups: tuple[ResultGroup, ...]
    mode: Mode
    reranked: bool = False
    warnings: tuple[SearchWarning, ...] = ()
    usage: Usage = Usage()
    milliseconds: dict[str, float] = {}

    @property
    def items(self) -> tuple[ResultItem, ...]:
        """All chunks that are shown, in order."""
        return tuple(item for group in self.groups for item in group.items)

    @property
    def hits(self) -> tuple[SearchHit, ...]:
        """The chunks alone."""
        return tuple(item.hit for item in self.items)


class _Search(Struct):
    """One query on its way.

    Attributes:
        scope: the Milvus expression of what the caller may see.
        condition: the same, and the caller's filter.
    """

    query: SearchQuery
    mode: Mode
    scope: str
    condition: str
    deadline: Deadline
    clock: _Clock
    vector: Sequence[float] = ()
    usage: Usage = Usage()
    warnings: list[SearchWarning] = []
    dense: list[SearchHit] = []
    lexical: list[SearchHit] = []
    relevance: Mapping[str, float] = {}

    def ranking(self) -> list[SearchHit]:
        """All that was found so far, best first."""
        if self.mode is Mode.HYBRID:
            ranked = fuse(self.query.text, self.dense, self.lexical)
        else:
            ranked = self.dense or self.lexical
        if self.relevance:
            judged = [replace(hit, score=self.relevance[hit.id]) for hit in ranked if hit.id in self.relevance]
            others = [replace(hit, score=0.0) for hit in ranked if hit.id not in self.relevance]
            ranked = sorted(judged, key=lambda hit: (-hit.score, hit.id)) + others
        least = self.query.min_score
        return ranked if least is None else [hit for hit in ranked if hit.score >= least]

    def page(self) -> list[list[SearchHit]]:
        """The groups that are shown; without grouping each chunk is one."""
        ranked, query = self.ranking(), self.query
        shown: Iterable[list[SearchHit]] = (
            _grouped(ranked, query.group_size) if query.grouped else ([h] for h in ranked)
        )
        return list(shown)[query.offset : query.reach]

    def deeper(self) -> bool:
        """Whether a side may hold more than was looked at, that is good enough."""
        if len(self.dense) != DEPTH and len(self.lexical) != DEPTH:
            return False
        least = self.query.min_score
        if least is None or least <= 0:
            return True
        # What lies behind has a score of 0, except where one side alone is the ranking.
        return self.mode is not Mode.HYBRID and not self.relevance and (self.dense or self.lexical)[-1].score >= least


class Retrieval:
    """The use case of the search function: thread-safe, one per process.

    Args:
        reranker: orders the best chunks for those who ask; without one nobody gets that.
        rerank_documents: how many of them.
        rerank_by_default: whether to do so for those who do not say.
    """

    def __init__(
        self,
        embedder: Embedder,
        store: Store,
        reranker: Reranker | None = None,
        rerank_documents: int = 30,
        rerank_by_default: bool = False,
    ) -> None:
        self._embedder = embedder
        self._store = store
        self._reranker = reranker
        self._rerank_documents = rerank_documents
        self._rerank_by_default = rerank_by_default
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="keyword")

    def search(self, query: SearchQuery, deadline: Deadline, scope: Scope = EVERYTHING) -> SearchResult:
        """The chunks within ``scope`` that answer ``query`` best.

        Raises:
            RequestError: ``invalid_query``, ``invalid_top_k``, ``invalid_offset``, ``invalid_filter``,
                ``tenant_forbidden`` or ``keywords_unsupported``.
            TransientError, ConfigurationError: DashScope or Milvus cannot be asked.
        """
        _check(query)
        within = visible_to(scope.narrow(query.tenant))
        condition = all_of(within, compile_filter(query.filter))
        clock = _Clock()
        if not self._store.check(deadline):
            return SearchResult((), query.mode, milliseconds=clock.laps)
        search = _Search(query, self._possible(query.mode, deadline), within, condition, deadline, clock)
        if search.mode is not query.mode:
            search.warnings.append(_NO_KEYWORDS)
        self._find(search)
        wanted = self._rerank_by_default if query.rerank is None else query.rerank
        if wanted and self._reranker is not None:
            self._rerank(search, self._reranker)
        with clock.lap("fusion"):
            page = search.page()
        if len(page) < query.top_k and search.deeper():
            self._find_deeper(search)
            page = self._whole(search.page(), search)
        with clock.lap("highlights"):
            groups = self._shown(page, search)
        if query.context:
            groups = self._with_context(groups, search)
        return SearchResult(
            groups, search.mode, bool(search.relevance), tuple(search.warnings), search.usage, clock.closed()
        )

    def _possible(self, mode: Mode, deadline: Deadline) -> Mode:
        if mode is Mode.DENSE or self._store.has_keywords(deadline):
            return mode
        if mode is Mode.KEYWORD:
            raise RequestError("keywords_unsupported", "This Milvus cannot search words (BM25 needs 2.5 or later).")
        return Mode.DENSE

    def _find(self, search: _Search) -> None:
        """The best of each side, both asked at once."""
        words = self._beside(search, self._matching, DEPTH, brief=False) if search.mode is Mode.HYBRID else None
        try:
            if search.mode is Mode.KEYWORD:
                search.lexical = self._matching(search, DEPTH, brief=False)
                return
            with search.clock.lap("embedding"):
                embedding, search.usage = self._embedder.embed_query(search.query.text, search.deadline)
            search.vector = embedding.dense
            search.dense = self._nearest(search, DEPTH, brief=False)
        finally:
            if words:
                words.exception()  # nobody goes while a thread still works for the request
        if words:
            search.lexical = words.result()

    def _find_deeper(self, search: _Search) -> None:
        """What lies behind the best of each side, in brief."""
        best = {hit.id for hit in (*search.dense, *search.lexical)}
        dense, lexical = len(search.dense) == DEPTH, len(search.lexical) == DEPTH
        if dense:
            search.dense += [hit for hit in self._nearest(search, MAX_REACH, brief=True) if hit.id not in best]
        if lexical:
            search.lexical += [hit for hit in self._matching(search, MAX_REACH, brief=True) if hit.id not in best]

    def _nearest(self, search: _Search, depth: int, *, brief: bool) -> list[SearchHit]:
        with search.clock.lap("dense"):
            return self._store.nearest(search.vector, depth, search.condition, search.deadline, brief=brief)

    def _matching(self, search: _Search, depth: int, *, brief: bool) -> list[SearchHit]:
        with search.clock.lap("keyword"):
            return self._store.matching(search.query.text, depth, search.condition, search.deadline, brief=brief)

    def _beside(
        self, search: _Search, function: Callable[..., list[SearchHit]], depth: int, *, brief: bool
    ) -> Future[list[SearchHit]]:
        context = contextvars.copy_context()  # what log lines of the request say
        return self._pool.submit(lambda: context.run(function, search, depth, brief=brief))

    def _rerank(self, search: _Search, reranker: Reranker) -> None:
        """Judge the best; when that fails the order stays as it is, and the answer says so."""
        # Neither page nor least score decide who is judged: those who ask for the next page get the same order.
        everything = replace(search, query=replace(search.query, min_score=None))
        best = everything.ranking()[: self._rerank_documents]
        if not best:
            return
        try:
            with search.clock.lap("rerank"):
                texts = [hit.text for hit in best]
                reranked = reranker.rerank(search.query.text, texts, search.deadline)
        except PlatformError as error:
            log.warning("rerank_failed", extra={"reason": error.message, "upstream_request_id": error.request_id})
            search.warnings.append(SearchWarning("rerank_failed", f"{_NOT_RERANKED} {error.message}"))
            return
        search.usage += reranked.usage
        search.relevance = dict(zip((hit.id for hit in best), reranked.relevance, strict=True))

    def _whole(self, page: list[list[SearchHit]], search: _Search) -> list[list[SearchHit]]:
        """The page with what was left out of the hits that were found in brief; one call for all of them."""
        brief = [hit for group in page for hit in group if not hit.text]
        if not brief:
            return page
        with search.clock.lap("reading"):
            whole = self._store.hits(brief, search.condition, search.deadline)
        kept = ([whole.get(hit.id, hit) for hit in group if hit.text or hit.id in whole] for group in page)
        return [group for group in kept if group]

    def _shown(self, page: Iterable[list[SearchHit]], search: _Search) -> tuple[ResultGroup, ...]:
        highlighter = Highlighter(search.query.text)
        cosines = {hit.id: hit.score for hit in search.dense}
        weights = {hit.id: hit.score for hit in search.lexical}

        def item(hit: SearchHit) -> ResultItem:
            scores = Scores(cosines.get(hit.id), weights.get(hit.id), search.relevance.get(hit.id))
            return ResultItem(hit, scores, highlighter.find(hit.text))

        return tuple(ResultGroup(tuple(map(item, hits))) for hits in page)

    def _with_context(self, groups: tuple[ResultGroup, ...], search: _Search) -> tuple[ResultGroup, ...]:
        """The groups with each chunk's neighbours; one call for all of them."""
        reach = search.query.context
        wanted: defaultdict[str, set[int]] = defaultdict(set)
        for hit in (item.hit for group in groups for item in group.items):
            wanted[hit.document_id].update(range(max(0, hit.ordinal - reach), hit.ordinal + reach + 1))
        with search.clock.lap("context"):
            # Not the caller's filter: a neighbour on the next page stands beside the chunk all the same.
            excerpts = self._store.excerpts(wanted, search.scope, search.deadline)
        placed = {(excerpt.document_id, excerpt.ordinal): excerpt for excerpt in excerpts}
        return tuple(
            ResultGroup(tuple(replace(item, context=_around(item.hit, reach, placed)) for item in group.items))
            for group in groups
        )


_NO_KEYWORDS = SearchWarning(
    "keywords_unavailable", "This Milvus cannot search words (BM25 needs 2.5 or later); meaning alone decided."
)
_NOT_RERANKED = "The reranker could not be asked, so the order is that of the search."


def _check(query: SearchQuery) -> None:
    if not query.text.strip():
        raise RequestError("invalid_query", "The query is empty.")
    if len(query.text) > MAX_QUERY_CHARACTERS:
        raise RequestError("invalid_query", f"The query is longer than {MAX_QUERY_CHARACTERS} characters.")
    if not 1 <= query.top_k <= MAX_TOP_K:
        raise RequestError("invalid_top_k", f"top_k must be between 1 and {MAX_TOP_K}.")
    if query.offset < 0 or query.reach > MAX_REACH:
        raise RequestError("invalid_offset", f"offset must be 0 or more, and with top_k at most {MAX_REACH}.")
    if query.min_score is not None and not math.isfinite(query.min_score):
        raise RequestError("invalid_request", "min_score must be a finite number.")


def _grouped(ranked: Iterable[SearchHit], size: int) -> Iterator[list[SearchHit]]:
    """Hits by document, in the order of each document's best; at most ``size`` of each.

    Of a document that is among the best, what lies deeper is left out, whether it was looked for or not.
    """
    groups: dict[str, list[SearchHit]] = {}
    for hit in ranked:
        group = groups.setdefault(hit.document_id, [])
        if len(group) < size and not (group and group[0].text and not hit.text):
            group.append(hit)
    yield from groups.values()


def _around(hit: SearchHit, reach: int, placed: Mapping[tuple[str, int], Chunk]) -> Context:
    def there(ordinals: Iterable[int]) -> tuple[Chunk, ...]:
        found = (placed.get((hit.document_id, ordinal)) for ordinal in ordinals)
        return tuple(excerpt for excerpt in found if excerpt)

    return Context(
        there(range(hit.ordinal - reach, hit.ordinal)), there(range(hit.ordinal + 1, hit.ordinal + reach + 1))
    )


class _Lap:
    def __init__(self, clock: _Clock, stage: str) -> None:
        self._clock = clock
        self._stage = stage

    def __enter__(self) -> None:
        self._since = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._clock.add(self._stage, time.perf_counter() - self._since)


class _Clock:
    """Milliseconds by stage; stages may run beside each other."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._started = time.perf_counter()

    def lap(self, stage: str) -> _Lap:
        return _Lap(self, stage)

    def add(self, stage: str, seconds: float) -> None:
        self.laps[stage] = round(self.laps.get(stage, 0.0) + seconds * 1000, 2)

    def closed(self) -> dict[str, float]:
        """The laps, and the time from the first to the last."""
        return {**self.laps, "total": round((time.perf_counter() - self._started) * 1000, 2)}

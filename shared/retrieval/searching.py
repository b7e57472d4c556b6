"""A question in, ranked passages out.

Passages are found by meaning (dense vectors), by words (BM25), or by both, and then `shared.retrieval.fusion` decides;
a reranker may look at the best of them once more. The order never depends on the page that is asked for: each side is
first asked for the same number of passages, and what lies deeper only follows behind them.
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
from shared.domain.models import Excerpt, Hit, Usage
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
    """How passages are found."""

    HYBRID = "hybrid"
    DENSE = "dense"
    KEYWORD = "keyword"


class Question(Struct, frozen=True):
    """What is asked.

    Attributes:
        top_k: passages wanted, 1 to `MAX_TOP_K`; groups, if grouped.
        offset: how many to leave out before; with ``top_k`` at most `MAX_REACH`.
        filter: a condition of `shared.store.expressions`, or ``None``.
        min_score: the least score of a passage, or of a group's best one; ``None`` takes all.
        context: neighbours wanted before and behind each passage.
        grouped: whether passages of one document are shown together.
        group_size: passages shown of a document at most.
        rerank: whether a reranker orders the best; ``None`` leaves it to the settings.
        tenant: whose documents alone to search; ``None`` for all that may be seen.
    """

    query: str
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
    """What each way of looking at a passage said of it; ``None`` where it did not find or see it.

    Attributes:
        dense: cosine, between -1 and 1.
        keyword: BM25, positive.
        rerank: relevance, between 0 and 1.
    """

    dense: float | None = None
    keyword: float | None = None
    rerank: float | None = None


class Context(Struct, frozen=True):
    """What stands before and behind a passage in its document."""

    before: tuple[Excerpt, ...]
    after: tuple[Excerpt, ...]


class Answer(Struct, frozen=True):
    """A passage that is shown.

    Attributes:
        highlights: stretches of its text, in characters: first and behind last.
    """

    hit: Hit
    scores: Scores
    highlights: list[tuple[int, int]]
    context: Context | None = None


class Group(Struct, frozen=True):
    """Passages of one document; its score is that of the best."""

    answers: tuple[Answer, ...]


class Notice(Struct, frozen=True):
    """Something the caller should know, though the request succeeded."""

    code: str
    message: str


class Found(Struct, frozen=True):
    """The answer.

    Attributes:
        groups: those wanted, if they were; else each passage is a group of its own.
        mode: how passages were found; dense when hybrid was asked of a Milvus that cannot search words.
        milliseconds: time spent by stage; the words are searched beside the meaning.
    """

    groups: tuple[Group, ...]
    mode: Mode
    reranked: bool = False
    notices: tuple[Notice, ...] = ()
    usage: Usage = Usage()
    milliseconds: dict[str, float] = {}

    @property
    def answers(self) -> tuple[Answer, ...]:
        """All passages that are shown, in order."""
        return tuple(answer for group in self.groups for answer in group.answers)

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The passages alone."""
        return tuple(answer.hit for answer in self.answers)


class _Search(Struct):
    """One question on its way.

    Attributes:
        scope: the Milvus expression of what the caller may see.
        condition: the same, and the caller's filter.
    """

    question: Question
    mode: Mode
    scope: str
    condition: str
    deadline: Deadline
    clock: _Clock
    vector: Sequence[float] = ()
    usage: Usage = Usage()
    notices: list[Notice] = []
    dense: list[Hit] = []
    lexical: list[Hit] = []
    relevance: Mapping[str, float] = {}

    def ranking(self) -> list[Hit]:
        """All that was found so far, best first."""
        if self.mode is Mode.HYBRID:
            ranked = fuse(self.question.query, self.dense, self.lexical)
        else:
            ranked = self.dense or self.lexical
        if self.relevance:
            judged = [replace(hit, score=self.relevance[hit.id]) for hit in ranked if hit.id in self.relevance]
            others = [replace(hit, score=0.0) for hit in ranked if hit.id not in self.relevance]
            ranked = sorted(judged, key=lambda hit: (-hit.score, hit.id)) + others
        least = self.question.min_score
        return ranked if least is None else [hit for hit in ranked if hit.score >= least]

    def page(self) -> list[list[Hit]]:
        """The groups that are shown; without grouping each passage is one."""
        ranked, question = self.ranking(), self.question
        shown: Iterable[list[Hit]] = (
            _grouped(ranked, question.group_size) if question.grouped else ([h] for h in ranked)
        )
        return list(shown)[question.offset : question.reach]

    def deeper(self) -> bool:
        """Whether a side may hold more than was looked at, that is good enough."""
        if len(self.dense) != DEPTH and len(self.lexical) != DEPTH:
            return False
        least = self.question.min_score
        if least is None or least <= 0:
            return True
        # What lies behind has a score of 0, except where one side alone is the ranking.
        return self.mode is not Mode.HYBRID and not self.relevance and (self.dense or self.lexical)[-1].score >= least


class Retrieval:
    """The use case of the search function: thread-safe, one per process.

    Args:
        reranker: orders the best passages for those who ask; without one nobody gets that.
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

    def search(self, question: Question, deadline: Deadline, scope: Scope = EVERYTHING) -> Found:
        """The passages within ``scope`` that answer ``question`` best.

        Raises:
            RequestError: ``invalid_query``, ``invalid_top_k``, ``invalid_offset``, ``invalid_filter``,
                ``tenant_forbidden`` or ``keywords_unsupported``.
            TransientError, ConfigurationError: DashScope or Milvus cannot be asked.
        """
        _check(question)
        within = visible_to(scope.narrow(question.tenant))
        condition = all_of(within, compile_filter(question.filter))
        clock = _Clock()
        if not self._store.check(deadline):
            return Found((), question.mode, milliseconds=clock.laps)
        search = _Search(question, self._possible(question.mode, deadline), within, condition, deadline, clock)
        if search.mode is not question.mode:
            search.notices.append(_NO_KEYWORDS)
        self._find(search)
        wanted = self._rerank_by_default if question.rerank is None else question.rerank
        if wanted and self._reranker is not None:
            self._rerank(search, self._reranker)
        with clock.lap("fusion"):
            page = search.page()
        if len(page) < question.top_k and search.deeper():
            self._find_deeper(search)
            page = self._whole(search.page(), search)
        with clock.lap("highlights"):
            groups = self._shown(page, search)
        if question.context:
            groups = self._with_context(groups, search)
        return Found(groups, search.mode, bool(search.relevance), tuple(search.notices), search.usage, clock.closed())

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
                embedding, search.usage = self._embedder.embed_query(search.question.query, search.deadline)
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

    def _nearest(self, search: _Search, depth: int, *, brief: bool) -> list[Hit]:
        with search.clock.lap("dense"):
            return self._store.nearest(search.vector, depth, search.condition, search.deadline, brief=brief)

    def _matching(self, search: _Search, depth: int, *, brief: bool) -> list[Hit]:
        with search.clock.lap("keyword"):
            return self._store.matching(search.question.query, depth, search.condition, search.deadline, brief=brief)

    def _beside(
        self, search: _Search, function: Callable[..., list[Hit]], depth: int, *, brief: bool
    ) -> Future[list[Hit]]:
        context = contextvars.copy_context()  # what log lines of the request say
        return self._pool.submit(lambda: context.run(function, search, depth, brief=brief))

    def _rerank(self, search: _Search, reranker: Reranker) -> None:
        """Judge the best; when that fails the order stays as it is, and the answer says so."""
        # Neither page nor least score decide who is judged: those who ask for the next page get the same order.
        everything = replace(search, question=replace(search.question, min_score=None))
        best = everything.ranking()[: self._rerank_documents]
        if not best:
            return
        try:
            with search.clock.lap("rerank"):
                texts = [hit.text for hit in best]
                reranked = reranker.rerank(search.question.query, texts, search.deadline)
        except PlatformError as error:
            log.warning("rerank_failed", extra={"reason": error.message, "upstream_request_id": error.request_id})
            search.notices.append(Notice("rerank_failed", f"{_NOT_RERANKED} {error.message}"))
            return
        search.usage += reranked.usage
        search.relevance = dict(zip((hit.id for hit in best), reranked.relevance, strict=True))

    def _whole(self, page: list[list[Hit]], search: _Search) -> list[list[Hit]]:
        """The page with what was left out of the hits that were found in brief; one call for all of them."""
        brief = [hit for group in page for hit in group if not hit.text]
        if not brief:
            return page
        with search.clock.lap("reading"):
            whole = self._store.hits(brief, search.condition, search.deadline)
        kept = ([whole.get(hit.id, hit) for hit in group if hit.text or hit.id in whole] for group in page)
        return [group for group in kept if group]

    def _shown(self, page: Iterable[list[Hit]], search: _Search) -> tuple[Group, ...]:
        highlighter = Highlighter(search.question.query)
        cosines = {hit.id: hit.score for hit in search.dense}
        weights = {hit.id: hit.score for hit in search.lexical}

        def answer(hit: Hit) -> Answer:
            scores = Scores(cosines.get(hit.id), weights.get(hit.id), search.relevance.get(hit.id))
            return Answer(hit, scores, highlighter.find(hit.text))

        return tuple(Group(tuple(map(answer, hits))) for hits in page)

    def _with_context(self, groups: tuple[Group, ...], search: _Search) -> tuple[Group, ...]:
        """The groups with each passage's neighbours; one call for all of them."""
        reach = search.question.context
        wanted: defaultdict[str, set[int]] = defaultdict(set)
        for hit in (answer.hit for group in groups for answer in group.answers):
            wanted[hit.document_id].update(range(max(0, hit.ordinal - reach), hit.ordinal + reach + 1))
        with search.clock.lap("context"):
            # Not the caller's filter: a neighbour on the next page stands beside the passage all the same.
            excerpts = self._store.excerpts(wanted, search.scope, search.deadline)
        placed = {(excerpt.document_id, excerpt.ordinal): excerpt for excerpt in excerpts}
        return tuple(
            Group(tuple(replace(answer, context=_around(answer.hit, reach, placed)) for answer in group.answers))
            for group in groups
        )


_NO_KEYWORDS = Notice(
    "keywords_unavailable", "This Milvus cannot search words (BM25 needs 2.5 or later); meaning alone decided."
)
_NOT_RERANKED = "The reranker could not be asked, so the order is that of the search."


def _check(question: Question) -> None:
    if not question.query.strip():
        raise RequestError("invalid_query", "The query is empty.")
    if len(question.query) > MAX_QUERY_CHARACTERS:
        raise RequestError("invalid_query", f"The query is longer than {MAX_QUERY_CHARACTERS} characters.")
    if not 1 <= question.top_k <= MAX_TOP_K:
        raise RequestError("invalid_top_k", f"top_k must be between 1 and {MAX_TOP_K}.")
    if question.offset < 0 or question.reach > MAX_REACH:
        raise RequestError("invalid_offset", f"offset must be 0 or more, and with top_k at most {MAX_REACH}.")
    if question.min_score is not None and not math.isfinite(question.min_score):
        raise RequestError("invalid_request", "min_score must be a finite number.")


def _grouped(ranked: Iterable[Hit], size: int) -> Iterator[list[Hit]]:
    """Hits by document, in the order of each document's best; at most ``size`` of each.

    Of a document that is among the best, what lies deeper is left out, whether it was looked for or not.
    """
    groups: dict[str, list[Hit]] = {}
    for hit in ranked:
        group = groups.setdefault(hit.document_id, [])
        if len(group) < size and not (group and group[0].text and not hit.text):
            group.append(hit)
    yield from groups.values()


def _around(hit: Hit, reach: int, placed: Mapping[tuple[str, int], Excerpt]) -> Context:
    def there(ordinals: Iterable[int]) -> tuple[Excerpt, ...]:
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

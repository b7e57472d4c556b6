"""The use case of search: a query in, ranked chunks out.

Chunks are found by meaning (dense vectors), by words (BM25), or by both, which `shared.retrieval.fusion` puts into one
order. A reranker may then order the best of them. Start reading with `Retrieval.search`.
"""

from __future__ import annotations

import contextvars
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.errors import PlatformError, RequestError
from shared.language.analysis import analyze_query
from shared.retrieval.calibration import BUILT_IN, Calibration
from shared.retrieval.corrector import Corrector
from shared.retrieval.coverage import weigh_coverage
from shared.retrieval.facets import count_facets
from shared.retrieval.fusion import DEPTH
from shared.retrieval.neighbours import add_context, select_ordinals
from shared.retrieval.query import MAX_REACH, Mode, Order, SearchQuery, check
from shared.retrieval.ranking import Ranking
from shared.retrieval.rendering import render
from shared.retrieval.result import SearchResult, SearchWarning
from shared.retrieval.stopwatch import Stopwatch
from shared.runtime.auth import EVERYTHING, Scope
from shared.store.expressions import all_of, compile_filter, differs, select_tenants

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future

    from shared.domain.models import SearchHit
    from shared.embedding.embedder import Embedder
    from shared.embedding.reranker import Reranker
    from shared.retrieval.coverage import CoveredHits
    from shared.retrieval.result import ResultGroup
    from shared.runtime.retrying import Deadline
    from shared.store.store import Store

log = logging.getLogger(__name__)

# Requests that an instance serves in parallel (instanceConcurrency): each may search by words in a thread of its own.
_THREADS = 20
_ID = re.compile(r"[0-9a-f]{32}")


_NO_KEYWORDS = SearchWarning(
    "keywords_unavailable", "This Milvus cannot search words (BM25 needs 2.5 or later); meaning alone decided."
)
_NOT_EMBEDDED = "The query could not be embedded, so it was searched by words alone."
_NOT_RERANKED = "The reranker could not be asked, so the order is that of the search."


class Retrieval:
    """The use case of the search function: thread-safe, one per process.

    Args:
        reranker: orders the best hits on request; ``None`` where there is none.
        rerank_documents: number of hits that it orders.
        rerank_by_default: whether it does so for queries that do not say.
        calibration: makes scores comparable between answers.
    """

    def __init__(
        self,
        embedder: Embedder,
        store: Store,
        reranker: Reranker | None = None,
        rerank_documents: int = 30,
        rerank_by_default: bool = False,
        calibration: Calibration = BUILT_IN,
    ) -> None:
        self._embedder = embedder
        self._store = store
        self._reranker = reranker
        self._rerank_documents = rerank_documents
        self._rerank_by_default = rerank_by_default
        self._calibration = calibration
        self._corrector = Corrector(store)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="keyword")

    def search(self, query: SearchQuery, deadline: Deadline, scope: Scope = EVERYTHING) -> SearchResult:
        """Return the chunks within ``scope`` that answer ``query`` best.

        Raises:
            RequestError: ``invalid_query``, ``invalid_top_k``, ``invalid_offset``, ``invalid_filter``,
                ``tenant_forbidden`` or ``keywords_unsupported``.
            TransientError, ConfigurationError: DashScope or Milvus cannot be reached or refuses.
        """
        check(query)
        within = select_tenants(scope.narrow(query.tenant).tenants)
        condition = all_of(within, compile_filter(query.filter))
        stopwatch = Stopwatch()
        if not self._store.check(deadline):
            nothing = replace(query, context=0)
            return self._finish(
                Ranking(nothing, query.mode, "", "", deadline, stopwatch, calibration=self._calibration)
            )
        mode = self._choose_mode(query.mode, deadline)
        tokens = () if mode is Mode.DENSE else analyze_query(query.text)
        ranking = Ranking(query, mode, within, condition, deadline, stopwatch, tokens, calibration=self._calibration)
        if mode is not query.mode:
            ranking.warnings.append(_NO_KEYWORDS)
        self._find(ranking)
        self._corrector.correct(
            ranking, lambda tokens: self._search_keywords(ranking, DEPTH, brief=False, tokens=tokens)
        )
        self._rerank(ranking)
        self._read_details(ranking)
        return self._finish(ranking)

    def find_similar(
        self, chunk_id: str, query: SearchQuery, deadline: Deadline, scope: Scope = EVERYTHING
    ) -> SearchResult | None:
        """Return the chunks within ``scope`` nearest to one of them, ``None`` if it is not there; nothing is embedded.

        Args:
            query: without a text.

        Raises:
            PlatformError: as `search`.
        """
        check(replace(query, text="-"))
        within = select_tenants(scope.narrow(query.tenant).tenants)
        condition = all_of(within, compile_filter(query.filter), differs("id", chunk_id))
        stopwatch = Stopwatch()
        vector: tuple[float, ...] = ()
        if _ID.fullmatch(chunk_id) and self._store.check(deadline):
            vector = self._store.chunks.read_vector(chunk_id, within, deadline)
        if not vector:
            return None
        ranking = Ranking(
            query, Mode.DENSE, within, condition, deadline, stopwatch, vector=vector, calibration=self._calibration
        )
        ranking.dense = self._search_dense(ranking, DEPTH, brief=False)
        self._read_details(ranking)
        return self._finish(ranking)

    def _finish(self, ranking: Ranking) -> SearchResult:
        groups = self._render(self._read_page(ranking), ranking)
        facets = ranking.query.facets
        return SearchResult(
            groups,
            ranking.mode,
            bool(ranking.relevance),
            tuple(ranking.warnings),
            ranking.usage,
            ranking.stopwatch.stop(),
            ranking.is_answerable,
            self._calibration.version,
            ranking.corrected,
            count_facets(facets, ranking.select_all(), ranking.details) if facets else None,
            self._calibration.answerable,
        )

    def _read_details(self, ranking: Ranking) -> None:
        """Read what sorting and counting need of the best hits, with one call."""
        if ranking.query.order is Order.RELEVANCE and not ranking.query.facets:
            return
        best = {hit.id for hit in (*ranking.dense, *ranking.lexical)}
        with ranking.stopwatch.lap("details"):
            ranking.details = self._store.chunks.read_details(sorted(best), ranking.deadline)

    def _choose_mode(self, mode: Mode, deadline: Deadline) -> Mode:
        if mode is Mode.DENSE or self._store.has_keywords(deadline):
            return mode
        if mode is Mode.KEYWORD:
            raise RequestError("keywords_unsupported", "This Milvus cannot search words (BM25 needs 2.5 or later).")
        return Mode.DENSE

    def _find(self, ranking: Ranking) -> None:
        """Find the best of each side, both in parallel."""
        if ranking.mode is Mode.KEYWORD:
            ranking.lexical = self._search_keywords(ranking, DEPTH, brief=False)
            return
        words = self._start_keywords(ranking) if ranking.mode is Mode.HYBRID else None
        try:
            if self._embed_query(ranking):
                ranking.dense = self._search_dense(ranking, DEPTH, brief=False)
        finally:
            if words:
                words.exception()  # wait: no request ends while a thread still works for it
        if words:
            ranking.lexical, ranking.covered = words.result()

    def _embed_query(self, ranking: Ranking) -> bool:
        """Embed the query; if that fails a hybrid search becomes one by words, with a warning.

        Returns: whether there is a vector to search with.
        """
        try:
            with ranking.stopwatch.lap("embedding"):
                embedding, ranking.usage = self._embedder.embed_query(ranking.query.text, ranking.deadline)
        except RequestError:
            raise  # the query itself is refused
        except PlatformError as error:
            if ranking.mode is not Mode.HYBRID:
                raise
            log.warning("query_not_embedded", extra={"code": error.code, "upstream_request_id": error.request_id})
            ranking.warnings.append(SearchWarning("embedding_unavailable", f"{_NOT_EMBEDDED} {error.message}"))
            ranking.mode = Mode.KEYWORD
            return False
        ranking.vector = embedding.dense
        return True

    def _start_keywords(self, ranking: Ranking) -> Future[tuple[list[SearchHit], CoveredHits]]:
        context = contextvars.copy_context()  # what log lines of the request contain
        return self._pool.submit(lambda: context.run(self._search_and_weigh, ranking))

    def _search_and_weigh(self, ranking: Ranking) -> tuple[list[SearchHit], CoveredHits]:
        """Search by words and compare the hits with the query, while the query is still being embedded."""
        hits = self._search_keywords(ranking, DEPTH, brief=False)
        return hits, weigh_coverage(ranking.tokens, hits[:DEPTH])

    def _find_deeper(self, ranking: Ranking) -> None:
        """Find what follows the best of each side, in brief."""
        best = {hit.id for hit in (*ranking.dense, *ranking.lexical)}
        dense, lexical = len(ranking.dense) == DEPTH, len(ranking.lexical) == DEPTH
        if dense:
            ranking.dense += [hit for hit in self._search_dense(ranking, MAX_REACH, brief=True) if hit.id not in best]
        if lexical:
            found = self._search_keywords(ranking, MAX_REACH, brief=True)
            ranking.lexical += [hit for hit in found if hit.id not in best]

    def _search_dense(self, ranking: Ranking, depth: int, *, brief: bool) -> list[SearchHit]:
        chunks = self._store.chunks
        with ranking.stopwatch.lap("dense"):
            return chunks.search_dense(ranking.vector, depth, ranking.condition, ranking.deadline, brief=brief)

    def _search_keywords(
        self, ranking: Ranking, depth: int, *, brief: bool, tokens: Sequence[str] = ()
    ) -> list[SearchHit]:
        """Search by the tokens of the query, or by others."""
        chunks = self._store.chunks
        wanted = tokens or ranking.tokens
        with ranking.stopwatch.lap("keyword"):
            return chunks.search_keywords(wanted, depth, ranking.condition, ranking.deadline, brief=brief)

    def _rerank(self, ranking: Ranking) -> None:
        """Rerank the best hits if wanted; if that fails the order stays as it is, with a warning."""
        wanted = self._rerank_by_default if ranking.query.rerank is None else ranking.query.rerank
        # Neither page nor least score decide what is reranked: the next page has the same order.
        best = ranking.rank()[: self._rerank_documents] if wanted and self._reranker else []
        if not best or self._reranker is None:
            return
        if any(warning.code == "embedding_unavailable" for warning in ranking.warnings):
            # The same service would keep the caller waiting once more.
            ranking.warnings.append(SearchWarning("rerank_failed", _NOT_RERANKED))
            return
        try:
            with ranking.stopwatch.lap("rerank"):
                texts = [f"{hit.context}\n{hit.text}" if hit.context else hit.text for hit in best]
                reranked = self._reranker.rerank(ranking.query.text, texts, ranking.deadline)
        except PlatformError as error:
            log.warning("rerank_failed", extra={"reason": error.message, "upstream_request_id": error.request_id})
            ranking.warnings.append(SearchWarning("rerank_failed", f"{_NOT_RERANKED} {error.message}"))
            return
        ranking.usage += reranked.usage
        ranking.relevance = dict(zip((hit.id for hit in best), reranked.relevance, strict=True))

    def _read_page(self, ranking: Ranking) -> list[list[SearchHit]]:
        with ranking.stopwatch.lap("fusion"):
            page = ranking.page()
        if len(page) < ranking.query.top_k and ranking.may_reach_deeper():
            self._find_deeper(ranking)
            page = self._complete(ranking.page(), ranking)
        return page

    def _complete(self, page: list[list[SearchHit]], ranking: Ranking) -> list[list[SearchHit]]:
        """Read what is missing of the hits that were found in brief, with one call."""
        brief = [hit for group in page for hit in group if not hit.text]
        if not brief:
            return page
        with ranking.stopwatch.lap("reading"):
            whole = self._store.chunks.read_hits(brief, ranking.condition, ranking.deadline)
        kept = ([whole.get(hit.id, hit) for hit in group if hit.text or hit.id in whole] for group in page)
        return [group for group in kept if group]

    def _render(self, page: Iterable[list[SearchHit]], ranking: Ranking) -> tuple[ResultGroup, ...]:
        """Add scores, highlights, snippets and neighbours to the hits of the page."""
        with ranking.stopwatch.lap("highlights"):
            groups = render(page, ranking)
        return self._add_context(groups, ranking) if ranking.query.context else groups

    def _add_context(self, groups: tuple[ResultGroup, ...], ranking: Ranking) -> tuple[ResultGroup, ...]:
        reach = ranking.query.context
        wanted = select_ordinals((item.hit for group in groups for item in group.items), reach)
        with ranking.stopwatch.lap("context"):
            # Without the caller's filter: a neighbour on the next page is a neighbour all the same.
            neighbours = self._store.chunks.read_neighbours(wanted, ranking.scope, ranking.deadline)
        return add_context(groups, neighbours, reach)

"""The candidates of one search, as they are found, and their order.

The order never depends on the page that is asked for: each side is first searched to the same depth, and what is deeper
only follows after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import SearchHit, Usage
from shared.retrieval.calibration import BUILT_IN, Calibration
from shared.retrieval.coverage import CoveredHits, weigh_coverage
from shared.retrieval.duplicates import collapse_duplicates
from shared.retrieval.fusion import DEPTH, fuse_covered, rank_covered
from shared.retrieval.phrases import find_phrases, prefer_phrases
from shared.retrieval.query import Mode, Order, SearchQuery
from shared.retrieval.result import SearchWarning, group_hits
from shared.retrieval.scoring import score_hits, weigh_evidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.retrieval.evidence import Evidence
    from shared.retrieval.stopwatch import Stopwatch
    from shared.runtime.retrying import Deadline
    from shared.store.rows import ChunkDetails

# A chunk that covers so much of a query has found its words.
_FOUND_COVERAGE = 0.6
# How much more of a corrected query one must cover.
_BETTER_COVERAGE = 0.2


class Ranking(Struct):
    """One search and what it found so far.

    Attributes:
        scope: the Milvus expression of what the caller may see.
        condition: the same, and the caller's filter.
        tokens: of the query, for the search by words.
        dense: hits by meaning, best first.
        lexical: hits by words, best first.
        relevance: the reranker's scores by id; empty without one.
        calibration: makes scores of evidence.
        covered: the best hits by words, weighted by coverage; ``None`` until they are needed.
        evidence: what speaks for each of the best hits, by id.
        duplicates: further hits with the same text, by the id of the one that is ranked.
        best_score: calibrated score of the best hit, without a reranker.
        details: of the best hits, by id, where they are sorted by time or counted.
        corrected: the query as it was probably meant, where its words were searched for instead.
    """

    query: SearchQuery
    mode: Mode
    scope: str
    condition: str
    deadline: Deadline
    stopwatch: Stopwatch
    tokens: Sequence[str] = ()
    vector: Sequence[float] = ()
    usage: Usage = Usage()
    warnings: list[SearchWarning] = []
    dense: list[SearchHit] = []
    lexical: list[SearchHit] = []
    relevance: Mapping[str, float] = {}
    calibration: Calibration = BUILT_IN
    covered: CoveredHits | None = None
    evidence: Mapping[str, Evidence] = {}
    duplicates: Mapping[str, tuple[SearchHit, ...]] = {}
    best_score: float = 0.0
    corrected: str = ""
    details: Mapping[str, ChunkDetails] = {}

    def rank(self, scored_hits: int | None = None) -> list[SearchHit]:
        """Return all that was found so far, best first, with calibrated scores; reranked hits have the reranker's.

        Args:
            scored_hits: number of best hits that need scores, where those of the others are not shown.
        """
        ordered = prefer_phrases(find_phrases(self.query.text), self._order())
        distinct = collapse_duplicates(ordered)
        ranked, self.duplicates = distinct.hits, distinct.duplicates
        evidence = self._weigh_evidence(ranked, scored_hits)
        self.evidence = {hit.id: found for hit, found in zip(ranked, evidence, strict=False)}
        scored = score_hits(ranked, evidence, self.calibration)
        self.best_score = scored[0].score if scored else 0.0
        if self.relevance:
            judged = [replace(hit, score=self.relevance[hit.id]) for hit in ranked if hit.id in self.relevance]
            others = [replace(hit, score=0.0) for hit in ranked if hit.id not in self.relevance]
            return sorted(judged, key=lambda hit: (-hit.score, hit.id)) + others
        return scored

    @property
    def weights(self) -> Mapping[str, float]:
        """Rarity of the query's tokens; empty where words were not compared."""
        return self._cover().weights

    def find_missing(self) -> frozenset[str]:
        """Return the tokens that no chunk seems to have, where the words of the query are hardly found at all."""
        covered = self._cover()
        if not self.tokens or _measure_best(covered) >= _FOUND_COVERAGE:
            return frozenset()
        held = {token for hit in covered.hits for token in hit.words.split()}
        return frozenset(token for token in self.tokens if token not in held)

    def accept(self, corrected: str, tokens: Sequence[str], lexical: list[SearchHit]) -> None:
        """Take the hits of a corrected query, if its words are found better than those of the query."""
        covered = weigh_coverage(tokens, lexical)
        if _measure_best(covered) >= _measure_best(self._cover()) + _BETTER_COVERAGE:
            self.corrected, self.tokens, self.lexical, self.covered = corrected, tokens, lexical, covered

    @property
    def is_answerable(self) -> bool:
        """Whether the best hit is probably an answer."""
        return self.best_score >= self.calibration.answerable

    def _weigh_evidence(self, ranked: Sequence[SearchHit], scored_hits: int | None) -> list[Evidence]:
        """What speaks for each of the best hits, those that both sides found before they were searched deeper."""
        dense = self.dense[:DEPTH] if self.mode is not Mode.KEYWORD else []
        best = {hit.id for hit in (*dense, *self.lexical[:DEPTH])}
        count = next((place for place, hit in enumerate(ranked) if hit.id not in best), len(ranked))
        return weigh_evidence(self.query.text, self.tokens, ranked[:count], dense, self._cover(), scored_hits)

    def _order(self) -> list[SearchHit]:
        if self.mode is Mode.HYBRID:
            return fuse_covered(self.tokens, self.dense, self.lexical, self._cover())
        return rank_covered(self.lexical, self._cover()) if self.mode is Mode.KEYWORD else self.dense

    def _sort_by_time(self, ranked: Sequence[SearchHit]) -> list[SearchHit]:
        """The best hits by the time of their documents; of one time, in the order of their scores."""
        return sorted((self._lead(hit) for hit in ranked if hit.id in self.details), key=self._measure_time)

    def _measure_time(self, hit: SearchHit) -> int:
        time = self.details[hit.id].modified
        return -time if self.query.order is Order.NEWEST else time

    def _lead(self, hit: SearchHit) -> SearchHit:
        """The first by time of a hit and its duplicates, which then has the place and the score of the hit."""
        copies = (hit, *(copy for copy in self.duplicates.get(hit.id, ()) if copy.id in self.details))
        first = min(copies, key=self._measure_time)
        if first is hit:
            return hit
        self.duplicates = {**self.duplicates, first.id: tuple(copy for copy in copies if copy is not first)}
        if hit.id in self.evidence:
            self.evidence = {**self.evidence, first.id: self.evidence[hit.id]}
        return replace(first, score=hit.score)

    def _cover(self) -> CoveredHits:
        if self.covered is None:
            self.covered = weigh_coverage(self.tokens, self.lexical[:DEPTH])
        return self.covered

    def select_all(self) -> list[SearchHit]:
        """Return the same as `select`, and the duplicates of each."""
        return [copy for hit in self.select() for copy in (hit, *self.duplicates.get(hit.id, ()))]

    def select(self) -> list[SearchHit]:
        """Return all that was found so far with a sufficient score, in order."""
        query, least = self.query, self.query.min_score
        if least is not None:
            return [hit for hit in self.rank() if hit.score >= least]
        is_plain = query.order is Order.RELEVANCE and not query.grouped
        return self.rank(query.reach if is_plain else None)

    def page(self) -> list[list[SearchHit]]:
        """Return the groups of the page that is asked for; without grouping each hit is one."""
        query, ranked = self.query, self.select()
        if query.order is not Order.RELEVANCE:
            ranked = self._sort_by_time(ranked)
        groups = group_hits(ranked, query.group_size) if query.grouped else [[hit] for hit in ranked]
        return groups[query.offset : query.reach]

    def may_reach_deeper(self) -> bool:
        """Return whether a side may hold more hits with a sufficient score than were read."""
        if self.query.order is not Order.RELEVANCE:
            return False
        if len(self.dense) != DEPTH and len(self.lexical) != DEPTH:
            return False
        # Deeper hits have a score of 0.
        return self.query.min_score is None or self.query.min_score <= 0


def _measure_best(covered: CoveredHits) -> float:
    return max((shares.whole for shares in covered.shares.values()), default=0.0)

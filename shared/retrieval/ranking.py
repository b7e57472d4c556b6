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
from shared.retrieval.query import Mode, SearchQuery
from shared.retrieval.result import SearchWarning, group_hits
from shared.retrieval.scoring import score_hits, weigh_evidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.retrieval.evidence import Evidence
    from shared.retrieval.stopwatch import Stopwatch
    from shared.runtime.retrying import Deadline


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

    def rank(self) -> list[SearchHit]:
        """Return all that was found so far, best first, with calibrated scores; reranked hits have the reranker's."""
        distinct = collapse_duplicates(self._order())
        ranked, self.duplicates = distinct.hits, distinct.duplicates
        evidence = self._weigh_evidence(ranked)
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

    @property
    def is_answerable(self) -> bool:
        """Whether the best hit is probably an answer."""
        return self.best_score >= self.calibration.answerable

    def _weigh_evidence(self, ranked: Sequence[SearchHit]) -> list[Evidence]:
        """What speaks for each of the best hits, those that both sides found before they were searched deeper."""
        dense = self.dense[:DEPTH] if self.mode is not Mode.KEYWORD else []
        best = {hit.id for hit in (*dense, *self.lexical[:DEPTH])}
        count = next((place for place, hit in enumerate(ranked) if hit.id not in best), len(ranked))
        return weigh_evidence(self.query.text, self.tokens, ranked[:count], dense, self._cover())

    def _order(self) -> list[SearchHit]:
        if self.mode is Mode.HYBRID:
            return fuse_covered(self.tokens, self.dense, self.lexical, self._cover())
        return rank_covered(self.lexical, self._cover()) if self.mode is Mode.KEYWORD else self.dense

    def _cover(self) -> CoveredHits:
        if self.covered is None:
            self.covered = weigh_coverage(self.tokens, self.lexical[:DEPTH])
        return self.covered

    def page(self) -> list[list[SearchHit]]:
        """Return the groups of the page that is asked for; without grouping each hit is one."""
        query, ranked = self.query, self.rank()
        if query.min_score is not None:
            ranked = [hit for hit in ranked if hit.score >= query.min_score]
        groups = group_hits(ranked, query.group_size) if query.grouped else [[hit] for hit in ranked]
        return groups[query.offset : query.reach]

    def may_reach_deeper(self) -> bool:
        """Return whether a side may hold more hits with a sufficient score than were read."""
        if len(self.dense) != DEPTH and len(self.lexical) != DEPTH:
            return False
        # Deeper hits have a score of 0.
        return self.query.min_score is None or self.query.min_score <= 0

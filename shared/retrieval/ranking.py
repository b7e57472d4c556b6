"""The candidates of one search, as they are found, and their order.

The order never depends on the page that is asked for: each side is first searched to the same depth, and what is deeper
only follows after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import SearchHit, Usage
from shared.retrieval.fusion import DEPTH, fuse, rank_keywords
from shared.retrieval.query import Mode, SearchQuery
from shared.retrieval.result import SearchWarning, group_hits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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

    def rank(self) -> list[SearchHit]:
        """Return all that was found so far, best first."""
        if self.mode is Mode.HYBRID:
            ranked = fuse(self.tokens, self.dense, self.lexical)
        elif self.mode is Mode.KEYWORD:
            ranked = rank_keywords(self.tokens, self.lexical)
        else:
            ranked = self.dense
        if self.relevance:
            judged = [replace(hit, score=self.relevance[hit.id]) for hit in ranked if hit.id in self.relevance]
            others = [replace(hit, score=0.0) for hit in ranked if hit.id not in self.relevance]
            ranked = sorted(judged, key=lambda hit: (-hit.score, hit.id)) + others
        return ranked

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
        least = self.query.min_score
        if least is None or least <= 0:
            return True
        # Deeper hits have a score of 0, except where one side alone is the ranking.
        return self.mode is not Mode.HYBRID and not self.relevance and (self.dense or self.lexical)[-1].score >= least

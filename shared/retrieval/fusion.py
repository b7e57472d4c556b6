"""Hits of two searches, by meaning and by words, in one order: their scores are fused, not their ranks.

Scores carry confidence, ranks do not. The lexical side is trusted as far as the chunks it found cover the query, so
that a query in another language, which shares no word with its answer, is left to meaning, and one that a single line
answers word for word is left to words.
"""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.retrieval.coverage import count_covered, weigh_coverage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.domain.models import SearchHit
    from shared.retrieval.coverage import CoveredHits

# The lexical side's weight where the query is covered, and the coverage that counts as covered (measured).
_LEXICAL_WEIGHT = 0.7
_FULL_COVERAGE = 0.5
# What is added where one line covers the whole query, and the coverage from which on something is added.
_LINE_WEIGHT = 0.2
_LEAST_LINE_COVERAGE = 0.5
# Scores by words hold the square of how a line covers the query, so that few come near the best. The order takes their
# root: 0.001 to 0.003 of nDCG@10 more on English and Chinese sets, with either local model.
_DENSE_POWER, _LEXICAL_POWER = 1.0, 0.5
# Hits of each side that are fused by score: twice as many change no figure of quality by a thousandth. So many and no
# fewer, however few are shown, because each score is relative to them all.
DEPTH = 50
# Best hits by words that are compared with the query.
_COVERAGE_HITS = 5


def fuse(tokens: Sequence[str], dense: Sequence[SearchHit], lexical: Sequence[SearchHit]) -> list[SearchHit]:
    """Put the hits of both sides, each best first, into one order, with scores between 0 and 1.

    Scores tell how far a hit is ahead of others; they may rise along the order, which takes roots of them.

    Sides may be of any depth: the best of each are fused by score, and deeper hits follow in the order of their ranks
    with score 0. So deeper sides only make the list longer, and pages of it stay as they were.

    Args:
        tokens: of the query, as `shared.language.analysis` makes them.
    """
    return fuse_covered(tokens, dense, lexical, weigh_coverage(tokens, lexical[:DEPTH]))


def fuse_covered(
    tokens: Sequence[str], dense: Sequence[SearchHit], lexical: Sequence[SearchHit], covered: CoveredHits
) -> list[SearchHit]:
    """Fuse as `fuse` does, where ``covered`` holds the best hits by words, weighted by coverage."""
    fused = _fuse_best(tokens, dense[:DEPTH], lexical[:DEPTH], covered)
    deeper = zip_longest(dense[DEPTH:], lexical[DEPTH:])
    known = {hit.id for hit in fused}
    followers = {hit.id: replace(hit, score=0.0) for pair in deeper for hit in pair if hit and hit.id not in known}
    return [*fused, *followers.values()]


def rank_keywords(tokens: Sequence[str], lexical: Sequence[SearchHit]) -> list[SearchHit]:
    """Order hits by keywords by how their lines cover the query; deeper hits follow with no greater scores."""
    return rank_covered(lexical, weigh_coverage(tokens, lexical[:DEPTH]))


def rank_covered(lexical: Sequence[SearchHit], covered: CoveredHits) -> list[SearchHit]:
    """Order as `rank_keywords` does, where ``covered`` holds the best hits, weighted by coverage."""
    best = covered.hits
    least = best[-1].score if best else 0.0
    return [*best, *(replace(hit, score=min(hit.score, least)) for hit in lexical[DEPTH:])]


def _fuse_best(
    tokens: Sequence[str], dense: Sequence[SearchHit], lexical: Sequence[SearchHit], covered: CoveredHits
) -> list[SearchHit]:
    weight = _trust_words(tokens, lexical, covered.coverage)
    sides = (
        (dense, _spread_cosines(dense), 1 - weight, _DENSE_POWER),
        (covered.hits, _scale_bm25(covered.hits), weight, _LEXICAL_POWER),
    )
    scores: dict[str, float] = {}
    ranks: dict[str, float] = {}
    hits: dict[str, SearchHit] = {}
    for side, scaled, share, power in sides:
        for hit, score in zip(side, scaled, strict=True):
            hits[hit.id] = hit
            scores[hit.id] = scores.get(hit.id, 0.0) + share * score
            ranks[hit.id] = ranks.get(hit.id, 0.0) + share * score**power
    order = sorted(hits, key=lambda id_: (-ranks[id_], id_))
    return [replace(hits[id_], score=scores[id_]) for id_ in order]


def _trust_words(tokens: Sequence[str], lexical: Sequence[SearchHit], line_coverage: float) -> float:
    """The weight of the lexical side, 0 to 1."""
    coverage = max((count_covered(tokens, hit) for hit in lexical[:_COVERAGE_HITS]), default=0.0)
    excess = max(0.0, line_coverage - _LEAST_LINE_COVERAGE) / (1 - _LEAST_LINE_COVERAGE)
    # A root: a name or a number, alone found of a query in another language, says much already.
    return _LEXICAL_WEIGHT * math.sqrt(min(1.0, coverage / _FULL_COVERAGE)) + _LINE_WEIGHT * excess


def _spread_cosines(hits: Sequence[SearchHit]) -> Iterator[float]:
    """Cosines moved to between 0 and 1, as they have no zero of their own: unrelated texts may be at 0.1 or at 0.8.

    A side that cannot tell its hits apart gives them all 1.
    """
    if not hits:
        return
    best, worst = hits[0].score, hits[-1].score
    for hit in hits:
        yield (hit.score - worst) / (best - worst) if best > worst else 1.0


def _scale_bm25(hits: Sequence[SearchHit]) -> Iterator[float]:
    """Shares of the best score: BM25 has a zero, that of a chunk which holds none of the words."""
    for hit in hits:
        yield hit.score / hits[0].score if hits[0].score > 0 else 1.0

"""Scores that mean the same in every answer: how likely a hit answers its query, judged by what speaks for it.

The order of hits is decided elsewhere and does not change here. `weigh_evidence` measures what speaks for each of the
best hits, `shared.retrieval.calibration` turns that into a score between 0 and 1. Scores never rise along the order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.language.scripts import find_script
from shared.retrieval.coverage import CoveredHits, Shares
from shared.retrieval.evidence import Comparison, Evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.domain.models import SearchHit
    from shared.retrieval.calibration import Calibration

# Hits by meaning that are left out of the mean that the others are compared with: they may answer the query. Of fewer
# than ten hits it is half of them.
_FOREGROUND = 5
# Fewer hits by meaning have no mean to compare with.
_LEAST_HITS = 3
# A lower cosine can be no background, and a higher one leaves no room above it.
_HIGHEST_BACKGROUND = 0.99
# What is assumed of the similarity where there is nothing to compare with: too little to answer without the words.
_UNKNOWN_SIMILARITY = 0.25
# A query covered less than this by every hit, of at least so many words, may be in another language.
_FOREIGN_COVERAGE = 0.1
_FOREIGN_WORDS = 3
# A chunk that covers so much of the query is in its language, whatever its letters look like.
_OWN_COVERAGE = 0.5
# Best hits that are looked at for that.
_COMPARED_HITS = 5
_NO_SHARES = Shares()


def score_hits(ranked: Sequence[SearchHit], evidence: Sequence[Evidence], calibration: Calibration) -> list[SearchHit]:
    """Give hits their calibrated scores, which never rise; hits without evidence, the deeper ones, get 0."""
    scored = []
    score = 1.0
    for hit, found in zip(ranked, evidence, strict=False):
        score = min(score, calibration.estimate(found))
        scored.append(replace(hit, score=score))
    return scored + [replace(hit, score=0.0) for hit in ranked[len(scored) :]]


def weigh_evidence(
    query: str,
    tokens: Sequence[str],
    ranked: Sequence[SearchHit],
    dense: Sequence[SearchHit],
    covered: CoveredHits,
    count: int | None = None,
) -> list[Evidence]:
    """Measure what speaks for each hit of ``ranked``, the best of a search in order.

    Args:
        tokens: of the query; empty where words were not compared.
        dense: the best hits by meaning; empty where vectors were not compared.
        covered: the best hits by words.
        count: number of hits, from the first, that are measured.
    """
    background, cosines = _find_background(dense), {hit.id: hit.score for hit in dense}
    lowest = dense[-1].score if dense else 0.0
    common = _choose_comparison(tokens, dense, covered)
    script = find_script(query)

    def weigh(hit: SearchHit, lead: float) -> Evidence:
        shares = covered.shares.get(hit.id, _NO_SHARES)
        similarity = _UNKNOWN_SIMILARITY
        if background is not None:
            similarity = max(0.0, (cosines.get(hit.id, lowest) - background) / (1 - background))
        coverage = (shares.whole + shares.line) / 2
        compared = _compare_scripts(common, script, find_script(hit.text), coverage)
        if background is None and compared is Comparison.FOREIGN:
            lead = 0.0  # neither words nor meaning tell two chunks apart
        return Evidence(coverage, similarity, lead, compared)

    return [weigh(hit, lead) for hit, lead in zip(ranked[:count], _measure_leads(ranked), strict=False)]


def _choose_comparison(tokens: Sequence[str], dense: Sequence[SearchHit], covered: CoveredHits) -> Comparison:
    """What was compared of the query and any chunk."""
    if not dense:
        return Comparison.WORDS
    if not tokens:
        return Comparison.MEANING
    return Comparison.FOREIGN if _is_foreign(tokens, covered) else Comparison.BOTH


def _compare_scripts(common: Comparison, query: str, hit: str, coverage: float) -> Comparison:
    """What was compared of a query and one hit, by their scripts.

    Texts in one script without spaces are in one language: that their words differ says that the hit is no answer.
    """
    if common is Comparison.BOTH and coverage < _OWN_COVERAGE and bool(hit) != bool(query):
        return Comparison.FOREIGN
    return Comparison.BOTH if common is Comparison.FOREIGN and query and query == hit else common


def _find_background(dense: Sequence[SearchHit]) -> float | None:
    """The mean cosine of chunks that are near the query but do not answer it; ``None`` where there are too few."""
    if len(dense) < _LEAST_HITS:
        return None
    others = dense[min(_FOREGROUND, len(dense) // 2) :]
    return min(_HIGHEST_BACKGROUND, sum(hit.score for hit in others) / len(others))


def _is_foreign(tokens: Sequence[str], covered: CoveredHits) -> bool:
    """Whether words cannot tell anything, because hardly one of many is found: the query is in another language."""
    words = sum(token.isalpha() for token in tokens)
    best = max((covered.shares[hit.id].whole for hit in covered.hits[:_COMPARED_HITS]), default=0.0)
    return words >= _FOREIGN_WORDS and words == len(tokens) and best < _FOREIGN_COVERAGE


def _measure_leads(ranked: Sequence[SearchHit]) -> list[float]:
    """How far each hit's score is above that of the best hit of another document, as a share of the best score."""
    if not ranked or ranked[0].score <= 0:
        return [0.0] * len(ranked)
    first = ranked[0]
    other = next((hit.score for hit in ranked if hit.document_id != first.document_id), None)
    if other is None:  # of the only document it says nothing
        return [0.0] * len(ranked)
    best = {True: other, False: first.score}
    return [(hit.score - best[hit.document_id == first.document_id]) / first.score for hit in ranked]

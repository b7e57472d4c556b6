"""Hits of two searches, by meaning and by words, in one order: their scores are fused, not their ranks.

Scores carry confidence, ranks do not. The lexical side is trusted as far as the chunks it found cover the query's
own words, so that a query in another language, which shares no word with its answer, is left to meaning.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.language.stopwords import STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.domain.models import SearchHit

# The lexical side's weight when the query is covered, and the coverage that counts as covered (measured).
_LEXICAL_WEIGHT = 0.75
_FULL_COVERAGE = 0.4
# Hits of each side that are fused by score: twice as many change no figure of quality by a thousandth. So many and no
# fewer, however few are shown, because each score is relative to them all.
DEPTH = 50
# Hits that are compared with the query's words.
_COVERAGE_HITS = 5

_WORD = re.compile(r"[^\W_\u3400-\u9fff]+")
_CHINESE = re.compile(r"[\u3400-\u9fff]+")
_STOPS = frozenset(STOP_WORDS)


def fuse(query: str, dense: Sequence[SearchHit], lexical: Sequence[SearchHit]) -> list[SearchHit]:
    """Both sides' hits, each side best first, in one order with one score each, between 0 and 1.

    Sides may be of any depth: the best of each are fused by score, and deeper hits follow in the order of their ranks
    with score 0. So deeper sides only make the list longer, and pages of it stay as they were.
    """
    fused = _fuse_best(query, dense[:DEPTH], lexical[:DEPTH])
    deeper = zip_longest(dense[DEPTH:], lexical[DEPTH:])
    known = {hit.id for hit in fused}
    followers = {hit.id: replace(hit, score=0.0) for pair in deeper for hit in pair if hit and hit.id not in known}
    return [*fused, *followers.values()]


def _fuse_best(query: str, dense: Sequence[SearchHit], lexical: Sequence[SearchHit]) -> list[SearchHit]:
    trust = min(1.0, _measure_coverage(query, lexical) / _FULL_COVERAGE)
    weight = _LEXICAL_WEIGHT * trust
    scores: dict[str, float] = {}
    hits: dict[str, SearchHit] = {}
    for side, scaled, share in ((dense, _spread_cosines(dense), 1 - weight), (lexical, _scale_bm25(lexical), weight)):
        for hit, score in zip(side, scaled, strict=True):
            hits[hit.id] = hit
            scores[hit.id] = scores.get(hit.id, 0.0) + share * score
    fused = (replace(hit, score=scores[hit.id]) for hit in hits.values())
    return sorted(fused, key=lambda hit: (-hit.score, hit.id))


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


def _measure_coverage(query: str, lexical: Sequence[SearchHit]) -> float:
    """Share of the query's own words that one of the best lexical hits contains."""
    words, pairs = _words(query), _pairs(query)
    if not words and not pairs:
        return 0.0
    texts = (hit.text.lower() for hit in lexical[:_COVERAGE_HITS])
    held = (len(words.intersection(_WORD.findall(text))) + sum(pair in text for pair in pairs) for text in texts)
    return max(held, default=0) / (len(words) + len(pairs))


def _words(text: str) -> set[str]:
    """Words that carry meaning, of languages that put spaces between them."""
    return {word for word in _WORD.findall(text.lower()) if word not in _STOPS}


def _pairs(text: str) -> set[str]:
    """What stands for words in Chinese, which has no spaces: pairs of characters."""
    runs = _CHINESE.findall(text)
    pairs = (run[i : i + 2] for run in runs for i in range(len(run) - 1))
    return {pair for pair in pairs if not {*pair, pair} & _STOPS}

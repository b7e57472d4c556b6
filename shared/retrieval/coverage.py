"""How well hits by keywords cover a query: a line that holds all of it counts more than words scattered over a chunk.

BM25 knows words, not where they stand: a chunk of ten rows may hold the first name of one person and the last name of
another. So each score is weighted by how much of the query one line covers together with the chunk's context, and how
much the beginning of a line, where rows and articles have their names. Words that few of the hits hold count more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.language.analysis import analyze, is_character, is_pair
from shared.language.stopwords import FILLER_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.domain.models import SearchHit

# Tokens of a line that count as its beginning.
_LEADING_TOKENS = 10
# Weight of the whole line; the rest is that of its beginning.
_LINE_SHARE = 0.6
_POWER = 2.0
# Best hits among which the coverage of the query is measured.
_BEST_HITS = 3
_FILLERS = frozenset(token for word in FILLER_WORDS for token in analyze(word))


class Shares(Struct, frozen=True):
    """How much of a query a hit covers, by the rarity of its words and without filler words, 0 to 1.

    A pair of characters that is missing counts half for each pair which overlaps it and is there: pairs across the
    border of two words say little.

    Attributes:
        whole: by words anywhere in the chunk.
        line: by words of its context and of one line.
    """

    whole: float = 0.0
    line: float = 0.0


class CoveredHits(Struct, frozen=True):
    """Hits by keywords, best first, with scores weighted by coverage.

    Attributes:
        coverage: the greatest share of the query, by weight, that a line of one of the best hits covers, 0 to 1.
        shares: what each hit covers, by id.
        weights: rarity of each token of the query among the hits; 0 for filler words.
    """

    hits: tuple[SearchHit, ...] = ()
    coverage: float = 0.0
    shares: Mapping[str, Shares] = {}
    weights: Mapping[str, float] = {}


class _Match(Struct, frozen=True):
    """Which tokens of a query a hit holds: anywhere, in its context, in each line, at the beginning of each line."""

    held: frozenset[str]
    context: frozenset[str]
    lines: tuple[frozenset[str], ...]
    beginnings: tuple[frozenset[str], ...]


def weigh_coverage(tokens: Sequence[str], hits: Sequence[SearchHit]) -> CoveredHits:
    """Weight the scores of ``hits``, which have words, by how their lines cover the tokens of a query."""
    if not hits or not tokens:
        return CoveredHits(tuple(hits))
    # A character alone is a token of few texts, and part of pairs in others.
    padded = {token: token if is_character(token) else f" {token} " for token in tokens}
    matches = [_match(padded, hit.words) for hit in hits]
    weights = _weigh(tokens, matches)
    total = sum(weights.values())
    scored = []
    for hit, match in zip(hits, matches, strict=True):
        context = _sum(match.context, weights)
        line = (context + max((_sum(line, weights) for line in match.lines), default=0.0)) / total
        beginning = (context + max((_sum(some, weights) for some in match.beginnings), default=0.0)) / total
        factor = (_LINE_SHARE * line + (1 - _LINE_SHARE) * beginning) ** _POWER
        scored.append((replace(hit, score=hit.score * factor), line))
    scored.sort(key=lambda pair: (-pair[0].score, pair[0].id))
    coverage = max(line for _, line in scored[:_BEST_HITS])
    weights = _drop_fillers(weights)
    pairs, total = _find_pairs(tokens), sum(weights.values())
    shares = {hit.id: _share(match, pairs, weights, total) for hit, match in zip(hits, matches, strict=True)}
    return CoveredHits(tuple(hit for hit, _ in scored), coverage, shares, weights)


def count_covered(tokens: Sequence[str], hit: SearchHit) -> float:
    """The share of a query's tokens that a hit holds anywhere."""
    held = set(hit.words.split())
    found = sum(token in held or (is_character(token) and token in hit.words) for token in tokens)
    return found / len(tokens) if tokens else 0.0


def _drop_fillers(weights: Mapping[str, float]) -> dict[str, float]:
    """``weights`` with those of filler words at 0, unless there are no others."""
    if all(token in _FILLERS for token in weights):
        return dict(weights)
    return {token: 0.0 if token in _FILLERS else weight for token, weight in weights.items()}


class _Pair(Struct, frozen=True):
    """A pair of characters in a query, and the pairs that overlap it there; empty where there are none."""

    token: str
    before: str
    after: str


def _find_pairs(tokens: Sequence[str]) -> list[_Pair]:
    found = []
    for place, token in enumerate(tokens):
        if is_pair(token):
            before = tokens[place - 1] if place else ""
            after = tokens[place + 1] if place + 1 < len(tokens) else ""
            found.append(
                _Pair(
                    token,
                    before if is_pair(before) and before[1] == token[0] else "",
                    after if is_pair(after) and after[0] == token[1] else "",
                )
            )
    return found


def _share(match: _Match, pairs: Sequence[_Pair], weights: Mapping[str, float], total: float) -> Shares:
    whole = _sum_overlapping(match.held, pairs, weights) / total
    if len(match.lines) < 2:  # the context and one line are the whole
        return Shares(whole, whole)
    line = match.context | max(match.lines, key=lambda some: _sum(some, weights))
    return Shares(whole, whole if line == match.held else _sum_overlapping(line, pairs, weights) / total)


def _sum_overlapping(held: frozenset[str], pairs: Sequence[_Pair], weights: Mapping[str, float]) -> float:
    total = sum([weights[token] for token in held])
    for pair in pairs:
        if pair.token not in held:
            total += weights[pair.token] * ((pair.before in held) + (pair.after in held)) / 2
    return total


def _match(padded: Mapping[str, str], words: str) -> _Match:
    """Find tokens, which are given with the spaces around them."""
    context, *lines = words.split("\n")
    # Most tokens are nowhere in a hit, so that few are looked for line by line.
    held = _find(padded, words.replace("\n", " "), padded)
    in_context = _find(held, context, padded)
    rest = held - in_context
    if not rest:
        return _Match(held, in_context, (), ())
    if len(lines) == 1:
        found = [(rest, lines[0])]
    else:
        found = [(some, line) for line in lines if (some := _find(rest, line, padded))]
    beginnings = [
        _find(some, " ".join(line.split(" ", _LEADING_TOKENS)[:_LEADING_TOKENS]), padded) for some, line in found
    ]
    return _Match(held, in_context, tuple([some for some, _ in found]), tuple(beginnings))


def _find(tokens: Iterable[str], line: str, padded: Mapping[str, str]) -> frozenset[str]:
    line = f" {line} "
    return frozenset([token for token in tokens if padded[token] in line])


def _weigh(tokens: Sequence[str], matches: Sequence[_Match]) -> dict[str, float]:
    """The rarity of each token among the hits."""
    holding = dict.fromkeys(tokens, 0)
    for match in matches:
        for token in match.held:
            holding[token] += 1
    return {token: math.log(1 + (len(matches) + 1) / (count + 0.5)) for token, count in holding.items()}


def _sum(tokens: Iterable[str], weights: Mapping[str, float]) -> float:
    return sum([weights[token] for token in tokens])

"""What two collections answer to the same queries, compared."""

from __future__ import annotations

import json
import math
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_BEST: Final = 10
_SHOWN_HITS: Final = 3
_SIDES: Final = ("current", "other")


class Query(Struct, frozen=True):
    """A query of the operator's file.

    Attributes:
        relevant: keys of the documents that answer it; empty where that was not judged.
    """

    text: str
    relevant: tuple[str, ...] = ()


def read_queries(content: str) -> list[Query]:
    """Read a file with a query a line: its text, or ``{"query": ..., "relevant": [key, ...]}``.

    Raises:
        ValueError: a line is not such, or there is none.
    """
    found = [_read_line(number, line.strip()) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if not found:
        raise ValueError("the file holds no query")
    return found


def _read_line(number: int, line: str) -> Query:
    if not line.startswith("{"):
        return Query(line)
    try:
        read = json.loads(line)
        return Query(str(read["query"]), tuple(map(str, read.get("relevant", ()))))
    except (ValueError, KeyError, TypeError):
        raise ValueError(f'line {number} is neither a query nor {{"query": "...", "relevant": ["key"]}}') from None


class Comparison:
    """Sums up answers.

    Args:
        most_differences: queries with the least overlap that are kept.
    """

    def __init__(self, most_differences: int) -> None:
        self._most = most_differences
        self._overlaps: list[float] = []
        self._gains: dict[str, list[float]] = {side: [] for side in _SIDES}
        self._times: dict[str, list[float]] = {side: [] for side in _SIDES}
        self._costs: dict[str, list[float]] = {side: [] for side in _SIDES}
        self._differences: list[tuple[float, str, list[str], list[str]]] = []

    def add(self, query: Query, answers: Mapping[str, Any]) -> None:
        """Take in what both answered to a query."""
        keys = {side: [hit["key"] for hit in answers[side]["hits"]] for side in _SIDES}
        chunks = [{(hit["key"], hit["start"]) for hit in answers[side]["hits"][:_BEST]} for side in _SIDES]
        overlap = len(chunks[0] & chunks[1]) / max(1, *map(len, chunks)) if any(chunks) else 1.0
        self._overlaps.append(overlap)
        for side in _SIDES:
            self._times[side].append(answers[side]["milliseconds"])
            self._costs[side].append(answers[side]["usage"]["cost_cny"])
            if query.relevant:
                self._gains[side].append(_ndcg(keys[side], query.relevant))
        if overlap < 1:
            first, second = (_shorten(answers[side]["hits"]) for side in _SIDES)
            self._differences.append((overlap, query.text, first, second))
            self._differences = sorted(self._differences)[: self._most]

    def to_json(self) -> dict[str, Any]:
        """All figures; of each pair the first is of the collection that answers now."""
        return {
            "queries": len(self._overlaps),
            "overlap_at_10": fmean(self._overlaps),
            "judged": len(self._gains["current"]),
            "ndcg_at_10": [fmean(self._gains[side]) if self._gains[side] else None for side in _SIDES],
            "milliseconds": [median(self._times[side]) for side in _SIDES],
            "cny_per_query": [fmean(self._costs[side]) for side in _SIDES],
            "differences": [
                {"query": text, "overlap": overlap, "current": first, "other": second}
                for overlap, text, first, second in self._differences
            ],
        }

    def describe(self) -> Iterator[str]:
        """The lines that a person reads."""
        found = self.to_json()
        yield f"{found['queries']} queries, {found['judged']} judged; first the collection in use, then the other"
        yield f"overlap@10      {found['overlap_at_10']:.3f}"
        if found["judged"]:
            yield "nDCG@10         {:.3f}  {:.3f}".format(*found["ndcg_at_10"])
        yield "median time     {:.0f} ms  {:.0f} ms".format(*found["milliseconds"])
        yield "cost a query    CNY {:.7f}  {:.7f}".format(*found["cny_per_query"])
        for difference in found["differences"]:
            yield f"\n{difference['query']}  (overlap {difference['overlap']:.1f})"
            for side in _SIDES:
                yield f"  {side}:"
                yield from (f"    {line[:120]}" for line in difference[side])


def _ndcg(keys: Sequence[str], relevant: Sequence[str]) -> float:
    """nDCG of the first ten documents, each counted once, with binary relevance."""
    ranked = list(dict.fromkeys(keys))[:_BEST]
    gain = sum(1 / math.log2(rank + 2) for rank, key in enumerate(ranked) if key in relevant)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(len(set(relevant)), _BEST)))


def _shorten(hits: Sequence[Mapping[str, Any]]) -> list[str]:
    """The best hits, a line each."""
    return [f"{hit['key']}: {' '.join(hit['text'].split())}" for hit in hits[:_SHOWN_HITS]]

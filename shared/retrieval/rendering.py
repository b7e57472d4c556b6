"""Adds to the hits of a page what people and programs are shown of them: scores, highlights, snippets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.retrieval.highlighting import Highlighter
from shared.retrieval.result import ResultGroup, ResultItem, Scores
from shared.retrieval.snippets import Snipper

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.domain.models import SearchHit
    from shared.retrieval.ranking import Ranking


def render(page: Iterable[list[SearchHit]], ranking: Ranking) -> tuple[ResultGroup, ...]:
    """Add scores, highlights and snippets to the hits of a page."""
    text = ranking.corrected or ranking.query.text
    highlighter = Highlighter(text)
    snipper = Snipper(text, ranking.weights)
    cosines = {hit.id: hit.score for hit in ranking.dense}
    weights = {hit.id: hit.score for hit in ranking.lexical}

    def make_item(hit: SearchHit) -> ResultItem:
        scores = Scores(cosines.get(hit.id), weights.get(hit.id), ranking.relevance.get(hit.id))
        highlights = highlighter.find(hit.text)
        snippet = snipper.cut(hit.text, highlights, has_rows=bool(hit.location.columns))
        duplicates = ranking.duplicates.get(hit.id, ())
        evidence = ranking.evidence.get(hit.id) if ranking.query.explain else None
        return ResultItem(hit, scores, highlights, snippet, duplicates, evidence)

    return tuple(ResultGroup(tuple(map(make_item, hits))) for hits in page)

"""What a search returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import Chunk, SearchHit, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.retrieval.evidence import Evidence
    from shared.retrieval.facets import FacetCount
    from shared.retrieval.query import Mode
    from shared.retrieval.snippets import Snippet


class Scores(Struct, frozen=True):
    """Scores of a hit by each method; ``None`` where the method did not find or read it.

    Attributes:
        dense: cosine, between -1 and 1.
        keyword: BM25, positive.
        rerank: relevance, between 0 and 1.
    """

    dense: float | None = None
    keyword: float | None = None
    rerank: float | None = None


class Context(Struct, frozen=True):
    """Neighbouring chunks of a hit in its document."""

    before: tuple[Chunk, ...]
    after: tuple[Chunk, ...]


class ResultItem(Struct, frozen=True):
    """A hit with all that is returned about it.

    Attributes:
        highlights: stretches of its text, as offsets in characters: start and exclusive end.
        snippet: the part of its text that answers best.
        duplicates: further hits with the same text, which have no place of their own.
        evidence: what speaks for it, if that was asked for and it is one of the best.
    """

    hit: SearchHit
    scores: Scores
    highlights: list[tuple[int, int]]
    snippet: Snippet
    duplicates: tuple[SearchHit, ...] = ()
    evidence: Evidence | None = None
    context: Context | None = None


class ResultGroup(Struct, frozen=True):
    """Hits of one document; the group's score is that of the best."""

    items: tuple[ResultItem, ...]


class SearchWarning(Struct, frozen=True):
    """Something the caller should know although the request succeeded."""

    code: str
    message: str


class SearchResult(Struct, frozen=True):
    """The result of a search.

    Attributes:
        groups: hits by document, if grouped; else one group per hit.
        mode: how chunks were found; where hybrid was asked, dense on a Milvus that cannot search by words,
            and keyword where the query could not be embedded.
        milliseconds: time by stage; the search by words runs in parallel with the others.
        answerable: whether the best hit's score says that the index holds an answer, whatever page is asked for.
        calibration: version of the calibration that made the scores.
        threshold: least score of a best hit that is taken for an answer.
        did_you_mean: the query as it was probably meant, by which words were searched for; empty where it is as good
            as it is.
        facets: documents among the best hits by field and value, if that was asked for.
    """

    groups: tuple[ResultGroup, ...]
    mode: Mode
    reranked: bool = False
    warnings: tuple[SearchWarning, ...] = ()
    usage: Usage = Usage()
    milliseconds: dict[str, float] = {}
    answerable: bool = False
    calibration: str = ""
    did_you_mean: str = ""
    facets: dict[str, tuple[FacetCount, ...]] | None = None
    threshold: float = 0.0

    @property
    def items(self) -> tuple[ResultItem, ...]:
        """All hits in order."""
        return tuple(item for group in self.groups for item in group.items)

    @property
    def hits(self) -> tuple[SearchHit, ...]:
        """The hits alone."""
        return tuple(item.hit for item in self.items)


def group_hits(ranked: Sequence[SearchHit], size: int) -> list[list[SearchHit]]:
    """Group hits by document, in the order of each document's best hit; at most ``size`` of each.

    Of a document that is among the best hits, deeper ones are left out, whether they were searched for or not.
    """
    groups: dict[str, list[SearchHit]] = {}
    for hit in ranked:
        group = groups.setdefault(hit.document_id, [])
        if len(group) < size and not (group and group[0].text and not hit.text):
            group.append(hit)
    return list(groups.values())

"""What a search asks for, and the checks of its values."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

from msgspec import Struct

from shared.domain.errors import RequestError
from shared.retrieval.facets import check_facets

MAX_TOP_K = 100
MAX_REACH = 1_000
MAX_QUERY_CHARACTERS = 2_000


class Mode(StrEnum):
    """How chunks are found."""

    HYBRID = "hybrid"
    DENSE = "dense"
    KEYWORD = "keyword"


class Order(StrEnum):
    """How hits are sorted: by relevance, or the best of them by the time of their documents."""

    RELEVANCE = "relevance"
    NEWEST = "newest"
    OLDEST = "oldest"


class SearchQuery(Struct, frozen=True):
    """A search.

    Attributes:
        text: what is asked, in natural language or as words.
        top_k: number of hits to return, 1 to `MAX_TOP_K`; of groups, if grouped.
        offset: number of hits or groups to skip; with ``top_k`` at most `MAX_REACH`.
        filter: a condition of `shared.store.expressions`, or ``None``.
        min_score: least score of a hit, or of a group's best hit; ``None`` for no limit.
        context: number of neighbouring chunks to return before and after each hit.
        grouped: whether hits of one document are returned together.
        group_size: maximum number of hits in a group.
        rerank: whether a reranker orders the best hits; ``None`` for the default of the settings.
        tenant: search this tenant's documents only; ``None`` for all that the caller may see.
        explain: whether to return what each hit's score was made of.
        order: how hits are sorted.
        facets: fields to count the documents of the best hits by.
    """

    text: str
    top_k: int = 10
    mode: Mode = Mode.HYBRID
    filter: Any = None
    offset: int = 0
    min_score: float | None = None
    context: int = 0
    grouped: bool = False
    group_size: int = 3
    rerank: bool | None = None
    tenant: str | None = None
    explain: bool = False
    order: Order = Order.RELEVANCE
    facets: tuple[str, ...] = ()

    @property
    def reach(self) -> int:
        """Number of hits or groups of the ranking that are needed."""
        return self.offset + self.top_k


def check(query: SearchQuery) -> None:
    """Check the values of a query.

    Raises:
        RequestError: ``invalid_query``, ``invalid_top_k``, ``invalid_offset`` or ``invalid_request``.
    """
    if not query.text.strip():
        raise RequestError("invalid_query", "The query is empty.")
    if len(query.text) > MAX_QUERY_CHARACTERS:
        raise RequestError("invalid_query", f"The query is longer than {MAX_QUERY_CHARACTERS} characters.")
    if not 1 <= query.top_k <= MAX_TOP_K:
        raise RequestError("invalid_top_k", f"top_k must be between 1 and {MAX_TOP_K}.")
    if query.offset < 0 or query.reach > MAX_REACH:
        raise RequestError("invalid_offset", f"offset must be 0 or more, and with top_k at most {MAX_REACH}.")
    if query.min_score is not None and not math.isfinite(query.min_score):
        raise RequestError("invalid_request", "min_score must be a finite number.")
    check_facets(query.facets)

"""What ``POST /similar`` takes."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from functions.search.fields import GroupBy, GroupSize, Offset, SearchedTenant, TopK
from shared.retrieval.query import Mode, Order, SearchQuery


class SimilarRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /similar``."""

    id: Annotated[str, Meta(description="A chunk's id, as a hit has it.")]
    top_k: TopK = 10
    offset: Offset = 0
    filter: Annotated[Any, Meta(description="A condition on the documents, as POST /search takes it.")] = None
    min_score: Annotated[float | None, Meta(description="The least score of a chunk, or of a group's best.")] = None
    group_by: GroupBy = None
    group_size: GroupSize = 3
    tenant: SearchedTenant = None
    sort: Annotated[Order, Meta(description="As in a search.")] = Order.RELEVANCE
    facets: Annotated[tuple[str, ...], Meta(description="As in a search.")] = ()

    def to_query(self) -> SearchQuery:
        """A search without a text."""
        return SearchQuery(
            text="",
            top_k=self.top_k,
            mode=Mode.DENSE,
            filter=self.filter,
            offset=self.offset,
            min_score=self.min_score,
            grouped=self.group_by is not None,
            group_size=self.group_size,
            tenant=self.tenant,
            order=self.sort,
            facets=self.facets,
        )

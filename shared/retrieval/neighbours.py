"""The neighbouring chunks of hits."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.retrieval.result import Context, ResultGroup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shared.domain.models import Chunk, SearchHit


def select_ordinals(hits: Iterable[SearchHit], reach: int) -> Mapping[str, set[int]]:
    """Return the ordinals to read of each document: of the hits and up to ``reach`` before and after them."""
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    for hit in hits:
        wanted[hit.document_id].update(range(max(0, hit.ordinal - reach), hit.ordinal + reach + 1))
    return wanted


def add_context(groups: Sequence[ResultGroup], neighbours: Iterable[Chunk], reach: int) -> tuple[ResultGroup, ...]:
    """Add to each hit its neighbours, as far as they exist."""
    placed = {(chunk.document_id, chunk.ordinal): chunk for chunk in neighbours}
    return tuple(
        ResultGroup(tuple(replace(item, context=_find_context(item.hit, reach, placed)) for item in group.items))
        for group in groups
    )


def _find_context(hit: SearchHit, reach: int, placed: Mapping[tuple[str, int], Chunk]) -> Context:
    def find(ordinals: Iterable[int]) -> tuple[Chunk, ...]:
        found = (placed.get((hit.document_id, ordinal)) for ordinal in ordinals)
        return tuple(chunk for chunk in found if chunk)

    return Context(find(range(hit.ordinal - reach, hit.ordinal)), find(range(hit.ordinal + 1, hit.ordinal + reach + 1)))

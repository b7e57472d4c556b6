"""Hits with the same text, which are shown once: copies of a file, or a notice that many documents repeat."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.domain.models import SearchHit

# Characters at the beginning that two texts must share before they are compared as a whole.
_LOOKED_AT, _BEGINNING = 60, 20


class DistinctHits(Struct, frozen=True):
    """Hits with texts of their own.

    Attributes:
        duplicates: the other hits with the same text, in order, by the id of the one that is shown.
    """

    hits: list[SearchHit]
    duplicates: Mapping[str, tuple[SearchHit, ...]]


def collapse_duplicates(ranked: Sequence[SearchHit]) -> DistinctHits:
    """Keep the best of the hits with the same text, whatever its case and spaces.

    Hits that were read in brief have no text and stay.
    """
    suspects: defaultdict[str, list[SearchHit]] = defaultdict(list)
    for hit in ranked:
        if hit.text:
            suspects[_reduce(hit.text[:_LOOKED_AT])[:_BEGINNING]].append(hit)
    shown: dict[str, str] = {}
    same: defaultdict[str, list[SearchHit]] = defaultdict(list)
    for hits in suspects.values():
        first: dict[str, str] = {}
        for hit in hits if len(hits) > 1 else ():
            shown[hit.id] = first.setdefault(_reduce(hit.text), hit.id)
            if shown[hit.id] != hit.id:
                same[shown[hit.id]].append(hit)
    if not same:
        return DistinctHits(list(ranked), {})
    kept = [hit for hit in ranked if shown.get(hit.id, hit.id) == hit.id]
    return DistinctHits(kept, {id_: tuple(hits) for id_, hits in same.items()})


def _reduce(text: str) -> str:
    return "".join(text.split()).casefold()

"""Quoted phrases of a query, which ask for a text that holds exactly these words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.domain.models import SearchHit

# Quotation marks of one kind, with something between them that is no quotation mark.
_QUOTED = re.compile(r'"([^"“”]{2,200})"|“([^"“”]{2,200})”|「([^「」]{2,200})」|『([^『』]{2,200})』')
_MOST_PHRASES = 5


def find_phrases(query: str) -> tuple[str, ...]:
    """The quoted phrases of ``query``, whatever their case and spaces."""
    found = (next(filter(None, match.groups())) for match in _QUOTED.finditer(query))
    return tuple(filter(None, map(_reduce, found)))[:_MOST_PHRASES]


def prefer_phrases(phrases: Sequence[str], hits: Sequence[SearchHit]) -> list[SearchHit]:
    """Put hits that hold more of the phrases first; hits that were read in brief, without a text, follow."""
    if not phrases:
        return list(hits)
    return sorted(hits, key=lambda hit: -_count(phrases, hit))


def _count(phrases: Sequence[str], hit: SearchHit) -> int:
    if not hit.text:
        return 0
    text = _reduce(f"{hit.context}\n{hit.text}")
    return sum(phrase in text for phrase in phrases)


def _reduce(text: str) -> str:
    return " ".join(text.casefold().split())

"""What speaks for a hit, measured by `scoring` and turned into a score by `calibration`."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Comparison(StrEnum):
    """What was compared of query and chunk; ``FOREIGN`` is words and vectors of two different languages."""

    BOTH = "both"
    WORDS = "words"
    MEANING = "meaning"
    FOREIGN = "foreign"


class Evidence(Struct, frozen=True):
    """What speaks for a hit.

    Attributes:
        coverage: share of the query's words, by rarity: the mean of the whole chunk and of its best line.
        similarity: how far the cosine is above that of unrelated chunks, as a share of what is possible.
        lead: score of the ranking less that of the best hit of another document, -1 to 1; 0 without one.
        compared: what was compared.
    """

    coverage: float = 0.0
    similarity: float = 0.0
    lead: float = 0.0
    compared: Comparison = Comparison.BOTH

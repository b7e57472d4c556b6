"""Numbers with the noun they count, as messages in English say them."""

from __future__ import annotations


def count_of(number: int, noun: str) -> str:
    """``1 chunk``, ``2 chunks``: a number and its noun, which is regular."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

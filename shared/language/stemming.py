"""Light stemming of English: what a word shares with its plural, its past and its -ing; names and codes stay whole."""

from __future__ import annotations

from functools import lru_cache

_MIN_STEM = 3
_CACHED_STEMS = 20_000


@lru_cache(_CACHED_STEMS)
def stem(word: str) -> str:
    """The stem of a word in lower case; a word with digits is returned as it is."""
    if not word.isalpha():
        return word
    if word.endswith(("ies", "ied")) and len(word) > _MIN_STEM + 1:
        return word[:-3] + "y"
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and not word.endswith(("ss", "eed")) and len(word) - len(ending) >= _MIN_STEM:
            word = word.removesuffix(ending)
            break
    if len(word) > _MIN_STEM:
        word = word.removesuffix("e")
    return word[:-1] if len(word) > _MIN_STEM and word[-1] == word[-2] else word

"""Light stemming of English: what a word shares with its plural, its past and its -ing; names and codes stay whole."""

from __future__ import annotations

from functools import lru_cache

_MIN_STEM = 3
# Plurals that no ending tells, with the stem of their singular.
_IRREGULAR = {
    "children": "child",
    "men": "man",
    "women": "woman",
    "mice": "mous",
    "feet": "foot",
    "teeth": "tooth",
    "leaves": "leaf",
    "shelves": "shelf",
    "knives": "knif",
    "halves": "half",
    "loaves": "loaf",
    "wolves": "wolf",
    "indices": "index",
    "vertices": "vertex",
    "matrices": "matrix",
    "criteria": "criterion",
    "geese": "goos",
}
_CACHED_STEMS = 20_000


@lru_cache(_CACHED_STEMS)
def stem(word: str) -> str:
    """The stem of a word in lower case; a word with digits is returned as it is."""
    if not word.isalpha():
        return word
    if irregular := _IRREGULAR.get(word):
        return irregular
    if word.endswith("sis"):
        return word[:-2]  # analysis, analyses
    if word.endswith(("ies", "ied")) and len(word) > _MIN_STEM + 1:
        return word[:-3] + "y"
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and not word.endswith(("ss", "eed")) and len(word) - len(ending) >= _MIN_STEM:
            word = word.removesuffix(ending)
            break
    if len(word) > _MIN_STEM:
        word = word.removesuffix("e")
    return word[:-1] if len(word) > _MIN_STEM and word[-1] == word[-2] else word

"""How well a text fits Russian and its neighbours, Greek or Hebrew, by its words and most frequent letters."""

from __future__ import annotations

import re

_CYRILLIC_RUN = re.compile("[А-Яа-яЁё]+")
_CYRILLIC_WORD = re.compile("[А-ЯЁ]?[а-яё]{2,}")
_GREEK_WORD = re.compile("[Α-ΫΆΈΉΊΌΎΏ]?[ά-ώ]{2,}")
_HEBREW_RUN = re.compile("[א-ת]+")
# Some letters have a form for the end of a word.
_HEBREW_WORD = re.compile("[אבגדהוזחטיכלמנסעפצקרשת]+[אבגדהוזחטיכלמנסעפצקרשתךםןףץ]")
# Two thirds of the letters of a text, whatever the language written with these.
_CYRILLIC_COMMON, _GREEK_COMMON = frozenset("оеаинтсрвлкі"), frozenset("αοιετσνηυρςάόίέή")
_HEBREW_COMMON = frozenset("יוהלארתבשמנם")
_USUAL_FREQUENT = 0.7


def score_cyrillic(text: str) -> float:
    """Share in words with small letters after the first; another encoding's letters come in any case."""
    words = [run for run in _CYRILLIC_RUN.findall(text) if _CYRILLIC_WORD.fullmatch(run)]
    return _share_of_words(words, _CYRILLIC_COMMON, count_foreign(text))


def score_greek(text: str) -> float:
    """Share in Greek words."""
    return _share_of_words(_GREEK_WORD.findall(text), _GREEK_COMMON, count_foreign(text))


def score_hebrew(text: str) -> float:
    """Share in Hebrew words."""
    words = [run for run in _HEBREW_RUN.findall(text) if _HEBREW_WORD.fullmatch(run)]
    return _share_of_words(words, _HEBREW_COMMON, count_foreign(text))


def _share_of_words(words: list[str], common: frozenset[str], foreigners: int) -> float:
    """Share of the letters that are in words; less where they are seldom the most frequent ones of the language."""
    letters = "".join(words).lower()
    frequent = sum(1 for letter in letters if letter in common) / max(1, len(letters))
    return len(letters) / max(1, foreigners) * min(1.0, frequent / _USUAL_FREQUENT)


def count_foreign(text: str) -> int:
    """Characters beyond ASCII."""
    return sum(1 for character in text if character > "\x7f")

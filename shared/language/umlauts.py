"""Umlauts in words of a text, by both ways to write them without: Müller as Muller and Mueller, Mueller as Muller.

Only texts give both, so that a query has one token for a word.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from shared.language.stemming import stem

if TYPE_CHECKING:
    from collections.abc import Iterator

_UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"}
_TABLE = str.maketrans(_UMLAUTS)
_LETTER = "[a-z\u00df-\u024f]"
_WITH_UMLAUT = re.compile(rf"(?<!{_LETTER}){_LETTER}*[äöüøå]{_LETTER}*")
# As the Snowball stemmer German2: not in queue, not in aue.
_WITH_DIGRAPH = re.compile(r"\b(?=[a-z]{5,30}\b)[a-z]*?(?<![aeiouq])[aou]e[a-z]+\b")
_DIGRAPH = re.compile("(?<![aeiouq])([aou])e")


def find_umlauts(text: str) -> Iterator[str]:
    """The further tokens of words with umlauts, or with two letters that may stand for one."""
    lower = text.lower()
    if not text.isascii():
        lower = unicodedata.normalize("NFC", lower)
        for match in _WITH_UMLAUT.finditer(lower):
            word = match.group().translate(_TABLE).replace("ß", "ss")
            if word.isascii():
                yield stem(word)
    for match in _WITH_DIGRAPH.finditer(lower):
        word, folded = match.group(), _DIGRAPH.sub(r"\1", match.group())
        if stem(folded) != stem(word):
            yield stem(folded)

"""Words, codes, versions and identifiers to tokens: the whole, its parts, and by what else it is called.

A text gives `abc12345`, `abc` and `12345` for ABC-12345, so that each form finds it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from shared.language import quantities
from shared.language.stemming import stem
from shared.language.stopwords import STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_TOKEN_CHARACTERS = 64
_MAX_PARTS = 8
_CACHED_COMPOUNDS = 20_000
_STOPS = frozenset(STOP_WORDS)
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\dA-Za-z_]+")
_VERSION = re.compile(r"v\d+(?:\.\d+)+", re.IGNORECASE)
_CONNECTOR = re.compile(r"[-_./'&+@:]+")
# Connectors that join longer parts than the others do: v1.2.3-beta, 192.168.1.1:8080.
_OUTER = re.compile(r"[-/'&+@:]+")
_LETTERS_FIRST = re.compile(r"(?<![A-Za-z])([A-Za-z]{3,30})\d")
_FRACTION = re.compile(r"(\d{1,2})/(\d{1,3})")
_ROMAN = re.compile(r"(?=[IVX]{2})(X{0,3})(IX|IV|V?I{0,3})")
_ROMAN_DIGITS = {"": 0, "I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9}
_ORDINAL = re.compile(r"(\d{1,2})(?:st|nd|rd|th)", re.IGNORECASE)
_ORDINALS = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@lru_cache(_CACHED_COMPOUNDS)
def analyze_compound(text: str) -> tuple[str, ...]:
    """The tokens of a word, a code, a version or an identifier, the one for all of it first; none for stop words."""
    return tuple(_compound(text))


def _compound(text: str) -> Iterator[str]:
    """The parts of a compound, and the whole of it joined."""
    words = [word for word in _CONNECTOR.split(text) if word]
    parts = [part for word in words for part in _split_word(word)]
    joined = "".join(words).casefold()[:_MAX_TOKEN_CHARACTERS]
    if len(parts) == 1:
        if joined not in _STOPS:
            yield stem(joined)
        yield from find_other_names(text)
        return
    yield stem(joined)
    yield from find_other_names(text)
    if len(words) > 1 and len(words) <= _MAX_PARTS:
        # Each word that has parts of its own, too: ABC12-7 is looked for as ABC12.
        yield from (stem(word.casefold()) for word in words if len(word) > 1 and word not in parts)
        yield from find_longer_parts(text)
    for part in parts:
        lower = part.casefold()
        if len(lower) > 1 and lower not in _STOPS:
            yield stem(lower)
            if lower.isdecimal() and lower[0] == "0" and lower.strip("0"):
                yield lower.lstrip("0")


def find_other_names(text: str) -> Iterator[str]:
    """What a compound is called as well: 1.2 of v1.2, 3 of III, 15000 of 15k, 8GB of 8G, OAuth of OAuth2."""
    if _VERSION.fullmatch(text):
        yield text[1:].replace(".", "").casefold()
    elif roman := _ROMAN.fullmatch(text):
        yield str(10 * len(roman[1]) + _ROMAN_DIGITS[roman[2]])
    elif fraction := _FRACTION.fullmatch(text):
        part, whole = map(int, fraction.groups())
        if 0 < part < whole and 1_000 * part % whole == 0:
            yield f"0_{1_000 * part // whole:03}".rstrip("0")
    elif size := quantities.expand_bytes(text):
        yield size
    elif number := quantities.expand_thousands(text):
        yield number
    elif ordinal := _ORDINAL.fullmatch(text):
        yield from filter(None, (ordinal[1], _ORDINALS[int(ordinal[1])] if int(ordinal[1]) < len(_ORDINALS) else ""))
    elif letters := _LETTERS_FIRST.match(text):
        yield stem(letters[1].casefold())


def find_longer_parts(text: str) -> Iterator[str]:
    """Parts that consist of several words, where stronger connectors stand between them."""
    for part in _OUTER.split(text):
        inner = [word for word in _CONNECTOR.split(part) if word]
        if len(inner) > 1 and part != text:
            yield stem("".join(inner).casefold()[:_MAX_TOKEN_CHARACTERS])


def _split_word(word: str) -> list[str]:
    """The words of an identifier (maxRetryCount), letters apart from digits."""
    if word.isdecimal() or (word.islower() and word.isalpha()):
        return [word]
    return [part[:_MAX_TOKEN_CHARACTERS] for part in _CAMEL.findall(word)] or [word[:_MAX_TOKEN_CHARACTERS]]

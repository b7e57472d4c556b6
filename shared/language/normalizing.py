"""Characters that mean the same become the same, so that what was typed one way is found when typed another.

Compatibility forms (full width, ligatures, Kangxi radicals), accents, soft hyphens, zero-width characters, kinds of
dashes and quotes, digits of other scripts, traditional Chinese and other variants. Only what is searched is normalised;
what is shown stays as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from shared.language import variants
from shared.language.radicals import RADICALS

_INVISIBLE = (
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2066\u2067"
    "\u2068\u2069\ufe0e\ufe0f\ufeff\u20e3\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
)
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_QUOTES = "\u2018\u2019\u02bc\u2032\uff07"
# Letters that Unicode does not take apart, as they are written where a keyboard lacks them.
_LETTERS = {
    "ł": "l",
    "Ł": "L",
    "ø": "o",
    "Ø": "O",
    "đ": "d",
    "Đ": "D",
    "ı": "i",
    "ħ": "h",
    "Ħ": "H",
    "ð": "d",
    "Ð": "D",
    "æ": "ae",
    "Æ": "Ae",
    "œ": "oe",
    "Œ": "Oe",
    "ß": "ss",
    "ẞ": "SS",
    "þ": "th",
    "Þ": "Th",
}
_CHARACTERS: dict[int, str] = {
    **{ord(letter): plain for letter, plain in _LETTERS.items()},
    **RADICALS,
    **variants.CHARACTERS,
    # NFKC would make letters of them, and a word of these and the name before.
    **dict.fromkeys(map(ord, "\u2120\u2122"), " "),
    ord("\u00ba"): "\u00b0",
    **dict.fromkeys(map(ord, _INVISIBLE), ""),
    **dict.fromkeys(map(ord, _DASHES), "-"),
    **dict.fromkeys(map(ord, _QUOTES), "'"),
}
# Combining marks of alphabets, Hebrew points and Arabic vowels; those of kana and of Indic scripts make other letters.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8]+"
)
_EAST_ASIAN = re.compile("[\u3007\u30a1-\u30f6\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# Words of two characters that are written in two ways.
_WORDS = re.compile("计画|身分")
_SAME_WORDS = {"计画": "计划", "身分": "身份"}
_REPEATED = re.compile("([\u3400-\u9fff])\u3005")
_FRACTION = re.compile("(\\d)([\u00bc-\u00be\u2150-\u215e])")
_CACHED_CHARACTERS = 20_000
_MICRO = re.compile("(?<=\\d)( ?)\u03bc(?=[A-Za-z])")


def normalize(text: str) -> str:
    """``text`` with one form for all characters that mean the same; case is kept."""
    if text.isascii():
        return text
    text = _FRACTION.sub(_write_fraction, text.translate(_CHARACTERS))
    text = unicodedata.normalize("NFKC", text).replace("\u2044", "/")
    if _EAST_ASIAN.search(text):
        text = _REPEATED.sub(r"\1\1", text.translate(variants.load_east_asian()))
        text = _WORDS.sub(lambda word: _SAME_WORDS[word[0]], text)
    decomposed = unicodedata.normalize("NFD", text)
    if _ACCENTS.search(decomposed):
        text = unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed))
    return _MICRO.sub(r"\1u", text)


def normalize_in_place(text: str) -> tuple[str, list[int] | None]:
    """``text`` normalised character by character, and from which character of it each one comes; ``None``: all stay.

    What depends on neighbours is left out where it would change the length.
    """
    if text.isascii():
        return text, None
    plain = list(map(_normalize_character, text))
    joined = "".join(plain)
    if len(joined) == len(text) and all(map(len, plain)):
        places = None
    else:
        places = [place for place, characters in enumerate(plain) for _ in characters]
    return _MICRO.sub(r"\1u", _REPEATED.sub(r"\1\1", _WORDS.sub(lambda word: _SAME_WORDS[word[0]], joined))), places


@lru_cache(_CACHED_CHARACTERS)
def _normalize_character(character: str) -> str:
    return normalize(character)


def _write_fraction(match: re.Match[str]) -> str:
    """The decimal of a number with a fraction directly after it, which else would become one number: 2\u00bd, 21/2."""
    return match[1] + f"{unicodedata.numeric(match[2]):.3f}".removeprefix("0").rstrip("0")

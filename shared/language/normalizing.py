"""Characters that mean the same become the same, so that what was typed one way is found when typed another.

Compatibility forms (full width, ligatures, Kangxi radicals), accents, soft hyphens, zero-width characters, kinds of
dashes and quotes, and traditional Chinese. Only what is searched is normalised; what is shown stays as it was written.
"""

from __future__ import annotations

import importlib.util
import re
import unicodedata
from functools import cache
from pathlib import Path

from shared.language.radicals import RADICALS

_INVISIBLE = (
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2066\u2067"
    "\u2068\u2069\ufeff"
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
    **dict.fromkeys(map(ord, _INVISIBLE), ""),
    **dict.fromkeys(map(ord, _DASHES), "-"),
    **dict.fromkeys(map(ord, _QUOTES), "'"),
}
# Combining marks of alphabets; those of kana and of Indic scripts make other letters.
_ACCENTS = re.compile("[\u0300-\u036f]+")
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")


def normalize(text: str) -> str:
    """``text`` with one form for all characters that mean the same; case is kept."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text.translate(_CHARACTERS)).replace("\u2044", "/")
    if _HAN.search(text):
        text = text.translate(_load_simplified())
    decomposed = unicodedata.normalize("NFD", text)
    if _ACCENTS.search(decomposed):
        text = unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed))
    return text


@cache
def _load_simplified() -> dict[int, str]:
    """Simplified characters by traditional ones: the table of OpenCC, first choice (https://github.com/BYVoid/OpenCC).

    The package is looked up and not imported: only its table is needed.
    """
    package = importlib.util.find_spec("opencc")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("opencc-python-reimplemented, which brings the table of characters, is not installed")
    lines = (Path(package.origin).parent / "dictionary" / "TSCharacters.txt").read_text("utf-8").splitlines()
    pairs = (line.split() for line in lines if line.strip())
    return {ord(traditional): simplified for traditional, simplified, *_ in pairs}

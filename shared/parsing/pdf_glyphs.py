"""The characters of a PDF: what its fonts say, made ordinary characters."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from unicodedata import normalize as _normalize

# Characters that stand for others because of how a font was made: ligatures, radicals, compatibility ideographs.
_ODD: Final = re.compile("[\ufffd\u2e80-\u2fdf\ue000-\uf8ff\uf900-\ufaff\ufb00-\ufb06\U0002f800-\U0002fa1f]")
# U+2E80 to U+2EF3, which Unicode gives no compatibility form, in order; U+2E9A is not assigned.
# https://www.unicode.org/Public/UNIDATA/EquivalentUnifiedIdeograph.txt
_SUPPLEMENT: Final = (
    "々厂乛乚乙亻冂几刀刂卜㔾小小尢尣尢尣巳幺彑彐忄心扌攵　旡日月歹母民氵氺灬爫爫丬牛"
    "犭王疋目示礻竹糸纟罓罒网网网羊羊羊耂聿肀月臼艹艹艹虎衤覀西见角角讠贝足车辶辶辶阝"
    "钅長镸长门阜阝雨青韦页风飞食食飠饣首马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟"
)
_RADICALS: Final = {
    **{chr(0x2E80 + place): character for place, character in enumerate(_SUPPLEMENT)},
    # NFKC gives forms that are seldom used today.
    "\u2f3e": "户",
    "\u2fad": "青",
}
_BULLETS: Final = "•"
# Symbol and Wingdings at U+F000: https://www.unicode.org/Public/MAPPINGS/VENDORS/ADOBE/symbol.txt
_SYMBOLS: Final = {0xFC: "✓", 0xFE: "☑", 0xA8: "☐", 0x6F: "☐", 0xFD: "☒", 0xE0: "→", 0xE8: "→", 0xAE: "→"}
_BULLET_CODES: Final = frozenset(
    {0x6C, 0x6E, 0x71, 0x75, 0x76, 0x77, 0x7F, 0x9F, 0xA0, 0xA7, 0xB7, 0xD8, 0x2D, 0xF0, 0x78}
)
# A soft hyphen within a word of small letters; elsewhere fonts use it for the hyphen.
_SOFT_HYPHEN: Final = re.compile("(?<=[a-zß-ÿ])\u00ad(?=[a-zß-ÿ])|\u00ad$")
# Most TrueType fonts begin with three glyphs that are no characters, then the space: code minus 29.
_SHIFTS: Final = (0, 29, 28, 30, 31, 27)
_OTHER_SHIFTS: Final = tuple(shift for shift in range(-12, 40) if shift not in _SHIFTS)
_LONG_TEXT: Final = 120
# The letters that make up 60 to 82 % of texts in Polish, Turkish, German, English, French, Spanish and Italian; where a
# text is shifted wrongly, 30 to 50 %.
_USUAL: Final = frozenset("eaionstrlud")
_FEWEST_USUAL: Final = 0.56
_FEWEST_DIFFERENT: Final = 10
_LETTERS_OF_GARBLE: Final = 60
_MOST_OF_GARBLE: Final = 0.5
_LONGEST_WORD: Final = 45
_CONTROL: Final = re.compile("[\x00-\x1f]+")
_FIRST_CODE: Final = 0x20
_LAST_CODE: Final = 0x7E
_FEWEST_LETTERS: Final = 4
_LETTERS_OF_TEXT: Final = 0.5
_SMALL_LETTERS: Final = 0.6
# Fonts that a driver makes give few characters, such as apostrophes, codes that no text has.
_MOST_DROPPED: Final = 0.12
# Share of vowels in texts of most languages; that of random letters is 0.23.
_VOWELS_FROM: Final = 0.28
_VOWELS_TO: Final = 0.6


def normalize(text: str) -> str:
    """``text`` with ligatures, radicals, compatibility ideographs and private-use symbols as ordinary characters."""
    if text.isascii():
        return text
    text = _SOFT_HYPHEN.sub("", text).replace("\u00ad", "-")
    return _ODD.sub(lambda match: _ordinary(match.group()), text)


@cache
def _ordinary(character: str) -> str:
    if known := _RADICALS.get(character):
        return known
    code = ord(character)
    if code == 0xFFFD:
        return ""
    if 0xE000 <= code <= 0xF8FF:
        return _symbol(code)
    return _normalize("NFKC", character)


def _symbol(code: int) -> str:
    """A symbol of the private use area: fonts of symbols put theirs at U+F000; other codes tell nothing."""
    low = code & 0xFF
    if code >> 8 != 0xF0:
        return _BULLETS if low in _BULLET_CODES else ""
    return _SYMBOLS.get(low, _BULLETS if low in _BULLET_CODES or low > 0x7E else "")


def guess_shift(text: str) -> int | None:
    """What to add to the glyph numbers in ``text``, all of one font, to get characters; None where nothing makes words.

    Letters of a long text show any shift; in a short one, others than the usual shifts make words by chance.
    """
    likely = [shift for shift in _SHIFTS if _is_likely(unshift(text, shift), text)]
    if len(text) < _LONG_TEXT:
        return next(iter(likely), None)
    likely += [shift for shift in _OTHER_SHIFTS if _is_likely(unshift(text, shift), text)]
    best = max(likely, key=lambda shift: _share_usual(unshift(text, shift)), default=0)
    shown = unshift(text, best)
    return best if _share_usual(shown) >= _FEWEST_USUAL and not _is_garble(shown) else None


def _share_usual(text: str) -> float:
    letters = [character for character in text.lower() if character.isalpha()]
    if len(set(letters)) < _FEWEST_DIFFERENT:
        return 0.0
    return _count_usual(letters) / len(letters)


def unshift(text: str, shift: int) -> str:
    """``text`` with ``shift`` added to each code."""
    if not shift:
        return _CONTROL.sub("", text)
    codes = (ord(character) + shift for character in text)
    return "".join(chr(code) for code in codes if _FIRST_CODE <= code <= _LAST_CODE)


def _is_likely(text: str, glyphs: str) -> bool:
    """Whether ``text`` has small letters and vowels as words have, and nearly all of the ``glyphs``."""
    if len(text) < (1 - _MOST_DROPPED) * len(glyphs):
        return False
    letters = [character for character in text if character.isalpha()]
    shown = len("".join(text.split()))
    if len(letters) < max(_FEWEST_LETTERS, _LETTERS_OF_TEXT * shown):
        return False
    small = sum(1 for character in letters if character.islower())
    vowels = sum(1 for character in letters if character.lower() in "aeiouy")
    is_text = small >= _SMALL_LETTERS * len(letters) and _VOWELS_FROM <= vowels / len(letters) <= _VOWELS_TO
    return is_text and not _is_garble(text)


def _is_garble(text: str) -> bool:
    """Whether letters come as in no text: those of a font that numbers its glyphs in an order of its own."""
    shown = "".join(text.split())
    letters = [character for character in shown.lower() if "a" <= character <= "z"]
    if len(letters) < max(_LETTERS_OF_GARBLE, _LETTERS_OF_TEXT * len(shown)) or len(set(letters)) < _FEWEST_DIFFERENT:
        return False
    # A space that is a letter, too, joins all words of a line.
    joined = sum(len(word) for word in text.split() if len(word) > _LONGEST_WORD)
    return 2 * joined > len(shown) or _count_usual(letters) < _MOST_OF_GARBLE * len(letters)


def _count_usual(letters: list[str]) -> int:
    return sum(1 for letter in letters if letter in _USUAL)

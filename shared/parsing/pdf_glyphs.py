"""The characters of a PDF: what its fonts say, made ordinary characters."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from unicodedata import normalize as _normalize

# Characters that stand for others because of how a font was made: ligatures, radicals, compatibility ideographs.
_ODD: Final = re.compile("[\u2e80-\u2fdf\ue000-\uf8ff\uf900-\ufaff\ufb00-\ufb06\U0002f800-\U0002fa1f]")
# U+2E80 to U+2EF3, which Unicode gives no compatibility form, in order; U+2E9A is not assigned.
# https://www.unicode.org/Public/UNIDATA/EquivalentUnifiedIdeograph.txt
_SUPPLEMENT: Final = (
    "々厂乛乚乙亻冂几刀刂卜㔾小小尢尣尢尣巳幺彑彐忄心扌攵　旡日月歹母民氵氺灬爫爫丬牛犭王疋目示礻竹糸纟罓罒网网网羊羊羊耂"
    "聿肀月臼艹艹艹虎衤覀西见角角讠贝足车辶辶辶阝钅長镸长门阜阝雨青韦页风飞食食飠饣首马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟"
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
_BULLET_CODES: Final = frozenset({0x6C, 0x6E, 0x71, 0x75, 0x76, 0x77, 0x7F, 0x9F, 0xA0, 0xA7, 0xB7, 0xD8, 0x2D, 0xF0, 0x78})
# A soft hyphen within a word of small letters; elsewhere fonts use it for the hyphen.
_SOFT_HYPHEN: Final = re.compile("(?<=[a-zß-ÿ])\u00ad(?=[a-zß-ÿ])|\u00ad$")
_SHIFT: Final = 29
_FIRST_GLYPH: Final = 3
_LAST_GLYPH: Final = 0x7E - _SHIFT


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
    if 0xE000 <= code <= 0xF8FF:
        return _symbol(code)
    return _normalize("NFKC", character)


def _symbol(code: int) -> str:
    """A symbol of the private use area: fonts of symbols put theirs at U+F000; other codes tell nothing."""
    low = code & 0xFF
    if code >> 8 != 0xF0:
        return _BULLETS if low in _BULLET_CODES else ""
    return _SYMBOLS.get(low, _BULLETS if low in _BULLET_CODES or low > 0x7E else "")


def unshift(text: str) -> str:
    """Glyph numbers as the characters they are in most TrueType fonts, where glyph 3 is the space.

    Such a number is the code of its character minus 29; what does not fit stays as it is.
    """
    if any(not _FIRST_GLYPH <= ord(character) <= _LAST_GLYPH for character in text):
        return text
    return "".join(chr(ord(character) + _SHIFT) for character in text)

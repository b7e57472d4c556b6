"""Ordinary characters for the radicals that PDF producers write instead: Kangxi radicals and their supplement.

NFKC maps the Kangxi radicals (U+2F00 to U+2FD5) but only two of the supplement (U+2E80 to U+2EF3); the rest follows the
Unicode character database, EquivalentUnifiedIdeograph.txt: https://www.unicode.org/reports/tr44/
"""

from __future__ import annotations

import unicodedata

# U+2E80 and what follows, one character each; a space where there is no equivalent.
_SUPPLEMENT = (
    " 厂乛乚乙亻冂几刀刂卜㔾小小尢尣尢尣巳幺彑彐忄㣺扌攵 旡日月歺母民氵氺灬爫爪丬牛犭王疋目示礻竹糹纟罓罒罓罓网羊羊羊老"
    "肀聿肉臼艹艹艹虎衤覀西见角角讠贝足车辶辶辶阝钅長镸长门阜阝雨青韦页风飞食飠飠饣首马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟"
)

# For `str.translate`.
RADICALS: dict[int, str] = {
    0x2E80 + place: character for place, character in enumerate(_SUPPLEMENT) if character != " "
} | {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x2F00, 0x2FD6)}
# NFKC gives the traditional form; the radical is drawn as the simplified one, and written where that is meant.
RADICALS[0x2F3E] = "户"

"""What numbers count: units and currencies, each by one name, and words that multiply a number.

25公斤, 25千克 and 25 kilograms are 25kg; ¥300, 300块 and RMB 300 are 300cny; 1.5万, 15k and 15 thousand are 15000.
"""

from __future__ import annotations

import re

from shared.language import numerals

# By the name that people write shortest; longer forms that begin alike come first by their length.
_UNITS = """
kg 公斤 千克 kilogram kilograms kilo kilos; g 克 gram grams; mg 毫克; t 吨 tonne tonnes; km 公里 千米 kilometer
kilometers kilometre kilometres; m 米 公尺 meter meters metre metres; cm 厘米 公分 centimeter centimeters
centimetre centimetres; mm 毫米 millimeter millimeters millimetre millimetres; um 微米; l 升 公升 liter
liters litre litres; ml 毫升 milliliters millilitres; m2 平方米 平米 平方 sqm; m3 立方米 立方; km2 平方公里; min 分钟
minute minutes mins; h 小时 hour hours hr hrs; s 秒 秒钟 second seconds sec secs; d 天 day days; c °c 摄氏度
℃; v 伏 伏特 volt volts; w 瓦 瓦特 watt watts; kw 千瓦 kilowatts; a 安 安培; hz 赫兹 赫; ft 英尺 foot feet; in 英寸
inch inches; km_h 公里/小时 千米/小时 km/h kmh kph; cny 元 块 块钱 圆 人民币 rmb yuan; usd 美元 美金 dollar dollars; eur
欧元 euro euros; gbp 英镑; hkd 港元 港币; jpy 日元 円 yen
"""
_NAMES: dict[str, str] = {
    form: name for group in _UNITS.split(";") for name, *forms in [group.split()] for form in (name, *forms)
}
_AFTER = re.compile(
    rf" ?({'|'.join(map(re.escape, sorted(_NAMES, key=len, reverse=True)))})(?![A-Za-z0-9])", re.IGNORECASE
)
_CURRENCIES = {
    **dict.fromkeys(("¥", "rmb", "cny", "人民币"), "cny"),
    **dict.fromkeys(("$", "us$", "usd"), "usd"),
    **dict.fromkeys(("€", "eur"), "eur"),
    **dict.fromkeys(("£", "gbp"), "gbp"),
    **dict.fromkeys(("hk$", "hkd"), "hkd"),
}
_BEFORE = re.compile(r"(?<![A-Za-z])(¥|us\$|hk\$|\$|€|£|rmb|cny|usd|eur|gbp|hkd|人民币) ?\Z", re.IGNORECASE)
_MOST_BEFORE = 5
# Thousands before a unit that begins with 千 or 百 are part of the unit: 千克, 百分.
_SCALE = re.compile(r" ?[万亿만억]|[千천](?![克米瓦卡赫帕伏安焦])|百(?![分货])")
_WORD_SCALE = re.compile(r" ?(thousand|million|billion|trillion|k)\b", re.IGNORECASE)
# A unit, or a word that multiplies a number.
FORMS = "|".join(map(re.escape, sorted((*_NAMES, "thousand", "million", "billion", "trillion"), key=len, reverse=True)))
_ZEROS = {
    "thousand": 3,
    "million": 6,
    "billion": 9,
    "trillion": 12,
    "k": 3,
    "만": 4,
    "억": 8,
    "千": 3,
    "천": 3,
    "百": 2,
}
# Bytes, where computers are meant: 8G, 512M.
_THOUSANDS = re.compile(r"(\d{1,4})[kK]")
_BYTES = re.compile(r"(\d{1,4})([GMT])")


def find_scale(text: str, start: int) -> str:
    """The character directly after a number that multiplies it; empty where there is none."""
    match = _SCALE.match(text, start)
    return match.group() if match else ""


def scale(number: str, unit: str) -> str:
    """A canonical number times a character of `find_scale`, or the word after it."""
    return numerals.shift(number, _ZEROS.get(unit.lower()) or numerals.count_zeros(unit))


def find_word_scale(number: str, text: str, start: int) -> str:
    """A canonical number times the word after it, such as million; empty where there is none."""
    match = _WORD_SCALE.match(text, start)
    return scale(number, match[1]) if match else ""


def find_unit(text: str, start: int, end: int) -> str:
    """The name of what the number from ``start`` to ``end`` counts: a unit after it, a currency before it."""
    if after := _AFTER.match(text, end):
        return _NAMES[after[1].lower()]
    before = _BEFORE.search(text[max(0, start - _MOST_BEFORE) : start])
    return _CURRENCIES[before[1].lower()] if before else ""


def expand_bytes(word: str) -> str:
    """The full form of a size in bytes, such as 8gb for 8G; empty for other words."""
    match = _BYTES.fullmatch(word)
    return f"{match[1]}{match[2].lower()}b" if match else ""


def expand_thousands(word: str) -> str:
    """The number that is meant by one such as 15k; empty for other words."""
    match = _THOUSANDS.fullmatch(word)
    return f"{int(match[1])}000" if match else ""

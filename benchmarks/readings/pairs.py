"""Two ways to write the same, each of which must be found by the other."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Pair:
    """Two written forms.

    Attributes:
        is_mutual: whether the second finds the first too; a code is found by its part, not a part by the code.
    """

    kind: str
    document: str
    query: str
    is_mutual: bool = True


_RADICALS: Final = "用户 人工 手表 日历 子女 文具 大厅 水泵 金库 语言 山顶 生姜 力学 土豆 心脏 鼓手"
_SUPPLEMENT: Final = {"长": "⻓", "门": "⻔", "马": "⻢", "车": "⻋", "见": "⻅", "贝": "⻉", "页": "⻚", "鸟": "⻦"}
_SUPPLEMENTED: Final = "长沙 铁门 斑马 卡车 见解 贝壳 网页 候鸟"
_LIGATURES: Final = "filter floor office affluent effort finance reflex traffic offline sheriff"
_ACCENTS: Final = (
    "café Zürich crème brûlée résumé Málaga Gdańsk Kraków façade jalapeño Curaçao Tromsö Besançon Göteborg Piñata "
    "Olomouč"
)
_TRADITIONAL: Final = (
    "停車位/停车位 發票/发票 報銷/报销 圖書館/图书馆 電腦/电脑 網絡/网络 體育場/体育场 醫院/医院 學費/学费 銀行/银行 "
    "機場/机场 員工/员工 檔案/档案 顏色/颜色 藥品/药品 運費/运费 課程/课程 質檢/质检 氣溫/气温 鑰匙/钥匙"
)
_COMPOUNDS: Final = (
    "e-mail/email Wi-Fi/wifi on-line/online start-up/startup back-up/backup check-in/checkin log-file/logfile "
    "pre-paid/prepaid hot-spot/hotspot key-board/keyboard white-list/whitelist co-worker/coworker"
)
_PLURALS: Final = (
    "room/rooms battery/batteries box/boxes hinge/hinges city/cities valve/valves lens/lenses country/countries "
    "bottle/bottles switch/switches brush/brushes policy/policies wheel/wheels hotel/hotels"
)
_NUMERALS: Final = (
    "三百元/300元 十二个月/12个月 两万五千元/25000元 第十七条/第17条 八十五分/85分 一千二百吨/1200吨 第九章/第9章 "
    "四十人/40人 六百五十米/650米 十五天/15天 三千户/3000户 第二十一届/第21届 七十二小时/72小时 一百零五页/105页"
)
_COMPATIBILITY: Final = "㎏/kg ㎞/km ㎝/cm ㎡/m2 Ⅷ/VIII Ⅻ/XII ㏄/cc ㎎/mg"
_IDENTIFIERS: Final = (
    "max retry count|http client timeout config|user account balance|order line total|parse xml header|"
    "socket buffer size|default locale name|session token store|image cache folder|metric export interval"
)
_UNITS: Final = "kg V GB mm Hz km W mAh MB cm"


def make_pairs(seed: int) -> list[Pair]:
    """All pairs, no two with a form in common."""
    chance = random.Random(f"pairs {seed}")
    return [*_make_characters(), *_make_words(), *_make_codes(chance), *_make_numbers(chance), *_make_dates(chance)]


def make_distractors(seed: int, count: int) -> list[str]:
    """Texts with codes, numbers, dates and words like those of the pairs, and equal to none."""
    chance = random.Random(f"distractors {seed}")
    things = ("ladder", "candle", "harbour", "meadow", "violin", "茶壶", "蜡烛", "港湾", "草原", "提琴")
    return [
        f"{chance.choice(things)} {_code(chance, 7)} {chance.randrange(70_000, 99_000)} "
        f"2031-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02} {chance.choice(things)}"
        for _ in range(count)
    ]


def _make_characters() -> Iterator[Pair]:
    radicals = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0x2F00, 0x2FD6)}
    for word in _RADICALS.split():
        yield Pair("Kangxi radicals", "".join(radicals.get(one, one) for one in word), word)
    for word in _SUPPLEMENTED.split():
        yield Pair("supplement radicals", "".join(_SUPPLEMENT.get(one, one) for one in word), word)
    for word in _LIGATURES.split():
        joined = word.replace("ffi", "ﬃ").replace("ffl", "ﬄ").replace("ff", "ﬀ").replace("fi", "ﬁ").replace("fl", "ﬂ")
        yield Pair("ligatures", joined, word)
    for word in _ACCENTS.split():
        bare = "".join(one for one in unicodedata.normalize("NFD", word) if not unicodedata.combining(one))
        yield Pair("accents", word, bare)
    for at, form in enumerate(_COMPATIBILITY.split()):
        own, plain = form.split("/")
        yield Pair("compatibility forms", f"{at + 41}{own}", f"{at + 41}{plain}")
    for word in ["maintenance", "temperature", "laboratory", "agreement"]:
        yield Pair("soft hyphens", f"{word[:4]}\u00ad{word[4:]}", word)
    for word in ["semiconductor", "变压器", "thermostat", "显微镜"]:
        yield Pair("zero-width characters", f"{word[:2]}\u200b{word[2:]}", word)


def _make_words() -> Iterator[Pair]:
    lists = {
        "traditional and simplified": _TRADITIONAL,
        "compounds": _COMPOUNDS,
        "inflection": _PLURALS,
        "Chinese numerals": _NUMERALS,
    }
    for kind, forms in lists.items():
        for form in forms.split():
            first, second = form.split("/")
            yield Pair(kind, first, second)
    for at, words in enumerate(_IDENTIFIERS.split("|")):
        parts = words.split()
        camel = parts[0] + "".join(part.capitalize() for part in parts[1:])
        yield Pair("identifiers", "_".join(parts) if at % 2 else camel, words)
        # Other words, so that no two documents hold the same.
        other = [f"{part}x" for part in parts]
        pascal = "".join(part.capitalize() for part in other)
        yield Pair("identifiers", pascal, "_".join(other))


def _make_codes(chance: random.Random) -> Iterator[Pair]:
    numbers = iter(chance.sample(range(10_000, 60_000), 60))
    for _ in range(8):
        code = f"{_letters(chance)}-{next(numbers)}"
        yield Pair("full width", code.translate({at: at + 0xFEE0 for at in range(0x21, 0x7F)}), code)
    for _ in range(8):
        code = f"{_letters(chance)}-{next(numbers)}"
        yield Pair("codes without a hyphen", code, code.replace("-", ""))
    for _ in range(8):
        number = next(numbers)
        yield Pair("codes by parts", f"{_letters(chance)}-{number}", str(number), is_mutual=False)
    for _ in range(5):
        number = next(numbers)
        yield Pair("standards by number", f"GB/T {number}-2016", str(number), is_mutual=False)
    for _ in range(5):
        number = next(numbers)
        yield Pair("standards by number", f"ISO/IEC {number}:2022", f"ISO {number}", is_mutual=False)
    for _ in range(6):
        code = f"{_letters(chance)}-{next(numbers)}"
        yield Pair("case", code, code.lower())


def _make_numbers(chance: random.Random) -> Iterator[Pair]:
    for cents in chance.sample(range(100_001, 999_999_99), 14):
        yield Pair("numbers", f"{cents / 100:,.2f}", f"{cents / 100:.2f}")
    for whole in chance.sample(range(1_000_000, 9_999_999), 8):
        yield Pair("numbers", f"{whole:,}", str(whole))
    values = iter(chance.sample(range(101, 999), 20))
    for unit in _UNITS.split():
        yield Pair("units", f"{(value := next(values))}{unit}", f"{value} {unit}")
    for unit in ["公斤", "千米", "毫米", "平方米"]:
        yield Pair("units", f"{(value := next(values))}{unit}", f"{value} {unit}")
    for first, second in (("kg", "KG"), ("ml", "mL"), ("°C", "℃")):
        yield Pair("units", f"{(value := next(values))} {first}", f"{value}{second}")


def _make_dates(chance: random.Random) -> Iterator[Pair]:
    forms = ("{y}年{m}月{d}日", "{y}-{m:02}-{d:02}", "{y}/{m}/{d}", "{y}{m:02}{d:02}")
    ways = [(first, second) for first in forms for second in forms if first < second]
    days = iter(chance.sample([(month, day) for month in range(1, 13) for day in range(1, 29)], 4 * len(ways)))
    for first, second in ways * 4:
        month, day = next(days)
        yield Pair("dates", first.format(y=2026, m=month, d=day), second.format(y=2026, m=month, d=day))


def _code(chance: random.Random, digit: int) -> str:
    return f"{_letters(chance)}-{digit}{chance.randrange(1000, 9999)}"


def _letters(chance: random.Random) -> str:
    return "".join(chance.choices("ABCDEFGHKLMNPRSTUVWXY", k=3))

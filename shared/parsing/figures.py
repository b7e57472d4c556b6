"""Telling figures (numbers, amounts, dates, times) from words by how they are written."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from itertools import pairwise


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


_LONGEST_FIGURE = 40
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}(?: ?年度?| ?г\.?)?")
_DATE = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})(?:[-/.月]([0-9]{1,2}))?日?月?")
# A date that is written in another order is followed by one that begins with the year.
_IN_BRACKETS = re.compile(r"\(([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?\)$")
_CLOCK = r"[0-9]{1,2}[:：h][0-9]{2}(?::[0-9]{2})?(?: ?[AaPp][Mm])?"
_TIME = re.compile(rf"{_CLOCK}(?:\s?[-–~至]\s?{_CLOCK})?")
_WHOLE = re.compile(r"[0-9]{1,6}(?: ?[月日周号季天]|[月]份)?")
_UNITS = _split(
    """
    e am pm t z utc gmt usd eur gbp cny rmb jpy chf hkd usdt kr zł kč r kg g mg t km m cm mm m² l ml h min s kw
    kwh mw w v a c f °c px gb mb kb tb pcs pc st hrs 年 月 日 年月 年月日 月日 时 分 秒 时分 时分秒 年月日时分
    年月日时分秒 点 上午 下午 千克 公斤 克 毫克 吨 升 毫升 米 厘米 毫米 千米 公里 平方米 立方米 平米 亩 度 瓦 千瓦 伏 安
    分钟 秒钟 块 万人 亿人 件套 页 层 楼 名 位 辆 只 箱 包 瓶 kpa mpa bar nm rpm hp wh mah ghz mhz khz hz db dpi mbps
    gbps mg µg μg ml cl dl cm³ m³ cm² mm² ft in lb oz tage jahre stunden minuten days day years year hours minutes
    months weeks 元 万 万元 亿 亿元 美元 个 件 台 次 人 天 小时 分钟 周 号 季 岁 折 jan feb mar apr
    may jun jul aug sep sept oct nov dec january february march april june july august september october
    november december mär märz mai okt dez janvier février mars avril juin juillet août septembre octobre
    """
)
_LONGEST_UNIT = 16
_UNIT_SIGNS = frozenset(
    {"%", "‰", "°", "℃", "℉", "Ω", "°C", "°F", "-", "—", "–", "/", "#", "$", "€", "£", "¥", "元/吨"}
)
# Units that stand in cells of their own; behind a number they may be parts of a name.
_MORE_UNITS = _split(
    """
    mpa gpa hpa pa ntu ppm ppb nm µm μm um mv ma kv mm³ n kn j kj mj k lx lm bq sv gy mol mmol rad hm² ha km² gw twh gwh
    mwh bbl dwt teu 公顷 公里 万吨 万人次 人次 户 家 所 座 处 项 册 份 篇 双 副 根 条 卷 袋 桶 罐 颗 粒 头 匹 株
    """
)
_UNIT_JOINTS = re.compile(r"[/·*.×⋅ ]")
_NO_VALUES = _split(
    """
    - – — / . n/a na nan null none nil tbd tba ? #n/a #ref! #value! #div/0! #name? 无 暂无 未知 待定 不详 缺 yes
    no true false 是 否 x ✓ √
    """
)
_TICKS = _split(
    """
    yes no y n true false x o ✓ ✔ √ ✗ ✘ × ☑ ☐ ☒ ● ○ ◯ ◎ △ ■ □ ★ ☆ ✅ ❌ - – — 是 否 有 无 支持 不支持 ja nein oui non
    sí si nej nee да нет あり なし はい いいえ 예 아니오
    """
)
_DAY_NAMES = _split(
    """
    monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun montag dienstag mittwoch
    donnerstag freitag samstag sonntag lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles jueves
    viernes sábado domingo 星期一 星期二 星期三 星期四 星期五 星期六 星期日 星期天 周一 周二 周三 周四 周五 周六 周日
    月曜日 火曜日 水曜日 木曜日 金曜日 土曜日 日曜日 january february march april may june july august september
    october november december januar februar märz mai juni juli oktober dezember 一月 二月 三月 四月 五月 六月 七月
    八月 九月 十月 十一月 十二月
    """
)
# A unit, a share or a range: what stays of a figure without its digits.
_DIGITS_AND_SPACES = re.compile(r"[\d.,\s]+")
_DIGITS = re.compile(r"(?:\A-)?\d{1,12}(?:\.\d{1,6})?")


@lru_cache(maxsize=4096)
def is_figure(text: str) -> bool:
    """Whether ``text`` is a number, an amount, a date or a time, units included."""
    if len(text) > _LONGEST_FIGURE or not any(map(str.isdigit, text)):
        return False
    letters = _NOT_LETTERS.sub("", text).casefold()
    return not letters or letters in _UNITS


def is_unit(text: str) -> bool:
    """Whether ``text`` is nothing but a unit: ``kg``, ``m³/h``, ``（万元）``, ``℃``."""
    bare = text.strip(" ()（）[]【】")
    if not bare or len(bare) > _LONGEST_UNIT:
        return False
    if bare in _UNIT_SIGNS:
        return True
    parts = [part.strip("0123456789⁰¹²³-−^ ").casefold() for part in _UNIT_JOINTS.split(bare)]
    known = sum(part in _UNITS or part in _MORE_UNITS or part in _UNIT_SIGNS for part in parts)
    return any(map(str.isalpha, bare)) and (known == len(parts) if bare == text.strip() else known > 0)


def is_no_value(text: str) -> bool:
    """Whether ``text`` fills a cell in place of a value, or ticks it, so that it cannot be a label."""
    return text.casefold() in _NO_VALUES


def is_address(text: str) -> bool:
    """Whether ``text`` is an address of mail or the web."""
    return "@" in text or "://" in text


def is_day_name(text: str) -> bool:
    """Whether ``text`` names a day of the week or a month."""
    return text.casefold().rstrip(".") in _DAY_NAMES


def is_tick(text: str) -> bool:
    """Whether ``text`` says whether something is so, as the cells of a comparison do."""
    return text.casefold() in _TICKS


def find_mark(text: str) -> str:
    """What a figure is written with besides digits, if that makes it a share, a range or an amount in a unit."""
    if len(text) > _LONGEST_FIGURE:
        return ""
    mark = _DIGITS_AND_SPACES.sub("", text)
    return mark if any(map(str.isalpha, mark)) or mark[-1:] in "%‰℃°" or _is_range(text, mark) else ""


def _is_range(text: str, mark: str) -> bool:
    return mark in ("-", "–", "~", "～", "<", ">", "≤", "≥", "+") and len(_DIGITS.findall(text)) == (
        2 if mark in "-–~～" else 1
    )


def is_rising(labels: list[str]) -> bool:
    """Whether the first numbers of all labels rise, as those of classes and steps do."""
    numbers = [float(match.group()) for label in labels if (match := _DIGITS.search(label))]
    return len(numbers) == len(labels) > 1 and all(before < after for before, after in pairwise(numbers))


def is_year(text: str) -> bool:
    """Whether ``text`` is a year of the last or this century."""
    return _YEAR.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """Whether ``text`` is a date or a month, the year first."""
    return _date(text) is not None


def is_time(text: str) -> bool:
    """Whether ``text`` is a time of day, or from one to another."""
    return len(text) <= _LONGEST_FIGURE and _TIME.fullmatch(text) is not None


def is_series(labels: list[str]) -> bool:
    """Whether figures are labels of a series (years, months, room numbers) and not measured values."""
    if len(labels) < 2:
        return False
    if all(map(is_year, labels)) or all(map(is_date, labels)):
        return len(set(labels)) == len(labels)
    if all(map(is_time, labels)):
        return len(set(labels)) == len(labels)
    if not all(_WHOLE.fullmatch(label) for label in labels):
        return False
    numbers = [int(re.sub(r"\D", "", label)) for label in labels]
    steps = {after - before for before, after in pairwise(numbers)}
    return min(steps) > 0 and (len(steps) == 1 or max(numbers) - min(numbers) < 10 * len(numbers))


def _date(text: str) -> date | None:
    match = (_DATE.match(text) or _IN_BRACKETS.search(text)) if len(text) <= _LONGEST_FIGURE else None
    if match is None:
        return None
    year, month, day = (int(part or 1) for part in match.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None

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
    年月日时分秒 点 上午 下午 元 万 万元 亿 亿元 美元 个 件 台 次 人 天 小时 分钟 周 号 季 岁 折 jan feb mar apr
    may jun jul aug sep sept oct nov dec january february march april june july august september october
    november december mär märz mai okt dez janvier février mars avril juin juillet août septembre octobre
    """
)
_NO_VALUES = _split(
    """
    - – — / . n/a na nan null none nil tbd tba ? #n/a #ref! #value! #div/0! #name? 无 暂无 未知 待定 不详 缺 yes
    no true false 是 否 x ✓ √
    """
)


@lru_cache(maxsize=4096)
def is_figure(text: str) -> bool:
    """Whether ``text`` is a number, an amount, a date or a time, units included."""
    if len(text) > _LONGEST_FIGURE or not any(map(str.isdigit, text)):
        return False
    letters = _NOT_LETTERS.sub("", text).casefold()
    return not letters or letters in _UNITS


def is_no_value(text: str) -> bool:
    """Whether ``text`` fills a cell in place of a value, or ticks it, so that it cannot be a label."""
    return text.casefold() in _NO_VALUES


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

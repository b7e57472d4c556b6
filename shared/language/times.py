"""Times of day and days of the week in whatever form: 14:30, 2:30 pm, 下午2点半, 14时30分; 周五, 星期五, Friday."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.language.numerals import CHARACTERS, parse_numeral

if TYPE_CHECKING:
    from collections.abc import Iterator

_N = f"[0-9{CHARACTERS}]"
# Whether a text may have a time: a cheap look before the expensive one.
_MAYBE = re.compile(r"\d:\d\d|[点时]|\d ?[ap]\.?m\b|星期|周|礼拜|days?\b", re.IGNORECASE)
_TIME = re.compile(
    r"(?:(?P<part>上午|早上|早晨|凌晨|清晨|中午|下午|傍晚|晚上|晚间|夜里|午前|午后)\s?)?"
    rf"(?:(?<![\d:.])(?P<h1>\d{{1,2}}):(?P<m1>[0-5]\d)(?::[0-5]\d)?(?![\d:]) ?(?P<half1>[ap]\.?m\b)?"
    r"|(?<![\d:.,])(?P<h2>\d{1,2}) ?(?P<half2>[ap]\.?m\b)"
    rf"|(?<![0-9.{CHARACTERS}])(?P<h3>{_N}{{1,3}})[点时](?:(?P<quarter>[一三13])刻|(?P<half3>半)|(?P<m3>{_N}{{1,3}})(?:分|(?![0-9{CHARACTERS}]))|钟|整|(?![0-9{CHARACTERS}])))",
    re.IGNORECASE,
)
_AFTERNOON = frozenset(("下午", "傍晚", "晚上", "晚间", "夜里", "午后"))
_DAY = re.compile(
    r"(?:星期|礼拜|周)(?P<han>[一二三四五六日天])|(?<![A-Za-z])(?P<name>mon|tues|wednes|thurs|fri|satur|sun)days?\b",
    re.IGNORECASE,
)
_HAN_DAYS = {day: number for number, days in enumerate(("一", "二", "三", "四", "五", "六", "日天"), 1) for day in days}
_NAMED_DAYS = {name: number for number, name in enumerate(("mon", "tues", "wednes", "thurs", "fri", "satur", "sun"), 1)}


def find_times(text: str) -> Iterator[str]:
    """The tokens of the times and days of the week in a normalised text."""
    for _, _, tokens in locate_times(text):
        yield from tokens


def locate_times(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """The times and days of the week in a normalised text: start, exclusive end, tokens."""
    if not _MAYBE.search(text):
        return
    for match in _TIME.finditer(text):
        if tokens := tuple(_read_time(match)):
            yield *match.span(), tokens
    for day in _DAY.finditer(text):
        number = _HAN_DAYS[day["han"]] if day["han"] else _NAMED_DAYS[day["name"].lower()]
        yield *day.span(), (f"weekday{number}",)


def _read_time(match: re.Match[str]) -> Iterator[str]:
    hour = _read(match["h1"] or match["h2"] or match["h3"])
    minute = _read(match["m1"] or match["m3"] or "0")
    if match["half3"]:
        minute = 30
    elif quarter := match["quarter"]:
        minute = 15 * _read(quarter)
    half = (match["half1"] or match["half2"] or "").lower()
    if hour < 12 and (half.startswith("p") or match["part"] in _AFTERNOON):
        hour += 12
    elif hour == 12 and half.startswith("a"):
        hour = 0
    if hour <= 24 and minute < 60:
        yield f"t{hour:02}{minute:02}"


def _read(text: str) -> int:
    return int(text) if text.isascii() else parse_numeral(text) or 0

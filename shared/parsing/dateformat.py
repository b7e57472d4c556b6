"""Dates, times and durations in the number formats of Excel.

Dates that do not begin with the year are followed by one that does, since 3/5/26 may be either day.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from shared.parsing.formatcode import join_parts
from shared.parsing.hannumber import write_count, write_digits

if TYPE_CHECKING:
    from shared.parsing.formatcode import Section, Token

_MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905
_MIDNIGHT = re.compile(r"[ T]0?0:00(?::00(?:\.0{1,3})?)?$")
_LAST_SERIAL = 2_958_466
_SECONDS_PER_DAY = 86_400


def show_date(section: Section, value: Decimal, *, epoch_1904: bool) -> str:
    """A count of days as a date, a time or a duration.

    Raises:
        ValueError: no day has this number.
    """
    tokens = section.tokens
    decimals = max((len(token.text) - 1 for token in tokens if token.text.startswith(".")), default=0)
    step = Decimal(1).scaleb(-min(decimals, 3))
    seconds = (value * _SECONDS_PER_DAY).quantize(step, ROUND_HALF_UP)
    if any(token.kind == "elapsed" for token in tokens):
        return join_parts(_show_elapsed(token, seconds, tokens) for token in tokens)
    letters = {token.text[0] for token in tokens if token.kind == "date"}
    if not (1 if letters & set("yemd") else 0) <= value < _LAST_SERIAL:
        raise ValueError
    moment = _find_epoch(value, epoch_1904=epoch_1904) + dt.timedelta(milliseconds=int(seconds * 1000))
    half = any(token.text in ("am/pm", "a/p", "上午/下午") for token in tokens)
    kind = section.numeral
    shown = join_parts(
        _write_in(kind, token, _show_date_part(token, moment, half=half)) for token in tokens if token.kind != "numeral"
    )
    if moment.time() == dt.time() and letters >= {"d", "h"}:
        # A day that a program wrote as a moment.
        shown = _MIDNIGHT.sub("", shown)
    return _add_year_first(shown, section, moment)


def _find_epoch(value: Decimal, *, epoch_1904: bool) -> dt.datetime:
    if epoch_1904:
        return dt.datetime(1904, 1, 1)  # noqa: DTZ001 - Excel knows no zones
    # Excel counts a 29 February 1900 that never was.
    return dt.datetime(1899, 12, 30 if value >= 60 else 31)  # noqa: DTZ001


def _show_elapsed(token: Token, seconds: Decimal, tokens: list[Token]) -> str:
    sign = "-" if seconds < 0 and token is next(token for token in tokens if token.kind == "elapsed") else ""
    total = int(abs(seconds))
    if token.kind == "elapsed":
        count = total // {"h": 3600, "m": 60, "s": 1}[token.text[0]]
        return f"{sign}{count:0{len(token.text)}d}"
    if token.kind != "date":
        return token.text
    if token.text.startswith("."):
        return f"{abs(seconds) % 1:.3f}"[1 : 1 + len(token.text)]
    part = {"h": total // 3600, "m": total // 60 % 60, "s": total % 60}.get(token.text[0].lower())
    return token.text if part is None else f"{part:0{len(token.text)}d}"


def _show_date_part(token: Token, moment: dt.datetime, *, half: bool) -> str:
    text = token.text
    if token.kind != "date":
        return text
    kind = text[0]
    if kind in "ye":
        return f"{moment.year % 100:02d}" if text in ("y", "yy") else f"{moment.year:04d}"
    if kind == "m":
        month = _MONTHS[moment.month - 1]
        return [str(moment.month), f"{moment.month:02d}", month[:3], month, month[0]][min(len(text), 5) - 1]
    if kind == "d":
        day = _DAYS[moment.weekday()]
        return [str(moment.day), f"{moment.day:02d}", day[:3], day][min(len(text), 4) - 1]
    if text.startswith("aaa"):
        return ("星期" if len(text) > 3 else "周") + "一二三四五六日"[moment.weekday()]
    return _show_time_part(text, moment, half=half)


def _write_in(kind: str, token: Token, part: str) -> str:
    """A number of a date in Chinese characters of ``kind``: the year by its digits, the others as counts."""
    if not kind or token.kind != "date" or not part.isdecimal():
        return part
    if token.text[0] in "ye":
        return write_digits(part, kind)
    count = write_count(str(int(part)), kind)
    return count[1:] if count.startswith("一十") else count


def _show_time_part(text: str, moment: dt.datetime, *, half: bool) -> str:
    if text in ("am/pm", "a/p", "上午/下午"):
        return text.split("/")[moment.hour >= 12].upper()
    if text.startswith("."):
        return f".{moment.microsecond // 1000:03d}"[: len(text)]
    hour = (moment.hour - 1) % 12 + 1 if half else moment.hour
    part = {"h": hour, "M": moment.minute, "s": moment.second}.get(text[0])
    return "" if part is None else f"{part:0{min(len(text), 2)}d}"


def _add_year_first(shown: str, section: Section, moment: dt.datetime) -> str:
    parts = [token.text for token in section.tokens if token.kind == "date"]
    letters = {part[0] for part in parts}
    if not letters & set("yemd"):
        return shown
    is_full = not section.numeral and parts[0][0] in "ye" and len(parts[0]) > 2 and "m" in letters
    if is_full and all(len(part) < 3 for part in parts if part[0] == "m"):
        return shown
    has_day = "d" in letters or moment.day != 1
    return f"{shown} ({moment:%Y-%m-%d})" if has_day else shown if "m" not in letters else f"{shown} ({moment:%Y-%m})"

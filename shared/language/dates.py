"""Dates in whatever form: 2026年5月8日, 2026-05-08, 20260508, 8 May 2026, 08.05.2026, 二〇二六年五月八日, 令和8年."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.language.numerals import CHARACTERS, parse_numeral

if TYPE_CHECKING:
    from collections.abc import Iterator

# By month: English with its abbreviations, German, French, Spanish, Italian, Portuguese and Dutch, without accents.
_MONTHS: dict[str, int] = {
    name: month
    for month, names in enumerate(
        (
            "january jan januar janvier enero gennaio janeiro januari",
            "february feb februar fevrier febrero febbraio fevereiro februari",
            "march mar marz mars marzo marco maart",
            "april apr avril abril aprile",
            "may mai mayo maggio maio mei",
            "june jun juni juin junio giugno junho",
            "july jul juli juillet julio luglio julho",
            "august aug aout agosto augustus",
            "september sept sep septembre septiembre settembre setembro",
            "october oct oktober octobre octubre ottobre outubro",
            "november nov novembre noviembre novembro",
            "december dec dezember decembre diciembre dicembre dezembro",
        ),
        1,
    )
    for name in names.split()
}
_NAME = "(?=[adefgjlmnos])(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + ")"
# Before a year or day, these are names of other things: Mars 2020, Marco 2.
_PLAIN_NAME = rf"(?!(?:mars|marco|mei)\b){_NAME}"
_ERAS = {"民国": 1911, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_KEPT = ("q9", "q10", "q12", "q13", "y14", "y15")
# Two digits of a year from here on are of the last century.
_CENTURY = 70
_QUARTERS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
_N = rf"[0-9{CHARACTERS}]"
_ORDINAL = r"(?:st|nd|rd|th)?"
# Whether a text may have a date: a cheap look before the expensive one.
MAYBE = re.compile(
    r"月|季|民国|大正|昭和|平成|令和|q[1-4]|quarter|\d[-/.]\d|\d{8}|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|fev|ene|gen|maa|mei"
    r"|avr|abr|mai|mag|giu|jui|lug|aou|ago|set|okt|ott|out|dez|dic)[a-z]{0,7}[-., \d]",
    re.IGNORECASE,
)
# Each alternative names its parts with a digit of its own, as a group name may stand once only.
PATTERN = "|".join(
    (
        rf"(?P<e11>{'|'.join(_ERAS)})\s?(?P<y11>{_N}{{1,3}}|元)\s?年"
        rf"(?:\s?(?P<m11>{_N}{{1,3}})\s?月(?:\s?(?P<d11>{_N}{{1,3}})\s?[日号])?)?",
        # Several days of one month: 5月8日至10日, 8-10 May 2026, May 8-10, 2026.
        rf"(?:(?<!\d)(?P<y17>{_N}{{4}})\s?年\s?)?(?<![0-9{CHARACTERS}])(?P<m17>{_N}{{1,3}})\s?月\s?(?P<d17>{_N}{{1,3}})"
        rf"(?:\s?[日号])?\s?[-~至到]\s?(?P<z17>{_N}{{1,3}})\s?[日号]",
        rf"(?<![\w-])(?P<d18>\d{{1,2}})-(?P<z18>\d{{1,2}}) (?P<n18>{_NAME})\b\.?(?:,? (?P<y18>(?:19|20)\d\d)(?!\d))?",
        rf"\b(?P<n19>{_PLAIN_NAME})\b\.? (?P<d19>\d{{1,2}})-(?P<z19>\d{{1,2}})(?!\d)"
        r"(?:,? (?P<y19>(?:19|20)\d\d)(?!\d))?",
        rf"(?<!\d)(?P<y12>{_N}{{4}})\s?(?:年\s?第?\s?(?P<q12>[一二三四1-4])\s?季|[年 /-]?Q(?P<q13>[1-4])(?!\w))",
        rf"(?<!\d)(?P<y0>{_N}{{4}})\s?年\s?(?P<m0>{_N}{{1,3}})\s?月(?:\s?(?P<d0>{_N}{{1,3}})\s?[日号])?",
        rf"(?<![0-9{CHARACTERS}])(?P<m1>{_N}{{1,3}})\s?月\s?(?P<d1>{_N}{{1,3}})\s?[日号]",
        r"(?<![\w.])(?P<y2>[12]\d{3})(?P<s2>[-/.])(?P<m2>\d{1,2})(?P=s2)(?P<d2>\d{1,2})(?![\d]|[-/.]\d)",
        r"(?<![\w.-])(?P<y3>(?:19|20)\d\d)(?P<m3>0[1-9]|1[0-2])(?P<d3>[0-2]\d|3[01])(?![A-Za-z\d]|-\d)",
        # A time stamp, a month with a point, and what Oracle writes: 20260508103000, 2026.05, 08-May-26.
        r"(?<![\w.-])(?P<y14>(?:19|20)\d\d)(?P<m14>0[1-9]|1[0-2])(?P<d14>0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])"
        r"(?:[0-5]\d){1,2}(?![A-Za-z\d])",
        r"(?<![\w.-])(?P<y15>(?:19|20)\d\d)\.(?P<m15>0[1-9]|1[0-2])(?![\d.])",
        rf"(?<![\w-])(?P<d16>\d{{1,2}})(?P<s16>-?)(?P<n16>{_NAME})(?P=s16)(?P<y16>(?:19|20)?\d\d)(?![\w-])",
        r"(?<![\w.])(?P<d4>\d{1,2})(?P<s4>[-/.])(?P<m4>\d{1,2})(?P=s4)(?P<y4>(?:19|20)\d\d)(?![\d]|[-/.]\d)",
        r"(?<![\w.-])(?P<y5>(?:19|20)\d\d)[-/](?P<m5>0?[1-9]|1[0-2])(?![\d]|[-/.]\d)",
        rf"(?<!\d)(?P<d6>\d{{1,2}}){_ORDINAL}\.? (?:of |de )?(?P<n6>{_NAME})\b\.?"
        r"(?:,? (?:de )?(?P<y6>(?:19|20)\d\d)(?!\d))?",
        rf"\b(?P<n7>{_PLAIN_NAME})\b\.?,? (?:(?P<d7>\d{{1,2}}){_ORDINAL}(?!\d)(?:,? (?P<y7>(?:19|20)\d\d)(?!\d))?"
        r"|(?:de )?(?P<y8>(?:19|20)\d\d)(?!\d))",
        r"\bQ(?P<q9>[1-4])[ /,-]{0,2}(?P<y9>(?:19|20)\d\d)(?!\d)",
        r"\b(?P<q10>first|second|third|fourth) quarter (?:of )?(?P<y10>(?:19|20)\d\d)(?!\d)",
    )
)


def find_date(match: re.Match[str]) -> Iterator[str]:
    """The tokens of a match of `PATTERN`: the day, its month and its year, as far as they are there and possible."""
    parts = {name[0]: text for name, text in match.groupdict().items() if text and name[0] in "ymdneqz" and name[1:]}
    year, month, day, last = (_number(parts.get(name, "")) for name in "ymdz")
    if 0 < year < 100 and parts.get("n"):
        year += 2000 if year < _CENTURY else 1900
    year += _ERAS.get(parts.get("e", ""), 0)
    if quarter := parts.get("q"):
        yield from _render_quarter(year, _QUARTERS.get(quarter.lower()) or _number(quarter))
        return
    if name := parts.get("n"):
        month = _MONTHS[name.lower()]
    if month > 12 and 0 < day <= 12:
        month, day = day, month
    if month > 12 or day > 31:
        return
    yield from _render(year, month, day)
    if day < last <= 31:
        yield from _render(year, month, last)
    if match.group("d4") and 0 < day <= 12 and day != month and match.group("s4") != ".":
        yield from _render(year, day, month)  # 5/8/2026 is in May or in August


def _render(year: int, month: int, day: int) -> Iterator[str]:
    if year and day:
        yield f"{year:04}{month:02}{day:02}"
    if year:
        if month:
            yield f"{year:04}{month:02}"
        yield f"{year:04}"
    if day:
        yield f"m{month:02}d{day:02}"


def _render_quarter(year: int, quarter: int) -> Iterator[str]:
    yield f"{year:04}q{quarter}"
    yield f"q{quarter}"
    yield f"{year:04}"


def is_kept(match: re.Match[str]) -> bool:
    """Whether a match of `PATTERN` may be another thing: a quarter, a year of an era, a number."""
    groups = match.groupdict()
    return bool(groups["e11"] and not groups["m11"]) or any(groups[name] for name in _KEPT)


def _number(text: str) -> int:
    if not text:
        return 0
    if text == "元":
        return 1  # the first year of an era
    return int(text) if text.isascii() else parse_numeral(text) or 0

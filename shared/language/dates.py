"""Dates in whatever form: 2026年5月8日, 2026-05-08, 2026/5/8, 20260508, 8 May 2026, 08.05.2026, 二〇二六年五月八日."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.language.numerals import CHARACTERS, parse_numeral

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAME = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_N = rf"[0-9{CHARACTERS}]"
_ORDINAL = r"(?:st|nd|rd|th)?"
# Each alternative names its parts with a digit of its own, as a group name may stand once only.
PATTERN = "|".join(
    (
        rf"(?<!\d)(?P<y0>{_N}{{4}})\s?年\s?(?P<m0>{_N}{{1,3}})\s?月(?:\s?(?P<d0>{_N}{{1,3}})\s?[日号])?",
        rf"(?<![0-9{CHARACTERS}])(?P<m1>{_N}{{1,3}})\s?月\s?(?P<d1>{_N}{{1,3}})\s?[日号]",
        r"(?<![\w.])(?P<y2>[12]\d{3})(?P<s2>[-/.])(?P<m2>\d{1,2})(?P=s2)(?P<d2>\d{1,2})(?![\d]|[-/.]\d)",
        r"(?<![\w.-])(?P<y3>(?:19|20)\d\d)(?P<m3>0[1-9]|1[0-2])(?P<d3>[0-2]\d|3[01])(?![A-Za-z\d]|-\d)",
        r"(?<![\w.])(?P<d4>\d{1,2})(?P<s4>[-/.])(?P<m4>\d{1,2})(?P=s4)(?P<y4>(?:19|20)\d\d)(?![\d]|[-/.]\d)",
        r"(?<![\w.-])(?P<y5>(?:19|20)\d\d)[-/](?P<m5>0?[1-9]|1[0-2])(?![\d]|[-/.]\d)",
        rf"(?<!\d)(?P<d6>\d{{1,2}}){_ORDINAL}\.? (?:of )?(?P<n6>{_NAME})\b\.?(?:,? (?P<y6>(?:19|20)\d\d)(?!\d))?",
        rf"\b(?P<n7>{_NAME})\b\.? (?P<d7>\d{{1,2}}){_ORDINAL}(?!\d)(?:,? (?P<y7>(?:19|20)\d\d)(?!\d))?",
        rf"\b(?P<n8>{_NAME})\b\.?,? (?P<y8>(?:19|20)\d\d)(?!\d)",
    )
)


def find_date(match: re.Match[str]) -> Iterator[str]:
    """The tokens of a match of `PATTERN`: the day, its month and its year, as far as they are there and possible."""
    parts = {name[0]: text for name, text in match.groupdict().items() if text and name[0] in "ymdn" and name[1:]}
    year, month, day = (_number(parts.get(name, "")) for name in "ymd")
    if name := parts.get("n"):
        month = _MONTHS.index(name[:3].lower()) + 1
    if month > 12 and 0 < day <= 12:
        month, day = day, month
    if month > 12 or day > 31:
        return
    yield from _render(year, month, day)
    if match.group("d4") and 0 < day <= 12 and day != month and match.group("s4") != ".":
        yield from _render(year, day, month)  # 5/8/2026 is in May or in August


def _render(year: int, month: int, day: int) -> Iterator[str]:
    if year and day:
        yield f"{year:04}{month:02}{day:02}"
    if year:
        yield f"{year:04}{month:02}"
        yield f"{year:04}"
    if day:
        yield f"m{month:02}d{day:02}"


def _number(text: str) -> int:
    if not text:
        return 0
    return int(text) if text.isascii() else parse_numeral(text) or 0

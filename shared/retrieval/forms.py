"""Numbers, dates and compounds in a text, each with the tokens under which its other forms are found."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.language import dates, numerals
from shared.language.analysis import DENSE, analyze

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

# Shorter parts of a code say little: the 40 of 21:40, the IP of IP67.
_LEAST_CHARACTERS = 4
_YEAR_DIGITS = 4
_CACHED_FORMS = 20_000
_DATE = re.compile(dates.PATTERN, re.IGNORECASE)
_WORD = rf"[^\W_{DENSE}]+"
# With groups of digits, 万 or 亿, and what is counted.
_NUMBER = re.compile(
    r"(?=\d)(?<![A-Za-z0-9_.,:/])(?<![A-Za-z0-9]-)(?P<value>\d+(?:[.,']\d+)*(?: \d{2,4}(?!\d))*(?:[.,]\d+)?[百千万亿]?)"
    r"(?P<unit> ?(?:[A-Za-z°%]{1,4}(?![A-Za-z])|[℃%]))?(?![A-Za-z0-9]|[:/-][A-Za-z0-9])"
)
# With connectors, or of letters and digits or several words: e-mail, XR2000, maxRetry.
_COMPOUND = re.compile(
    rf"(?<![A-Za-z0-9])(?:{_WORD}(?:(?:_+|[-./'&+@:]){_WORD})+|(?=[A-Za-z]+\d|\d+[A-Za-z]|[A-Za-z]*[a-z][A-Z]){_WORD})"
)
_DIGIT = re.compile(r"\d")
_NUMERAL = re.compile(rf"[{numerals.CHARACTERS}]{{2,}}")


class Kind(StrEnum):
    """What is written in several ways; a date is found by dates only, a number by numbers and numerals."""

    DATE = "date"
    NUMBER = "number"
    COMPOUND = "compound"


class Form(Struct, frozen=True):
    """A number, a date or a compound.

    Attributes:
        start: offset of its first character.
        end: exclusive end offset.
        wholes: tokens that stand for all of it: a text with one of them matches.
        keys: tokens that are looked for, where it stands in a query.
        is_one: whether words in it are looked for as a part of it only.
    """

    kind: Kind
    start: int
    end: int
    wholes: tuple[str, ...]
    keys: tuple[str, ...]
    is_one: bool = True


def find_forms(text: str, kinds: Collection[Kind] = frozenset(Kind)) -> Iterator[Form]:
    """The forms of some kinds in a normalised text; a stretch may be several."""
    taken: set[int] = set()
    for form in _find_dates(text) if Kind.DATE in kinds else ():
        taken.update(range(form.start, form.end))
        yield form
    if Kind.NUMBER in kinds:
        for number in _NUMBER.finditer(text):
            yield from _find_number(number)
        for numeral in _NUMERAL.finditer(text):
            value = numerals.parse_numeral(numeral.group())
            if value is not None:
                yield Form(Kind.NUMBER, *numeral.span(), (str(value),), (str(value),))
    for compound in _COMPOUND.finditer(text):
        if compound.start() not in taken:
            whole, *parts = _analyze(compound.group()) or ("",)
            keys = (whole, *_select_parts(compound.group(), parts))
            yield Form(Kind.COMPOUND, *compound.span(), (whole,), keys)


def _find_dates(text: str) -> Iterator[Form]:
    for date in _DATE.finditer(text) if dates.MAYBE.search(text) else ():
        wholes = tuple(token for token in dates.find_date(date) if len(token) > _YEAR_DIGITS)
        if wholes:
            yield Form(Kind.DATE, *_strip(date), wholes, (wholes[0], *(token for token in wholes if token[0] == "m")))


def _find_number(match: re.Match[str]) -> Iterator[Form]:
    """The number alone, and with its unit."""
    value, unit = match["value"], match["unit"] or ""
    token = _analyze(value)[0]
    if not unit or unit[0] == " ":
        yield Form(Kind.NUMBER, *match.span("value"), (token,), (token,))
    if unit:
        whole = token + ("percent" if unit.endswith("%") else unit.strip().lower())
        yield Form(Kind.NUMBER, *match.span(), (whole,), (whole,), is_one=unit[0] != " ")


def _select_parts(text: str, parts: Sequence[str]) -> Iterator[str]:
    """The parts that say something without the others."""
    least = _LEAST_CHARACTERS if _DIGIT.search(text) else 1
    return (part for part in parts if len(part) >= least)


@lru_cache(_CACHED_FORMS)
def _analyze(text: str) -> tuple[str, ...]:
    return tuple(analyze(text))


def _strip(match: re.Match[str]) -> tuple[int, int]:
    return match.start(), match.start() + len(match.group().rstrip(" .,"))

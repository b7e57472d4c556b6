"""Numbers, dates, times and compounds in a text, each with the tokens under which its other forms are found."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.language import dates, numerals, quantities, times
from shared.language.analysis import DENSE, analyze
from shared.language.compounds import find_longer_parts, find_other_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

# Shorter parts of a code say little: the 40 of 21:40, the IP of IP67.
_LEAST_CHARACTERS = 4
_YEAR_DIGITS = 4
_CACHED_FORMS = 20_000
_DATE = re.compile(dates.PATTERN, re.IGNORECASE)
_WORD = rf"[^\W_{DENSE}]+"
# With groups of digits, 万 or 亿, and what is counted or multiplies it.
_NUMBER = re.compile(
    r"(?=[\d.])(?<![A-Za-z0-9_.,])(?<![A-Za-z0-9][:/-])"
    r"(?P<value>(?:\.\d+|\d+(?:[.,']\d+)*)(?: \d{2,4}(?!\d))*(?:[.,]\d+)?(?:[百千万亿]\d{0,4})*)"
    rf"(?P<unit> ?(?:{quantities.FORMS}|[A-Za-z°%]{{1,4}}(?![A-Za-z])))?(?![A-Za-z0-9]|[:/-][A-Za-z0-9])",
    re.IGNORECASE,
)
# With connectors, or of letters and digits or several words: e-mail, XR2000, maxRetry.
_COMPOUND = re.compile(
    rf"(?<![^\W_{DENSE}])(?:{_WORD}(?:(?:_+|[-./'&+@:])(?![A-Za-z](?:\+\+|#)){_WORD})+|(?=[A-Za-z]+\d|\d+[A-Za-z]|[A-Za-z]*[a-z][A-Z]){_WORD}"
    r"|(?=[IVX]{2})[IVX]+\b|[A-Za-z](?:\+\+|#))"
)
_DIGIT = re.compile(r"\d")
_NUMERAL = re.compile(rf"(?:第|百分之)?[{numerals.CHARACTERS}]+(?:点[{''.join(numerals.DIGITS)}]+)?")
# Numerals of this many characters are numbers, whatever follows them.
_LEAST_NUMERALS = 2


class Kind(StrEnum):
    """What is written in several ways; a date is found by dates only, a number by numbers and numerals."""

    DATE = "date"
    NUMBER = "number"
    TIME = "time"
    COMPOUND = "compound"


class Form(Struct, frozen=True):
    """A number, a date, a time or a compound.

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
    for start, end, tokens in times.locate_times(text) if Kind.TIME in kinds else ():
        yield Form(Kind.TIME, start, end, tokens, tokens)
    if Kind.NUMBER in kinds:
        for number in _NUMBER.finditer(text):
            yield from _find_number(number, text[number.end() : number.end() + 1])
        for numeral in _NUMERAL.finditer(text):
            yield from _find_numeral(numeral, text)
    for compound in _COMPOUND.finditer(text):
        if compound.start() not in taken:
            whole, *parts = _analyze(compound.group()) or ("",)
            names = (whole, *find_other_names(compound.group()))
            wholes = (*names, *find_longer_parts(compound.group()))
            keys = (name for name in names[1:] if not name.isalpha() or len(name) >= _LEAST_CHARACTERS)
            telling = _select_parts(compound.group(), parts)
            yield Form(Kind.COMPOUND, *compound.span(), wholes, (whole, *keys, *telling))


def _find_dates(text: str) -> Iterator[Form]:
    for date in _DATE.finditer(text) if dates.MAYBE.search(text) else ():
        wholes = tuple(token for token in dates.find_date(date) if len(token) > _YEAR_DIGITS)
        if wholes:
            yield Form(Kind.DATE, *_strip(date), wholes, (wholes[0], *(token for token in wholes if token[0] == "m")))


def _find_numeral(match: re.Match[str], text: str) -> Iterator[Form]:
    """A Chinese numeral; one character is a number only with what it counts: 第三条."""
    counted = text[match.end() : match.end() + 1]
    tokens = [token for token in _analyze(match.group() + counted) if token[0].isdecimal()]
    if len(match.group()) < _LEAST_NUMERALS or match.group()[0] == "第":
        tokens = [token for token in tokens if not token.isdecimal()]
    if tokens:
        yield Form(Kind.NUMBER, *match.span(), tuple(tokens), tuple(tokens))


def _find_number(match: re.Match[str], after: str) -> Iterator[Form]:
    """The number alone, unless Latin letters belong to it, and with its unit or the character after it."""
    value, unit = match["value"], match["unit"] or ""
    alone = tuple(token for token in _analyze(value) if token[0].isdecimal())
    whole = tuple(token for token in _analyze(match.group()) if token[0].isdecimal() and token not in alone)
    is_apart = unit[:1] == " "
    counted = (f"{alone[0]}{after}",) if alone and after and not unit and not after.isascii() else ()
    forms = [Form(Kind.NUMBER, *match.span("value"), (*alone, *counted), (*alone[:1], *counted), is_one=not is_apart)]
    if unit:
        forms.insert(is_apart, Form(Kind.NUMBER, *match.span(), whole, whole, is_one=not is_apart))
    return (
        form for form in forms if form.wholes and not (form.end < match.end() and unit[:1].isascii() and not is_apart)
    )


def _select_parts(text: str, parts: Sequence[str]) -> Iterator[str]:
    """The parts that say something without the others."""
    least = _LEAST_CHARACTERS if _DIGIT.search(text) else 1
    return (part for part in parts if len(part) >= least)


@lru_cache(_CACHED_FORMS)
def _analyze(text: str) -> tuple[str, ...]:
    return tuple(analyze(text))


def _strip(match: re.Match[str]) -> tuple[int, int]:
    return match.start(), match.start() + len(match.group().rstrip(" .,"))

"""What belongs together although spaces stand in it: 姓 名, R & D, +86 138 0013 8000, Plan A, The Who."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from shared.language.stemming import stem
from shared.language.stopwords import FILLER_WORDS, STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

_HAN = "\u3400-\u9fff"
# Forms and old programs put spaces between the characters of short labels.
SPACED_HAN = re.compile(rf"(?<![{_HAN}])[{_HAN}](?: {{1,4}}[{_HAN}])+(?![{_HAN}])")
_INITIALS = re.compile(r"(?<![\w&])(\w{1,3}) & (\w{1,3})(?![\w&])")
_PHONE = re.compile(r"(?:(?<![\w+])\+\d{1,3}[ .-]?)?(?<![\w.,-])\(?\d{2,5}\)?[ .-]?\d{3,4}[ -]?\d{4}(?!\d|[-.]\d)")
_LONG_PHONE = re.compile(r"(?<![\w+])\+\d{1,3}[ .-]?\(?\d{1,5}\)?(?:[ .-]?\d{2,4}){1,4}(?!\d)")
# National numbers, without the code of the country, have so many digits.
_NATIONAL_DIGITS = (10, 11)
# A and I are no stop words after a noun: Plan A, Appendix A.
_LABELLED = re.compile(r"\b([A-Za-z]{3,}) ([AI])\b(?![\w'.&])")
_WORDS = re.compile(r"[A-Za-z]+")
_TITLED = re.compile(r"[A-Z][a-z]+(?: [A-Z][a-z]+)+\b")
_STOPS = frozenset(STOP_WORDS)
_NO_LABELS = frozenset((*STOP_WORDS, *FILLER_WORDS))


def find_joined(text: str) -> Iterator[str]:
    """The tokens of what stands apart in a normalised text and belongs together."""
    if not text.isascii():
        for match in SPACED_HAN.finditer(text):
            joined = match.group().replace(" ", "")
            yield from (joined[place : place + 2] for place in range(len(joined) - 1))
    for match in _INITIALS.finditer(text) if " & " in text else ():
        if min(map(len, match.groups())) == 1:
            yield f"{match[1]}{match[2]}".casefold()
    for match in _LABELLED.finditer(text):
        if match[1].lower() not in _NO_LABELS:
            yield f"{stem(match[1].lower())}_{match[2].lower()}"
    for match in _TITLED.finditer(text):
        yield from join_stops(match.group())
    yield from _find_phones(text)


def join_stops(text: str) -> Iterator[str]:
    """The pairs of words that are in no index alone: a name may consist of them."""
    words = [word.lower() for word in _WORDS.findall(text)]
    for one, other in pairwise(words):
        if one in _STOPS and other in _STOPS:
            yield f"{one}_{other}"


def _find_phones(text: str) -> Iterator[str]:
    for match in (*_LONG_PHONE.finditer(text), *_PHONE.finditer(text)):
        digits = re.sub(r"\D", "", match.group())
        if match.group()[0] == "+":
            yield from (digits[-count:] for count in _NATIONAL_DIGITS if len(digits) > count)
        if len(digits) in _NATIONAL_DIGITS:
            yield digits

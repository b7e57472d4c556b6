"""Texts and queries to the tokens that keyword search compares: one analysis for both, whatever Milvus is used.

Milvus splits the tokens at spaces and does nothing else, so each Milvus ranks alike, and the context of a chunk can be
part of it. A text gives every form in which a word may be looked for, a query the forms in which it is written:

    words        by their stems, without accents and case: Rooms, room
    compounds    joined, and by their parts: e-mail, email; ABC-12345, 12345; maxRetryCount, max_retry_count
    numbers      without separators and idle zeros, with what they count: 1,280.50; 25 kg, 25kg; 三百元, 300元; 第17条
    dates        day, month and year: 2026年5月8日, 2026-05-08, 8 May 2026
    Chinese and other scripts without spaces    by pairs of characters, simplified

Tokens hold letters, digits and underscores only, so that any tokenizer keeps them whole.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from shared.language import dates, numerals
from shared.language.normalizing import normalize
from shared.language.stemming import stem
from shared.language.stopwords import STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Han, kana, Hangul, Thai, Lao, Khmer and Myanmar: scripts that put no spaces between words, or attach particles.
DENSE = (
    "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\U00020000-\U0003ffff"
)
_NUMERAL = numerals.CHARACTERS
_MAX_TOKEN_CHARACTERS = 64
_MAX_PARTS = 8
_CACHED_COMPOUNDS = 20_000
_PAIR = 2
_DENSE_PAIR = re.compile(rf"[{DENSE}]{{2}}")
_DENSE_RUN = re.compile(rf"[{DENSE}]+")
_ASCII_ALNUM = "A-Za-z0-9"
_WORD = rf"[^\W_{DENSE}]+"
_TOKEN = re.compile(
    rf"(?P<dense>[{DENSE}]+)"
    r"|(?P<number>\d{1,3}(?:[,']\d{3})+(?:\.\d+)?(?![\d,.]*\d)|\d{1,2}(?:,\d\d){1,6},\d{3}(?:\.\d+)?(?!\w)|\d{1,3}(?:\.\d{3})+(?:,\d+)?(?![\d,.]*\d)"
    rf"|\d+(?:[.,]\d+)?(?![.,\-/_:]?[{_ASCII_ALNUM}])"
    # 3.5mm, 2.5mm2; the first of 3.5-4.5
    rf"|\d+[.,]\d+(?=[A-Za-z]{{1,4}}[23]?(?![.\-/]?[{_ASCII_ALNUM}_])|-\d+[.,]\d+[A-Za-z%]{{0,4}}(?![{_ASCII_ALNUM}_])))"
    # USD1,280.50
    rf"|(?P<currency>\b[A-Za-z]{{1,4}})(?=\d{{1,3}}(?:,\d{{3}})+(?![{_ASCII_ALNUM}_])|\d+\.\d\d(?![{_ASCII_ALNUM}_.\-]))"
    r"|(?P<symbol>\b[A-Za-z](?:\+\+|\#))"
    rf"|(?P<compound>{_WORD}(?:(?:_+|[-./'&+@:]){_WORD})*)"
)
# Groups of digits: a large number, a telephone number.
_SPACED = re.compile(r"(?<![\d.,])\d{1,4}(?: \d{2,4})+(?:[.,]\d+)?(?!\d)")
# What a number counts: directly after it, or after one space.
_UNIT = re.compile(
    rf" ?(?:(?P<group>[万亿])(?P<counted>[{DENSE}]?)|(?P<dense>[{DENSE}])|(?P<latin>[A-Za-z°%]{{1,4}})(?![A-Za-z]))"
)
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\dA-Za-z_]+")
_LAST_TOKEN = re.compile(r"\s\S*\Z|\A\S*\Z")
_NOT_WORD = re.compile(r"\W+")
_VERSION = re.compile(r"v\d+(?:\.\d+)+", re.IGNORECASE)
_CONNECTOR = re.compile(r"[-_./'&+@:]+")
_DATE = re.compile(dates.PATTERN, re.IGNORECASE)
_NUMERALS = re.compile(rf"[{_NUMERAL}]+(?:点[{''.join(numerals.DIGITS)}]+(?!分))?")
# One numeral alone is a number only where something is counted: 三元, but not 一般.
_COUNTED = frozenset("元块角分天日月年周时点秒条章节款项期届版号楼层级页卷册批次米克吨升度寸亩人名位岁倍折%")
_SYMBOLS = {"+": "plusplus", "#": "sharp"}
_STOPS = frozenset(STOP_WORDS)


def analyze(text: str) -> list[str]:
    """The tokens of a text, in order; a token occurs as often as what it stands for."""
    return list(_analyze(normalize(text)))


def analyze_query(query: str) -> list[str]:
    """The tokens of a query, each once, without words that say nothing about its subject unless there are no others."""
    text = normalize(query)
    tokens = list(dict.fromkeys(_analyze(_drop_stop_words(text))))
    return tokens or list(dict.fromkeys(_analyze(text)))


def _drop_stop_words(text: str) -> str:
    return _dense_stops().sub(" ", text)


@cache
def _dense_stops() -> re.Pattern[str]:
    """Chinese question words and particles of two characters and more, and single ones that never begin a word."""
    longer = sorted((word for word in STOP_WORDS if len(word) > 1 and not word.isascii()), key=len, reverse=True)
    return re.compile("|".join([*map(re.escape, longer), "[的吗呢吧啊]"]))


def _analyze(text: str) -> Iterator[str]:
    if dates.MAYBE.search(text):
        spans: list[str] = []
        yield from _take_dates(text, spans)
        text = "".join(spans)
    for match in _SPACED.finditer(text):
        yield from _write_number(numerals.canonicalize(match.group().replace(" ", "")), "")
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "dense":
            yield from _dense(match.group())
        elif match.lastgroup in ("compound", "currency"):
            yield from _analyze_compound(match.group())
        elif match.lastgroup == "number":
            yield from _number(match.group(), text, match.end())
        else:
            yield match.group()[0].lower() + _SYMBOLS[match.group()[-1]]


def _take_dates(text: str, rest: list[str]) -> Iterator[str]:
    """The tokens of the dates in ``text``; ``rest`` receives what is left of it."""
    start = 0
    for match in _DATE.finditer(text):
        found = list(dates.find_date(match))
        if found:
            yield from found
            rest += [text[start : match.start()], match.group() if dates.is_kept(match) else " "]
            start = match.end()
    rest.append(text[start:])


def _number(number: str, text: str, end: int) -> Iterator[str]:
    """A number, as it is written and in one form for all, and with what it counts."""
    canonical = numerals.canonicalize(number)
    unit = _UNIT.match(text, end)
    counted = ""
    if unit and (group := unit.group("group")):
        canonical, counted = numerals.scale(canonical, group), unit.group("counted")
    elif unit:
        counted = (unit.group("dense") or unit.group("latin")).lower()
    yield from _write_number(canonical, counted)
    if number != canonical and number.isdecimal():
        yield number  # leading zeros of a code
    if number.count(".") == 1 and re.fullmatch(r"\d{1,3}\.\d{3}", number):
        yield number.replace(".", "")  # 1.280 may be a thousand or one and a bit


def _write_number(canonical: str, counted: str) -> Iterator[str]:
    token = canonical.replace(".", "_")
    yield token
    if counted.isalnum():
        yield token + counted
    elif counted == "%":
        yield token + "percent"


def _dense(run: str) -> Iterator[str]:
    """Pairs of characters; numerals in it as numbers as well."""
    run = run if run.isalnum() else _NOT_WORD.sub("", run)
    if len(run) == 1:
        yield run
    written = 0
    for match in _NUMERALS.finditer(run):
        before, counted = run[: match.start()], run[match.end() : match.end() + 1]
        if _is_number(match.group(), before, counted):
            yield from _pairs(run, written, match.end() - 1)
            written = match.end() - 1
            whole, _, fraction = match.group().partition("点")
            value = f"{numerals.parse_numeral(whole)}{'.' if fraction else ''}{numerals.read_digits(fraction)}"
            yield from _write_number(numerals.canonicalize(value), "%" if before.endswith("百分之") else counted)
    yield from _pairs(run, written, len(run) - 1)


def _pairs(run: str, start: int, end: int) -> Iterator[str]:
    return (run[place : place + 2] for place in range(start, end))


def _is_number(numeral: str, before: str, counted: str) -> bool:
    """Whether a numeral is meant as a number: 三元, but not 一般 or 万一."""
    if "点" in numeral:
        return numeral[0] not in "点万亿"
    if numeral[0] in "万亿" or (numeral == "百" and counted == "分"):
        return False
    return len(numeral) > 1 or before.endswith(("第", "百分之")) or counted in _COUNTED


@lru_cache(_CACHED_COMPOUNDS)
def _analyze_compound(text: str) -> tuple[str, ...]:
    return tuple(_compound(text))


def _compound(text: str) -> Iterator[str]:
    """The parts of a compound, and the whole of it joined."""
    words = [word for word in _CONNECTOR.split(text) if word]
    parts = [part for word in words for part in _split_word(word)]
    joined = "".join(words).casefold()[:_MAX_TOKEN_CHARACTERS]
    if len(parts) == 1:
        if joined not in _STOPS:
            yield stem(joined)
        return
    yield stem(joined)
    if _VERSION.fullmatch(text):
        yield joined[1:]
    if len(words) > 1 and len(words) <= _MAX_PARTS:
        # Each word that has parts of its own, too: ABC12-7 is looked for as ABC12.
        yield from (stem(word.casefold()) for word in words if len(word) > 1 and word not in parts)
    for part in parts:
        lower = part.casefold()
        if len(lower) > 1 and lower not in _STOPS:
            yield stem(lower)
            if lower.isdecimal() and lower[0] == "0" and lower.strip("0"):
                yield lower.lstrip("0")


def _split_word(word: str) -> list[str]:
    """The words of an identifier (maxRetryCount), letters apart from digits."""
    if word.isdecimal() or (word.islower() and word.isalpha()):
        return [word]
    return [part[:_MAX_TOKEN_CHARACTERS] for part in _CAMEL.findall(word)] or [word[:_MAX_TOKEN_CHARACTERS]]


def is_pair(token: str) -> bool:
    """Return whether a token is a pair of characters of a script without spaces."""
    return len(token) == _PAIR and _DENSE_PAIR.match(token) is not None


def is_dense(text: str, looked_at: int = 100) -> bool:
    """Return whether the beginning of ``text`` is written in scripts without spaces, such as Chinese."""
    beginning = text[:looked_at]
    if beginning.isascii():
        return False
    # Numbers, marks and spaces fill the rest of such texts, too.
    return 3 * (len(beginning) - len(_DENSE_RUN.sub("", beginning))) > len(beginning)


def join_tokens(tokens: Iterable[str], max_bytes: int, joint: str = " ") -> str:
    """Tokens, or lines of them, as one text, as many tokens as fit into ``max_bytes`` of UTF-8."""
    text = joint.join(tokens)
    data = text.encode("utf-8", "ignore")
    if len(data) <= max_bytes:
        return text
    return _LAST_TOKEN.sub("", data[: max_bytes + 1].decode("utf-8", "ignore"))

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
from functools import cache
from typing import TYPE_CHECKING

from shared.language import dates, numerals, quantities, times
from shared.language.compounds import analyze_compound
from shared.language.joined import find_joined, join_stops
from shared.language.normalizing import normalize
from shared.language.stopwords import STOP_WORDS
from shared.language.umlauts import find_umlauts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Han, kana, Hangul, Thai, Lao, Khmer and Myanmar: scripts that put no spaces between words, or attach particles.
DENSE = (
    "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\U00020000-\U0003ffff"
)
_NUMERAL = numerals.CHARACTERS
_PAIR = 2
_DENSE_PAIR = re.compile(rf"[{DENSE}]{{2}}")
_DENSE_RUN = re.compile(rf"[{DENSE}]+")
_ASCII_ALNUM = "A-Za-z0-9"
_WORD = rf"[^\W_{DENSE}]+"
_TOKEN = re.compile(
    rf"(?P<dense>[{DENSE}]+)"
    r"|(?P<mixed>\d{1,4}[百千万亿](?:零?\d{1,4}[百千万亿](?![克米瓦卡赫帕伏安焦])|[万亿])+)"
    r"|(?P<number>\d{1,3}(?:[,']\d{3})+(?:\.\d+)?(?![\d,.]*\d)|\d{1,2}(?:,\d\d){1,6},\d{3}(?:\.\d+)?(?!\w)|\d{1,3}(?:\.\d{3})+(?:,\d+)?(?![\d,.]*\d)"
    rf"|(?<![\w.])\.\d+(?![.,]?[{_ASCII_ALNUM}_])"
    rf"|\d+(?:[.,]\d+)?(?![.,\-/_:]?[{_ASCII_ALNUM}])"
    # 3.5mm, 2.5mm2; the first of 3.5-4.5
    rf"|\d+[.,]\d+(?=[A-Za-z]{{1,4}}[23]?(?![.\-/]?[{_ASCII_ALNUM}_])|-\d+[.,]\d+[A-Za-z%]{{0,4}}(?![{_ASCII_ALNUM}_])))"
    # USD1,280.50
    rf"|(?P<currency>\b[A-Za-z]{{1,4}})(?=\d{{1,3}}(?:,\d{{3}})+(?![{_ASCII_ALNUM}_])|\d+\.\d\d(?![{_ASCII_ALNUM}_.\-]))"
    r"|(?P<symbol>\b[A-Za-z](?:\+\+|\#))"
    r"|(?P<emoji>[\u2764\U0001f300-\U0001faff])"
    # C/C++: the last part is a symbol of its own
    rf"|(?P<compound>{_WORD}(?:(?:_+|[-./'&+@:])(?![A-Za-z](?:\+\+|\#)){_WORD})*)"
)
# Groups of digits: a large number, a telephone number.
_SPACED = re.compile(r"(?<![\w.,])\d{1,4}(?: \d{2,4})+(?:[.,]\d+)?(?!\d)")
# What a number counts: directly after it, or after one space.
_UNIT = re.compile(rf" ?(?:(?P<dense>[{DENSE}])|(?P<latin>[A-Za-z°%]{{1,4}})(?![A-Za-z]))")
# Between the measures of a thing, but not in hexadecimal numbers.
_BY = re.compile(r"(?<=\d)(?<!\b0)[xX*](?=\d)")
_LAST_TOKEN = re.compile(r"\s\S*\Z|\A\S*\Z")
_NOT_WORD = re.compile(r"\W+")
# Latin letters and digits that make a word with a character next to them: A股, 5G网.
_MOST_BESIDE = 3
_DATE = re.compile(dates.PATTERN, re.IGNORECASE)
_NUMERALS = re.compile(rf"[{_NUMERAL}]+(?:点[{''.join(numerals.DIGITS)}]+(?!分))?")
# One numeral alone is a number only where something is counted: 三元, but not 一般.
_COUNTED = frozenset("元圆円块角分天日月年周时点秒条章节款项期届版号楼层级页卷册批次米克吨升度寸亩人名位岁倍折%")
_CAPITALS = re.compile(r"[A-Z]{2,}")
_PART_OF = re.compile(rf"(?<![{_NUMERAL}])([{_NUMERAL}]+)分之([{_NUMERAL}]+)")
_SYMBOLS = {"+": "plusplus", "#": "sharp"}
_STOPS = frozenset(STOP_WORDS)


def analyze(text: str) -> list[str]:
    """The tokens of a text, in order; a token occurs as often as what it stands for."""
    return [*_analyze(normalize(text)), *find_umlauts(text)]


def analyze_query(query: str) -> list[str]:
    """The tokens of a query, each once, without words that say nothing about its subject unless there are no others."""
    text = normalize(query)
    tokens = list(dict.fromkeys(_analyze(_drop_stop_words(text))))
    return tokens or list(dict.fromkeys(_analyze(text))) or list(dict.fromkeys(join_stops(text)))


def _drop_stop_words(text: str) -> str:
    return _dense_stops().sub(" ", text)


@cache
def _dense_stops() -> re.Pattern[str]:
    """Chinese question words and particles of two characters and more, and single ones that never begin a word."""
    longer = sorted((word for word in STOP_WORDS if len(word) > 1 and not word.isascii()), key=len, reverse=True)
    return re.compile("|".join([*map(re.escape, longer), "[的吗呢吧啊]"]))


def _analyze(text: str) -> Iterator[str]:
    yield from times.find_times(text)
    yield from find_joined(text)
    if dates.MAYBE.search(text):
        spans: list[str] = []
        yield from _take_dates(text, spans)
        text = "".join(spans)
    text = _BY.sub("×", text)
    for match in _SPACED.finditer(text):
        yield from _write_number(numerals.canonicalize(match.group().replace(" ", "")), "")
    previous: re.Match[str] | None = None
    for match in _TOKEN.finditer(text):
        yield from _find_tokens(match, text)
        if previous and previous.end() == match.start():
            yield from _join_scripts(previous, match)
        previous = match


def _find_tokens(match: re.Match[str], text: str) -> Iterator[str]:
    found = match.group()
    if match.lastgroup == "dense":
        yield from _dense(found)
    elif match.lastgroup in ("compound", "currency"):
        yield from analyze_compound(found)
        if found.isupper() and found.lower() in _STOPS and len(found) > 1 and not _is_shouted(text):
            yield found.lower()  # IT, WHO
    elif match.lastgroup == "mixed":
        yield from _write_quantity(str(numerals.parse_numeral(found)), text, match.start(), match.end())
    elif match.lastgroup == "number":
        yield from _number(found, text, match.start(), match.end())
    elif match.lastgroup == "emoji":
        yield f"u{ord(found):x}"
    else:
        yield found[0].lower() + _SYMBOLS[found[-1]]


def _join_scripts(one: re.Match[str], other: re.Match[str]) -> Iterator[str]:
    """The word across the border of two scripts: A股, 附录A, T恤."""
    groups = {one.lastgroup: one.group(), other.lastgroup: other.group()}
    latin, dense = groups.get("compound", ""), groups.get("dense", "")
    beside = dense[-1:] if one.lastgroup == "dense" else dense[:1]
    if beside.isalnum() and latin.isalnum() and len(latin) <= _MOST_BESIDE:
        yield beside + latin.casefold() if one.lastgroup == "dense" else latin.casefold() + beside


def _is_shouted(text: str) -> bool:
    """Whether capitals say nothing, because the whole of a text is written in them."""
    return text.isupper() and len(_CAPITALS.findall(text)) > _MOST_BESIDE


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


def _number(number: str, text: str, start: int, end: int) -> Iterator[str]:
    """A number, as it is written and in one form for all, and with what it counts."""
    canonical = plain = numerals.canonicalize(number)
    if group := quantities.find_scale(text, end):
        end += len(group)
        canonical = quantities.scale(canonical, group.strip())
    yield from _write_quantity(canonical, text, start, end)
    if number != canonical and number.isdecimal() and canonical == plain:
        yield number  # leading zeros of a code
    if number.count(".") == 1 and re.fullmatch(r"\d{1,3}\.\d{3}", number):
        yield number.replace(".", "")  # 1.280 may be a thousand or one and a bit


def _write_quantity(canonical: str, text: str, start: int, end: int) -> Iterator[str]:
    """A canonical number with what it counts, which follows it in ``text`` or is a currency before it."""
    unit = _UNIT.match(text, end)
    counted = (unit["dense"] or unit["latin"]).lower() if unit else ""
    yield from _write_number(canonical, counted)
    name = quantities.find_unit(text, start, end)
    if name != counted and name.isalnum():
        yield canonical.replace(".", "_") + name
    if larger := quantities.find_word_scale(canonical, text, end):
        yield larger.replace(".", "_")


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
            number = numerals.canonicalize(value)
            yield from _write_number(number, "%" if before.endswith("百分之") else counted)
            if (unit := quantities.find_unit(run, 0, match.end())) not in ("", counted):
                yield number.replace(".", "_") + unit
    yield from _pairs(run, written, len(run) - 1)
    yield from _find_fractions(run)


def _find_fractions(run: str) -> Iterator[str]:
    """The fractions of a run, as if they were written with digits: 1/2 for 二分之一."""
    for match in _PART_OF.finditer(run) if "分之" in run else ():
        whole, part = numerals.parse_numeral(match[1]), numerals.parse_numeral(match[2])
        yield from analyze_compound(f"{part}/{whole}")


def _pairs(run: str, start: int, end: int) -> Iterator[str]:
    return (run[place : place + 2] for place in range(start, end))


def _is_number(numeral: str, before: str, counted: str) -> bool:
    """Whether a numeral is meant as a number: 三元, but not 一般 or 万一."""
    if "点" in numeral:
        return numeral[0] not in "点万亿"
    if numeral[0] in "万亿" or (numeral == "百" and counted == "分"):
        return False
    if counted == "个":
        return numeral != "一"  # an article
    return len(numeral) > 1 or before.endswith(("第", "百分之")) or counted in _COUNTED


def is_pair(token: str) -> bool:
    """Return whether a token is a pair of characters of a script without spaces."""
    return len(token) == _PAIR and _DENSE_PAIR.match(token) is not None


def is_character(token: str) -> bool:
    """Return whether a token is one character of a script without spaces, of which the index has no tokens."""
    return len(token) == 1 and _DENSE_RUN.match(token) is not None


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

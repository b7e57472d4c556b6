"""Number formats of Excel: a stored number as its cell shows it.

The language of format codes is that of ECMA-376 part 1, section 18.8.31. Dates that do not begin with the year are
followed by one that does, since 3/5/26 may be either day; what a format rounds or scales away follows in brackets.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import ROUND_HALF_UP, Decimal, DecimalException, localcontext
from fractions import Fraction
from functools import lru_cache

from msgspec import Struct

# Formats that files name by number only; 14 and 22 depend on the language of the program that opens the file.
_BUILT_IN = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm",
    37: "#,##0;(#,##0)",
    38: "#,##0;(#,##0)",
    39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)",
    41: "#,##0",
    42: "#,##0",
    43: "#,##0.00",
    44: "#,##0.00",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
    # Chinese, Japanese and Korean programs.
    27: 'yyyy"年"m"月"',
    28: 'm"月"d"日"',
    29: 'm"月"d"日"',
    30: "yyyy-mm-dd",
    31: 'yyyy"年"m"月"d"日"',
    32: "h:mm",
    33: "h:mm:ss",
    36: 'yyyy"年"m"月"',
    50: 'yyyy"年"m"月"',
    51: 'm"月"d"日"',
    52: 'yyyy"年"m"月"',
    53: 'm"月"d"日"',
    54: 'm"月"d"日"',
    57: 'yyyy"年"m"月"',
    58: 'm"月"d"日"',
}
_TOKEN = re.compile(
    r'"([^"]*)"?|\\(.)|[_*].|\[([^\]]*)\]|(General|AM/PM|A/P|上午/下午|y+|m+|d+|h+|s+|a{3,4}|e+(?![+-])|g+|b+|\.0+(?=[^#0?]*$)|E[+-]?0*)'
    r"|([0#?.,%/@])|(.)",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_CODE = 255
_MOST_DIGITS = 40
_LONGEST_RAW, _MOST_LOST_DECIMALS = 10, 4
_MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905
_MIDNIGHT = re.compile(r"[ T]0?0:00(?::00(?:\.0{1,3})?)?$")
_LAST_SERIAL = 2_958_466
_SECONDS_PER_DAY = 86_400


class _Token(Struct):
    """``kind`` is ``text``, ``date``, ``elapsed``, ``digit`` (a placeholder), ``mark`` or ``general``."""

    kind: str
    text: str


class _Section(Struct):
    tokens: list[_Token]
    condition: tuple[str, float] | None

    @property
    def is_date(self) -> bool:
        return any(token.kind in ("date", "elapsed") for token in self.tokens)


def built_in(number: int) -> str:
    """The code of a format that files name by its number; General for unknown ones."""
    return _BUILT_IN.get(number, "General")


def show_number(raw: str, code: str, *, epoch_1904: bool = False) -> str:
    """A number as its cell shows it.

    Args:
        raw: the number as the file stores it.
        code: the cell's format; empty means General.
        epoch_1904: whether days are counted from 1904.
    """
    if not code or code == "General":
        return general(raw)
    return _shown_in(raw, code, epoch_1904)


# Dates, prices and shares of a column are often the same.
@lru_cache(maxsize=8192)
def _shown_in(raw: str, code: str, epoch_1904: bool) -> str:
    try:
        if plan := _plan(code):
            return _shown_plainly(raw, plan)
        sections = _compiled(code[:_LONGEST_CODE])
        value = _decimal(raw)
        section, value = _chosen(sections, value)
        if section.is_date:
            return _shown_date(section, value, epoch_1904=epoch_1904)
        with localcontext() as context:
            context.prec = 400
            return _shown_number(section, value) or general(raw)
    except (ValueError, DecimalException, OverflowError):
        return general(raw)


class _Plan(Struct):
    """A format of one section without text between its digits, the most common kind."""

    before: str
    grouped: bool
    decimals: int
    percents: int
    after: str


_SIMPLE = re.compile(
    r'((?:"[^"]*"|\\.|\[\$[^\]]*\]|[$¥€£ ])*)(#,##0|0|#0)(\.0{1,10})?((?:"[^"]*"|\\.|\[\$[^\]]*\]|[$¥€£ ])*)(%?)'
)


@lru_cache(maxsize=512)
def _plan(code: str) -> _Plan | None:
    match = _SIMPLE.fullmatch(code) if len(code) <= _LONGEST_CODE else None
    if match is None:
        return None
    before, after = ("".join(token.text for token in _section(part).tokens) for part in (match[1], match[4]))
    return _Plan(before, "," in match[2], max(0, len(match[3] or "") - 1), len(match[5]), f"{after}{match[5]}")


def _shown_plainly(raw: str, plan: _Plan) -> str:
    value = _decimal(raw)
    scaled = value.scaleb(2) if plan.percents else value
    rounded = scaled.quantize(Decimal(1).scaleb(-plan.decimals), ROUND_HALF_UP)
    digits = f"{abs(rounded):,f}" if plan.grouped else f"{abs(rounded):f}"
    shown = " ".join(f"{plan.before}{digits}{plan.after}".split())
    lost = "" if scaled == rounded else _lost(value, scaled, rounded, percents=plan.percents, scale=0)
    return f"{'-' if rounded < 0 else ''}{shown}{lost}"


def show_text(text: str, code: str) -> str:
    """A text as its cell shows it: with what the format's section for text adds."""
    if "@" not in code or code == "@":
        return text
    for section in _compiled(code[:_LONGEST_CODE]):
        if any(token.text == "@" and token.kind == "mark" for token in section.tokens):
            return "".join(text if token.kind == "mark" else token.text for token in section.tokens)
    return text


def general(raw: str) -> str:
    """A number without a format: whole numbers whole, others with 15 digits as Excel has them."""
    if len(raw) <= 15 and "E" not in raw and "e" not in raw:
        return raw.removesuffix(".0")
    try:
        value = _decimal(raw)
    except DecimalException:
        return raw
    if not value.is_finite():
        return raw
    if -7 <= value.adjusted() <= 21:
        return _plain(value)
    return f"{float(value):.15g}" if -300 < value.adjusted() < 300 else raw


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimal(raw: str) -> Decimal:
    """The number with the digits Excel keeps; a whole one keeps all that are written."""
    value = Decimal(raw)
    if value == value.to_integral_value() and value.adjusted() < 30:
        return value
    return Decimal(f"{float(raw):.15g}")


@lru_cache(maxsize=512)
def _compiled(code: str) -> list[_Section]:
    return [_section(part) for part in _split(code)]


def _split(code: str) -> list[str]:
    """The sections of a code: positive; negative; zero; text."""
    parts = [""]
    for match in re.finditer(r'"[^"]*"?|\\.|\[[^\]]*\]?|.', code, re.DOTALL):
        if match[0] == ";":
            parts.append("")
        else:
            parts[-1] += match[0]
    return parts


def _section(code: str) -> _Section:
    tokens: list[_Token] = []
    condition = None
    for match in _TOKEN.finditer(code):
        quoted, escaped, bracket, word, mark, other = match.groups()
        if bracket is not None:
            condition = _condition(bracket) or condition
            tokens += _bracket(bracket)
        elif word is not None:
            tokens.append(_word(word, tokens))
        elif mark is not None:
            tokens.append(_Token("digit" if mark in "0#?" else "mark", mark))
        else:
            text = next((part for part in (quoted, escaped, other) if part is not None), "")
            tokens += [_Token("text", text)] if text else []
    return _Section(_with_minutes(tokens), condition)


def _condition(bracket: str) -> tuple[str, float] | None:
    match = re.fullmatch(r"(<=|>=|<>|<|>|=)\s*(-?[0-9.]{1,20})", bracket.strip())
    return (match[1], float(match[2])) if match else None


def _bracket(bracket: str) -> list[_Token]:
    if bracket.startswith("$"):
        symbol = bracket[1:].partition("-")[0]
        return [_Token("text", symbol)] if symbol else []
    if bracket and set(bracket.lower()) <= set("hms") and len(set(bracket.lower())) == 1:
        return [_Token("elapsed", bracket.lower())]
    return []


def _word(word: str, before: list[_Token]) -> _Token:
    lower = word.lower()
    if lower == "general":
        return _Token("general", "")
    if lower.startswith("e") and ("+" in lower or "-" in lower or "0" in lower):
        return _Token("mark", word.upper())
    if lower.startswith("."):
        # Fractions of a second, where seconds stand before; decimals of a number elsewhere.
        is_time = bool(before) and before[-1].kind in ("date", "elapsed")
        return _Token("date" if is_time else "decimals", lower)
    return _Token("date", lower)


def _with_minutes(tokens: list[_Token]) -> list[_Token]:
    """``m`` next to hours or seconds is minutes, written ``M`` here; decimals become single placeholders."""
    times = [token for token in tokens if token.kind in ("date", "elapsed")]
    for place, token in enumerate(times):
        if token.kind == "date" and token.text in ("m", "mm"):
            before = times[place - 1].text[:1] if place else ""
            after = times[place + 1].text[:1] if place + 1 < len(times) else ""
            if before == "h" or after == "s":
                token.text = token.text.upper()
    spread: list[_Token] = []
    for token in tokens:
        if token.kind == "decimals":
            spread += [_Token("mark", "."), *(_Token("digit", "0") for _ in token.text[1:])]
        else:
            spread.append(token)
    return spread


_TESTS = {
    "<": lambda value, bound: value < bound,
    ">": lambda value, bound: value > bound,
    "<=": lambda value, bound: value <= bound,
    ">=": lambda value, bound: value >= bound,
    "=": lambda value, bound: value == bound,
    "<>": lambda value, bound: value != bound,
}


def _chosen(sections: list[_Section], value: Decimal) -> tuple[_Section, Decimal]:
    """The section for a value, and the value as the section shows it: one for negatives writes its own sign."""
    if any(section.condition for section in sections):
        for section in sections:
            if section.condition is None or _TESTS[section.condition[0]](value, Decimal(str(section.condition[1]))):
                return section, value
        return sections[-1], value
    numeric = sections[:3]
    if value < 0 and len(numeric) > 1:
        return numeric[1], -value
    if value == 0 and len(numeric) > 2:
        return numeric[2], value
    return numeric[0], value


# -- dates and times --------------------------------------------------------------------------------------------------


def _shown_date(section: _Section, value: Decimal, *, epoch_1904: bool) -> str:
    tokens = section.tokens
    decimals = max((len(token.text) - 1 for token in tokens if token.text.startswith(".")), default=0)
    step = Decimal(1).scaleb(-min(decimals, 3))
    seconds = (value * _SECONDS_PER_DAY).quantize(step, ROUND_HALF_UP)
    if any(token.kind == "elapsed" for token in tokens):
        return _written(_elapsed(token, seconds, tokens) for token in tokens)
    letters = {token.text[0] for token in tokens if token.kind == "date"}
    if not (1 if letters & set("yemd") else 0) <= value < _LAST_SERIAL:
        raise ValueError
    moment = _epoch(value, epoch_1904=epoch_1904) + dt.timedelta(milliseconds=int(seconds * 1000))
    half = any(token.text in ("am/pm", "a/p", "上午/下午") for token in tokens)
    shown = _written(_date_part(token, moment, half=half) for token in tokens)
    if moment.time() == dt.time() and letters >= {"d", "h"}:
        # A day that a program wrote as a moment.
        shown = _MIDNIGHT.sub("", shown)
    return _with_year_first(shown, section, moment)


def _epoch(value: Decimal, *, epoch_1904: bool) -> dt.datetime:
    if epoch_1904:
        return dt.datetime(1904, 1, 1)  # noqa: DTZ001 - Excel knows no zones
    # Excel counts a 29 February 1900 that never was.
    return dt.datetime(1899, 12, 30 if value >= 60 else 31)  # noqa: DTZ001


def _written(parts: object) -> str:
    return " ".join("".join(parts).split())  # type: ignore[arg-type]


def _elapsed(token: _Token, seconds: Decimal, tokens: list[_Token]) -> str:
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


def _date_part(token: _Token, moment: dt.datetime, *, half: bool) -> str:
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
    return _time_part(text, moment, half=half)


def _time_part(text: str, moment: dt.datetime, *, half: bool) -> str:
    if text in ("am/pm", "a/p", "上午/下午"):
        return text.split("/")[moment.hour >= 12].upper()
    if text.startswith("."):
        return f".{moment.microsecond // 1000:03d}"[: len(text)]
    hour = (moment.hour - 1) % 12 + 1 if half else moment.hour
    part = {"h": hour, "M": moment.minute, "s": moment.second}.get(text[0])
    return "" if part is None else f"{part:0{min(len(text), 2)}d}"


def _with_year_first(shown: str, section: _Section, moment: dt.datetime) -> str:
    parts = [token.text for token in section.tokens if token.kind == "date"]
    letters = {part[0] for part in parts}
    if not letters & set("yemd"):
        return shown
    is_full = parts[0][0] in "ye" and len(parts[0]) > 2 and "m" in letters
    if is_full and all(len(part) < 3 for part in parts if part[0] == "m"):
        return shown
    has_day = "d" in letters or moment.day != 1
    return f"{shown} ({moment:%Y-%m-%d})" if has_day else shown if "m" not in letters else f"{shown} ({moment:%Y-%m})"


# -- numbers ----------------------------------------------------------------------------------------------------------


def _shown_number(section: _Section, value: Decimal) -> str:
    tokens = section.tokens
    if any(token.kind == "general" for token in tokens):
        return _written(general(_plain(value)) if token.kind == "general" else token.text for token in tokens)
    digits = [place for place, token in enumerate(tokens) if token.kind == "digit"]
    if not digits or len(digits) > _MOST_DIGITS:
        return "" if not digits and any(token.text == "@" for token in tokens) else _literal(section, value)
    marks = {token.text for token in tokens if token.kind == "mark"}
    if "/" in marks:
        return _shown_fraction(tokens, digits, value)
    exponent = next((mark for mark in marks if mark.startswith("E")), "")
    if exponent:
        return _shown_exponent(tokens, value, exponent)
    return _shown_decimal(tokens, digits, value)


def _literal(section: _Section, value: Decimal) -> str:
    """A section without a digit shows its text in place of the number, or nothing: then the number is kept."""
    text = _written(token.text for token in section.tokens if token.kind == "text")
    return f"{text} ({_plain(value)})" if text and value else text


def _shown_decimal(tokens: list[_Token], digits: list[int], value: Decimal) -> str:
    point = next(
        (place for place, token in enumerate(tokens) if token.text == "." and token.kind == "mark"), len(tokens)
    )
    percents = sum(token.text == "%" and token.kind == "mark" for token in tokens)
    last = max((place for place in digits if place < point), default=-1)
    commas = [place for place, token in enumerate(tokens) if token.text == "," and token.kind == "mark"]
    scale = sum(1 for place in commas if place > max(digits) or last < place < point)
    grouped = any(place < last for place in commas)
    scaled = value * Decimal(100) ** percents / Decimal(1000) ** scale
    decimals = sum(1 for place in digits if place > point)
    rounded = scaled.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    whole, _, fraction = f"{abs(rounded):f}".partition(".")
    body = _filled(tokens, [place for place in digits if place < point], whole, fraction, point, grouped=grouped)
    shown = ("-" if rounded < 0 else "") + " ".join("".join(body).split())
    return shown + _lost(value, scaled, rounded, percents=percents, scale=scale)


def _filled(
    tokens: list[_Token], places: list[int], whole: str, fraction: str, point: int, *, grouped: bool
) -> list[str]:
    """The tokens with digits in the place of placeholders, from the point to both sides."""
    texts = dict(enumerate(_fixed(token) for token in tokens))
    left = "" if whole == "0" else whole
    for number, place in enumerate(reversed(places)):
        is_first = number == len(places) - 1
        digit, left = (left, "") if is_first else (left[-1:], left[:-1])
        digit = digit or ("0" if tokens[place].text == "0" else "")
        texts[place] = _with_commas(digit, number) if grouped else digit
    rest = fraction
    required = "".join(token.text for token in tokens[point + 1 :] if token.kind == "digit")
    kept = len(required.rstrip("#?"))
    for place in range(point + 1, len(tokens)):
        if tokens[place].kind == "digit":
            texts[place], rest = rest[:1] if kept > 0 or rest.rstrip("0") else "", rest[1:]
            kept -= 1
    if point < len(tokens):
        texts[point] = "."
    return [texts[place] for place in range(len(tokens))]


def _fixed(token: _Token) -> str:
    return "" if token.kind == "mark" and token.text != "%" else token.text


def _with_commas(digits: str, place: int) -> str:
    """Digits, the last one ``place`` places from the end of the whole number, with separators of thousands."""
    parts = [digit + ("," if (place + offset) % 3 == 0 and place + offset else "") for offset, digit in
             enumerate(reversed(digits))]  # fmt: skip
    return "".join(reversed(parts))


def _lost(value: Decimal, scaled: Decimal, rounded: Decimal, *, percents: int, scale: int) -> str:
    """What the format does not show of a number that was typed in, in brackets."""
    decimals = -int(scaled.normalize().as_tuple().exponent)
    shown = -int(rounded.as_tuple().exponent)
    raw = _plain(scaled.normalize()) + "%" * percents if not scale else _plain(value)
    if (scale and value) or (
        scaled != rounded and decimals - shown <= _MOST_LOST_DECIMALS and len(raw) <= _LONGEST_RAW
    ):
        return f" ({raw})"
    return ""


def _shown_exponent(tokens: list[_Token], value: Decimal, exponent: str) -> str:
    decimals = 0
    is_after = False
    for token in tokens:
        is_after = is_after or token.text == "."
        decimals += is_after and token.kind == "digit"
    shown = f"{value:.{min(decimals, 15)}E}"
    mantissa, _, power = shown.partition("E")
    width = exponent.count("0") or 1
    sign = "-" if power.startswith("-") else "+" if "+" in exponent else ""
    return f"{mantissa}E{sign}{power.lstrip('+-').zfill(width)}"


def _shown_fraction(tokens: list[_Token], digits: list[int], value: Decimal) -> str:
    bar = next(place for place, token in enumerate(tokens) if token.text == "/" and token.kind == "mark")
    below = "".join(token.text for token in tokens[bar + 1 :] if token.kind in ("digit", "text")).strip()
    size = sum(1 for place in digits if place > bar)
    fixed = int(below) if below.isdecimal() and int(below[:6]) > 0 and len(below) < 6 else 0
    exact = Fraction(abs(value))
    part = Fraction(round(exact * fixed), fixed) if fixed else exact.limit_denominator(10 ** min(max(size, 1), 6) - 1)
    before = any(place < bar and tokens[place + 1].text == " " for place in digits if place + 1 < len(tokens))
    whole, rest = divmod(part, 1) if before else (0, part)
    fraction = f"{rest.numerator}/{rest.denominator}" if not fixed else f"{int(rest * fixed)}/{fixed}"
    shown = " ".join(filter(None, [str(whole) if whole else "", fraction if rest else ""])) or "0"
    return f"-{shown}" if value < 0 else shown

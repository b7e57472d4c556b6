"""Number formats of Excel: a stored number as its cell shows it.

What a format rounds or scales away follows in brackets. See `formatcode` for the codes, `dateformat` for dates.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, DecimalException, localcontext
from fractions import Fraction
from functools import lru_cache

from msgspec import Struct

from shared.parsing.dateformat import show_date
from shared.parsing.formatcode import (
    LONGEST_CODE,
    Section,
    Token,
    choose_section,
    compile_code,
    compile_section,
    join_parts,
)
from shared.parsing.hannumber import write_count, write_digits

_MOST_DIGITS = 40
_LONGEST_RAW, _MOST_LOST_DECIMALS = 10, 4


def show_number(raw: str, code: str, *, epoch_1904: bool = False) -> str:
    """A number as its cell shows it.

    Args:
        raw: the number as the file stores it.
        code: the cell's format; empty means General.
        epoch_1904: whether days are counted from 1904.
    """
    if not code or code == "General":
        return show_general(raw)
    return _show_in(raw, code, epoch_1904)


# Dates, prices and shares of a column are often the same.
@lru_cache(maxsize=8192)
def _show_in(raw: str, code: str, epoch_1904: bool) -> str:
    try:
        if plan := _find_plan(code):
            return _show_plainly(raw, plan)
        sections = compile_code(code[:LONGEST_CODE])
        value = _read_decimal(raw)
        section, value = choose_section(sections, value)
        if section.is_date:
            return show_date(section, value, epoch_1904=epoch_1904)
        with localcontext() as context:
            context.prec = 400
            return _show_number(section, value) or show_general(raw)
    except (ValueError, DecimalException, OverflowError):
        return show_general(raw)


class _Plan(Struct):
    """A format of one section without text between its digits, the most common kind."""

    before: str
    grouped: bool
    decimals: int
    percents: int
    after: str


_SIMPLE = re.compile(
    r'\A((?:"[^"]*"|\\.|\[\$[^\]]*\]|[$¥€£ ])*)(#,##0|0|#0)(\.0{1,10})?((?:"[^"]*"|\\.|\[\$[^\]]*\]|[$¥€£ ])*)(%?)'
)


@lru_cache(maxsize=512)
def _find_plan(code: str) -> _Plan | None:
    match = _SIMPLE.fullmatch(code) if len(code) <= LONGEST_CODE else None
    if match is None:
        return None
    before, after = ("".join(token.text for token in compile_section(part).tokens) for part in (match[1], match[4]))
    return _Plan(before, "," in match[2], max(0, len(match[3] or "") - 1), len(match[5]), f"{after}{match[5]}")


def _show_plainly(raw: str, plan: _Plan) -> str:
    value = _read_decimal(raw)
    scaled = value.scaleb(2) if plan.percents else value
    rounded = scaled.quantize(Decimal(1).scaleb(-plan.decimals), ROUND_HALF_UP)
    digits = f"{abs(rounded):,f}" if plan.grouped else f"{abs(rounded):f}"
    shown = " ".join(f"{plan.before}{digits}{plan.after}".split())
    lost = "" if scaled == rounded else _show_lost(value, scaled, rounded, percents=plan.percents, scale=0)
    return f"{'-' if rounded < 0 else ''}{shown}{lost}"


def show_text(text: str, code: str) -> str:
    """A text as its cell shows it: with what the format's section for text adds."""
    if "@" not in code or code == "@":
        return text
    for section in compile_code(code[:LONGEST_CODE]):
        if any(token.text == "@" and token.kind == "mark" for token in section.tokens):
            return "".join(text if token.kind == "mark" else token.text for token in section.tokens)
    return text


def show_general(raw: str) -> str:
    """A number without a format: whole numbers whole, others with 15 digits as Excel has them."""
    if len(raw) <= 15 and "E" not in raw and "e" not in raw:
        return raw.removesuffix(".0")
    try:
        value = _read_decimal(raw)
    except DecimalException:
        return raw
    if not value.is_finite():
        return raw
    if -7 <= value.adjusted() <= 21:
        return _show_plain(value)
    return f"{float(value):.15g}" if -300 < value.adjusted() < 300 else raw


def _show_plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _read_decimal(raw: str) -> Decimal:
    """The number with the digits Excel keeps; a whole one keeps all that are written."""
    value = Decimal(raw)
    if value == value.to_integral_value() and value.adjusted() < 30:
        return value
    return Decimal(f"{float(raw):.15g}")


def _show_number(section: Section, value: Decimal) -> str:
    kind = section.numeral
    if not kind:
        return _show_in_digits(section, value)
    plain = show_general(_show_plain(value))
    if any(token.kind == "general" for token in section.tokens):
        parts = (write_count(plain, kind) if token.kind == "general" else token.text for token in _leave(section))
        return f"{join_parts(parts)} ({plain})"
    shown = _show_in_digits(Section(_leave(section), None), value)
    return f"{write_digits(shown, kind)} ({plain})" if shown else shown


def _leave(section: Section) -> list[Token]:
    return [token for token in section.tokens if token.kind != "numeral"]


def _show_in_digits(section: Section, value: Decimal) -> str:
    tokens = section.tokens
    if any(token.kind == "general" for token in tokens):
        return join_parts(
            show_general(_show_plain(value)) if token.kind == "general" else token.text for token in tokens
        )
    digits = [place for place, token in enumerate(tokens) if token.kind == "digit"]
    if not digits or len(digits) > _MOST_DIGITS:
        return "" if not digits and any(token.text == "@" for token in tokens) else _show_literal(section, value)
    marks = {token.text for token in tokens if token.kind == "mark"}
    if "/" in marks:
        return _show_fraction(tokens, digits, value)
    exponent = next((mark for mark in marks if mark.startswith("E")), "")
    if exponent:
        return _show_exponent(tokens, value, exponent)
    return _show_decimal(tokens, digits, value)


def _show_literal(section: Section, value: Decimal) -> str:
    """A section without a digit shows its text in place of the number, or nothing: then the number is kept."""
    text = join_parts(token.text for token in section.tokens if token.kind == "text")
    return f"{text} ({_show_plain(value)})" if text and value else text


def _show_decimal(tokens: list[Token], digits: list[int], value: Decimal) -> str:
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
    body = _fill(tokens, [place for place in digits if place < point], whole, fraction, point, grouped=grouped)
    shown = ("-" if rounded < 0 else "") + " ".join("".join(body).split())
    return shown + _show_lost(value, scaled, rounded, percents=percents, scale=scale)


def _fill(tokens: list[Token], places: list[int], whole: str, fraction: str, point: int, *, grouped: bool) -> list[str]:
    """The tokens with digits in the place of placeholders, from the point to both sides."""
    texts = dict(enumerate(_show_fixed(token) for token in tokens))
    left = "" if whole == "0" else whole
    for number, place in enumerate(reversed(places)):
        is_first = number == len(places) - 1
        digit, left = (left, "") if is_first else (left[-1:], left[:-1])
        digit = digit or ("0" if tokens[place].text == "0" else "")
        texts[place] = _add_commas(digit, number) if grouped else digit
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


def _show_fixed(token: Token) -> str:
    return "" if token.kind == "mark" and token.text != "%" else token.text


def _add_commas(digits: str, place: int) -> str:
    """Digits, the last one ``place`` places from the end of the whole number, with separators of thousands."""
    parts = [digit + ("," if (place + offset) % 3 == 0 and place + offset else "") for offset, digit in
             enumerate(reversed(digits))]  # fmt: skip
    return "".join(reversed(parts))


def _show_lost(value: Decimal, scaled: Decimal, rounded: Decimal, *, percents: int, scale: int) -> str:
    """What the format does not show of a number that was typed in, in brackets."""
    decimals = -int(scaled.normalize().as_tuple().exponent)
    shown = -int(rounded.as_tuple().exponent)
    raw = _show_plain(scaled.normalize()) + "%" * percents if not scale else _show_plain(value)
    if (scale and value) or (
        scaled != rounded and decimals - shown <= _MOST_LOST_DECIMALS and len(raw) <= _LONGEST_RAW
    ):
        return f" ({raw})"
    return ""


def _show_exponent(tokens: list[Token], value: Decimal, exponent: str) -> str:
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


def _show_fraction(tokens: list[Token], digits: list[int], value: Decimal) -> str:
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

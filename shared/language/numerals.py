"""Numbers as people write them, in one form: Chinese numerals, thousands separators, decimal commas."""

from __future__ import annotations

import re

DIGITS = {
    **{character: value for value, character in enumerate("零一二三四五六七八九")},
    **{character: value for value, character in enumerate("零壹贰叁肆伍陆柒捌玖")},
    "〇": 0,
    "两": 2,
    "幺": 1,
}
# Digits of a numeral that is written with both: 1万5千.
_MIXED_DIGITS = DIGITS | {str(value): value for value in range(10)}
_UNITS = {"十": 10, "廿": 20, "卅": 30, "拾": 10, "百": 100, "佰": 100, "千": 1_000, "仟": 1_000}
_GROUPS = {"万": 10_000, "亿": 100_000_000}
CHARACTERS = "".join(DIGITS) + "".join(_UNITS) + "".join(_GROUPS)
_MAX_CHARACTERS = 24
_INDIAN = re.compile(r"\d{1,2}(?:,\d\d){1,6},\d{3}(?:\.\d+)?")
_THOUSANDS = re.compile(r"\d{1,3}(?:[,'\u00a0 ]\d{3})+(?:\.\d+)?")
_CONTINENTAL = re.compile(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?")


def parse_numeral(text: str) -> int | None:
    """The value of a Chinese numeral such as 一千二百八十, 二〇二六 or 1万5千; ``None`` if it is none."""
    if not text or len(text) > _MAX_CHARACTERS:
        return None
    if all(character in DIGITS for character in text):
        return int("".join(str(DIGITS[character]) for character in text))
    total = thousands = group = digit = 0
    last_unit = 0
    for character in text:
        if character in _MIXED_DIGITS:
            digit = digit * 10 + _MIXED_DIGITS[character]
            continue
        if unit := _UNITS.get(character):
            group += (digit or 1) * unit
        elif character == "万":
            unit = _GROUPS[character]
            thousands, group = (thousands + group + digit or 1) * unit, 0
        else:
            unit = _GROUPS[character]
            total, thousands, group = (total + thousands + group + digit or 1) * unit, 0, 0
        digit, last_unit = 0, unit
    # 三百五 is 350, but 三百零五 is 305.
    if digit and last_unit >= 100 and text[-2:-1] not in ("零", "〇") and digit < 10:
        digit *= last_unit // 10
    return total + thousands + group + digit


def read_digits(text: str) -> str:
    """The digits of the fraction of a numeral: 二五 of 三点二五."""
    return "".join(str(DIGITS[character]) for character in text)


def count_zeros(group: str) -> int:
    """The zeros of 万 or 亿."""
    return len(str(_GROUPS[group])) - 1


def shift(number: str, zeros: int) -> str:
    """A decimal times a power of ten, as `canonicalize` writes it."""
    whole, _, fraction = number.partition(".")
    moved = whole + fraction[:zeros].ljust(zeros, "0") + (f".{fraction[zeros:]}" if fraction[zeros:] else "")
    return canonicalize(moved)


def canonicalize(number: str) -> str:
    """A number without separators of thousands, with a decimal point, without zeros that mean nothing.

    ``1,280.50`` and ``1.280,50`` become ``1280.5``; what may be read both ways, as ``1.280``, is read as a decimal.
    """
    if _THOUSANDS.fullmatch(number) or _INDIAN.fullmatch(number):
        number = re.sub(r"[,'\u00a0 ]", "", number)
    elif _CONTINENTAL.fullmatch(number) and ("," in number or number.count(".") > 1):
        number = number.replace(".", "").replace(",", ".")
    else:
        number = number.replace(",", ".")
    whole, _, fraction = number.partition(".")
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")

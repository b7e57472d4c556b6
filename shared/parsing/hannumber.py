"""Numbers in Chinese characters, as Excel writes them with ``[DBNum1]`` (一百二十三) and ``[DBNum2]`` (壹佰贰拾叁)."""

from __future__ import annotations

from shared.parsing.numerals import write_numeral

_SIGNS = {"1": "〇一二三四五六七八九", "2": "零壹贰叁肆伍陆柒捌玖"}
_GROUPS = ("", "万", "亿", "兆")
_GROUP = 10_000


def write_digits(text: str, kind: str) -> str:
    """``text`` with each decimal digit as the character of ``kind``, 1 or 2."""
    return text.translate(str.maketrans("0123456789", _SIGNS[kind]))


def write_count(digits: str, kind: str) -> str:
    """The decimal number ``digits`` with units: 一十二, 一万〇三百, 一百二十三.四五.

    Args:
        digits: a number of 16 digits at most before its point; may begin with a sign.
        kind: 1 for ordinary characters, 2 for those of cheques.
    """
    whole, point, fraction = digits.lstrip("-").partition(".")
    text = "-" if digits.startswith("-") else ""
    groups = [int(whole[max(0, end - 4) : end]) for end in range(len(whole), 0, -4)][::-1]
    if len(groups) > len(_GROUPS):
        return write_digits(digits, kind)
    written, gap = "", False
    for place, group in enumerate(groups):
        if group:
            zero = _SIGNS[kind][0] if written and (gap or group < _GROUP // 10) else ""
            written += zero + _write_group(group, kind) + _GROUPS[len(groups) - 1 - place]
        gap = not group
    return f"{text}{written or _SIGNS[kind][0]}{point}{write_digits(fraction, kind)}"


def _write_group(group: int, kind: str) -> str:
    if kind == "2":
        return write_numeral(group, "chineseLegalSimplified")
    # Excel writes the one of 一十, and the gap as it writes a digit zero.
    text = write_numeral(group, "chineseCountingThousand").replace("零", "〇")
    return f"一{text}" if text.startswith("十") else text

"""The language of number formats of Excel: codes, and the tokens they are made of.

It is that of ECMA-376 part 1, section 18.8.31.
"""

from __future__ import annotations

import re
from decimal import Decimal
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
# Chinese Excel takes an exclamation mark for a backslash: 0!.0,"万".
_TOKEN = re.compile(
    r'"([^"]*)"?|(?:\\|!(?=[.,%/0#?-]))(.)|[_*].|\[([^\]]{0,255})\]|(General|AM/PM|A/P|上午/下午|y+|m+|d+|h+|s+|a{3,4}|e+(?![+-])|g+|b+|\.0+(?=[^#0?]*$)|E[+-]?0*)'
    r"|([0#?.,%/@])|(.)",
    re.IGNORECASE | re.DOTALL,
)
LONGEST_CODE = 255


class Token(Struct):
    """``kind`` is ``text``, ``date``, ``elapsed``, ``digit`` (a placeholder), ``mark``, ``general`` or ``numeral``.

    A numeral, ``1`` or ``2``, says that the numbers of the section are written in Chinese characters of that kind.
    """

    kind: str
    text: str


class Section(Struct):
    """One of the sections of a code, for positive numbers, negative ones, zero or text."""

    tokens: list[Token]
    condition: tuple[str, float] | None

    @property
    def numeral(self) -> str:
        """The kind of Chinese characters that its numbers are written in; empty for digits."""
        return next((token.text for token in self.tokens if token.kind == "numeral"), "")

    @property
    def is_date(self) -> bool:
        """Whether it shows a date, a time or a duration."""
        return any(token.kind in ("date", "elapsed") for token in self.tokens)


def find_built_in(number: int) -> str:
    """The code of a format that files name by its number; General for unknown ones."""
    return _BUILT_IN.get(number, "General")


@lru_cache(maxsize=512)
def compile_code(code: str) -> list[Section]:
    """The sections of a code."""
    return [compile_section(part) for part in _split_sections(code)]


def _split_sections(code: str) -> list[str]:
    """The sections of a code: positive; negative; zero; text."""
    parts = [""]
    for match in re.finditer(r'"[^"]*"?|[\\!].|\[[^\]]*\]?|.', code, re.DOTALL):
        if match[0] == ";":
            parts.append("")
        else:
            parts[-1] += match[0]
    return parts


def compile_section(code: str) -> Section:
    """The section that ``code``, without a semicolon outside of quotation marks, describes."""
    tokens: list[Token] = []
    condition = None
    for match in _TOKEN.finditer(code):
        quoted, escaped, bracket, word, mark, other = match.groups()
        if bracket is not None:
            condition = _read_condition(bracket) or condition
            tokens += _read_bracket(bracket)
        elif word is not None:
            tokens.append(_read_word(word, tokens))
        elif mark is not None:
            tokens.append(Token("digit" if mark in "0#?" else "mark", mark))
        else:
            text = next((part for part in (quoted, escaped, other) if part is not None), "")
            tokens += [Token("text", text)] if text else []
    return Section(_mark_minutes(tokens), condition)


def _read_condition(bracket: str) -> tuple[str, float] | None:
    match = re.fullmatch(r"(<=|>=|<>|<|>|=)\s*(-?[0-9.]{1,20})", bracket.strip())
    return (match[1], float(match[2])) if match else None


def _read_bracket(bracket: str) -> list[Token]:
    if bracket.startswith("$"):
        symbol = bracket[1:].partition("-")[0]
        return [Token("text", symbol)] if symbol else []
    if bracket.lower() in ("dbnum1", "dbnum2"):
        return [Token("numeral", bracket[-1])]
    if bracket and set(bracket.lower()) <= set("hms") and len(set(bracket.lower())) == 1:
        return [Token("elapsed", bracket.lower())]
    return []


def _read_word(word: str, before: list[Token]) -> Token:
    lower = word.lower()
    if lower == "general":
        return Token("general", "")
    if lower.startswith("e") and ("+" in lower or "-" in lower or "0" in lower):
        return Token("mark", word.upper())
    if lower.startswith("."):
        # Fractions of a second, where seconds stand before; decimals of a number elsewhere.
        is_time = bool(before) and before[-1].kind in ("date", "elapsed")
        return Token("date" if is_time else "decimals", lower)
    return Token("date", lower)


def _mark_minutes(tokens: list[Token]) -> list[Token]:
    """``m`` next to hours or seconds is minutes, written ``M`` here; decimals become single placeholders."""
    times = [token for token in tokens if token.kind in ("date", "elapsed")]
    for place, token in enumerate(times):
        if token.kind == "date" and token.text in ("m", "mm"):
            before = times[place - 1].text[:1] if place else ""
            after = times[place + 1].text[:1] if place + 1 < len(times) else ""
            if before == "h" or after == "s":
                token.text = token.text.upper()
    spread: list[Token] = []
    for token in tokens:
        if token.kind == "decimals":
            spread += [Token("mark", "."), *(Token("digit", "0") for _ in token.text[1:])]
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


def choose_section(sections: list[Section], value: Decimal) -> tuple[Section, Decimal]:
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


def join_parts(parts: object) -> str:
    """The written parts of a number as one text, without spaces that only fill a column."""
    return " ".join("".join(parts).split())  # type: ignore[arg-type]

"""Counters of lists as text, in the formats of ECMA-376 part 1, 17.18.59 (ST_NumberFormat)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ROMAN = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL")),
    *((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)
_LARGEST_ROMAN = 3999
_LONGEST_LETTERS = 30
_HAN = "〇一二三四五六七八九"
_HAN_FORMAL = "零壹贰叁肆伍陆柒捌玖"
_HAN_TRADITIONAL = "零壹貳參肆伍陸柒捌玖"
_HANGUL = "영일이삼사오육칠팔구"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_CHICAGO = "*†‡§"
_ONES = (
    *("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def write_numeral(number: int, form: str, pattern: str = "") -> str:
    """``number`` in the format ``form``, as decimal digits where the format has no sign for it.

    Args:
        pattern: the first number of a custom format, such as ``001``.
    """
    if form == "custom":
        return str(number).zfill(len(pattern)) if pattern.isdecimal() else str(number)
    written = _FORMATS[form](number) if form in _FORMATS and number >= 0 else ""
    return written if written or form in ("none", "bullet") else str(number)


def _roman(number: int) -> str:
    if number > _LARGEST_ROMAN:
        return ""
    text = ""
    for value, letters in _ROMAN:
        text += letters * (number // value)
        number %= value
    return text


def _repeated(alphabet: str) -> Callable[[int], str]:
    """a to z, then aa, bb, as Word counts."""

    def write(number: int) -> str:
        times, place = divmod(number - 1, len(alphabet))
        return alphabet[place] * (times + 1) if 0 <= times < _LONGEST_LETTERS else ""

    return write


def _one_of(signs: str) -> Callable[[int], str]:
    """The nth sign; nothing beyond the last."""
    return lambda number: signs[number - 1] if 1 <= number <= len(signs) else ""


def _run(first: str, length: int) -> str:
    return "".join(chr(ord(first) + place) for place in range(length))


def _digits(signs: str) -> Callable[[int], str]:
    return lambda number: "".join(signs[int(digit)] for digit in str(number))


def _counted(
    signs: str, units: str, *, zero: str = "", bare_ten: bool = True, bare_units: bool = False
) -> Callable[[int], str]:
    """Numbers with units below ten thousand: 一百零五.

    Args:
        signs: the digits from zero.
        units: ten, hundred, thousand.
        zero: stands for a gap between digits.
        bare_ten: 10 to 19 are written without a one before the ten.
        bare_units: hundreds and thousands, too, are written without a one.
    """

    def write(number: int) -> str:
        if not 0 < number < 10_000:
            return signs[0] if number == 0 else ""
        text, gap = "", False
        for place, digit in enumerate(f"{number:04d}"):
            unit = 3 - place
            if digit == "0":
                gap = bool(text)
                continue
            is_bare = digit == "1" and unit > 0 and (bare_units or (bare_ten and unit == 1 and not text))
            text += (zero if gap else "") + ("" if is_bare else signs[int(digit)]) + (units[unit - 1] if unit else "")
            gap = False
        return text

    return write


def _counted_below_hundred(number: int) -> str:
    """一 to 九十九, then digit by digit, as Word writes chineseCounting."""
    return _counted(_HAN, "十百千")(number) if number < 100 else _digits(_HAN)(number)


def _sexagenary(number: int) -> str:
    return _STEMS[(number - 1) % 10] + _BRANCHES[(number - 1) % 12] if 1 <= number <= 60 else ""


def _ordinal(number: int) -> str:
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _cardinal(number: int) -> str:
    if not 0 < number < 1000:
        return ""
    hundreds, rest = divmod(number, 100)
    words = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if rest >= len(_ONES):
        words.append(_TENS[rest // 10] + (f"-{_ONES[rest % 10]}" if rest % 10 else ""))
    elif rest:
        words.append(_ONES[rest])
    return " ".join(words).capitalize()


def _ordinal_text(number: int) -> str:
    words = _cardinal(number)
    head, joint, last = words.rpartition("-") if "-" in words else words.rpartition(" ")
    lower = last.lower()
    ending = _ORDINALS.get(lower) or (f"{lower[:-1]}ieth" if lower.endswith("y") else f"{lower}th" if lower else "")
    return f"{head}{joint}{ending}" if head else ending.capitalize()


_CHINESE = _counted(_HAN, "十百千", zero="零")
_JAPANESE = _counted(_HAN, "十百千", bare_units=True)
_CIRCLES = _one_of("①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳㉑㉒㉓㉔㉕㉖㉗㉘㉙㉚㉛㉜㉝㉞㉟㊱㊲㊳㊴㊵㊶㊷㊸㊹㊺㊻㊼㊽㊾㊿")
_FULL_WIDTH = _digits("".join(chr(0xFF10 + digit) for digit in range(10)))
_KATAKANA = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"
_IROHA = "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス"
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"

_FORMATS: dict[str, Callable[[int], str]] = {
    "decimalZero": lambda number: f"{number:02d}",
    "upperRoman": _roman,
    "lowerRoman": lambda number: _roman(number).lower(),
    "upperLetter": _repeated(_run("A", 26)),
    "lowerLetter": _repeated(_run("a", 26)),
    "ordinal": _ordinal,
    "cardinalText": _cardinal,
    "ordinalText": _ordinal_text,
    "hex": lambda number: f"{number:X}",
    "chicago": _repeated(_CHICAGO),
    "numberInDash": lambda number: f"- {number} -",
    "ideographDigital": _digits(_HAN),
    "japaneseDigitalTenThousand": _digits(_HAN),
    "taiwaneseDigital": _digits(_HAN),
    "koreanDigital": _digits(_HANGUL),
    "koreanDigital2": _digits("零一二三四五六七八九"),
    "chineseCounting": _counted_below_hundred,
    "taiwaneseCounting": _counted_below_hundred,
    "chineseCountingThousand": _CHINESE,
    "taiwaneseCountingThousand": _CHINESE,
    "japaneseCounting": _JAPANESE,
    "koreanCounting": _counted(_HANGUL, "십백천", bare_units=True),
    "chineseLegalSimplified": _counted(_HAN_FORMAL, "拾佰仟", zero="零", bare_ten=False),
    "ideographLegalTraditional": _counted(_HAN_TRADITIONAL, "拾佰仟", zero="零", bare_ten=False),
    "japaneseLegal": _counted("零壱弐参四伍六七八九", "拾百阡", bare_ten=False),
    "ideographTraditional": _one_of(_STEMS),
    "ideographZodiac": _one_of(_BRANCHES),
    "ideographZodiacTraditional": _sexagenary,
    "ideographEnclosedCircle": _one_of("㊀㊁㊂㊃㊄㊅㊆㊇㊈㊉"),
    "decimalEnclosedCircle": _CIRCLES,
    "decimalEnclosedCircleChinese": _CIRCLES,
    "decimalEnclosedFullstop": _one_of(_run("⒈", 20)),
    "decimalEnclosedParen": _one_of(_run("⑴", 20)),
    "decimalFullWidth": _FULL_WIDTH,
    "decimalFullWidth2": _FULL_WIDTH,
    "aiueo": _repeated(_KATAKANA),
    "aiueoFullWidth": _repeated(_KATAKANA),
    "iroha": _repeated(_IROHA),
    "irohaFullWidth": _repeated(_IROHA),
    "ganada": _repeated("가나다라마바사아자차카타파하"),
    "chosung": _repeated("ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"),
    "russianLower": _repeated(_RUSSIAN),
    "russianUpper": _repeated(_RUSSIAN.upper()),
    "hebrew2": _repeated("אבגדהוזחטיכלמנסעפצקרשת"),
    "arabicAlpha": _repeated("أبتثجحخدذرزسشصضطظعغفقكلمنهوي"),
    "none": lambda _: "",
    "bullet": lambda _: "",
}

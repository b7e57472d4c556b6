"""Characters of symbol fonts (Symbol, Wingdings, Webdings) as the Unicode characters people see.

Symbol follows Adobe's encoding: https://www.unicode.org/Public/MAPPINGS/VENDORS/ADOBE/symbol.txt. Of the picture fonts,
the common ones are listed; boxes that people use as check boxes are written as ☐, ☑ and ☒.
"""

from __future__ import annotations

import re

_SYMBOL_LOW = " !∀#∃%&∍()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ{|}∼"
_SYMBOL_HIGH = "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊〈®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ 〉∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"
_SYMBOL = dict(enumerate(_SYMBOL_LOW, start=0x20)) | dict(enumerate(_SYMBOL_HIGH, start=0xA0))


def _table(*runs: tuple[int, str]) -> dict[int, str]:
    return {start + place: character for start, text in runs for place, character in enumerate(text)}


_WINGDINGS = _table(
    (0x20, " ✏✂✁"),
    (0x28, "☎✆✉"),
    (0x36, "⏳"),
    (0x3E, "✇✍✎✌"),
    (0x45, "☜☞☝☟"),
    (0x4A, "☺😐☹💣☠"),
    (0x51, "✈☼💧❄"),
    (0x56, "✞✝✠✡☪☯ॐ☸♈♉♊♋♌♍♎♏♐♑♒♓&&●○■☐□❑❒◆◆◆❖◆☒"),
    (0x7A, "⌘"),
    (0x80, "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿"),
    (0x9E, "·•▪○◯◯◉◎○▪☐"),
    (0xAA, "✦★✶✴✹✵"),
    (0xD5, "⌫⌦◀➢▲▼⇐⇒⇑⇓←→↑↓↖↗↙↘⬅➔⬆⬇⬉⬈⬋⬊⇦⇨⇧⇩⬄⇳"),
    (0xFB, "✗✓☒☑"),
)
_WINGDINGS_2 = _table(
    (0x4F, "✗✓☒☑☒☒"),
    (0x69, "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿"),
    (0x95, "·••●●"),
    (0xA0, "▪■■☐☐☐"),
)
_WINGDINGS_3 = _table((0x66, "←→↑↓↖↗↙↘↔↕▲▼△▽◀▶◁▷"))  # from f, the arrows, to w
_WEBDINGS = _table((0x33, "◀▶▲▼"), (0x61, "✓"), (0x63, "☐"), (0x67, "■"), (0x6E, "●"), (0x72, "✗"))

_FONTS = {
    "symbol": _SYMBOL,
    "wingdings": _WINGDINGS,
    "wingdings 2": _WINGDINGS_2,
    "wingdings 3": _WINGDINGS_3,
    "webdings": _WEBDINGS,
}
_PRIVATE = re.compile("[\uf020-\uf0ff]")
# What PowerPoint writes for --> <-- ==> <== <=>, where these letters stand alone.
_SIGN = re.compile("[\uf020-\uf0ff]|(?<![^\\W_])[àßèçó](?![^\\W_])")
_PRIVATE_OFFSET = 0xF000
_BYTE = 0x100
_LAST_CHARACTER = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
# What a picture without a name stands for: people see some mark there.
UNKNOWN = "•"


def is_symbol_font(font: str) -> bool:
    """Whether the font shows other characters than its text holds."""
    return font.strip().lower() in _FONTS


def symbol(font: str, code: str) -> str:
    """The character of ``w:sym``: ``code`` is hexadecimal, in the private area or not; empty for no code at all."""
    try:
        number = int(code, 16)
    except ValueError:
        return ""
    if not 0 < number <= _LAST_CHARACTER or number in _SURROGATES:
        return ""
    return show(font, chr(number))


def show(font: str, text: str) -> str:
    """``text`` set in ``font`` as people see it: private characters of any font, every character of a symbol font."""
    if is_symbol_font(font):
        table = _FONTS[font.strip().lower()]
        return "".join(_pictured(table, character) for character in text)
    return _PRIVATE.sub(lambda match: _guess(match[0]), text)


def show_signs(font: str, text: str) -> str:
    """``text`` with its signs, but not its letters, set in ``font``: private characters, and letters that mean arrows.

    PowerPoint names such a font for every run that goes on after a sign.
    """
    table = _FONTS.get(font.strip().lower())
    if table is None:
        return show("", text)
    return _SIGN.sub(lambda match: _pictured(table, match[0]), text)


def _pictured(table: dict[int, str], character: str) -> str:
    code = ord(character)
    is_private = _PRIVATE_OFFSET <= code < _PRIVATE_OFFSET + _BYTE
    code -= _PRIVATE_OFFSET if is_private else 0
    if character.isspace() or code >= _BYTE:
        return character
    return table.get(code, UNKNOWN)


def _guess(character: str) -> str:
    """A private character of an unknown font: writers of bullets and signs mean Symbol or Wingdings."""
    code = ord(character) - _PRIVATE_OFFSET
    if code in _SYMBOL and code not in _WINGDINGS:
        return _SYMBOL[code]
    likely = _SYMBOL if code in (0x25, 0xB0, 0xB1, 0xB7, 0xA3, 0xB3) else _WINGDINGS
    return likely.get(code, UNKNOWN)

"""Text of DrawingML, which shapes, charts and diagrams share: paragraphs of runs, breaks and equations.

Element names are those of ECMA-376 part 1, section 21.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing.equation import STARTS, Equation
from shared.parsing.numerals import write_numeral
from shared.parsing.symbols import is_symbol_font, show, show_signs

if TYPE_CHECKING:
    from shared.parsing.xml_events import Event

# Automatic numbers (ST_TextAutonumberScheme): the start of the scheme's name -> the counter's format.
_SCHEMES = {
    "arabic": "decimal",
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
    "circleNum": "decimalEnclosedCircle",
    "ea1Chs": "chineseCountingThousand",
    "ea1Cht": "chineseCountingThousand",
    "ea1Jpn": "japaneseCounting",
}
_LEVELS = 9
# Languages with words such as "à", which elsewhere is an arrow.
_LANGUAGES_OF_LONE_LETTERS = frozenset({"ca", "fr", "gl", "it", "oc", "pt"})
_LARGEST_START = 32_767


class ParagraphText:
    """The text of DrawingML paragraphs; give it every event, it returns each paragraph that closes."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._in_text = False
        self._font = self._sign_font = self._language = ""
        self._label = ""
        self._equation: Equation | None = None
        self._counts: dict[int, tuple[str, int]] = {}
        self._level = 0

    def read(self, event: Event) -> str:
        """The paragraph that ``event`` closes, or empty."""
        if self._equation is not None or (event.kind == "open" and event.name in STARTS):
            self._read_equation(event)
        elif event.kind == "open":
            self._enter(event)
        elif event.kind == "text":
            if self._in_text:
                signs = self._sign_font and not is_symbol_font(self._font)
                self._parts.append(show_signs(self._sign_font, event.name) if signs else show(self._font, event.name))
        elif event.name == "t":
            self._in_text = False
        elif event.name == "p":
            return self._close()
        return ""

    def restart(self) -> None:
        """Begin a new body of text, in which numbers start again."""
        self._counts = {}

    def _read_equation(self, event: Event) -> None:
        self._equation = self._equation or Equation()
        self._equation.read(event)
        if not self._equation.is_open:
            self._parts.append(self._equation.text)
            self._equation = None

    def _enter(self, event: Event) -> None:
        name, attributes = event.name, event.attributes
        if name == "t":
            self._in_text = True
        elif name in ("br", "tab"):
            self._parts.append("\n" if name == "br" else "\t" if not attributes else "")
        elif name == "r":
            self._font = self._sign_font = self._language = ""
        elif name == "rPr":
            self._language = attributes.get("lang", "")[:2]
        elif name == "latin":
            self._font = attributes.get("typeface", "")
        elif name == "sym" and self._language not in _LANGUAGES_OF_LONE_LETTERS:
            self._sign_font = attributes.get("typeface", "")
        elif name == "pPr":
            level = attributes.get("lvl", "0")
            self._level = min(int(level), _LEVELS) if level.isdecimal() else 0
        elif name == "buAutoNum":
            self._label = self._count(attributes.get("type", ""), attributes.get("startAt", "1"))

    def _count(self, scheme: str, start: str) -> str:
        first = int(start) if start.isdecimal() and int(start[:6]) <= _LARGEST_START else 1
        before, count = self._counts.get(self._level, ("", 0))
        count = count + 1 if before == scheme else first
        self._counts = {level: value for level, value in self._counts.items() if level < self._level}
        self._counts[self._level] = (scheme, count)
        form = next((form for start, form in _SCHEMES.items() if scheme.startswith(start)), "decimal")
        written = write_numeral(count, form)
        if scheme.endswith("ParenBoth"):
            return f"({written})"
        if scheme.endswith("ParenR"):
            return f"{written})"
        return written if scheme.endswith("Plain") else f"{written}."

    def _close(self) -> str:
        text = "".join(self._parts).strip()
        label, self._label = self._label, ""
        if text and not label:
            # A paragraph without a number ends the counting of its level and of those below.
            self._counts = {level: value for level, value in self._counts.items() if level < self._level}
        self._parts, self._level, self._font, self._sign_font = [], 0, "", ""
        return f"{label} {text}" if text and label else text

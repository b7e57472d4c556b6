"""Numbers and bullets of OpenDocument lists and headings. OpenDocument 1.3 part 3, 16.30 and 19.500."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.numerals import write_numeral
from shared.parsing.symbols import show

if TYPE_CHECKING:
    from shared.parsing.xml_events import Event

_FORMS = {
    "1": "decimal",
    "a": "lowerLetter",
    "A": "upperLetter",
    "i": "lowerRoman",
    "I": "upperRoman",
    "一, 二, 三, ...": "chineseCounting",
    "壹, 贰, 叁, ...": "chineseLegalSimplified",
    "甲, 乙, 丙, ...": "ideographTraditional",
    "子, 丑, 寅, ...": "ideographZodiac",
    "①, ②, ③, ...": "decimalEnclosedCircle",
    "一, 二, 三 ...": "chineseCounting",
}
_LEVELS = frozenset({"list-level-style-number", "list-level-style-bullet", "outline-level-style"})
_MOST_LEVELS = 10
OUTLINE = "\x00outline"


class _Level(Struct):
    form: str = ""
    before: str = ""
    after: str = ""
    start: int = 1
    shown: int = 1
    bullet: str = ""


class _Open(Struct):
    """A list that is open: its style and how far it has counted."""

    style: str
    count: int | None = None
    is_fresh: bool = False


class Lists:
    """The lists of a document; ask for labels in reading order."""

    def __init__(self) -> None:
        self._styles: dict[str, dict[int, _Level]] = {}
        self._style: dict[int, _Level] = {}
        self._open: list[_Open] = []
        self._ended: dict[str, int | None] = {}
        self._headings: list[int] = [0] * _MOST_LEVELS

    def define(self, event: Event) -> None:
        """Take a step through the styles."""
        given = event.attributes
        if event.name in ("list-style", "outline-style"):
            name = OUTLINE if event.name == "outline-style" else given.get("name", "")
            self._style = self._styles.setdefault(name, {})
        elif event.name in _LEVELS:
            level = _Level(
                _FORMS.get(given.get("num-format", ""), "decimal" if given.get("num-format") else ""),
                given.get("num-prefix", ""),
                given.get("num-suffix", ""),
                _whole(given.get("start-value", ""), 1),
                _whole(given.get("display-levels", ""), 1),
                given.get("bullet-char", ""),
            )
            self._style[_whole(given.get("level", ""), 1)] = level

    def enter(self, event: Event) -> None:
        """Open a list."""
        given = event.attributes
        style = given.get("style-name") or (self._open[-1].style if self._open else "")
        opened = _Open(style)
        if given.get("continue-numbering") == "true" or "continue-list" in given:
            opened.count = self._ended.get(style)
        self._open.append(opened)

    def leave(self) -> None:
        """Close the innermost list."""
        if self._open:
            closed = self._open.pop()
            if not self._open:
                self._ended[closed.style] = closed.count

    def begin_item(self, event: Event) -> None:
        """Begin an item: the first paragraph in it has its label."""
        if self._open:
            last = self._open[-1]
            level = self._level(last.style, len(self._open))
            last.count = level.start if last.count is None else last.count + 1
            if start := event.attributes.get("start-value"):
                last.count = _whole(start, 1)
            last.is_fresh = True

    def label(self) -> str:
        """The label of a paragraph of the item now open; empty for all but the first."""
        if not self._open or not self._open[-1].is_fresh:
            return ""
        self._open[-1].is_fresh = False
        level = self._level(self._open[-1].style, len(self._open))
        if level.bullet:
            return show("", level.bullet)
        counts = [each.count or 1 for each in self._open]
        return self._write(level, self._open[-1].style, counts)

    def heading(self, level: int) -> str:
        """The number of a heading, counted in reading order."""
        place = min(level, _MOST_LEVELS) - 1
        self._headings[place] += 1
        self._headings[place + 1 :] = [0] * (_MOST_LEVELS - place - 1)
        counts = [max(1, count) for count in self._headings[: place + 1]]
        return self._write(self._level(OUTLINE, level), OUTLINE, counts)

    def _level(self, style: str, place: int) -> _Level:
        return self._styles.get(style, {}).get(place, _Level())

    def _write(self, level: _Level, style: str, counts: list[int]) -> str:
        if not level.form:
            return ""
        first = max(0, len(counts) - max(1, level.shown))
        forms = [self._level(style, place + 1).form for place in range(len(counts))]
        pairs = list(zip(counts, forms, strict=True))[first:]
        return level.before + ".".join(write_numeral(count, form) for count, form in pairs if form) + level.after


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else default

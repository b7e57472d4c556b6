"""Numbers and bullets that Word computes for paragraphs: ``1.1``, ``第二条``, ``(a)``.

Rules of ECMA-376 part 1, 17.9: a paragraph names a list (num) and a level; the list points to a definition
(abstractNum), and all lists of one definition count on together unless a list sets a start of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.numerals import write_numeral
from shared.parsing.symbols import UNKNOWN, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shared.parsing.xml_events import Event

LEVELS = 9
_PLACEHOLDER = re.compile(r"%([1-9])")
_LARGEST_START = 999_999
_MAX_LINKS = 10


class Level(Struct):
    """How one level of a list is numbered.

    Attributes:
        restart: number of the level that restarts this one (0: none does); ``None`` where any higher one does.
        legal: whether the numbers of all levels are written as decimals.
        style: id of the paragraph style that belongs to this level.
    """

    start: int = 1
    form: str = "decimal"
    pattern: str = ""
    text: str = ""
    suffix: str = "tab"
    restart: int | None = None
    legal: bool = False
    style: str = ""
    font: str = ""
    picture: bool = False


class _Definition(Struct):
    """An abstractNum."""

    levels: dict[int, Level] = {}
    style: str = ""
    linked: str = ""


class _List(Struct):
    """A num: which definition it uses, and what it changes."""

    definition: str = ""
    levels: dict[int, Level] = {}
    starts: dict[int, int] = {}


class Numbering:
    """The lists of a document and how far each has counted; ask for labels in reading order."""

    def __init__(self, events: Callable[[], Iterator[Event]], lists_of_styles: Mapping[str, str]) -> None:
        """Begin; the definitions are read with the first paragraph of a list.

        Args:
            events: gives the numbering part.
            lists_of_styles: style id -> id of the list a style of numbering uses.
        """
        self._events: Callable[[], Iterator[Event]] | None = events
        self._lists: dict[str, _List] = {}
        self._definitions: dict[str, _Definition] = {}
        self._lists_of_styles = lists_of_styles
        self._by_style: dict[str, str] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._used: set[tuple[str, int]] = set()

    def level_of_style(self, number: str, style: str) -> int | None:
        """The level of the list ``number`` that belongs to a paragraph style, if one does."""
        definition = self._definitions.get(self._definition_of(number), _Definition())
        return next((place for place, level in definition.levels.items() if level.style == style), None)

    def label(self, number: str, place: int) -> str:
        """Count a paragraph of the list ``number`` at level ``place`` and return its number, ready to stand before it.

        Empty where the list does not exist or shows nothing.
        """
        key = self._definition_of(number)
        if not key or not 0 <= place < LEVELS:
            return ""
        counts = self._counts.setdefault(key, [None] * LEVELS)
        self._step(number, place, counts)
        level = self._level(number, place)
        text = self._write(number, level, counts)
        gap = "" if level.suffix == "nothing" else " "
        return f"{text}{gap}" if text else ""

    def _step(self, number: str, place: int, counts: list[int | None]) -> None:
        own = self._lists[number].starts
        is_first = (number, place) not in self._used
        self._used.add((number, place))
        count = counts[place]
        restarts = is_first and place in own
        counts[place] = self._start(number, place) if count is None or restarts else count + 1
        for lower in range(place + 1, LEVELS):
            restart = self._level(number, lower).restart
            if restart is None or place < restart:
                counts[lower] = None

    def _start(self, number: str, place: int) -> int:
        return self._lists[number].starts.get(place, self._level(number, place).start)

    def _level(self, number: str, place: int) -> Level:
        own = self._lists[number].levels
        if place in own:
            return own[place]
        return self._definitions[self._definition_of(number)].levels.get(place, Level())

    def _write(self, number: str, level: Level, counts: list[int | None]) -> str:
        if level.form == "bullet" or level.picture:
            return show(level.font, level.text).strip() or (UNKNOWN if level.picture else "")

        def count(match: re.Match[str]) -> str:
            place = int(match[1]) - 1
            shown = counts[place]
            value = self._start(number, place) if shown is None else shown
            upper = self._level(number, place)
            return str(value) if level.legal else write_numeral(value, upper.form, upper.pattern)

        return _PLACEHOLDER.sub(count, level.text).strip()

    def _load(self, events: Callable[[], Iterator[Event]]) -> None:
        self._events = None
        reader = _Definitions()
        for event in events():
            reader.read(event)
        self._lists = reader.lists
        self._definitions = reader.definitions
        self._by_style = {d.style: key for key, d in self._definitions.items() if d.style}

    def _definition_of(self, number: str) -> str:
        """Id of the definition a list uses in the end; empty where there is none."""
        if number in ("", "0"):
            return ""
        if self._events is not None:
            self._load(self._events)
        for _ in range(_MAX_LINKS):
            key = self._lists[number].definition if number in self._lists else ""
            definition = self._definitions.get(key)
            if definition is None:
                return ""
            if not definition.linked or definition.levels:
                return key
            if definition.linked in self._by_style:
                return self._by_style[definition.linked]
            number = self._lists_of_styles.get(definition.linked, "")
        return ""


class _Definitions:
    """Turns the steps through the numbering part into lists and definitions."""

    def __init__(self) -> None:
        self.lists: dict[str, _List] = {}
        self.definitions: dict[str, _Definition] = {}
        self._definition = _Definition()
        self._list: _List | None = None
        self._place = 0
        self._level: Level | None = None
        self._skipping = 0

    def read(self, event: Event) -> None:
        if self._skipping or (event.kind == "open" and event.name == "Fallback"):
            self._skipping += {"open": 1, "close": -1}.get(event.kind, 0)
        elif event.kind == "open":
            self._enter(event.name, event.attributes)
        elif event.kind == "close" and event.name == "lvl":
            self._level = None
        elif event.kind == "close" and event.name == "num":
            self._list = None

    def _enter(self, name: str, attributes: dict[str, str]) -> None:
        value = attributes.get("val", "")
        if name == "abstractNum":
            self._definition = self.definitions.setdefault(attributes.get("abstractNumId", ""), _Definition())
        elif name == "styleLink":
            self._definition.style = value
        elif name == "numStyleLink":
            self._definition.linked = value
        elif name == "num":
            self._list = self.lists.setdefault(attributes.get("numId", ""), _List())
        elif name == "lvl":
            levels = self._definition.levels if self._list is None else self._list.levels
            self._level = levels.setdefault(_whole(attributes.get("ilvl", ""), 0), Level())
        elif self._level is not None:
            _set(self._level, name, value, attributes)
        elif self._list is not None:
            self._override(name, value, attributes)

    def _override(self, name: str, value: str, attributes: dict[str, str]) -> None:
        if self._list is None:
            return
        if name == "abstractNumId":
            self._list.definition = value
        elif name == "lvlOverride":
            self._place = _whole(attributes.get("ilvl", ""), 0)
        elif name == "startOverride":
            self._list.starts[self._place] = _whole(value, 1)


def _set(level: Level, name: str, value: str, attributes: dict[str, str]) -> None:
    if name == "start":
        level.start = _whole(value, 1)
    elif name == "numFmt":
        level.form = value
        level.pattern = attributes.get("format", "").partition(",")[0].strip()
    elif name == "lvlText":
        level.text = value
    elif name == "suff":
        level.suffix = value
    elif name == "lvlRestart":
        level.restart = _whole(value, 0)
    elif name == "isLgl":
        level.legal = is_on(value)
    elif name == "pStyle":
        level.style = value
    elif name == "lvlPicBulletId":
        level.picture = True
    elif name == "rFonts":
        level.font = attributes.get("ascii") or attributes.get("hAnsi") or attributes.get("cs") or ""


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and int(text[:7]) <= _LARGEST_START else default


def is_on(value: str) -> bool:
    """Whether a switch (ST_OnOff) is on; one without a value is."""
    return value not in ("0", "false", "off", "none")

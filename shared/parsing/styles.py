"""Styles of a Word document: which paragraphs are headings, which are numbered, what is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.heading_names import find_level
from shared.parsing.numbering import is_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.xml_events import Event

BODY_LEVEL = 9  # outlineLvl 9 means body text
_MAX_BASES = 20  # longest chain of styles followed: Word itself stops at 11, a hostile file may form a ring


class Style(Struct):
    """What a style sets itself; ``None`` and empty texts are inherited.

    Attributes:
        level: heading level from 1; 0 means body text.
        number: id of its list; ``0`` means none.
        place: level within the list.
    """

    base: str = ""
    kind: str = "paragraph"
    level: int | None = None
    number: str = ""
    place: int | None = None
    hidden: bool | None = None


class Styles:
    """The styles by id."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._styles: dict[str, Style] = {}
        self.default = ""
        style = Style()
        for event in events:
            if event.kind != "open":
                continue
            if event.name == "style":
                key, kind = event.attributes.get("styleId", ""), event.attributes.get("type", "paragraph")
                style = self._styles[key] = Style(kind=kind)
                if kind == "paragraph" and is_on(event.attributes.get("default", "0")):
                    self.default = key
            else:
                _set(style, event.name, event.attributes.get("val", ""))

    def level(self, key: str) -> int:
        """The heading level of a paragraph style, 0 for none."""
        return next((style.level for _, style in self._chain(key) if style.level is not None), 0)

    def is_hidden(self, key: str) -> bool:
        """Whether text in the style is hidden."""
        return next((style.hidden for _, style in self._chain(key) if style.hidden is not None), False)

    def number(self, key: str) -> tuple[str, int | None, str]:
        """The list of a paragraph style, the level within it if named, and the style that names the list."""
        place = next((style.place for _, style in self._chain(key) if style.place is not None), None)
        return next(
            ((style.number, place, owner) for owner, style in self._chain(key) if style.number), ("", place, "")
        )

    def lists(self) -> dict[str, str]:
        """Style id -> id of its list, of numbering styles."""
        return {key: style.number for key, style in self._styles.items() if style.kind == "numbering" and style.number}

    def _chain(self, key: str) -> Iterator[tuple[str, Style]]:
        for _ in range(_MAX_BASES):
            style = self._styles.get(key)
            if style is None:
                return
            yield key, style
            key = style.base


# A template holds ten thousand elements; these are the ones wanted.
ELEMENTS = frozenset({"style", "name", "outlineLvl", "basedOn", "numId", "ilvl", "vanish"})


def _set(style: Style, name: str, value: str) -> None:
    if name == "name":
        level = find_level(value)
        style.level = level or style.level
    elif name == "outlineLvl" and value.isdecimal() and style.level is None:
        style.level = int(value) + 1 if int(value) < BODY_LEVEL else 0
    elif name == "basedOn":
        style.base = value
    elif name == "numId":
        style.number = value
    elif name == "ilvl" and value.isdecimal():
        style.place = int(value)
    elif name == "vanish":
        style.hidden = is_on(value)

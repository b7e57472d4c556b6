"""Whether a damaged PDF still holds all that tells which characters the glyphs of a page are."""

from __future__ import annotations

import re
from typing import Final

REFERENCE: Final = re.compile(rb"([0-9]{1,7})\s{1,9}[0-9]{1,5}\s{1,9}R(?![A-Za-z])")
_RESOURCES = re.compile(rb"/Resources\s{0,9}(?:(<<)|([0-9]{1,7})\s{1,9}[0-9]{1,5}\s{1,9}R)")
_PARENT = re.compile(rb"/Parent\s{1,9}([0-9]{1,7})\s")
# The entries of the resources that name objects: each a dictionary, or the object that is one.
_NAMED = re.compile(rb"/(Font|XObject)\s{0,9}(?:<<((?>(?:[^<>]|<[^<>]*+>)*))>>|([0-9]{1,7})\s{1,9}[0-9]{1,5}\s{1,9}R)")
_FORM = re.compile(rb"/Subtype\s{0,9}/Form(?![A-Za-z])")
# A map to Unicode, or codes that are the same in every font; then only the shapes are in what the font refers to.
_MAP = re.compile(rb"/ToUnicode\s|/Encoding\s{0,9}/(?:WinAnsi|MacRoman|Standard)Encoding")
_SHAPES = re.compile(rb"/FontDescriptor\s{1,9}[0-9]{1,7}\s{1,9}[0-9]{1,5}\s{1,9}R")
_HIGHEST_TREE = 50


class PageFonts:
    """The fonts of the pages of a file."""

    def __init__(self, bodies: dict[int, bytes]) -> None:
        """Begin.

        Args:
            bodies: the dictionaries of the objects that were found, by their numbers.
        """
        self._bodies = bodies
        self._whole: dict[int, bool] = {}

    def are_whole(self, page: int) -> bool:
        """Whether every font that a page names, also for drawings on it, is there with all its parts."""
        waiting, seen = [page], set[int]()
        while waiting:
            holder = waiting.pop()
            if holder in seen:
                continue
            seen.add(holder)
            resources = self._find_resources(holder)
            if resources is None:
                return False
            for kind, inline, number in _NAMED.findall(resources):
                listed = self._bodies.get(int(number)) if number else inline
                if listed is None:
                    return False
                named = _list_references(listed)
                if kind == b"Font" and not all(map(self._is_whole, named)):
                    return False
                if kind == b"XObject":
                    waiting += [form for form in named if _FORM.search(self._bodies.get(form, b""))]
        return True

    def _find_resources(self, holder: int) -> bytes | None:
        """The resources of a page or of a drawing, its own or those of what it is part of; ``None`` where lost."""
        for _ in range(_HIGHEST_TREE):
            body = self._bodies.get(holder)
            if body is None:
                return None
            if match := _RESOURCES.search(body):
                return body[match.start() :] if match[1] else self._bodies.get(int(match[2]))
            parent = _PARENT.search(body)
            if not parent:
                return b""
            holder = int(parent[1])
        return None

    def _is_whole(self, font: int) -> bool:
        if font not in self._whole:
            self._whole[font] = self._tells_characters(font)
        return self._whole[font]

    def _tells_characters(self, font: int) -> bool:
        """Whether all of a font is there that its characters depend on: for most, not the shapes of its glyphs."""
        body = self._bodies.get(font)
        if body is None:
            return False
        if _MAP.search(body):
            return all(number in self._bodies for number in _list_references(_SHAPES.sub(b"", body)))
        waiting, seen = [font], set[int]()
        while waiting:
            number = waiting.pop()
            if number not in self._bodies:
                return False
            if number not in seen:
                seen.add(number)
                waiting += _list_references(self._bodies[number])
        return True


def _list_references(body: bytes) -> list[int]:
    return [int(match[1]) for match in REFERENCE.finditer(body)]

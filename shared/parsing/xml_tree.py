"""XML of any kind as a tree, within bounds: entities that a file defines for itself may only stand for plain text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.parsers import expat

from msgspec import Struct

from shared.parsing.ampersands import name_character, repair_ampersands
from shared.parsing.charset import find_declared
from shared.parsing.encoding import decode_whole
from shared.parsing.refusing import refuse, report_cut

if TYPE_CHECKING:
    from pathlib import Path

    from shared.parsing.limits import Limits

_CHUNK_CHARACTERS = 1 << 18
_LONGEST_ENTITY, _MOST_ENTITIES = 200, 500
_LONGEST_ATTRIBUTE = 10_000
# What Expat says of a text that ends before its root does: between tags, inside one, inside a section of CDATA.
_UNENDED, _INSIDE_TAG, _INSIDE_CDATA = 3, 5, 20
_CUT = frozenset({_UNENDED, _INSIDE_TAG, _INSIDE_CDATA})
# Declarations of a document, which stand at its beginning only; comments and sections of CDATA are passed over.
_DECLARATION = re.compile(
    r"(<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z))|<\?xml\s[^>]{0,200}>|<!DOCTYPE[^\[>]{0,1000}>", re.DOTALL
)
_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']([A-Za-z0-9_:.-]{2,40})["']""")


class Element(Struct):
    """An element: name and attributes without namespaces, text up to its first child, and what follows its end."""

    name: str
    attributes: dict[str, str] = {}
    text: str = ""
    tail: str = ""
    children: list[Element] = []

    def whole_text(self) -> str:
        """The text of the element and all in it."""
        parts: list[str] = []
        waiting: list[Element | str] = [self]
        while waiting:
            step = waiting.pop()
            if isinstance(step, str):
                parts.append(step)
                continue
            parts.append(step.text)
            for child in reversed(step.children):
                waiting += [child.tail, child]
        return "".join(parts)


def parse_tree(path: Path, limits: Limits, warnings: list[str]) -> Element:
    """The root element of an XML file, whatever encoding it is in.

    Feeds and exports of websites often hold references of HTML, such as ``&nbsp;``, or plain ampersands: a file that is
    not well-formed is parsed once more with those repaired. Logs hold one element after the other: they are read as the
    children of one. Of a file that was cut off, what stands before the cut is read, with a warning.

    Raises:
        DocumentError: ``too_large``, ``too_deep``, ``broken_file``.
    """
    text = decode_whole(path, limits.max_whole_bytes, find_declared(path, _ENCODING)).lstrip()
    for prepare in (str, repair_ampersands, _enclose):
        builder = _Builder(limits)
        try:
            return builder.build(prepare(text))
        except expat.ExpatError as error:
            own = int(prepare is _enclose)  # elements around those of the file
            if error.code in _CUT and (root := builder.close()) and (root.children or not own):
                if error.code != _UNENDED or builder.depth > own:
                    report_cut(warnings)
                return root
    raise refuse("broken_file", "The file is damaged: it is not well-formed XML.")


def _enclose(text: str) -> str:
    """The text in an element that does not end, without the declarations of documents in it."""
    bare = _DECLARATION.sub(lambda match: match[1] or "", repair_ampersands(text))
    return f"<documents>{bare}"


class _Builder:
    """Expat with its callbacks turned into a tree."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: list[Element] = []
        self._root: Element | None = None
        self._count = 0
        self._entities = 0
        self._parts: list[str] = []
        self._target: tuple[Element, str] | None = None
        # The text was decoded before: what the file declares does not hold any more.
        self._expat = expat.ParserCreate("utf-8", namespace_separator=" ")
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._parts.append
        self._expat.EntityDeclHandler = self._define
        self._expat.SkippedEntityHandler = self._skip

    def build(self, text: str) -> Element:
        for at in range(0, len(text), _CHUNK_CHARACTERS):
            self._expat.Parse(text[at : at + _CHUNK_CHARACTERS].encode(), False)
        self._expat.Parse(b"", True)
        if self._root is None:
            raise refuse("broken_file", "The file is damaged: it holds no element.")
        return self._root

    @property
    def depth(self) -> int:
        """Elements that have begun and not ended."""
        return len(self._open)

    def close(self) -> Element | None:
        """The root as far as it was read; ``None`` where no element has begun."""
        self._flush()
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._flush()
        self._count += 1
        if self._count > self._limits.max_tags:
            raise refuse("too_large", f"The file holds more than {self._limits.max_tags} elements.")
        if len(self._open) >= self._limits.max_nesting:
            raise refuse("too_deep", f"The file nests its elements more than {self._limits.max_nesting} deep.")
        given = {
            key.rpartition(" ")[2]: value[:_LONGEST_ATTRIBUTE]
            for key, value in attributes.items()
            if key.rpartition(" ")[2] != "schemaLocation"
        }
        element = Element(name.rpartition(" ")[2], given)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)
        self._target = (element, "text")

    def _end(self, _: str) -> None:
        self._flush()
        self._target = (self._open.pop(), "tail")

    def _flush(self) -> None:
        if self._parts and self._target is not None:
            element, place = self._target
            setattr(element, place, "".join(self._parts))
        self._parts.clear()

    def _skip(self, name: str, is_parameter: bool) -> None:
        """Keep what only a DTD elsewhere defines."""
        if not is_parameter:
            self._parts.append(name_character(name))

    def _define(self, _name: str, is_parameter: bool, value: str | None, *_: object) -> None:
        self._entities += 1
        if is_parameter and value is None:  # a DTD elsewhere, which is not fetched
            return
        is_plain = value is None or (len(value) <= _LONGEST_ENTITY and "&" not in value and "%" not in value)
        if is_parameter or not is_plain or self._entities > _MOST_ENTITIES:
            raise refuse("broken_file", "The file's XML defines entities that are not plain text.")

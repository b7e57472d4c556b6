"""XML as a stream of events, within a bound on how deep its elements nest."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.refusing import refuse
from shared.parsing.xml_parser import create_parser, feed_parser

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Event(Struct, frozen=True):
    """A step through an XML part: an element opens, an element closes, or text stands between.

    Attributes:
        kind: ``open``, ``close`` or ``text``.
        name: the element's name without its namespace, or the text.
        attributes: by name without namespace; relationship ids as ``r:id``.
    """

    kind: str
    name: str
    attributes: dict[str, str] = {}


def read_events(chunks: Iterable[bytes], max_nesting: int, only: frozenset[str] = frozenset()) -> Iterator[Event]:
    """The elements and text of XML given in pieces; the arguments and errors are those of `Archive.events`."""
    reader = _XmlReader(max_nesting, only)
    for data in chain(chunks, (b"",)):
        try:
            reader.feed(data, final=not data)
        finally:  # what precedes the damage of a part, too
            yield from reader.take()


class _XmlReader:
    """Expat, fed in pieces, with its callbacks turned into a list of events."""

    def __init__(self, max_nesting: int, only: frozenset[str]) -> None:
        self._events: list[Event] = []
        self._only = only
        self._depth = 0
        self._max_nesting = max_nesting
        self._expat = create_parser(namespace_separator=" ")
        self._expat.StartElementHandler = self._open
        self._expat.EndElementHandler = self._close
        if not only:
            self._expat.CharacterDataHandler = self._text

    def feed(self, data: bytes, *, final: bool) -> None:
        feed_parser(self._expat, data, final=final)

    def take(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > self._max_nesting:
            raise refuse("too_deep", f"The file nests its elements more than {self._max_nesting} deep.")
        local = _local(name)
        if not self._only or local in self._only:
            if " " in "".join(attributes):
                attributes = {_attribute(key): value for key, value in attributes.items()}
            self._events.append(Event("open", local, attributes))

    def _close(self, name: str) -> None:
        self._depth -= 1
        local = _local(name)
        if not self._only or local in self._only:
            self._events.append(Event("close", local))

    def _text(self, text: str) -> None:
        self._events.append(Event("text", text))


# Few names occur in a file, each very often.
@lru_cache(maxsize=4096)
def _local(name: str) -> str:
    return name.rpartition(" ")[2]


@lru_cache(maxsize=4096)
def _attribute(name: str) -> str:
    space, _, local = name.rpartition(" ")
    return f"r:{local}" if space.endswith("/relationships") else local

"""Relations: which parts of a package another part points to, as its ``.rels`` part says.

https://ecma-international.org/publications-and-standards/standards/ecma-376/ part 2.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.parsing.xml_events import Event

# The element wanted.
RELATION = frozenset({"Relationship"})


class Relation(Struct, frozen=True):
    """A relation inside the package: its id, the last word of its type, and the name of the part it points to."""

    id: str
    kind: str
    target: str


def name_relations(part: str) -> str:
    """The name of the part with the relations of ``part``; of the package itself, where that is empty."""
    folder, file = posixpath.split(part)
    return f"{folder}/_rels/{file}.rels"


def read_relations(part: str, events: Iterable[Event]) -> Iterator[Relation]:
    """The relations of ``part``; what lies outside the file is left out."""
    folder = posixpath.dirname(part)
    for event in events:
        if event.kind == "open" and event.attributes.get("TargetMode") != "External":
            target = event.attributes.get("Target", "").replace("\\", "/")
            target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            yield Relation(event.attributes.get("Id", ""), event.attributes.get("Type", "").rpartition("/")[2], target)

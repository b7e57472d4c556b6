"""What accompanies a chunk into its vector and its words: the title of the document and where in it the chunk stands.

A section of a manual rarely names its product, a row of a price list never its region. The context is embedded and
indexed for words in front of the chunk's text; it is not shown, highlighted or counted by offsets. It holds nothing
that changes when something is inserted elsewhere, such as page numbers: an edit would then re-embed all that follows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.domain.models import Location

# Enough for a title, a path of headings and the keys of a record; a fifth of a chunk at most.
_MAX_TITLE_CHARACTERS = 120
_MAX_PATH_CHARACTERS = 160
_MAX_KEYS_CHARACTERS = 160
_PATH_JOINT = " > "
# Names that a program gave: numbers, hashes, UUIDs. They say nothing about the content.
_MACHINE_NAME = re.compile(r"\A[\W_]*(?:[a-f]*[0-9][0-9a-f]*(?:[\W_]+|\Z))+", re.IGNORECASE)


def build_context(title: str, location: Location, keys: str = "") -> str:
    """The lines in front of a chunk's text: title, sheet, path of headings, keys of a record.

    Args:
        title: the document's title; one that is only numbers and hexadecimal digits is left out.
        location: where the chunk begins.
        keys: the fields that identify a record, for the second and later parts of one that is larger than a chunk.
    """
    title = "" if _MACHINE_NAME.fullmatch(title) else " ".join(title.split())[:_MAX_TITLE_CHARACTERS].strip()
    # The title is mostly the first heading; it counts once.
    headings = [text for text in location.headings if " ".join(text.split()) != title]
    sheet = location.sheet if location.sheet and location.sheet not in headings else ""
    parts = (title, sheet, _shorten_path(headings), keys[:_MAX_KEYS_CHARACTERS])
    return "\n".join(part for part in parts if part)


def _shorten_path(headings: list[str]) -> str:
    """The innermost headings that fit, outermost first."""
    kept: list[str] = []
    length = 0
    for heading in reversed(headings):
        text = " ".join(heading.split())[:_MAX_PATH_CHARACTERS]
        length += len(text) + len(_PATH_JOINT)
        if kept and length > _MAX_PATH_CHARACTERS:
            break
        kept.append(text)
    return _PATH_JOINT.join(reversed(kept))

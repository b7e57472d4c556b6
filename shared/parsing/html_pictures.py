"""The pictures of a web page that are in the page itself, as base64, or in the book that the page is a chapter of."""

from __future__ import annotations

import base64
import binascii
import re
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from shared.domain.models import digest
from shared.parsing.inner_pictures import measure_area, measure_declared_area
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from selectolax.lexbor import LexborNode

    from shared.domain.models import Block
    from shared.parsing.inner_pictures import InnerPictures

_DATA: Final = re.compile(r"\s{0,99}data:image/([a-z0-9.+-]{1,20})(?:;[a-z0-9=_.-]{1,40}){0,5};base64,", re.IGNORECASE)
_SPACE: Final = re.compile(r"\s+")
_CHUNK_CHARACTERS: Final = 1 << 20
# More addresses than this are of icons and of other sites.
_MOST_SOURCES: Final = 10_000
# The attribute that names a picture in the reduced page, by its number.
_NUMBER: Final = "data-picture"

Open: TypeAlias = "Callable[[str], tuple[str, Callable[[], Iterable[bytes]]] | None]"


class PagePictures:
    """Notes the pictures of one page while it is reduced, and finds them again in its tree."""

    def __init__(self, pictures: InnerPictures, open_: Open | None = None) -> None:
        """Begin a page.

        Args:
            pictures: of the document.
            open_: finds the file that an address names: its own name, and what gives its bytes.
        """
        self._pictures = pictures
        self._open = open_
        self._sources: list[tuple[str, float]] = []

    def note(self, given: dict[str, str]) -> str:
        """Note the picture of a tag with these attributes; the attribute by which it is found, or empty."""
        source = given.get("src", "")
        if len(self._sources) >= _MOST_SOURCES:
            return ""
        if not _DATA.match(source) and (self._open is None or self._open(source) is None):
            return ""
        area = measure_area(given.get("width", ""), given.get("height", ""))
        self._sources.append((source, area or measure_declared_area(given.get("style", ""))))
        return f' {_NUMBER}="{len(self._sources) - 1}"'

    def find(self, node: LexborNode) -> Iterator[Block]:
        """Blocks in place of a picture, or of those inside an element."""
        if not self._sources:
            return
        for image in [node] if node.tag == "img" else node.css("img"):
            number = image.attributes.get(_NUMBER) or ""
            if number.isdecimal() and not _is_hidden(image, node):
                yield from self._find(*self._sources[int(number)])

    def _find(self, source: str, area: float) -> Iterator[Block]:
        if match := _DATA.match(source):
            content = source[match.end() :]
            # The name tells the kind to a reader of warnings, and is the same for the same content.
            name = f"{digest(content)}.{match[1].lower().partition('+')[0]}"
            yield from self._pictures.find(name, area, partial(_decode, content))
        elif self._open and (found := self._open(source)):
            name, chunks = found
            yield from self._pictures.find(name, area, chunks)


def _is_hidden(image: LexborNode, node: LexborNode) -> bool:
    above: LexborNode | None = image
    while above is not None:
        if "hidden" in above.attributes:
            return True
        if above == node:
            return False
        above = above.parent
    return False


def _decode(content: str) -> Iterator[bytes]:
    """The bytes of base64, decoded piece by piece."""
    rest = ""
    try:
        for start in range(0, len(content), _CHUNK_CHARACTERS):
            text = rest + _SPACE.sub("", content[start : start + _CHUNK_CHARACTERS].replace("%2B", "+"))
            whole = len(text) - len(text) % 4
            rest = text[whole:]
            yield base64.b64decode(text[:whole])
        if rest.strip("="):
            yield base64.b64decode(rest + "=" * (-len(rest) % 4))
    except (binascii.Error, ValueError):
        raise refuse("broken_file", "They are damaged.") from None

"""Objects in an OpenDocument file: formulas as a line of text, charts and sheets as their titles and tables.

Each is a document of its own, in a folder of the package, or in a flat file where it is shown.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from shared.parsing import html_math

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.parsing.odf_source import Source
    from shared.parsing.xml_events import Event

_FORMULA = "math"


class OdfObjects:
    """Finds the objects of one file, each once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: set[str] = set()

    def find(self, href: str) -> list[Event]:
        """The steps through an object of the package; none where there is no such object."""
        folder = href.removeprefix("./").rstrip("/")
        if not folder or ":" in folder or folder in self._seen:
            return []
        self._seen.add(folder)
        return list(self._source.events(f"{folder}/content.xml"))


def read_formula(events: Iterable[Event]) -> str:
    """The text of an object that is a formula; else empty."""
    written: list[str] = []
    is_inside = False
    for event in events:
        is_inside = is_inside or (event.kind == "open" and event.name == _FORMULA)
        if not is_inside:
            continue
        if event.kind == "text":
            written.append(escape(event.name))
        else:
            written.append(f"<{event.name}>" if event.kind == "open" else f"</{event.name}>")
    if not written:
        return ""
    # Imported here: few documents hold formulas.
    from selectolax.lexbor import LexborHTMLParser

    node = LexborHTMLParser("".join(written)).css_first(_FORMULA)
    return html_math.text_of(node) if node else ""

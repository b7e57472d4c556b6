"""The properties that Office and OpenDocument files have of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.parsing.xml_events import Event


def read_title(events: Iterable[Event]) -> str:
    """The title in the part with the properties; empty where that part is damaged, since it is only an addition."""
    inside, text = False, ""
    try:
        for event in events:
            if event.kind == "text":
                text += event.name if inside else ""
            else:
                inside = event.kind == "open" and event.name == "title"
    except DocumentError as error:
        if error.code != "broken_file":
            raise
        return ""
    return text

"""The properties that Office and OpenDocument files have of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.parsing.xml_events import Event


def read_title(events: Iterable[Event]) -> str:
    """The title in the part with the properties; empty where there is none, or where it does not end."""
    inside, text, title = False, "", ""
    for event in events:
        if event.kind == "text":
            text += event.name if inside else ""
        else:
            if inside and event.kind == "close":
                title = title or text
            inside, text = event.kind == "open" and event.name == "title", ""
    return title

"""What of an Office part is shown: one version of a drawing that comes in several, nothing deleted or moved away."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.parsing.xml_events import Event

# Text moved away, readings of ruby, and earlier settings that a tracked change keeps.
_SKIPPED = frozenset(
    {"moveFrom", "rt", "pPrChange", "rPrChange", "tblPrChange", "trPrChange", "tcPrChange", "tblGridChange"}
    | {"sectPrChange", "tblPrExChange", "numberingChange"}
)
_PROPERTIES = frozenset({"rPr", "trPr"})


def select_visible(events: Iterable[Event]) -> Iterator[Event]:
    """The events without those inside elements that are not shown."""
    versions = _Versions()
    skipping = 0
    for event in events:
        if skipping:
            skipping += {"open": 1, "close": -1}.get(event.kind, 0)
        elif event.kind == "open" and versions.is_left_out(event.name):
            skipping = 1
        else:
            if event.kind == "close":
                versions.leave(event.name)
            yield event


class _Versions:
    """Follows which version of each AlternateContent was taken: the first, so that no text comes twice."""

    def __init__(self) -> None:
        self._taken: list[bool] = []
        self._in_properties = 0

    def is_left_out(self, name: str) -> bool:
        """Whether an element that opens is not shown."""
        if name in ("Choice", "Fallback"):
            is_left_out = bool(self._taken) and self._taken[-1]
            self._taken[-1:] = [True]
            return is_left_out
        if name == "AlternateContent":
            self._taken.append(False)
        elif name in _PROPERTIES:
            self._in_properties += 1
        # Among properties it says that a paragraph's end or a row is deleted.
        return name in _SKIPPED or (name == "del" and not self._in_properties)

    def leave(self, name: str) -> None:
        """Take the end of an element that is shown."""
        if name == "AlternateContent" and self._taken:
            self._taken.pop()
        elif name in _PROPERTIES:
            self._in_properties -= 1

"""The tables of error codes: which there are, and the HTTP statuses they are answered with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ops.docs.codes import list_codes
from ops.docs.tables import TODO, code, plain

if TYPE_CHECKING:
    from pathlib import Path

    from ops.docs.tables import Rows

# It ends the process at its start, so that no caller ever gets it.
NEVER_ANSWERED: Final = frozenset({"invalid_settings"})
# Tables with a column of HTTP statuses; a new code enters the one of its lowest status, or the table of events.
_REQUEST, _SERVER, _EVENT = "request", "server", "event"
_WITH_STATUS: Final = (_REQUEST, _SERVER)
_INTERNAL: Final = 500


class Writer:
    """Writes a table of error codes; what they mean and what to do stays as people wrote it."""

    def __init__(self, root: Path) -> None:  # noqa: ARG002 - as all writers
        self._codes = list_codes()

    def rows(self, name: str, written: Rows, page: Rows) -> Rows:
        """The rows as they are, without codes that no longer exist, and with new ones at the end."""
        listed = {plain(row[0]) for row in page}
        kept = [row for row in written if plain(row[0]) in self._codes]
        width = 4 if name in _WITH_STATUS else 3
        new = [
            [code(added), *[TODO] * (width - 1)]
            for added, statuses in self._codes.items()
            if added not in listed and _table_of(statuses) == name
        ]
        rows = [*kept, *new]
        if name in _WITH_STATUS:
            rows = [[row[0], self._status(plain(row[0]), row[1]), *row[2:]] for row in rows]
        return rows

    def _status(self, name: str, written: str) -> str:
        if name in NEVER_ANSWERED:
            return "–"
        if "<" in name:  # a family of codes, with a status each: any
            return written
        return " ".join(map(str, sorted(self._codes[name])))


def _table_of(statuses: set[int]) -> str:
    if not statuses:
        return _EVENT
    return _REQUEST if min(statuses) < _INTERNAL else _SERVER

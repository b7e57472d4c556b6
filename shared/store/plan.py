"""What a migration makes of a collection: one row of its registry, which no listing of documents shows.

Two collections that are kept equal name each other; which of them answers, the alias says. So to switch, or to go back,
changes the alias and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from shared.domain.models import Document, DocumentState, digest
from shared.store.expressions import equals
from shared.store.registry import make_row
from shared.store.schema import PROGRESS_BUCKET, Space

if TYPE_CHECKING:
    from shared.runtime.retrying import Deadline
    from shared.store.client import Client

_FIELD = "plan"
_SPACES = ("other", "unused", "previous")
# Of spaces that were noted without one.
_FIRST_LAYOUT = 7
_ID = digest(PROGRESS_BUCKET, "migration")


class Plan(Struct, frozen=True):
    """What is planned for a collection.

    Attributes:
        other: the space of the collection that is kept equal to this one; ``None`` without a migration.
        chunk_tokens: size of its chunks; 0 for that of the settings.
        rereads: its documents are read from the bucket; else their chunks are copied from the other collection.
        is_new: whether the migration made this collection; the other one was there before.
        started: when the migration began, seconds since the epoch.
        filled: when this collection was first known to hold all that the other one holds; 0 before.
        unused: the space of a collection that is being made or dropped; only that work touches it.
        is_ordered: its vectors are being ordered by batch tasks; until all are, the timer's reconcile does not fill it.
        switched: when this collection was last made the one that answers, seconds since the epoch; 0 before.
        previous: the space of the collection that this one replaced, once that was dropped.
        ended: when that was.
    """

    other: Space | None = None
    chunk_tokens: int = 0
    rereads: bool = False
    is_new: bool = False
    started: float = 0
    filled: float = 0
    unused: Space | None = None
    is_ordered: bool = False
    switched: float = 0
    previous: Space | None = None
    ended: float = 0


class PlanNotes:
    """Reads and writes the plan of a collection.

    Args:
        name: of the registry's collection.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    def read(self, deadline: Deadline) -> Plan | None:
        """Return the plan, read Strong; ``None`` where no migration ever concerned the collection."""
        rows = self._client.query(self._name, equals("id", _ID), ["record"], deadline)
        held = rows[0]["record"].get(_FIELD) if rows else None  # a backup that was read back has the row without it
        return msgspec.convert(_add_layouts(held), Plan) if held else None

    def write(self, plan: Plan, deadline: Deadline) -> None:
        """Keep a plan."""
        # A whole document, so that every reader of the registry can read the row.
        row = make_row(Document(_ID, PROGRESS_BUCKET, _ID, DocumentState.DELETED, ""))
        row["record"][_FIELD] = msgspec.to_builtins(plan)
        self._client.call("upsert", deadline, self._name, [row])


def _add_layouts(held: dict[str, Any]) -> dict[str, Any]:
    """A plan with the layouts that its spaces had before they were noted, whatever the present one is."""
    return {
        name: {"layout": _FIRST_LAYOUT, **value} if name in _SPACES and value else value for name, value in held.items()
    }

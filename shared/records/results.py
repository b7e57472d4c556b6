"""What happened to the records of an event."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from shared.domain.models import Usage


class Outcome(StrEnum):
    """What happened to a record."""

    UPSERTED = "upserted"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    SUPERSEDED = "superseded"
    FAILED = "failed"


class RecordResult(Struct, frozen=True):
    """What happened to one record; ``reason`` says why it failed."""

    id: str
    outcome: Outcome
    reason: str = ""


class WriteResult(Struct, frozen=True):
    """What happened to every record of an event, in order, and what it cost."""

    results: tuple[RecordResult, ...]
    usage: Usage

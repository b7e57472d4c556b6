"""A document's history: how the last attempts at it ended. It is a part of the document's record."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

HISTORY_LENGTH = 10
_VERSION_CHARACTERS = 12
# Prices are smaller by far; sums of floats have digits that mean nothing.
_COST_DIGITS = 9


class DocumentEvent(StrEnum):
    """How an attempt ended; ``RETRYING`` failed for now and is tried again."""

    INDEXED = "indexed"
    FAILED = "failed"
    RETRYING = "retrying"
    DELETED = "deleted"


class HistoryEntry(Struct, frozen=True):
    """The end of one attempt, or of equal failures one after the other.

    Attributes:
        time: when it ended, seconds since the epoch; of equal failures the last one.
        version: the first 12 characters of the version; of a record that has one, its version number.
        code: of the failure, or empty.
        chunks: chunks of the version; 0 where it was not indexed.
        tokens: tokens DashScope billed for the attempt; 0 of a record, which is billed with others.
        cost_cny: what they cost.
        request_id: that of the remote service that failed, or empty.
        count: number of equal failures that the entry stands for.
    """

    time: float
    event: DocumentEvent
    version: str = ""
    code: str = ""
    chunks: int = 0
    tokens: int = 0
    cost_cny: float = 0
    request_id: str = ""
    count: int = 1


def extend(history: tuple[HistoryEntry, ...], entry: HistoryEntry) -> tuple[HistoryEntry, ...]:
    """Add an entry and keep the last ones; a failure equal to the previous one is counted there."""
    entry = replace(entry, time=round(entry.time, 1), version=entry.version[:_VERSION_CHARACTERS])
    last = history[-1] if history else None
    if last and entry.code and _identify(last) == _identify(entry):
        tokens, cost = last.tokens + entry.tokens, round(last.cost_cny + entry.cost_cny, _COST_DIGITS)
        return (*history[:-1], replace(entry, tokens=tokens, cost_cny=cost, count=last.count + 1))
    return (*history, replace(entry, cost_cny=round(entry.cost_cny, _COST_DIGITS)))[-HISTORY_LENGTH:]


def _identify(entry: HistoryEntry) -> tuple[str, str, str]:
    return entry.event, entry.version, entry.code

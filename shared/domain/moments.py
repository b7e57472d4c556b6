"""Moments that people and programs write as texts."""

from __future__ import annotations

from datetime import UTC, datetime


def read_moment(text: str) -> int | None:
    """Whole seconds since 1970 of a date or time in ISO 8601, in UTC where it has no time zone; ``None`` for others.

    A date alone is its midnight.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None

"""What one request or event used: added up where it happens, logged in the line that ends it.

The numbers stand flat in that line, under names that do not change, so that a log service can chart them.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

# As OSS, CloudEvents and timers write when an event happened. Compiled when the first event comes: not all get any.
_MOMENT = rb'"(?:eventTime|time|triggerTime)"\s*:\s*"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*Z"'


class Meter:
    """Adds up numbers by name; several threads may work for one request."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, **amounts: float) -> None:
        """Add to each named number; a new one starts at 0."""
        with self._lock:
            for name, amount in amounts.items():
                self._values[name] = self._values.get(name, 0) + amount

    def values(self) -> dict[str, float]:
        """All numbers, rounded to what a chart shows."""
        with self._lock:
            return {name: round(value, 9 if name == "cost_cny" else 3) for name, value in self._values.items()}


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def collect() -> Iterator[Meter]:
    """Collect in a meter what is added inside, by this thread and those that run in copies of its context."""
    meter = Meter()
    token = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(token)


def add(**amounts: float) -> None:
    """Add to the numbers of the current request, if there is one."""
    if meter := _meter.get():
        meter.add(**amounts)


def measure_age(event: bytes) -> float | None:
    """Seconds since an event happened, by the first time it holds; ``None`` if it holds none."""
    found = re.search(_MOMENT, event)
    if found is None:
        return None
    try:
        happened = datetime.fromisoformat(found[1].decode()).replace(tzinfo=UTC)
    except ValueError:  # a 31st of February
        return None
    return round(max(0.0, clock.time() - happened.timestamp()), 3)

"""The clock: wall time, monotonic time and sleep. All of `shared` reads it here, so that a test can set it.

with clock.use(clock.ManualClock()) as manual:
    ...                   # time passes only in clock.sleep() and manual.sleep()
"""

from __future__ import annotations

import threading
import time as system
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator


class Clock(Protocol):
    """What can tell the time and wait."""

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back. For durations and deadlines."""

    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""


class ManualClock:
    """A clock for tests: both times start at ``start`` and advance only by `sleep`. Thread-safe."""

    def __init__(self, start: float = 1_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()

    def time(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self._now

    def monotonic(self) -> float:
        """The same number as `time`."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Advance the clock at once."""
        with self._lock:
            self._now += max(0.0, seconds)


AnyClock = TypeVar("AnyClock", bound=Clock)

# One for the process and not a context variable: worker threads must see the same time as the test that sets it.
_clock: Clock = system


def time() -> float:
    """Seconds since 1970-01-01 UTC."""
    return _clock.time()


def monotonic() -> float:
    """Seconds from an arbitrary start; never goes back. For durations and deadlines."""
    return _clock.monotonic()


def sleep(seconds: float) -> None:
    """Wait for ``seconds``."""
    _clock.sleep(seconds)


@contextmanager
def use(clock: AnyClock) -> Iterator[AnyClock]:
    """Make ``clock`` the clock of the process inside the block."""
    global _clock
    previous, _clock = _clock, clock
    try:
        yield clock
    finally:
        _clock = previous

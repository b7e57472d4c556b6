"""Milliseconds of a request by stage."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stopwatch:
    """Measures stages, which may run in parallel."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._started = time.perf_counter()

    @contextmanager
    def lap(self, stage: str) -> Iterator[None]:
        """Add the time of the body to ``stage``."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.laps[stage] = round(self.laps.get(stage, 0.0) + (time.perf_counter() - started) * 1000, 2)

    def stop(self) -> dict[str, float]:
        """Return the stages, and the total since the start."""
        return {**self.laps, "total": round((time.perf_counter() - self._started) * 1000, 2)}

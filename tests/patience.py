"""Time for tests in which a deadline has to pass: little on an idle machine, as much as a loaded one needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = (6.0, 30.0, 120.0)


def grant(attempt: Callable[[float], int]) -> int:
    """The result of ``attempt`` with so many seconds, and with more of them while it gets nothing done."""
    return next((done for seconds in _SECONDS if (done := attempt(seconds))), 0)

"""Time and persistence: one deadline for all that a request does, and retries bounded twice.

A call is retried only for a `TransientError`, with full jitter, until its attempts or the deadline run out;
what the service asked for in ``Retry-After`` is honoured. Nothing has a default: the caller names the bounds.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from tenacity import RetryCallState, Retrying, retry_if_exception
from tenacity.stop import stop_after_attempt

from shared.domain.errors import TransientError
from shared.runtime import metrics

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


class Deadline(Struct, frozen=True):
    """The moment by which everything must have ended, on the monotonic clock, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline ``seconds`` from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left; negative once it has passed."""
        return self.at - time.monotonic()

    def minus(self, seconds: float) -> Deadline:
        """A deadline so much earlier, but never more than a quarter of the time that is left."""
        return Deadline(self.at - max(0.0, min(seconds, self.remaining() / 4)))

    def timeout(self, most: float) -> float:
        """Seconds one call may take: at most ``most`` and never past the deadline.

        Raises:
            TransientError: ``deadline_exceeded``: no time is left.
        """
        left = min(most, self.remaining())
        if left <= 0:
            raise TransientError("deadline_exceeded", "No time is left to finish this; try again.")
        return left


class RetryPolicy(Struct, frozen=True):
    """How stubbornly a call is repeated.

    Attributes:
        attempts: calls made at most, the first one included.
        first_delay: upper bound of the first pause, doubled each time.
        max_delay: upper bound of every pause.
    """

    attempts: int
    first_delay: float
    max_delay: float

    def delay(self, attempt: int, retry_after: float | None) -> float:
        """Seconds to wait behind the ``attempt``-th failure, counted from 1."""
        bound = min(self.max_delay, self.first_delay * 2 ** (attempt - 1))
        drawn = random.uniform(0, bound)  # noqa: S311 - jitter, not a secret
        return max(drawn, retry_after or 0)


def call(function: Callable[[], Result], policy: RetryPolicy, deadline: Deadline) -> Result:
    """Call ``function`` until it succeeds, fails for good, or the bounds are reached.

    Raises:
        PlatformError: whatever the last attempt raised.
    """

    def pause(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return policy.delay(state.attempt_number, getattr(error, "retry_after", None))

    def pointless(state: RetryCallState) -> bool:
        return state.upcoming_sleep >= deadline.remaining()

    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, TransientError) and error.soon),
        wait=pause,
        before_sleep=lambda _: metrics.add(retries=1),
        stop=lambda state: stop_after_attempt(policy.attempts)(state) or pointless(state),
        reraise=True,
    )
    return retrying(function)

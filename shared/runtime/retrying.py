"""One deadline for all that a request does, and retries bounded by attempts and by the deadline.

A call is retried only for a `TransientError`, with full jitter, until its attempts or the deadline run out;
``Retry-After`` is respected. Nothing has a default: the caller gives the bounds.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct
from tenacity import RetryCallState, Retrying, retry_if_exception
from tenacity.stop import stop_after_attempt

from shared.domain.errors import TransientError
from shared.runtime import clock, metrics

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


class Deadline(Struct, frozen=True):
    """The moment by which everything must have ended, on the monotonic clock, in seconds."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline ``seconds`` from now."""
        return cls(clock.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left; negative once it has passed."""
        return self.at - clock.monotonic()

    def minus(self, seconds: float) -> Deadline:
        """A deadline ``seconds`` earlier, but never by more than a quarter of the remaining time."""
        return Deadline(self.at - max(0.0, min(seconds, self.remaining() / 4)))

    def timeout(self, limit: float) -> float:
        """Seconds one call may take: at most ``limit`` and never past the deadline.

        Raises:
            TransientError: ``deadline_exceeded``: no time is left.
        """
        left = min(limit, self.remaining())
        if left <= 0:
            raise TransientError("deadline_exceeded", "No time is left to finish this; try again.")
        return left


class RetryPolicy(Struct, frozen=True):
    """How often a call is repeated, and after which delays.

    Attributes:
        attempts: calls made at most, the first one included.
        first_delay: upper bound of the delay after the first attempt, in seconds; doubled after each further one.
        max_delay: upper bound of every delay, in seconds.
    """

    attempts: int
    first_delay: float
    max_delay: float

    def delay(self, attempt: int, retry_after: float | None) -> float:
        """Seconds to wait after the given attempt, counted from 1, has failed."""
        bound = min(self.max_delay, self.first_delay * 2 ** (attempt - 1))
        drawn = random.uniform(0, bound)  # noqa: S311 - jitter, not a secret
        return max(drawn, retry_after or 0)


def call(function: Callable[[], Result], policy: RetryPolicy, deadline: Deadline) -> Result:
    """Call ``function`` until it succeeds, fails for good, or the bounds are reached.

    Raises:
        PlatformError: whatever the last attempt raised; where it found no time left, what the one before it raised,
            which is the cause.
    """
    before: list[BaseException] = []

    def remember(state: RetryCallState) -> None:
        metrics.add(retries=1)
        if state.outcome and (error := state.outcome.exception()):
            before[:] = [error]

    def delay(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return policy.delay(state.attempt_number, getattr(error, "retry_after", None))

    def is_too_late(state: RetryCallState) -> bool:
        return state.upcoming_sleep >= deadline.remaining()

    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, TransientError) and error.soon),
        wait=delay,
        sleep=clock.sleep,
        before_sleep=remember,
        stop=lambda state: stop_after_attempt(policy.attempts)(state) or is_too_late(state),
        reraise=True,
    )
    try:
        return retrying(function)
    except TransientError as error:
        if error.code == "deadline_exceeded" and before:
            raise before[0] from None
        raise

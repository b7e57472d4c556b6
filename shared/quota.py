"""This process's share of the account's quota, in requests and tokens per second.

DashScope counts both per account and model, and enforces them per second too. Every process is set to its share, so
no shared counter is needed for correctness. Calls are spaced evenly at a pace that starts slowly, grows with time
and is cut when DashScope says it was too fast: additive increase, multiplicative decrease.
https://help.aliyun.com/zh/model-studio/rate-limit

A call's tokens are known only from its bill, so it reserves what its texts are guessed to hold, corrected by how far
the last guesses were off; the bill then settles the difference.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.retrying import Deadline

_SLOWEST = 0.05
_FIRST = 0.5
_GROWTH_PER_SECOND = 0.25
_CUT = 0.7
# Several calls of one overload are refused together; only the first of them cuts the pace.
_CUT_ONCE_PER_SECONDS = 1.0
# A process that was idle may send this many seconds' worth at once.
_BURST_SECONDS = 0.25
# How much one bill says about the texts to come: a table of figures holds four times the tokens its length suggests.
_WEIGHT_OF_A_BILL = 0.2


@dataclass(frozen=True)
class Share:
    """What one process may use.

    Attributes:
        requests: requests per second.
        tokens: input tokens per second.
    """

    requests: float
    tokens: float

    def seconds(self, tokens: float) -> float:
        """How long the share is used up by one call of ``tokens`` input tokens."""
        return max(1 / self.requests, tokens / self.tokens)


@dataclass(frozen=True)
class Reservation:
    """What a call was let through for.

    Attributes:
        guessed: the tokens its caller expected.
        tokens: the tokens kept for it.
    """

    guessed: int
    tokens: float


class Limiter:
    """Spaces calls so that the share is used fully and never exceeded; shared by all threads of a process."""

    def __init__(
        self,
        share: Share,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._share = share
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._pace = _FIRST
        self._paced_at = clock()
        self._cut_at = float("-inf")
        self._free_at = clock()
        self._billed_per_guessed = 1.0

    def wait(self, guessed: int, deadline: Deadline) -> Reservation:
        """Wait for the turn of a call of about ``guessed`` input tokens.

        Raises:
            TransientError: ``quota_exhausted``: the turn would come behind the deadline.
        """
        with self._lock:
            now = self._clock()
            self._grow(now)
            start = max(self._free_at, now - _BURST_SECONDS)
            if start - now > deadline.remaining():
                raise TransientError(
                    "quota_exhausted", "The share of the DashScope quota is used up for now; try again later."
                )
            reservation = Reservation(guessed, guessed * self._billed_per_guessed)
            self._free_at = start + self._share.seconds(reservation.tokens) / self._pace
        if start > now:
            self._sleep(start - now)
        return reservation

    def settle(self, reservation: Reservation, billed: int) -> None:
        """Correct the books once the bill is known."""
        with self._lock:
            extra = self._share.seconds(billed) - self._share.seconds(reservation.tokens)
            self._free_at += extra / self._pace
            self._billed_per_guessed += _WEIGHT_OF_A_BILL * (billed / reservation.guessed - self._billed_per_guessed)

    def throttled(self) -> None:
        """DashScope refused a call for its pace: slow down."""
        with self._lock:
            now = self._clock()
            self._grow(now)
            if now - self._cut_at >= _CUT_ONCE_PER_SECONDS:
                self._pace = max(_SLOWEST, self._pace * _CUT)
                self._cut_at = now

    def _grow(self, now: float) -> None:
        self._pace = min(1.0, self._pace + (now - self._paced_at) * _GROWTH_PER_SECOND)
        self._paced_at = now

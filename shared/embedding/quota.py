"""This process's share of the account's quota, in requests and tokens per second.

DashScope counts both per account and model, and enforces them per second too. Every process is set to its share, so
no shared counter is needed for correctness. Calls are spaced evenly at a pace that starts slowly, grows with time
and is cut when DashScope says it was too fast: additive increase, multiplicative decrease.
https://help.aliyun.com/zh/model-studio/rate-limit

A call's tokens are known only from its bill, so it reserves the estimate of its texts, corrected by how far
the last estimates were off; the bill then settles the difference.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.errors import TransientError
from shared.runtime import clock

if TYPE_CHECKING:
    from shared.runtime.retrying import Deadline

_MIN_PACE = 0.05
_INITIAL_PACE = 0.5
# One refusal among many successes is chance, a run of them is an overload: the pace is cut by this many times
# the share of refused calls among about the last thirty, and at most to half.
_CUT_PER_REFUSED_SHARE = 4.0
_MAX_CUT = 0.5
_CALLS_REMEMBERED = 30
# Several calls of one overload are refused together; only the first of them cuts the pace.
_CUT_ONCE_PER_SECONDS = 1.0
_GROWTH_PER_SECOND = 0.25
# After a cut the pace grows by this much more with each second that passes without another. At full growth at once,
# two processes that both believe the whole quota is theirs have a third of their calls refused; like this, one in 20.
_GROWTH_GAINED_PER_SECOND = 0.05
# A process that was idle may send this many seconds' worth at once.
_BURST_SECONDS = 0.25
# The pace may change while a call waits for its turn.
_CHECK_SECONDS = 0.5
# A turn this near has come: clocks and sleeps are no finer.
_TOLERANCE_SECONDS = 0.001
# What a guess is worth is learned from about the last five bills, and believed to be right at first.
_BILL_FADES_TO = 0.8
_INITIAL_BILL = 1_000.0


class Share(Struct, frozen=True):
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


class Reservation(Struct, frozen=True):
    """The quota reserved for a call.

    Attributes:
        guessed: the tokens its caller estimated.
        tokens: the tokens reserved.
    """

    guessed: int
    tokens: float


class Limiter:
    """Spaces calls so that the share is used fully and never exceeded; shared by all threads of a process."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._pace = _INITIAL_PACE
        self._cut_at = float("-inf")
        self._refused_share = 0.0
        # Seconds of the share: used up by the calls that went ahead, and requested by those that wait.
        self._owed = 0.0
        self._waiting = 0.0
        self._updated_at = clock.monotonic()
        self._guessed = self._billed = _INITIAL_BILL

    def wait(self, guessed: int, deadline: Deadline) -> Reservation:
        """Wait for the turn of a call of about ``guessed`` input tokens.

        Raises:
            TransientError: ``quota_exhausted``: the turn would come after the deadline.
        """
        with self._lock:
            self._update()
            _require(self._owed + self._waiting, deadline)
            reservation = Reservation(guessed, guessed * self._billed / self._guessed)
            seconds = self._share.seconds(reservation.tokens)
            self._waiting += seconds
        try:
            with self._turn:
                self._take(seconds, deadline)
        finally:
            with self._lock:
                self._waiting -= seconds
        return reservation

    def settle(self, reservation: Reservation, billed: int) -> None:
        """Correct what is owed once a call has succeeded and its billed tokens are known."""
        with self._lock:
            self._count(refused=False)
            self._owed += self._share.seconds(billed) - self._share.seconds(reservation.tokens)
            self._guessed = self._guessed * _BILL_FADES_TO + reservation.guessed
            self._billed = self._billed * _BILL_FADES_TO + billed

    def throttle(self) -> None:
        """Slow down: DashScope refused a call for its pace."""
        with self._lock:
            now = self._update()
            self._count(refused=True)
            if now - self._cut_at >= _CUT_ONCE_PER_SECONDS:
                cut = min(_MAX_CUT, _CUT_PER_REFUSED_SHARE * self._refused_share)
                self._pace = max(_MIN_PACE, self._pace * (1 - cut))
                self._cut_at = now

    def _take(self, seconds: float, deadline: Deadline) -> None:
        """Sleep until nothing is owed any more, then owe ``seconds``."""
        while True:
            with self._lock:
                self._update()
                pause = self._owed / self._pace
                if pause <= _TOLERANCE_SECONDS:
                    self._owed += seconds
                    return
            _require(pause, deadline)
            clock.sleep(min(pause, _CHECK_SECONDS))

    def _count(self, *, refused: bool) -> None:
        self._refused_share += (refused - self._refused_share) / _CALLS_REMEMBERED

    def _update(self) -> float:
        """Reduce what is owed and let the pace grow, by the time since the last update; returns the time now."""
        now = clock.monotonic()
        elapsed = now - self._updated_at
        growth = min(_GROWTH_PER_SECOND, (now - self._cut_at) * _GROWTH_GAINED_PER_SECOND)
        pace = min(1.0, self._pace + elapsed * growth)
        self._owed = max(-_BURST_SECONDS, self._owed - elapsed * (self._pace + pace) / 2)
        self._pace, self._updated_at = pace, now
        return now


def _require(seconds: float, deadline: Deadline) -> None:
    if seconds > deadline.remaining():
        raise TransientError("quota_exhausted", "The share of the DashScope quota is used up for now; try again later.")

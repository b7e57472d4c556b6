"""The account's quota of one model, in requests and tokens per second, and who goes first.

DashScope counts both per account and model, and enforces them per second too. Processes do not know of each other and
share no counter: each finds its pace by itself, by additive increase and multiplicative decrease, and a priority
decides with which constants. Who waits for an answer may use the whole quota at once; bulk work starts slowly, slows
down first and recovers last, so that it takes what is left over.
https://help.aliyun.com/zh/model-studio/rate-limit

A call's tokens are known only from its bill, so it reserves the estimate of its texts, corrected by how far
the last estimates were off; the bill then settles the difference.
"""

from __future__ import annotations

import random
import threading
from enum import IntEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.errors import TransientError
from shared.embedding.pacing import Pacer, Pacing
from shared.runtime import clock

if TYPE_CHECKING:
    from shared.runtime.retrying import Deadline

# The pace may change while a call waits for its turn.
_CHECK_SECONDS = 0.5
# A turn this near has come: clocks and sleeps are no finer.
_TOLERANCE_SECONDS = 0.001
# What a guess is worth is learned from about the last five bills, and believed to be right at first.
_BILL_FADES_TO = 0.8
_INITIAL_BILL = 1_000.0


class Priority(IntEnum):
    """Who goes first.

    Attributes:
        INTERACTIVE: a query that a user waits for, or an HTTP request of moderate size.
        REQUEST: a large HTTP request: its caller waits too, but it would keep all queries waiting.
        BULK: documents, records, backfills: what is late is only late.
    """

    INTERACTIVE = 0
    REQUEST = 1
    BULK = 2


# `tests/unit/test_pacing.py` simulates processes that share a quota: of eight with bulk work that may each use all of
# it about 4 % of the calls are refused, and a query meanwhile waits a quarter of a second at the 99th percentile.
PACINGS = {
    Priority.INTERACTIVE: Pacing(
        initial=1.0, burst_seconds=1.0, most=1.0, least=0.3, first_cut=0.1, min_cut=0.0, max_cut=0.1, growth=0.01
    ),
    Priority.REQUEST: Pacing(
        initial=0.5, burst_seconds=0.25, most=1.0, least=0.1, first_cut=0.3, min_cut=0.1, max_cut=0.3, growth=0.002
    ),
    Priority.BULK: Pacing(
        # Not all of it, so that a query finds some left.
        initial=0.2,
        burst_seconds=0.1,
        most=0.98,
        least=0.05,
        first_cut=0.6,
        min_cut=0.35,
        max_cut=0.5,
        growth=0.000_1,
        jitter_seconds=0.1,
    ),
}


class Share(Struct, frozen=True):
    """What one process may use at most.

    Attributes:
        requests: requests per second.
        tokens: input tokens per second.
    """

    requests: float
    tokens: float

    def seconds(self, tokens: float, requests: float = 1) -> float:
        """How long the share is used up by ``requests`` calls of together ``tokens`` input tokens."""
        return max(requests / self.requests, tokens / self.tokens)


class Reservation(Struct, frozen=True):
    """The quota reserved for a call.

    Attributes:
        guessed: the tokens its caller estimated.
        tokens: the tokens reserved.
    """

    priority: Priority
    guessed: int
    tokens: float


class Quota:
    """One process's use of one model's quota: thread-safe. What goes first is charged to what yields."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._limiters = [Limiter(share, priority) for priority in Priority]

    def wait(self, guessed: int, deadline: Deadline, priority: Priority) -> Reservation:
        """Wait for the turn of a call of about ``guessed`` input tokens.

        Raises:
            TransientError: ``quota_exhausted``: the turn would come after the deadline.
        """
        reservation = self._limiters[priority].wait(guessed, deadline)
        for limiter in self._limiters[priority + 1 :]:
            limiter.charge(reservation.tokens)
        return reservation

    def settle(self, reservation: Reservation, billed: int) -> None:
        """Correct what is owed once a call has succeeded and its billed tokens are known."""
        self._limiters[reservation.priority].settle(reservation, billed)

    def throttle(self, priority: Priority) -> None:
        """Slow down, and all that yields to ``priority`` too: DashScope refused a call for its rate."""
        for limiter in self._limiters[priority:]:
            limiter.throttle()


class Limiter:
    """Spaces the calls of one priority so that the share is used and not exceeded; shared by all threads."""

    def __init__(self, share: Share, priority: Priority = Priority.BULK) -> None:
        self._share = share
        self._priority = priority
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._pacer = Pacer(PACINGS[priority], clock.monotonic())
        self._waiting = 0.0  # seconds of the share, requested by calls that wait
        self._guessed = self._billed = _INITIAL_BILL

    def wait(self, guessed: int, deadline: Deadline) -> Reservation:
        """Wait for the turn of a call, see `Quota.wait`."""
        with self._lock:
            self._pacer.update(clock.monotonic())
            _require(self._pacer.owed + self._waiting, deadline)
            reservation = Reservation(self._priority, guessed, guessed * self._billed / self._guessed)
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
        """Settle a call that succeeded, see `Quota.settle`."""
        with self._lock:
            self._pacer.succeed(clock.monotonic())
            self._pacer.owed += self._share.seconds(billed) - self._share.seconds(reservation.tokens)
            self._guessed = self._guessed * _BILL_FADES_TO + reservation.guessed
            self._billed = self._billed * _BILL_FADES_TO + billed

    def throttle(self) -> None:
        """Slow down: DashScope refused a call for its rate."""
        with self._lock:
            self._pacer.throttle(clock.monotonic())

    def charge(self, tokens: float) -> None:
        """Yield to a call of a higher priority, which used the share too."""
        with self._lock:
            self._pacer.charge(self._share.seconds(tokens))

    def _take(self, seconds: float, deadline: Deadline) -> None:
        """Sleep until nothing is owed any more, then owe ``seconds``."""
        jitter = random.uniform(0, PACINGS[self._priority].jitter_seconds)  # noqa: S311 - no secret
        while True:
            with self._lock:
                pause = self._pacer.pause(clock.monotonic())
                if pause <= _TOLERANCE_SECONDS:
                    self._pacer.owed += seconds
                    return
            _require(pause, deadline)
            clock.sleep(pause + jitter if pause < _CHECK_SECONDS else _CHECK_SECONDS)


def _require(seconds: float, deadline: Deadline) -> None:
    if seconds > deadline.remaining():
        raise TransientError("quota_exhausted", "The DashScope quota is used up for now; try again later.")

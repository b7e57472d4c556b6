"""This process's share of the account's quota, in requests and tokens per second.

DashScope counts both per account and model, and enforces them per second too. Every process is set to its share, so
no shared counter is needed for correctness. Calls are spaced evenly at a pace that starts slowly, grows with time
and is cut when DashScope says it was too fast: additive increase, multiplicative decrease.
https://help.aliyun.com/zh/model-studio/rate-limit
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


@dataclass(frozen=True)
class Share:
    """What one process may use.

    Attributes:
        requests: requests per second.
        tokens: input tokens per second.
    """

    requests: float
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

    def wait(self, tokens: int, deadline: Deadline) -> None:
        """Wait for the turn of a call of about ``tokens`` input tokens.

        Raises:
            TransientError: ``quota_exhausted``: the turn would come behind the deadline.
        """
        with self._lock:
            now = self._clock()
            start = max(self._free_at, now - _BURST_SECONDS)
            if start - now > deadline.remaining():
                raise TransientError(
                    "quota_exhausted", "The share of the DashScope quota is used up for now; try again later."
                )
            self._free_at = start + self._seconds(tokens, now)
        if start > now:
            self._sleep(start - now)

    def settle(self, guessed: int, billed: int) -> None:
        """Correct the books once the bill is known."""
        with self._lock:
            extra = (billed - guessed) / (self._share.tokens * self._pace)
            self._free_at += extra if self._tokens_bind(guessed) else max(0.0, extra)

    def throttled(self) -> None:
        """DashScope refused a call for its pace: slow down."""
        with self._lock:
            now = self._clock()
            self._grow(now)
            if now - self._cut_at >= _CUT_ONCE_PER_SECONDS:
                self._pace = max(_SLOWEST, self._pace * _CUT)
                self._cut_at = now

    def _seconds(self, tokens: int, now: float) -> float:
        self._grow(now)
        return max(1 / self._share.requests, tokens / self._share.tokens) / self._pace

    def _tokens_bind(self, tokens: int) -> bool:
        return tokens / self._share.tokens > 1 / self._share.requests

    def _grow(self, now: float) -> None:
        self._pace = min(1.0, self._pace + (now - self._paced_at) * _GROWTH_PER_SECOND)
        self._paced_at = now

"""The limiter, on a clock of its own: the share is used, never exceeded, and overload is answered by slowing down."""

from __future__ import annotations

import pytest

from shared.errors import TransientError
from shared.quota import Limiter, Share
from shared.retrying import Deadline


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def limiter(clock: Clock, requests: float = 10, tokens: float = 20_000) -> Limiter:
    return Limiter(Share(requests, tokens), clock=clock, sleep=clock.sleep)


def spent(clock: Clock, calls: int, tokens: int, limited: Limiter) -> float:
    started = clock.now
    for _ in range(calls):
        limited.wait(tokens, Deadline.after(10_000))
    return clock.now - started


def test_a_steady_process_uses_its_share_and_no_more() -> None:
    clock = Clock()
    limited = limiter(clock)
    spent(clock, 50, 1, limited)  # warm
    assert spent(clock, 100, 1, limited) == pytest.approx(10, rel=0.05)
    assert spent(clock, 100, 20_000, limited) == pytest.approx(100, rel=0.05)


def test_it_starts_slowly() -> None:
    clock = Clock()
    assert spent(clock, 10, 1, limiter(clock)) > 1.2


def test_overload_slows_it_down_once_and_time_speeds_it_up_again() -> None:
    clock = Clock()
    limited = limiter(clock)
    spent(clock, 50, 1, limited)
    for _ in range(10):  # ten refusals of one overload
        limited.throttled()
    slowed = spent(clock, 5, 1, limited)
    assert 0.5 < slowed < 1.0
    clock.sleep(10)
    spent(clock, 5, 1, limited)
    assert spent(clock, 50, 1, limited) == pytest.approx(5, rel=0.1)


def test_an_idle_process_may_not_save_up_a_burst() -> None:
    clock = Clock()
    limited = limiter(clock)
    clock.sleep(3_600)
    assert spent(clock, 20, 1, limited) > 1.5


def test_a_bill_larger_than_guessed_is_made_up_for() -> None:
    clock = Clock()
    limited = limiter(clock)
    spent(clock, 50, 1, limited)
    limited.wait(1, Deadline.after(100))
    limited.settle(1, 40_001)
    assert spent(clock, 1, 1, limited) == pytest.approx(2, rel=0.1)


def test_a_turn_behind_the_deadline_is_refused_at_once() -> None:
    clock = Clock()
    limited = limiter(clock)
    for _ in range(2):
        limited.wait(2_000_000, Deadline.after(1_000))
    now = clock.now
    with pytest.raises(TransientError, match="quota_exhausted"):
        limited.wait(1, Deadline.after(5))
    assert clock.now == now

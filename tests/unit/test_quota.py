"""The limiter, on a clock of its own: the share is used, never exceeded, and overload is answered by slowing down."""

from __future__ import annotations

import threading
import time

import pytest

from shared.domain.errors import TransientError
from shared.embedding.quota import Limiter, Share
from shared.runtime.retrying import Deadline


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


def spent(clock: Clock, calls: int, guessed: int, limited: Limiter, billed: int | None = None) -> float:
    started = clock.now
    for _ in range(calls):
        reservation = limited.wait(guessed, Deadline.after(10_000))
        limited.settle(reservation, guessed if billed is None else billed)
    return clock.now - started


def test_a_steady_process_uses_its_share_and_no_more() -> None:
    clock = Clock()
    limited = limiter(clock)
    spent(clock, 50, 1, limited)  # warm
    assert spent(clock, 100, 1, limited) == pytest.approx(10, rel=0.02)
    assert spent(clock, 100, 20_000, limited) == pytest.approx(100, rel=0.02)


def test_it_starts_slowly_and_loses_half_a_second_by_it() -> None:
    clock = Clock()
    assert spent(clock, 10, 1, limiter(clock)) > 1.2
    assert spent(clock, 601, 1, limiter(clock)) == pytest.approx(60.5, abs=0.05)


def test_the_pace_counts_when_the_turn_comes_and_not_when_the_caller_got_in_line() -> None:
    # One call in five seconds: at the pace of the start the second one would wait ten.
    clock = Clock()
    assert spent(clock, 2, 1, limiter(clock, requests=0.2)) == pytest.approx(5.5, abs=0.2)


def test_overload_slows_it_down_once_and_time_speeds_it_up_again() -> None:
    clock = Clock()
    limited = limiter(clock)
    spent(clock, 50, 1, limited)
    for _ in range(10):  # ten refusals of one overload
        limited.throttled()
    assert 1.05 < spent(clock, 10, 1, limited) < 1.2
    clock.sleep(10)
    spent(clock, 5, 1, limited)
    assert spent(clock, 50, 1, limited) == pytest.approx(5, rel=0.02)


def test_refusals_cut_the_deeper_the_more_calls_are_refused() -> None:
    clock = Clock()
    rare, frequent = limiter(clock), limiter(clock)
    for limited, successes in ((rare, 50), (frequent, 2)):
        for _ in range(10):
            spent(clock, successes, 1, limited)
            clock.sleep(1)
            limited.throttled()
        spent(clock, 5, 1, limited)  # what may be sent at once
    assert spent(clock, 5, 1, rare) < 0.65
    assert spent(clock, 5, 1, frequent) > 1


def test_lasting_overload_slows_it_down_to_less_than_a_quarter() -> None:
    clock = Clock()
    limited = limiter(clock)
    spent(clock, 50, 1, limited)
    for _ in range(20):
        clock.sleep(1)
        limited.throttled()
    spent(clock, 3, 1, limited)  # what may be sent at once
    assert spent(clock, 1, 1, limited) > 0.4


def test_what_a_refused_call_was_kept_is_not_given_back() -> None:
    # In a storm of refusals it is this that keeps calls apart.
    clock = Clock()
    limited = limiter(clock)
    spent(clock, 50, 1, limited)
    started = clock.now
    for _ in range(10):
        limited.wait(20_000, Deadline.after(10_000))
        limited.throttled()
    assert clock.now - started > 9


def test_an_idle_process_may_not_save_up_a_burst() -> None:
    clock = Clock()
    limited = limiter(clock)
    clock.sleep(3_600)
    assert spent(clock, 20, 1, limited) > 1.5


def test_a_bill_larger_than_guessed_is_made_up_for() -> None:
    clock = Clock()
    limited = limiter(clock)
    spent(clock, 50, 10_000, limited)
    spent(clock, 1, 10_000, limited, billed=40_000)
    assert spent(clock, 1, 1, limited) == pytest.approx(2, rel=0.05)


def test_a_bill_smaller_than_guessed_is_given_back_but_never_more_than_was_kept() -> None:
    clock = Clock()
    limited = limiter(clock)
    spent(clock, 50, 10_000, limited)
    spent(clock, 1, 10_000, limited, billed=1)
    # One request of ten a second was used; its half second of tokens was not.
    assert spent(clock, 1, 1, limited) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("guess", [750, 3_000, 12_000])
def test_the_share_is_used_however_wrong_the_guesses_are(guess: int) -> None:
    clock = Clock()
    limited = limiter(clock)
    spent(clock, 50, guess, limited, billed=3_000)
    assert spent(clock, 100, guess, limited, billed=3_000) == pytest.approx(15, rel=0.02)


def test_wrong_guesses_are_corrected_before_the_bill_comes() -> None:
    # Bills come late: what counts is how many calls go ahead until then.
    clock = Clock()
    limited = limiter(clock)
    spent(clock, 50, 750, limited, billed=3_000)
    started = clock.now
    for _ in range(10):
        limited.wait(750, Deadline.after(100))
    assert clock.now - started == pytest.approx(1.5, rel=0.1)


def test_a_turn_behind_the_deadline_is_refused_at_once() -> None:
    clock = Clock()
    limited = limiter(clock)
    for _ in range(2):
        limited.wait(2_000_000, Deadline.after(1_000))
    now = clock.now
    with pytest.raises(TransientError, match="quota_exhausted"):
        limited.wait(1, Deadline.after(5))
    assert clock.now == now


def test_calls_in_line_count_against_the_deadline_of_the_next_one() -> None:
    clock, sleeping, awake = Clock(), threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        sleeping.set()
        awake.wait(60)
        clock.sleep(seconds)

    limited = Limiter(Share(requests=1_000, tokens=1_000), clock=clock, sleep=sleep)
    awake.set()
    for tokens in (1, 300):
        limited.wait(tokens, Deadline.after(60))
    sleeping.clear()
    awake.clear()
    in_line = threading.Thread(target=limited.wait, args=(60_000, Deadline.after(600)))
    in_line.start()
    assert sleeping.wait(60)
    with pytest.raises(TransientError, match="quota_exhausted"):
        limited.wait(1, Deadline.after(30))
    assert in_line.is_alive()  # refused at once, not after the call in line
    awake.set()
    in_line.join()


def test_threads_share_one_pace() -> None:
    limited = Limiter(Share(requests=40, tokens=1_000_000))
    moments: list[float] = []

    def work() -> None:
        for _ in range(5):
            limited.wait(1, Deadline.after(60))
            moments.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 39 gaps of a fortieth of a second, the first ones longer.
    assert max(moments) - min(moments) > 0.95

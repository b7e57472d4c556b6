"""The quota of one process, on a manual clock: it is used, never exceeded, and overload is answered by slowing down."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import TransientError
from shared.embedding.quota import Limiter, Priority, Quota, Share
from shared.runtime.clock import ManualClock, use
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> Iterator[ManualClock]:
    with use(ManualClock()) as manual:
        yield manual


def limiter(requests: float = 10, tokens: float = 20_000, priority: Priority = Priority.REQUEST) -> Limiter:
    return Limiter(Share(requests, tokens), priority)


def spent(clock: ManualClock, calls: int, guessed: int, limited: Limiter, billed: int | None = None) -> float:
    started = clock.monotonic()
    for _ in range(calls):
        reservation = limited.wait(guessed, Deadline.after(10_000))
        limited.settle(reservation, guessed if billed is None else billed)
    return clock.monotonic() - started


def test_a_steady_process_uses_its_share_and_no_more(clock: ManualClock) -> None:
    limited = limiter()
    spent(clock, 50, 1, limited)  # warm
    assert spent(clock, 100, 1, limited) == pytest.approx(10, rel=0.02)
    assert spent(clock, 100, 20_000, limited) == pytest.approx(100, rel=0.02)


def test_bulk_work_starts_slowly_and_loses_a_second_by_it(clock: ManualClock) -> None:
    assert spent(clock, 10, 1, limiter(priority=Priority.BULK)) > 1.5
    started = clock.monotonic()
    assert spent(clock, 601, 1, limiter(priority=Priority.BULK)) == pytest.approx(60 / 0.98 + 1, abs=0.5)
    assert clock.monotonic() > started


def test_interactive_calls_may_use_the_quota_at_once(clock: ManualClock) -> None:
    limited = limiter(priority=Priority.INTERACTIVE)
    assert spent(clock, 20, 1, limited) == pytest.approx(2, abs=0.2)
    clock.sleep(10)
    assert spent(clock, 10, 1, limited) == 0


def test_interactive_calls_slow_down_least(clock: ManualClock) -> None:
    times = []
    for priority in Priority:
        limited = limiter(priority=priority)
        spent(clock, 50, 1, limited)
        for _ in range(4):
            clock.sleep(1)
            limited.throttle()
        spent(clock, 15, 1, limited)  # what may be sent at once
        times.append(spent(clock, 30, 1, limited))
    assert times[0] < 3.2
    assert times[0] < times[1] < times[2]
    assert times[2] > 2 * times[0]


def test_what_goes_first_is_charged_to_what_yields(clock: ManualClock) -> None:
    quota = Quota(Share(10, 20_000))
    for _ in range(30):
        bulk = quota.wait(1, Deadline.after(100), Priority.BULK)
        quota.settle(bulk, 1)
    quota.wait(30_000, Deadline.after(100), Priority.INTERACTIVE)
    started = clock.monotonic()
    quota.wait(1, Deadline.after(100), Priority.BULK)
    assert clock.monotonic() - started > 1.3
    started = clock.monotonic()
    quota.wait(30_000, Deadline.after(100), Priority.BULK)
    quota.wait(1, Deadline.after(100), Priority.REQUEST)
    assert clock.monotonic() - started < 2


def test_interactive_calls_in_a_row_do_not_stop_bulk_work_for_good(clock: ManualClock) -> None:
    quota = Quota(Share(10, 20_000))
    for _ in range(100):
        quota.wait(20_000, Deadline.after(1_000), Priority.INTERACTIVE)
    started = clock.monotonic()
    quota.wait(1, Deadline.after(100), Priority.BULK)
    assert clock.monotonic() - started < 5


def test_the_pace_counts_when_the_turn_comes_and_not_when_the_caller_got_in_line(clock: ManualClock) -> None:
    # One call in five seconds: at the pace of the start the second one would wait ten.
    assert spent(clock, 2, 1, limiter(requests=0.2)) < 6


def test_overload_slows_it_down_once_and_time_speeds_it_up_again(clock: ManualClock) -> None:
    limited = limiter()
    spent(clock, 50, 1, limited)
    for _ in range(10):  # ten refusals of one overload
        limited.throttle()
    assert 1.02 < spent(clock, 10, 1, limited) < 1.2
    spent(clock, 50, 1, limited)
    assert spent(clock, 50, 1, limited) == pytest.approx(5, rel=0.02)


def test_refusals_cut_the_deeper_the_more_calls_are_refused(clock: ManualClock) -> None:
    rare, frequent = limiter(), limiter()
    for limited, successes in ((rare, 50), (frequent, 2)):
        for _ in range(10):
            spent(clock, successes, 1, limited)
            clock.sleep(1)
            limited.throttle()
        spent(clock, 5, 1, limited)  # what may be sent at once
    assert spent(clock, 5, 1, rare) < 0.7
    assert spent(clock, 5, 1, frequent) > 1


def test_lasting_overload_slows_it_down_to_less_than_a_quarter(clock: ManualClock) -> None:
    limited = limiter()
    spent(clock, 50, 1, limited)
    for _ in range(20):
        clock.sleep(1)
        limited.throttle()
    spent(clock, 3, 1, limited)  # what may be sent at once
    assert spent(clock, 1, 1, limited) > 0.4


def test_what_a_refused_call_was_kept_is_not_given_back(clock: ManualClock) -> None:
    # In a storm of refusals it is this that keeps calls apart.
    limited = limiter()
    spent(clock, 50, 1, limited)
    started = clock.monotonic()
    for _ in range(10):
        limited.wait(20_000, Deadline.after(10_000))
        limited.throttle()
    assert clock.monotonic() - started > 9


def test_an_idle_process_may_not_save_up_a_burst(clock: ManualClock) -> None:
    limited = limiter()
    clock.sleep(3_600)
    assert spent(clock, 20, 1, limited) > 1.5


def test_a_bill_larger_than_guessed_is_made_up_for(clock: ManualClock) -> None:
    limited = limiter()
    spent(clock, 50, 10_000, limited)
    spent(clock, 1, 10_000, limited, billed=40_000)
    assert spent(clock, 1, 1, limited) == pytest.approx(2, rel=0.05)


def test_a_bill_smaller_than_guessed_is_given_back_but_never_more_than_was_kept(clock: ManualClock) -> None:
    limited = limiter()
    spent(clock, 50, 10_000, limited)
    spent(clock, 1, 10_000, limited, billed=1)
    # One request of ten a second was used; its half second of tokens was not.
    assert spent(clock, 1, 1, limited) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("guess", [750, 3_000, 12_000])
def test_the_share_is_used_however_wrong_the_guesses_are(clock: ManualClock, guess: int) -> None:
    limited = limiter()
    spent(clock, 50, guess, limited, billed=3_000)
    assert spent(clock, 100, guess, limited, billed=3_000) == pytest.approx(15, rel=0.02)


def test_wrong_guesses_are_corrected_before_the_bill_comes(clock: ManualClock) -> None:
    # Bills come late: what counts is how many calls go ahead until then.
    limited = limiter()
    spent(clock, 50, 750, limited, billed=3_000)
    started = clock.monotonic()
    for _ in range(10):
        limited.wait(750, Deadline.after(100))
    assert clock.monotonic() - started == pytest.approx(1.5, rel=0.1)


def test_a_turn_after_the_deadline_is_refused_at_once(clock: ManualClock) -> None:
    limited = limiter()
    for _ in range(2):
        limited.wait(2_000_000, Deadline.after(1_000))
    now = clock.monotonic()
    with pytest.raises(TransientError, match="quota_exhausted"):
        limited.wait(1, Deadline.after(5))
    assert clock.monotonic() == now


class HeldClock(ManualClock):
    """A clock on which a sleep lasts until it is released, once it is held."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = False
        self.asleep = threading.Event()
        self.released = threading.Event()

    def sleep(self, seconds: float) -> None:
        if self.is_held:
            self.asleep.set()
            assert self.released.wait(60)
        super().sleep(seconds)


def test_the_deadline_of_a_call_counts_those_that_wait_before_it() -> None:
    with use(HeldClock()) as clock:
        limited = Limiter(Share(requests=1_000, tokens=1_000), Priority.REQUEST)
        limited.wait(1, Deadline.after(60))
        limited.wait(300, Deadline.after(60))  # the next one waits until it is paid off
        clock.is_held = True
        following = threading.Thread(target=limited.wait, args=(60_000, Deadline.after(300)))
        following.start()
        try:
            assert clock.asleep.wait(60)
            now = clock.monotonic()
            with pytest.raises(TransientError, match="quota_exhausted"):
                limited.wait(1, Deadline.after(30))
            assert clock.monotonic() == now
        finally:
            clock.released.set()
            following.join()


def test_threads_share_one_pace(clock: ManualClock) -> None:
    limited = Limiter(Share(requests=40, tokens=1_000_000), Priority.REQUEST)
    started = clock.monotonic()

    def work() -> None:
        for _ in range(5):
            limited.wait(1, Deadline.after(60))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # 39 gaps of a fortieth of a second, the first ones longer, less the burst of a quarter of a second.
    assert clock.monotonic() - started > 0.95

"""The clock that all instances see: by the dates in OSS's answers."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from shared.ingestion.reference_time import ReferenceTime
from shared.runtime import clock
from shared.runtime.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

START = 1_800_000_000.0


@pytest.fixture(autouse=True)
def wall() -> Iterator[ManualClock]:
    with clock.use(ManualClock(START)) as manual:
        yield manual


def note(reference: ReferenceTime, seconds: float, took: float = 0.1) -> None:
    """An answer of a server whose clock is so many seconds ahead."""
    began = clock.time()
    clock.sleep(took)
    reference.note(formatdate(began + seconds, usegmt=True), began, clock.time())


@pytest.mark.parametrize("ahead", [-300.0, -4.0, 4.0, 300.0])
def test_a_wrong_clock_is_corrected(ahead: float) -> None:
    reference = ReferenceTime()
    note(reference, ahead)
    assert reference.now() == pytest.approx(clock.time() + ahead, abs=1)
    note(reference, 0)  # it was set meanwhile
    assert reference.now() == clock.time()


@pytest.mark.parametrize("ahead", [-1.0, 0.0, 1.0])
def test_what_whole_seconds_and_the_way_of_an_answer_make_up_is_no_difference(ahead: float) -> None:
    reference = ReferenceTime()
    note(reference, ahead)
    assert reference.now() == clock.time()


def test_an_answer_that_took_long_says_nothing() -> None:
    """As where the instance was frozen between the answer and its reading."""
    reference = ReferenceTime()
    note(reference, 300)
    note(reference, 0, took=3_600)
    assert reference.now() == pytest.approx(clock.time() + 300, abs=1)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 2026 00:00:00 GMT", "Thu, 01 Jan 99999 00:00:00 GMT"])
def test_a_date_that_is_none_says_nothing(date: str) -> None:
    reference = ReferenceTime()
    reference.note(date, clock.time(), clock.time())
    assert reference.now() == clock.time()

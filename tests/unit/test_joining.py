"""Calls of several threads are joined into one while another is under way."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import ConfigurationError, PlatformError, TransientError
from shared.runtime.retrying import Deadline
from shared.store.joining import CallJoiner

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE_SECONDS = 30


class Remote:
    """A call that the test holds open until as many others wait as it wants."""

    def __init__(self, waiting: int, most: int = 100) -> None:
        self.calls: list[list[list[int]]] = []
        self.errors: list[BaseException] = []
        self.joiner = CallJoiner[int, int](self._call, most)
        self._waiting = waiting

    def _call(self, parts: Sequence[Sequence[int]], _: Deadline) -> list[int]:
        self.calls.append([list(part) for part in parts])
        if len(self.calls) == 1:
            pause, left = threading.Event(), PATIENCE_SECONDS * 100
            while len(self.joiner._waiting) < self._waiting and left:
                pause.wait(0.01)
                left -= 1
        if len(self.calls) == 2 and self.errors:
            raise self.errors[0]
        return [sum(part) for part in parts]


def submit_all(
    remote: Remote, items: list[list[int]], seconds: float = PATIENCE_SECONDS, step: float = 0
) -> list[int | PlatformError]:
    """What came of each; each caller has ``step`` seconds more time than the one before."""

    def submit(part: list[int], more: float) -> int | PlatformError:
        try:
            return remote.joiner.submit(part, Deadline.after(seconds + more))
        except PlatformError as error:
            return error

    with ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(submit, items, [step * number for number in range(len(items))]))


def test_a_thread_alone_calls_at_once() -> None:
    remote = Remote(0)
    assert [remote.joiner.submit([number], Deadline.after(1)) for number in range(3)] == [0, 1, 2]
    assert remote.calls == [[[0]], [[1]], [[2]]]


def test_those_that_come_while_a_call_is_under_way_share_the_next() -> None:
    remote = Remote(7)
    assert submit_all(remote, [[number, 10] for number in range(8)]) == [number + 10 for number in range(8)]
    assert sorted(map(len, remote.calls)) == [1, 7]


def test_a_joined_call_holds_no_more_than_it_may() -> None:
    remote = Remote(7, most=6)
    assert submit_all(remote, [[number, 10] for number in range(8)]) == [number + 10 for number in range(8)]
    assert sorted(map(len, remote.calls)) == [1, 1, 3, 3]


def test_many_items_are_joined_with_nothing() -> None:
    remote = Remote(0, most=6)
    assert remote.joiner.submit([1, 1, 1, 1], Deadline.after(1)) == 4
    assert not remote.joiner._waiting


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("milvus_refused", "A row."),
        TransientError("deadline_exceeded", "Time."),
        ValueError("A row."),
    ],
    ids=str,
)
def test_none_fails_for_what_another_asked(error: Exception) -> None:
    remote = Remote(3)
    remote.errors.append(error)
    assert submit_all(remote, [[number] for number in range(4)]) == [0, 1, 2, 3]
    assert sorted(map(len, remote.calls)) == [1, 1, 1, 1, 3]


def test_a_service_that_is_away_is_not_asked_again_for_each() -> None:
    remote = Remote(3)
    remote.errors.append(TransientError("milvus_unavailable", "It is away."))
    found = submit_all(remote, [[number] for number in range(4)])
    assert sum(isinstance(answer, TransientError) for answer in found) == 3
    assert len(remote.calls) == 2


def test_a_thread_that_ends_in_a_call_leaves_the_others_to_theirs() -> None:
    remote = Remote(3)
    remote.errors.append(KeyboardInterrupt())

    def submit(number: int) -> int:
        try:
            return remote.joiner.submit([number], Deadline.after(PATIENCE_SECONDS))
        except KeyboardInterrupt:
            return -1

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(submit, range(4)))
    assert found.count(-1) == 1
    assert len(remote.calls) == 4


def test_a_caller_with_more_time_does_not_fail_because_that_of_another_is_over() -> None:
    remote = Remote(2)
    remote.errors.append(TransientError("milvus_unavailable", "No answer came in the time that was left."))
    found = submit_all(remote, [[1], [2], [3]], step=60)
    assert sum(isinstance(answer, TransientError) for answer in found) == 1
    assert sorted(map(len, remote.calls)) == [1, 1, 2]

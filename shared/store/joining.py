"""Calls of several threads joined into one: while a call is under way, those that come meanwhile become the next.

A thread alone calls at once, as without this. Many that work on documents side by side share a read or a write of
Milvus, which costs about as much for thirty documents as for one.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from shared.domain.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.runtime.retrying import Deadline

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# A call that is under way is awaited past the deadline too: it has one of its own.
_LEAST_WAIT_SECONDS = 0.05
# Callers of one invocation have about the same deadline; one with so much more time could have waited longer.
_MORE_SECONDS = 1.0


class _Part(Generic[Item, Answer]):
    """What one thread asks for.

    Attributes:
        is_apart: whether it must be repeated alone, because the call it was joined into failed.
    """

    def __init__(self, items: Sequence[Item], deadline: Deadline) -> None:
        self.items = items
        self.deadline = deadline
        self.is_done = self.is_apart = False
        self.answer: Answer | None = None
        self.error: Exception | None = None


class CallJoiner(Generic[Item, Answer]):
    """Joins the calls that threads make of one function. Thread-safe.

    Args:
        call: takes the items of several callers and a deadline; returns an answer for each caller, in their order.
        most: items of one joined call at most; a caller with more than half as many calls alone, at once.
    """

    def __init__(self, call: Callable[[Sequence[Sequence[Item]], Deadline], Sequence[Answer]], most: int) -> None:
        self._call = call
        self._most = most
        self._changed = threading.Condition()
        self._waiting: list[_Part[Item, Answer]] = []
        self._is_calling = False

    def submit(self, items: Sequence[Item], deadline: Deadline) -> Answer:
        """Call the function for ``items``, alone or together with what other threads ask for.

        A joined call that fails because of what it holds, or that had less time than some of its callers, is repeated
        for these alone, so that none fails for another's items or deadline.

        Raises:
            PlatformError: what the call raised.
        """
        if len(items) > self._most // 2:
            return self._call([items], deadline)[0]
        part = _Part[Item, Answer](items, deadline)
        with self._changed:
            self._waiting.append(part)
        while not part.is_done:
            if taken := self._take(part):
                self._run(taken)
        if part.is_apart:
            return self._call([items], deadline)[0]
        if part.error:
            raise part.error
        return part.answer  # type: ignore[return-value]  # it is done, and there was no error

    def _take(self, part: _Part[Item, Answer]) -> list[_Part[Item, Answer]]:
        """Wait until ``part`` is done, or it is this thread's turn; then the parts to call for, first come first.

        Raises:
            TransientError: ``deadline_exceeded``: calls of other threads took all the time.
        """
        with self._changed:
            while self._is_calling and not part.is_done:
                left = min(part.deadline.remaining(), threading.TIMEOUT_MAX)
                if not self._changed.wait(max(_LEAST_WAIT_SECONDS, left)):
                    self._give_up(part)
            if part.is_done:
                return []
            taken: list[_Part[Item, Answer]] = []
            size = 0
            while self._waiting and (not taken or size + len(self._waiting[0].items) <= self._most):
                size += len(self._waiting[0].items)
                taken.append(self._waiting.pop(0))
            self._is_calling = True
            return taken

    def _give_up(self, part: _Part[Item, Answer]) -> None:
        """End the waiting of a part that no call has taken by its deadline."""
        if part in self._waiting and part.deadline.remaining() <= 0:
            self._waiting.remove(part)
            raise TransientError("deadline_exceeded", "No time is left to finish this; try again.")

    def _run(self, taken: list[_Part[Item, Answer]]) -> None:
        deadline = min((part.deadline for part in taken), key=lambda deadline: deadline.remaining())
        try:
            answers = self._call([part.items for part in taken], deadline)
            for part, answer in zip(taken, answers, strict=True):
                part.answer = answer
        except Exception as error:  # noqa: BLE001 - raised in the thread of each caller
            passes = isinstance(error, TransientError) and error.code != "deadline_exceeded"
            for part in taken:
                # A caller with more time left must not fail because another's was nearly over.
                has_more_time = part.deadline.at - deadline.at > _MORE_SECONDS
                part.error, part.is_apart = error, len(taken) > 1 and (not passes or has_more_time)
        except BaseException:  # this thread ends; the others make their calls themselves
            for part in taken:
                part.is_apart = True
            raise
        finally:
            with self._changed:
                for part in taken:
                    part.is_done = True
                self._is_calling = False
                self._changed.notify_all()

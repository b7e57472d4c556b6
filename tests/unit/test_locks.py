"""Locks by document: one document excludes itself only, and a lock is forgotten once no thread needs it."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from shared.domain.errors import TransientError
from shared.ingestion.locks import DocumentLocks
from shared.runtime.retrying import Deadline


def test_a_thousand_documents_exclude_no_other() -> None:
    locks = DocumentLocks()
    with ExitStack() as held:
        for number in range(1_000):
            held.enter_context(locks.hold(str(number), Deadline.after(0)))
        assert len(locks) == 1_000
    assert len(locks) == 0


def test_a_document_excludes_itself_until_the_deadline() -> None:
    locks = DocumentLocks()
    with locks.hold("one", Deadline.after(60)):
        with pytest.raises(TransientError, match="document_busy"), locks.hold("one", Deadline.after(0)):
            pytest.fail("two threads hold one lock")
        assert len(locks) == 1
    with locks.hold("one", Deadline.after(0)):
        pass


def test_threads_that_wait_take_turns() -> None:
    locks, inside, seen = DocumentLocks(), [0], []

    def work() -> None:
        with locks.hold("one", Deadline.after(60)):
            inside[0] += 1
            seen.append(inside[0])
            inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 32
    assert len(locks) == 0

"""Backfills end with the exact index and pay once, by simulation and with single moments made to meet.

`tests.batch_simulation` says what is checked. A violation is reported with its seed and every step of it;
``simulate(seed)`` repeats it.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from shared.domain.errors import PlatformError, TransientError
from shared.embedding.budget import Budget
from shared.embedding.failures import UnreachableError
from shared.ingestion.backfill_parts import BackfillParts
from shared.ingestion.backfilling import Backfill
from shared.ingestion.events import Action, BackfillRequest
from shared.ingestion.order_file import OrderFile
from shared.runtime import clock
from shared.runtime.retrying import Deadline
from tests.batch_simulation import MODEL, simulate, with_batches
from tests.fake_batches import BatchService, FakeBatchTasks
from tests.fakes import SPACE, Wire, parse_here
from tests.profile import histories
from tests.simulation import Killed, World, calm, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared import parsing
    from shared.domain.models import ParsedDocument
    from shared.ingestion.results import BackfillReport

Answer = TypeVar("Answer")

SEEDS = histories(120)
PORTION = 40
PLAN, COLLECT = BackfillRequest("plan"), BackfillRequest("collect")


@pytest.fixture(autouse=True)
def in_simulated() -> Iterator[None]:
    with with_batches():
        yield


@pytest.mark.parametrize("first", range(0, SEEDS, PORTION))
def test_whatever_happens_to_a_backfill_the_index_ends_equal_to_the_bucket(first: int) -> None:
    for seed in range(first, min(first + PORTION, SEEDS)):
        verdict = simulate(seed)
        assert not verdict.violations, verdict.report()


def test_a_seed_is_one_history() -> None:
    for seed in range(8):
        assert simulate(seed) == simulate(seed)


def test_the_simulation_meets_what_it_is_for() -> None:
    missing = {"dies at", "gets plan", "gets collect", "'completed'", "expired", "'failed'", "is refused", "busy", "!"}
    for seed in range(200):
        trace = simulate(seed).report()
        missing = {event for event in missing if event not in trace}
        if not missing:
            return
    pytest.fail(f"no history of 200 has {missing}")


class Before(Wire):
    """Something happens once, right before the first call of a name."""

    def __init__(self, call: str, happening: Callable[[], object]) -> None:
        self._call = call
        self._happening = [happening]

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        if call == self._call and self._happening:
            self._happening.pop()()
        return apply()


class After(Wire):
    """Something happens once, right after the first call of a name."""

    def __init__(self, call: str, happening: Callable[[], object]) -> None:
        self._call = call
        self._happening = [happening]

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        answer = apply()
        if call == self._call and self._happening:
            self._happening.pop()()
        return answer


def _kill() -> None:
    raise Killed


def _lose() -> None:
    raise UnreachableError("simulated", "The answer is lost.")


class Lost(Wire):
    """Loses the first request of a name."""

    def __init__(self, call: str) -> None:
        self._calls = [call]

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        if call in self._calls:
            self._calls.remove(call)
            raise TransientError("simulated", "It is lost.")
        return apply()


class Account:
    """A bucket with documents, a DashScope, and instances of ingest."""

    def __init__(self, *names: str) -> None:
        self.world, self.service = World(), BatchService()
        for name in names:
            self.world.put(name, text(name, "ABC"))

    def make(self, wire: Wire | None = None) -> Backfill:
        """The backfill of a process of its own."""
        ingestion = self.world.ingestion(wire)
        tasks = FakeBatchTasks(self.service, wire)
        parts = BackfillParts(ingestion.pipeline, tasks, MODEL, SPACE.dimension, Budget(0), ingestion.locks)
        return Backfill(parts, ingestion)

    def act(self, request: BackfillRequest, wire: Wire | None = None) -> BackfillReport:
        """Let a process do a step."""
        return self.make(wire).act(request, calm())

    def end(self) -> None:
        """End all tasks that run."""
        for task in self.service.tasks:
            if task.is_running:
                self.service.end(task, "completed")


class Disk:
    """A disk with room for so many bytes of an order."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, _file: OrderFile, line: bytes) -> bool:
        if len(line) > self.room:
            return False
        self.room -= len(line)
        return _write(_file, line)


_write = OrderFile._write


@contextmanager
def small_disk(room: int) -> Iterator[None]:
    disk = Disk(room)
    with patch.object(OrderFile, "_write", lambda file, line: disk.write(file, line)):
        yield


def test_a_plan_on_a_disk_that_is_nearly_full_orders_what_fits_and_goes_on() -> None:
    account, plan = Account("a.txt", "b.txt", "c.txt"), PLAN
    for _ in range(3):
        with small_disk(1_200):  # of one document, and a part of the next
            report = account.act(plan)
        plan = replace(PLAN, after=report.after)
    assert len(account.service.tasks) == 3
    account.end()
    account.act(COLLECT)
    assert account.service.billed.total() == 9
    assert account.world.problems() == []


def test_a_plan_on_a_full_disk_says_so_and_orders_nothing() -> None:
    account = Account("a.txt")
    with small_disk(0), pytest.raises(TransientError, match="disk_full"):
        account.make().handle([PLAN], calm())
    assert not account.service.tasks
    assert account.act(PLAN).waiting == 1


@pytest.mark.parametrize(
    ("error", "code"), [(OSError(errno.ENOSPC, "full"), "disk_full"), (ZeroDivisionError(), "internal_error")]
)
def test_what_nothing_expected_at_a_step_does_not_keep_other_events_from_their_turn(
    error: Exception, code: str
) -> None:
    account = Account("a.txt", "b.txt")
    for request, where, name in (
        (PLAN, "shared.ingestion.ordering.OrderFile", "c.txt"),
        (COLLECT, "shared.ingestion.collecting.VectorFile", "d.txt"),
    ):
        account.world.put(name, b"Something new.")
        with patch(where, side_effect=error), pytest.raises(TransientError) as caught:
            account.make().handle([request, account.world.event(name)], calm())
        assert caught.value.code == code
        assert account.world.rows(name)
        account.act(request)
        account.end()
    account.act(COLLECT)
    assert account.world.problems() == []


def test_a_document_that_is_named_beside_a_plan_is_not_ordered_too() -> None:
    account = Account("a.txt")
    account.make().handle([PLAN, account.world.event("a.txt")], calm())
    assert not account.service.tasks
    assert account.world.model.rows == 3
    assert account.world.problems() == []


def test_a_document_that_makes_this_program_fail_is_not_planned_and_the_others_are() -> None:
    account = Account("a.txt", "b.txt", "c.txt")

    def parse(path: Path, key: str, limits: parsing.Limits, deadline: Deadline) -> ParsedDocument:
        if key == "b.txt":
            raise ZeroDivisionError
        return parse_here(path, key, limits, deadline)

    ingestion = account.world.ingestion(parse=parse)
    tasks = FakeBatchTasks(account.service, None)
    parts = BackfillParts(ingestion.pipeline, tasks, MODEL, SPACE.dimension, Budget(0), ingestion.locks)
    Backfill(parts, ingestion).act(PLAN, calm())
    (task,) = account.service.tasks
    assert task.is_running
    account.end()
    with suppress(PlatformError):
        account.act(COLLECT)
    assert account.service.billed.total() == 6
    assert account.world.problems() == []


def test_a_process_that_stood_still_creates_no_task_after_another_has_planned_its_documents_again() -> None:
    account = Account("a.txt")

    def plan_again() -> None:
        clock.sleep(300)
        account.act(PLAN)

    with suppress(PlatformError):
        account.act(PLAN, Before("batch.post batches", plan_again))
    account.end()
    account.act(COLLECT)
    assert len(account.service.tasks) == 1
    assert account.service.billed.total() == 3
    assert account.world.problems() == []


def test_a_task_that_is_created_while_it_is_looked_up_is_found() -> None:
    account = Account("a.txt")
    account.act(PLAN, Lost("batch.post batches"))
    (note,) = account.make()._parts.read_notes(calm())
    asked = {"json": {"input_file_id": note.file_id}}
    clock.sleep(300)
    account.act(COLLECT, Before("batch.delete files", lambda: account.service.answer("POST", "/batches", asked)))
    assert account.act(PLAN).waiting == 1
    account.end()
    account.act(COLLECT)
    assert account.service.billed.total() == 3
    assert account.world.problems() == []


def test_a_file_of_a_process_that_ended_before_it_noted_it_is_deleted_and_its_documents_are_planned_again() -> None:
    account = Account("a.txt")
    with suppress(Killed):
        account.act(PLAN, After("batch.post files", _kill))
    assert len(account.service.files) == 1
    assert account.act(PLAN).waiting == 1  # another process may still upload it
    assert not account.service.tasks
    clock.sleep(1_000)
    account.act(PLAN)
    (task,) = account.service.tasks
    assert account.service.files.keys() == {task.file_id}
    account.end()
    account.act(COLLECT)
    assert not account.service.files
    assert account.world.problems() == []


def test_an_upload_whose_answer_is_lost_is_found_and_not_sent_again() -> None:
    account = Account("a.txt")
    account.make(After("batch.post files", _lose)).act(PLAN, Deadline.after(600))
    (task,) = account.service.tasks
    assert account.service.files.keys() == {task.file_id}


def test_an_upload_that_is_given_up_leaves_no_file() -> None:
    account = Account("a.txt")
    with pytest.raises(UnreachableError):
        account.act(PLAN, After("batch.post files", _lose))
    assert not account.service.files
    assert account.act(PLAN).waiting == 1
    assert len(account.service.tasks) == 1


@pytest.mark.parametrize("call", ["milvus.delete records", "batch.delete files"])
def test_the_files_of_a_task_are_deleted_though_the_process_ended_in_the_middle_of_it(call: str) -> None:
    account = Account("a.txt")
    account.act(PLAN)
    account.end()
    with suppress(Killed):
        account.act(COLLECT, Before(call, _kill))
    report = account.act(COLLECT)
    assert (report.waiting, report.problem) == (0, "")
    assert not account.service.files
    assert account.world.problems() == []


def test_a_file_that_cannot_be_deleted_now_is_deleted_later_and_no_document_waits_for_that() -> None:
    account = Account("a.txt")
    account.act(PLAN)
    account.end()
    assert account.act(COLLECT, Lost("batch.delete files")).waiting == 0
    assert len(account.service.files) == 1
    account.world.put("a.txt", text("a.txt", "DE"))
    account.make().handle([Action("reconcile")], calm())
    assert account.world.problems() == []
    assert not account.service.files


def test_a_note_that_comes_back_after_its_answers_were_read_is_dropped_and_keeps_no_other_waiting() -> None:
    account = Account("a.txt", "b.txt")
    account.act(PLAN)
    (note,) = account.make()._parts.read_notes(calm())
    account.end()
    account.act(COLLECT)
    account.world.store.batches.write(replace(note, task_id="batch_1", attempts=1), calm())
    account.world.put("c.txt", text("c.txt", "AB"))
    report = account.act(COLLECT)
    assert report.waiting == 0
    assert "deleted" in report.problem
    account.make().handle([Action("reconcile")], calm())
    assert account.world.problems() == []


def test_a_task_that_cannot_be_read_keeps_no_other_from_being_collected() -> None:
    account = Account("a.txt")
    account.act(PLAN)
    account.world.put("b.txt", text("b.txt", "AB"))
    (note,) = account.make()._parts.read_notes(calm())
    account.world.store.batches.write(replace(note, task_id="batch_1", until="a.txt"), calm())
    account.act(PLAN)
    account.end()

    with pytest.raises(TransientError, match="It is lost"):
        account.act(COLLECT, Lost("batch.get files content"))
    assert account.world.wrong("b.txt") == []
    account.act(COLLECT)
    assert account.world.problems() == []


def test_answers_are_kept_for_a_document_that_waits_after_an_internal_error() -> None:
    account = Account("a.txt")
    account.act(PLAN)
    account.end()
    process = account.world.ingestion(parse=_break)
    tasks = FakeBatchTasks(account.service)
    parts = BackfillParts(process.pipeline, tasks, MODEL, SPACE.dimension, Budget(0), process.locks)
    assert Backfill(parts, process).act(COLLECT, calm()).failed == 1
    assert account.act(COLLECT).waiting == 1
    clock.sleep(120)
    assert account.act(COLLECT).waiting == 0
    assert account.world.problems() == []
    assert account.world.model.rows <= 3  # one at each comparison of vectors


def _break(*_: object) -> ParsedDocument:
    raise RuntimeError("a bug")

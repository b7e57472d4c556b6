"""Records: the highest version counts, by simulation and with single calls held up or failing.

`tests.record_simulation` says what is checked. A violation is reported with its seed and every step of it;
``simulate(seed)`` repeats it.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, TypeVar
from unittest.mock import patch

import pytest

from shared.domain.errors import InternalError, PlatformError, TransientError
from shared.domain.tenants import Tenancy
from shared.records import batch
from shared.records.copying import RecordCopier
from shared.records.envelopes import BadRecord, Record
from shared.records.results import Outcome
from shared.records.rows import document_id_of, make_row
from tests.fakes import REFUSED, FakeEmbedder, Wire
from tests.profile import histories
from tests.record_simulation import RecordWorld, simulate
from tests.simulation import CallCounter, Killed, calm, simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.records.rows import Item
    from shared.store.rows import ChunkRow

Result = TypeVar("Result")

SEEDS = histories(2_000)
PORTION = 500
OLD = Record("a", "the first text", {"n": 1}, version=1)
NEWER = {
    "upsert": Record("a", "the second text", {"n": 2}, version=2),
    "same text": Record("a", OLD.text, {"n": 2}, version=2),
    "same content": Record("a", OLD.text, {"n": 1}, version=2),
    "deletion": Record("a", delete=True, version=2),
    "refused": Record("a", f"{REFUSED} text", version=2),
}


@pytest.fixture(autouse=True)
def in_simulated() -> Iterator[None]:
    with simulated():
        yield


@pytest.mark.parametrize("first", range(0, SEEDS, PORTION))
def test_whatever_happens_the_highest_version_counts(first: int) -> None:
    for seed in range(first, min(first + PORTION, SEEDS)):
        verdict = simulate(seed)
        assert not verdict.violations, verdict.report()


def test_a_seed_is_one_history() -> None:
    for seed in range(20):
        assert simulate(seed) == simulate(seed)


def test_the_simulation_meets_what_it_is_for() -> None:
    missing = {"dies at", "fails at", "hangs at", "is torn", "superseded"}
    missing |= {"failed", "deleted", "unchanged", "once more"}
    for seed in range(300):
        trace = simulate(seed).report()
        missing = {event for event in missing if event not in trace}
        if not missing:
            return
    pytest.fail(f"no history of 300 has {missing}")


class Overtaken(Wire):
    """Before the n-th call something happens; after it the process may die."""

    def __init__(self, number: int, happening: Callable[[], object], *, dies: bool = False) -> None:
        self.number = number
        self.happening = happening
        self.dies = dies

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        self.number -= 1
        if self.number == 0:
            self.happening()
        result = apply()
        if self.number == 0 and self.dies:
            raise Killed
        return result


def count_calls(record: Record) -> int:
    counter = CallCounter()
    RecordWorld().write(record, wire=counter)
    return len(counter.calls)


@pytest.mark.parametrize("kind", NEWER)
@pytest.mark.parametrize("old", [OLD, Record("a", delete=True, version=1)], ids=["upsert", "deletion"])
def test_a_newer_version_written_at_any_moment_of_an_older_one_counts(kind: str, old: Record) -> None:
    newer = NEWER[kind]
    for number in range(1, count_calls(old) + 1):
        world = RecordWorld()
        world.write(old, wire=Overtaken(number, lambda world=world: world.write(newer)))  # type: ignore[misc]
        assert world.wrong(newer) == [], number


@pytest.mark.parametrize("kind", NEWER)
def test_an_older_version_written_at_any_moment_of_a_newer_one_does_not_count(kind: str) -> None:
    newer = NEWER[kind]
    for number in range(1, count_calls(newer) + 1):
        world = RecordWorld()
        world.write(newer, wire=Overtaken(number, lambda world=world: world.write(OLD)))  # type: ignore[misc]
        assert world.wrong(newer) == [], number


@pytest.mark.parametrize("kind", NEWER)
def test_a_writer_that_dies_after_it_was_overtaken_leaves_nothing_that_a_repetition_does_not_repair(kind: str) -> None:
    newer = NEWER[kind]
    for number in range(1, count_calls(OLD) + 1):
        world = RecordWorld()
        wire = Overtaken(number, lambda world=world: world.write(newer), dies=True)  # type: ignore[misc]
        with pytest.raises(Killed):
            world.write(OLD, wire=wire)
        result = world.write(OLD)
        assert [one.outcome for one in result.results] == [Outcome.SUPERSEDED]
        assert world.wrong(newer) == [], number


def test_a_deletion_that_died_once_it_had_taken_something_out_keeps_older_versions_out() -> None:
    """Nobody knows when it is repeated, or whether."""
    first, between, deletion = OLD, NEWER["upsert"], Record("a", delete=True, version=3)
    died = 0
    for number in itertools.count(1):
        world = RecordWorld()
        world.write(first)
        try:
            world.write(deletion, wire=Overtaken(number, lambda: None, dies=True))
        except Killed:
            if not world.rows(first):
                died += 1
                assert [one.outcome for one in world.write(between).results] == [Outcome.SUPERSEDED], number
        else:
            break
    assert died


@contextlib.contextmanager
def broken_rows(*texts: str) -> Iterator[None]:
    """Let this program fail at the row of some texts, once their vectors are paid for."""

    def make(item: Item, vector: tuple[float, ...]) -> ChunkRow:
        if item.record.text in texts:
            raise ZeroDivisionError(item.record.id)
        return make_row(item, vector)

    with patch.object(batch, "make_row", make):
        yield


@pytest.mark.parametrize("number", [1, 2, 7, 200])
def test_a_record_that_makes_this_program_fail_fails_alone(number: int) -> None:
    world = RecordWorld()
    records = [Record(f"r{n}", f"the text of {n}", version=1) for n in range(number)]
    poison = records[number // 3]
    with broken_rows(poison.text), pytest.raises(InternalError) as caught:
        world.write(*records)
    assert caught.value.code == "internal_error"
    assert [record.id for record in records if world.rows(record)] == [one.id for one in records if one != poison]
    assert all(world.wrong(record) == [] for record in records if record != poison)
    assert world.look(poison).document is None  # nothing says that it was stored
    assert set(world.model.billed.values()) == {1}
    assert {one.outcome for one in world.write(*records).results} <= {Outcome.UPSERTED, Outcome.UNCHANGED}
    assert all(world.wrong(record) == [] for record in records)


def test_a_failure_of_every_record_ends_soon() -> None:
    world, calls = RecordWorld(), CallCounter()
    records = [Record(f"r{n}", f"the text of {n}", version=1) for n in range(200)]
    with broken_rows(*(record.text for record in records)), pytest.raises(InternalError):
        world.write(*records, wire=calls)
    assert set(world.model.billed.values()) == {1}
    assert sum("upsert chunks" in call for call in calls.calls) == 0
    assert sum("embed" not in call for call in calls.calls) < 200


def test_a_record_that_cannot_be_copied_does_not_keep_others_from_it() -> None:
    world, target = RecordWorld(), RecordWorld()
    records = [Record(f"r{n}", f"the text of {n}", version=1) for n in range(5)]
    world.write(*records)
    copier = RecordCopier(FakeEmbedder(target.model), world.store, target.store, Tenancy())
    with broken_rows(records[2].text), pytest.raises(InternalError):
        copier.copy([document_id_of(record) for record in records], calm())
    assert [len(target.rows(record)) for record in records] == [1, 1, 0, 1, 1]


class Struck(Wire):
    """Fails the n-th call, before or after it is applied."""

    def __init__(self, number: int, *, is_applied: bool) -> None:
        self.number = number
        self.is_applied = is_applied

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        self.number -= 1
        if self.number == 0:
            if self.is_applied:
                with contextlib.suppress(Exception):
                    apply()
            raise TransientError("simulated", f"{call} fails.")
        return apply()


@pytest.mark.parametrize("is_applied", [True, False], ids=["applied", "not applied"])
@pytest.mark.parametrize("kind", NEWER)
def test_whichever_call_fails_the_next_delivery_ends_exactly(kind: str, is_applied: bool) -> None:
    newer = NEWER[kind]
    for number in range(1, count_calls(newer) + 1):
        world = RecordWorld()
        world.write(OLD)
        with contextlib.suppress(PlatformError):
            world.write(newer, wire=Struck(number, is_applied=is_applied))
        world.write(newer)
        assert world.wrong(newer) == [], number
        assert world.model.billed[newer.text] <= 2


def test_a_version_in_between_does_not_come_back_after_equal_content() -> None:
    world = RecordWorld()
    newest = Record("a", OLD.text, OLD.metadata, version=3)
    world.write(OLD)
    assert [one.outcome for one in world.write(newest).results] == [Outcome.UNCHANGED]
    assert [one.outcome for one in world.write(NEWER["upsert"]).results] == [Outcome.SUPERSEDED]
    assert world.wrong(newest) == []
    assert world.model.rows == 1


def test_a_replay_writes_nothing_and_costs_nothing() -> None:
    world = RecordWorld()
    world.write(OLD)
    counter = CallCounter()
    world.write(OLD, wire=counter)
    assert len(counter.calls) <= 3
    assert all("query" in call for call in counter.calls)


def test_records_without_a_version_count_in_the_order_they_come() -> None:
    world = RecordWorld()
    first, second = Record("a", "first"), Record("a", "second")
    for record in (first, Record("a", delete=True), first, second, second, Record("a", delete=True), second):
        world.write(record)
        assert world.wrong(record) == []
    world.write(OLD)
    third = Record("a", "third")
    assert [one.outcome for one in world.write(third).results] == [Outcome.UPSERTED]
    assert [row["text"] for row in world.rows(third)] == ["third"]
    assert [one.outcome for one in world.write(OLD).results] == [Outcome.UPSERTED]  # of one version the last counts


def test_two_writers_without_versions_agree_on_one_of_their_records() -> None:
    records = [Record("a", "first"), Record("a", "second"), Record("a", delete=True)]
    for one in records:
        for other in records:
            for number in range(1, count_calls(one) + 1):
                world = RecordWorld()
                world.write(Record("a", "before"))
                world.write(one, wire=Overtaken(number, lambda world=world, other=other: world.write(other)))  # type: ignore[misc]
                assert world.wrong(one) == [] or world.wrong(other) == [], (one, other, number)


def test_a_bad_record_leaves_what_is_found_and_a_good_one_heals_it() -> None:
    world = RecordWorld()
    world.write(OLD)
    world.write(BadRecord("a", "It lacks a text."))
    document = world.look(OLD).document
    assert document is not None
    assert (document.state.value, document.chunks, document.order) == ("failed", 1, 1)
    assert [row["text"] for row in world.rows(OLD)] == [OLD.text]
    world.write(OLD)
    assert world.wrong(OLD) == []


def test_marks_of_versions_are_in_no_listing() -> None:
    from shared.domain.models import DocumentState
    from shared.store.expressions import select_documents
    from tests.simulation import calm

    world = RecordWorld()
    world.write(OLD, Record("b", delete=True, version=3), Record("c", f"{REFUSED} text", version=1))
    for state, names in ((None, {"a", "c"}), (DocumentState.DELETED, {"b"}), (DocumentState.FAILED, {"c"})):
        listed = world.store.registry.read_all(select_documents(None, state, ""), calm())
        assert {document.key for document in listed} == names

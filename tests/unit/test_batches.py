"""Events that name several documents: these are converged together, with the same end as one by one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import pytest

from shared.domain.errors import PlatformError
from shared.ingestion.claiming import CLAIM_SECONDS
from shared.ingestion.locks import DocumentLocks
from shared.ingestion.results import Outcome, Result
from shared.runtime import clock
from shared.runtime.clock import ManualClock
from shared.runtime.retrying import Deadline
from tests.fakes import Wire
from tests.profile import slow
from tests.simulation import CallCounter, Killed, World, calm, simulated, text
from tests.unit.test_simulation import WAYS, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Answer = TypeVar("Answer")
NAMES = ("a.txt", "b.txt", "c.txt")


@pytest.fixture(autouse=True)
def in_simulated() -> Iterator[None]:
    with simulated():
        yield


class After(Wire):
    """Something happens once, right after the n-th call of a name."""

    def __init__(self, call: str, happening: Callable[[], object], number: int = 1) -> None:
        self._call, self._happening, self._left = call, happening, number

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        answer = apply()
        self._left -= call == self._call
        if call == self._call and self._left == 0:
            self._happening()
        return answer


def deliver(world: World, names: tuple[str, ...] = NAMES, wire: Wire | None = None) -> list[Outcome]:
    results = world.ingestion(wire).handle([world.event(name) for name in names], calm())
    return [result.outcome for result in results if isinstance(result, Result)]


def filled(letters: str = "ABC") -> World:
    """A world with three documents in the index."""
    world = World()
    for name in NAMES:
        world.put(name, text(name, letters))
    assert deliver(world) == [Outcome.INDEXED] * 3
    return world


def test_documents_of_one_event_cost_a_request_each_and_few_reads() -> None:
    world, counter = World(), CallCounter()
    for name in NAMES:
        world.put(name, text(name, "A"))
    deliver(world, wire=counter)
    assert [call for call in counter.calls if call.startswith("oss.get")] == [f"oss.get {name}" for name in NAMES]
    assert not any(call.startswith("oss.head") for call in counter.calls)
    assert counter.calls.count("oss.list") == 2
    assert world.problems() == []


def test_removals_of_one_event_are_one_removal() -> None:
    world = World()
    names = tuple(f"{number:03}.txt" for number in range(50))
    for name in names:
        world.put(name, text(name, "AB"))
    deliver(world, names)
    for name in names:
        world.remove(name)
    counter = CallCounter()
    assert deliver(world, names, counter) == [Outcome.REMOVED] * 50
    assert len(counter.calls) <= 8, counter.calls
    assert world.problems() == []
    assert deliver(world, names) == [Outcome.UNCHANGED] * 50


def test_the_documents_of_one_event_may_come_change_stay_and_go() -> None:
    world = filled()
    world.put("a.txt", text("a.txt", "CXA"))
    world.remove("b.txt")
    world.put("d.txt", text("d.txt", "A!"))
    world.put("e.txt", text("e.txt", "A"))
    world.put("e.txt.metadata.json", b'{"team": "harbour"}')
    names = (*NAMES, "d.txt", "e.txt.metadata.json", "e.txt", "never.txt", "a.txt")
    assert deliver(world, names) == [
        Outcome.INDEXED, Outcome.REMOVED, Outcome.UNCHANGED, Outcome.FAILED, Outcome.INDEXED, Outcome.INDEXED,
        Outcome.UNCHANGED, Outcome.INDEXED,
    ]  # fmt: skip
    assert world.problems() == []


def test_documents_that_were_renamed_keep_their_vectors_in_whatever_order_the_event_names_them() -> None:
    world = filled()
    billed = world.model.rows
    for name in NAMES:
        world.put(f"new/{name}", world.objects.held[name].content)
        world.remove(name)
    names = (*NAMES, *(f"new/{name}" for name in NAMES))
    assert deliver(world, names) == [Outcome.REMOVED] * 3 + [Outcome.INDEXED] * 3
    assert world.model.rows == billed
    assert world.problems() == []


def test_large_objects_of_one_event_are_loaded_one_after_the_other() -> None:
    world, counter = World(), CallCounter()
    for name in NAMES:
        world.put(name, text(name, "A") + b" " * (1 << 16))
    deliver(world, wire=counter)
    assert [call for call in counter.calls if "head" in call][::2] == [f"oss.head {name}" for name in NAMES]
    assert world.problems() == []


@pytest.mark.parametrize("name", NAMES)
def test_an_object_that_changes_while_its_batch_is_at_work_is_read_again(name: str) -> None:
    for change in ("CDE", ""):
        world = filled()
        world.put("b.txt", text("b.txt", "BX"))

        def happen(world: World = world, change: str = change) -> None:
            if change:
                world.put(name, text(name, change))
            else:
                world.remove(name)

        deliver(world, wire=After("oss.get b.txt", happen))
        assert world.problems() == []


@pytest.mark.parametrize("call", ["milvus.query chunks", "milvus.delete chunks", "milvus.delete records"])
def test_an_object_that_comes_back_while_it_is_removed_is_indexed(call: str) -> None:
    world = filled()
    for name in NAMES:
        world.remove(name)

    def come_back() -> None:
        world.put("b.txt", text("b.txt", "BX"))
        world.deliver("b.txt")

    deliver(world, wire=After(call, come_back))
    assert world.problems() == []


def test_metadata_that_changes_within_the_second_of_an_upload_is_seen() -> None:
    world = World()
    for name in NAMES:
        world.put(name, text(name, "AB"))

    def describe() -> None:
        world.objects.clock = world.objects.held["b.txt"].modified - 1
        world.put("b.txt", text("b.txt", "AB"), **{"x-oss-meta-team": "harbour"})
        world.deliver("b.txt")

    with clock.use(ManualClock(world.objects.clock + 1.0)):
        # Another process ends with the new version after this one has read the previous one.
        deliver(world, wire=After("oss.get b.txt", describe, 1))
    assert world.problems() == []


@slow
@pytest.mark.parametrize("how", WAYS)
def test_whichever_call_of_a_batch_fails_the_next_delivery_ends_exactly(how: str) -> None:
    def prepared() -> World:
        world = filled()
        world.put("a.txt", text("a.txt", "CXA"))
        world.remove("b.txt")
        world.put("d.txt", text("d.txt", "AB"))
        return world

    names, counter = (*NAMES, "d.txt"), CallCounter()
    deliver(prepared(), names, counter)
    for number, call in enumerate(counter.calls, 1):
        world, fault = prepared(), Fault(number, how)
        with contextlib.suppress(PlatformError, Killed):
            world.ingestion(fault).handle([world.event(name) for name in names], fault.deadline)
            assert world.problems() == [], f"acknowledged, {call}"
        clock.sleep(CLAIM_SECONDS)
        deliver(world, names)
        assert world.problems() == [], (number, call)


def test_a_batch_holds_only_the_documents_that_no_thread_holds() -> None:
    locks = DocumentLocks()
    with locks.hold("b", Deadline.after(1)), locks.hold_free(["a", "b", "c"]) as held:
        assert held == ["a", "c"]
        assert len(locks) == 3
    assert len(locks) == 0


def test_new_content_is_never_indexed_without_the_sidecar_that_came_before_it() -> None:
    world, versions = World(), set[str]()
    for name in NAMES:
        world.put(name, text(name, "A"))

    def change() -> None:
        world.put("b.txt.metadata.json", b'{"team": "harbour"}')
        world.put("b.txt", text("b.txt", "AB"))

    class Watching(After):
        def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
            answer = super().carry(call, apply)
            record = world.store.registry.read(world.key("b.txt").document_id, calm())
            versions.update({record.version} if record else ())
            return answer

    deliver(world, wire=Watching("oss.list", change))
    assert len(versions) == 1
    assert world.problems() == []

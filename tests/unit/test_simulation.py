"""Ingestion converges: by simulation, against a model, and with every single call failing in every way.

`tests.simulation` says what is checked. A violation is reported with its seed and every step of it; ``simulate(seed)``
repeats it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.domain.errors import PlatformError, TransientError
from shared.domain.models import DocumentState
from shared.ingestion.bucket import SIDECAR
from shared.ingestion.claiming import CLAIM_SECONDS
from shared.ingestion.converging import Report
from shared.ingestion.events import Action, ObjectEvent
from shared.runtime import clock
from tests import simulation
from tests.fakes import REFUSED, Wire
from tests.profile import examples, histories
from tests.simulation import (
    REPETITIONS,
    CallCounter,
    Killed,
    Moment,
    Patience,
    World,
    calm,
    simulate,
    simulated,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.ingestion.events import Event

Result = TypeVar("Result")

SEEDS = histories(2_000)
PORTION = 250


@pytest.fixture(autouse=True)
def in_simulated() -> Iterator[None]:
    with simulated():
        yield


# -- the simulation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(0, SEEDS, PORTION))
def test_whatever_happens_the_index_ends_equal_to_the_bucket(first: int) -> None:
    for seed in range(first, min(first + PORTION, SEEDS)):
        verdict = simulate(seed)
        assert not verdict.violations, verdict.report()


def test_a_seed_is_one_history() -> None:
    for seed in range(20):
        assert simulate(seed) == simulate(seed)


def test_the_simulation_meets_what_it_is_for() -> None:
    missing = {
        "dies at",
        "fails at",
        "hangs at",
        "is torn",
        "late:",
        "is lost",
        "repeated 3",
        "given up",
        "gets Action",
        "!",
        "b.txt, ",
    }
    for seed in range(300):
        trace = simulate(seed).report()
        missing = {event for event in missing if event not in trace}
        if not missing:
            return
    pytest.fail(f"no history of 300 has {missing}")


def test_without_faults_nothing_is_embedded_but_what_is_needed() -> None:
    world = World()
    ingestion = world.ingestion()
    embedded = []
    for letters in ("ABC", "ABCDE", "BAC", "BAC", "A!C", "AABB", "CDE"):
        before = world.model.rows
        world.put("a.txt", text("a.txt", letters))
        ingestion.converge(world.key("a.txt"), calm())
        assert world.problems() == []
        embedded.append(world.model.rows - before)
    # "A!C" has C and A already, standing for the version before; of "AABB" the second A and the second B are new.
    assert embedded == [3, 2, 0, 0, 0, 2, 3]


# -- every call fails -------------------------------------------------------------------------------------------------


class Fault(Wire):
    """Strikes the n-th call, counted from 1."""

    def __init__(self, number: int, how: str) -> None:
        self.number = number
        self.how = how
        self.patience = Patience()

    @property
    def deadline(self) -> Moment:
        return Moment(0, self.patience)

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        self.number -= 1
        if self.number:
            return apply()
        if self.how.endswith("after"):
            with contextlib.suppress(Exception):
                apply()
        if self.how.startswith("dies"):
            raise Killed
        self.patience.over = self.how.startswith("hangs")
        raise TransientError("simulated", f"{call} {self.how}.")


WAYS = ["fails before", "fails after", "hangs before", "hangs after", "dies before", "dies after"]


def _new(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABCDE"))


def _replaced(world: World) -> None:
    _new(world)
    world.ingestion().converge(world.key("a.txt"), calm())
    world.put("a.txt", text("a.txt", "CXABB"))


def _removed(world: World) -> None:
    _new(world)
    world.ingestion().converge(world.key("a.txt"), calm())
    world.remove("a.txt")


def _refused(world: World) -> None:
    _new(world)
    world.ingestion().converge(world.key("a.txt"), calm())
    world.put("a.txt", text("a.txt", "CXYZ!"))


def _described(world: World) -> None:
    _new(world)
    world.ingestion().converge(world.key("a.txt"), calm())
    world.put("a.txt" + SIDECAR, b'{"team": "harbour"}')


SITUATIONS = {f.__name__.strip("_"): f for f in (_new, _replaced, _removed, _refused, _described)}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_whichever_call_fails_the_next_delivery_ends_exactly(situation: str, how: str) -> None:
    counter = CallCounter()
    clean = World()
    SITUATIONS[situation](clean)
    started = clean.model.rows
    clean.deliver(wire=counter)
    needed = clean.model.rows - started
    assert clean.problems() == []
    for number in range(1, len(counter.calls) + 1):
        world = World()
        SITUATIONS[situation](world)
        struck = counter.calls[number - 1]
        fault = Fault(number, how)
        with pytest.raises((PlatformError, Killed)):
            world.ingestion(fault).handle([world.event()], fault.deadline)
        if how.startswith("fails") and situation != "refused":
            record = world.store.registry.read(world.key("a.txt").document_id, calm())
            assert record is None or record.state is not DocumentState.FAILED, (number, struck)
        clock.sleep(CLAIM_SECONDS)
        world.deliver()
        assert world.problems() == [], (number, struck)
        # One call's rows at most are embedded again.
        assert world.model.rows - started <= needed + (2 if how.endswith("after") or "milvus" in struck else 0), struck


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_no_delivery_repeats_a_reconcile_repairs(situation: str, how: str) -> None:
    counter = CallCounter()
    clean = World()
    SITUATIONS[situation](clean)
    clean.deliver(wire=counter)
    for number in range(1, len(counter.calls) + 1):
        world = World()
        SITUATIONS[situation](world)
        fault = Fault(number, how)
        with pytest.raises((PlatformError, Killed)):
            world.ingestion(fault).handle([world.event()], fault.deadline)
        world.ingestion().handle([Action("reconcile")], calm())
        assert world.problems() == [], (number, counter.calls[number - 1])


class Overtaken(Wire):
    """While chunks are embedded something happens, and the process dies right after a call of the name given."""

    def __init__(self, happening: Callable[[], object], last: str) -> None:
        self.happening = happening
        self.last = last

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        answer = apply()
        if call == "dashscope.embed 2":
            self.happening()
        if call == self.last:
            raise Killed
        return answer


class Undeleted(Wire):
    """A process that dies before it deletes chunks."""

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        if call == "milvus.delete chunks":
            raise Killed
        return apply()


def test_what_a_refused_version_left_goes_and_is_not_embedded_again() -> None:
    world, counter = World(), CallCounter()
    _refused(world)
    with pytest.raises(Killed):
        world.deliver(wire=Undeleted())
    assert world.problems()
    clock.sleep(CLAIM_SECONDS)
    world.ingestion(counter).reconcile(calm())
    assert world.problems() == []
    assert not [call for call in counter.calls if call.startswith("dashscope")]


def test_a_reconcile_sees_as_many_chunks_of_another_version() -> None:
    world = World()
    world.put("a.txt", text("a.txt", "AB"))
    world.deliver()

    def replace() -> None:
        clock.sleep(CLAIM_SECONDS)
        world.put("a.txt", text("a.txt", "DE"))
        world.deliver()

    world.put("a.txt", text("a.txt", "XY"))
    with pytest.raises(Killed):
        world.deliver(wire=Overtaken(replace, "milvus.delete chunks"))
    assert world.problems()
    world.ingestion().reconcile(calm())
    assert world.problems() == []


def test_a_reconcile_sees_chunks_that_no_record_tells_of() -> None:
    world = World()

    def remove() -> None:
        world.remove("a.txt")
        world.deliver()

    world.put("a.txt", text("a.txt", "AB"))
    with pytest.raises(Killed):
        world.deliver(wire=Overtaken(remove, "milvus.upsert chunks"))
    assert world.problems()
    world.ingestion().reconcile(calm())
    assert world.problems() == []


def test_a_reconcile_sees_that_older_metadata_went() -> None:
    world = World()
    world.put("a.txt" + SIDECAR, b'{"team": "harbour"}')
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    world.remove("a.txt" + SIDECAR)
    world.ingestion().reconcile(calm())
    assert world.problems() == []


# -- against a model --------------------------------------------------------------------------------------------------

KEYS = st.sampled_from(["a.txt", "b.txt"])
LETTERS = st.text("ABCX!", max_size=5)
BESIDE = st.sampled_from([b'{"team": "harbour"}', b'{"team": "office"}', b"[broken"])


class NextCall(Wire):
    """Strikes a later call, once it is armed."""

    def __init__(self) -> None:
        self.fault: Fault | None = None

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        return self.fault.carry(call, apply) if self.fault else apply()


class Convergence(RuleBasedStateMachine):
    """A dictionary says what the bucket holds; whatever is done, at rest the index holds that."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.wire = NextCall()
        self.ingestion = self.world.ingestion(self.wire)
        self.model: dict[str, str] = {}
        self.pending: list[tuple[str, int]] = []
        self.lost = False

    @rule(key=KEYS, letters=LETTERS)
    def put_or_overwrite(self, key: str, letters: str) -> None:
        self.model[key] = letters
        self.world.put(key, text(key, letters))
        self.pending.append((key, 0))

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.model.pop(key, None)
        self.world.remove(key)
        self.pending.append((key, 0))

    @rule(key=KEYS, content=BESIDE)
    def describe(self, key: str, content: bytes) -> None:
        self.world.put(key + SIDECAR, content)
        self.pending.append((key + SIDECAR, 0))

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def deliver_in_any_order(self, data: st.DataObject) -> None:
        self._deliver(*self.pending.pop(data.draw(st.integers(0, len(self.pending) - 1))))

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def duplicate(self, data: st.DataObject) -> None:
        self.pending.append(data.draw(st.sampled_from(self.pending)))

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.pending.pop(data.draw(st.integers(0, len(self.pending) - 1)))
        self.lost = True

    @rule(number=st.integers(1, 16), how=st.sampled_from(WAYS))
    def fail_a_call_to_come(self, number: int, how: str) -> None:
        self.wire.fault = Fault(number, how)

    @rule(key=KEYS)
    def search(self, key: str) -> None:
        """What is found was in the bucket once, and each chunk is found once."""
        found = self.world.search(key)
        assert len(found) == len(self.world.rows(key))
        assert all(f"called {key} tells" in chunk and REFUSED not in chunk for chunk in found)

    @rule()
    def reconcile(self) -> None:
        if self._survives([Action("reconcile")]):
            self.pending.clear()
            self.lost = False
            self._at_rest()

    @invariant()
    def nothing_is_kept_of_what_is_refused(self) -> None:
        rows = self.world.index.rows(self.world.store.chunks.name).values()
        assert not any(REFUSED in row["text"] for row in rows)

    def teardown(self) -> None:
        self.wire.fault = None
        while self.pending:
            self._deliver(*self.pending.pop())
        if self.lost:
            self.world.ingestion().reconcile(calm())
        self._at_rest()

    def _deliver(self, name: str, repeated: int) -> None:
        if self._survives([ObjectEvent(self.world.key(name), "ObjectCreated:PutObject")]):
            return
        if repeated < REPETITIONS:
            self.pending.append((name, repeated + 1))
        else:
            self.lost = True

    def _survives(self, events: list[Event]) -> bool:
        """Whether the invocation succeeds; a process that was killed is replaced by a new one."""
        deadline = self.wire.fault.deadline if self.wire.fault else calm()
        try:
            results = self.ingestion.handle(events, deadline)
        except PlatformError:
            clock.sleep(CLAIM_SECONDS)
            return False
        except Killed:
            self.wire.fault = None
            self.ingestion = self.world.ingestion(self.wire)
            clock.sleep(CLAIM_SECONDS)
            return False
        return not any(isinstance(result, Report) and result.unfinished for result in results)

    def _at_rest(self) -> None:
        assert self.world.problems() == []
        for key, letters in self.model.items():
            if self.world.good(key):
                assert [chunk["text"][10] for chunk in self.world.rows(key)] == list(letters)
        assert {key for key in ("a.txt", "b.txt") if self.world.rows(key)} <= self.model.keys()


TestConvergence = Convergence.TestCase
TestConvergence.settings = settings(
    max_examples=examples(150),
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("skews", [(0.0, 0.0), (300.0, -300.0), (0.0, 300.0), (-300.0, 0.0)], ids=str)
def test_instances_with_wrong_clocks_respect_the_claims_of_one_another(
    monkeypatch: pytest.MonkeyPatch, skews: tuple[float, float]
) -> None:
    """Each would take the other's claim for none, and take the document away from it, window by window."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    with simulated():
        history = simulation.Simulation(1)
        history.prefixes, history.names, history.changes_left, history.has_parts = ("",), ["a.txt"], 0, False
        history.chances = simulation.Chances(0, 0, 0, 0, 0, 0, 0, 100, 0, 0)
        drawn = iter(skews)
        monkeypatch.setattr(history, "draw_skew", lambda: next(drawn, 0.0))
        history.world.keys[:] = history.names
        history.world.put("a.txt", simulation.text("a.txt", letters))
        history._reckon("a.txt")
        history.pending = [simulation.Delivery((history.world.event(),))] * 2
        verdict = history.run()
    assert not verdict.violations
    assert verdict.billed <= verdict.needed + simulation.WINDOW  # both may begin in the same moment
    assert not any("object_changing" in line for line in verdict.trace)

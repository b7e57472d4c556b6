"""Single histories: what once went wrong, and the reason for each safeguard.

`tests.unit.test_simulation` draws histories at random; here each is known, so that it says which law was broken.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from shared.domain.errors import PlatformError, TransientError
from shared.domain.models import DocumentState
from shared.ingestion.events import Unknown
from shared.ingestion.indexing import Outcome, Result
from shared.runtime import clock
from shared.runtime.clock import ManualClock
from shared.runtime.retrying import Deadline
from tests.fakes import Wire
from tests.simulation import Gates, World, calm, simulated, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.domain.models import Document

Answer = TypeVar("Answer")
HOUR = 3_600


@pytest.fixture(autouse=True)
def in_simulated() -> Iterator[None]:
    with simulated():
        yield


@pytest.fixture
def world() -> World:
    return World()


def record(world: World) -> Document:
    found = world.store.registry.read(world.key("a.txt").document_id, calm())
    assert found is not None
    return found


def letters(world: World) -> str:
    """The chunks the index holds, in order, a letter each."""
    return "".join(row["text"][10] for row in world.rows("a.txt"))


class After(Wire):
    """Something happens once, right after the first call of a name."""

    def __init__(self, call: str, happening: Callable[[], object]) -> None:
        self._call = call
        self._happening: Callable[[], object] | None = happening

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        answer = apply()
        if call == self._call and self._happening:
            happening, self._happening = self._happening, None
            happening()
        return answer


# -- events -----------------------------------------------------------------------------------------------------------


def test_an_event_that_comes_ten_times_is_paid_for_once(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABC"))
    for _ in range(10):
        world.deliver()
    assert world.problems() == []
    assert world.model.rows == 3


class Slow(Wire):
    """Calls take time, so that threads meet."""

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        time.sleep(0.005)
        return apply()


def test_eight_events_at_once_are_paid_for_once_by_a_process(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABC"))
    ingestion = world.ingestion(Slow())
    with ThreadPoolExecutor(8) as pool:
        handled = [pool.submit(ingestion.handle, [world.event()], Deadline.after(30)) for _ in range(8)]
    assert all(one.result() for one in handled)
    assert world.problems() == []
    assert world.model.rows == 3


def test_a_version_that_comes_back_is_the_one_that_stays(world: World) -> None:
    for content in ("ABC", "ADE", "ABC"):
        world.put("a.txt", text("a.txt", content))
        world.deliver()
        assert letters(world) == content
    assert world.problems() == []


def test_a_version_that_comes_back_before_anyone_looked_costs_nothing(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    world.put("a.txt", text("a.txt", "ADE"))
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    assert world.problems() == []
    assert world.model.rows == 3


def test_a_removal_that_arrives_before_the_upload_it_undoes_is_no_matter(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABC"))
    world.remove("a.txt")
    for _ in range(2):
        world.deliver()
    assert world.problems() == []
    assert letters(world) == ""


def test_an_object_removed_while_it_is_indexed_is_gone(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver(wire=After("milvus.upsert chunks", lambda: world.remove("a.txt")))
    assert world.problems() == []
    assert letters(world) == ""


def test_an_object_replaced_while_it_is_indexed_is_read_again(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver(wire=After("milvus.upsert chunks", lambda: world.put("a.txt", text("a.txt", "CDE"))))
    assert world.problems() == []
    assert letters(world) == "CDE"


def test_a_poisoned_record_keeps_no_other_of_its_event_waiting(world: World) -> None:
    world.put("a.txt", text("a.txt", "AB!"))
    world.put("b.txt", text("b.txt", "AB"))
    with pytest.raises(PlatformError, match="unknown_event"):
        world.ingestion().handle([Unknown("poison"), world.event(), world.event("b.txt")], calm())
    assert world.problems() == []
    failure = record(world).failure
    assert failure is not None
    assert (record(world).key, failure.stage, failure.code, record(world).attempts) == (
        "a.txt",
        "embedding",
        "text_refused",
        1,
    )


# -- processes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("newer", ["CDE", "", "A!"])
def test_who_slept_between_buying_and_writing_an_old_version_leaves_the_new_one(world: World, newer: str) -> None:
    world.put("a.txt", text("a.txt", "ABC"))
    slow = Gates(world, ("milvus.upsert chunks", 1))
    world.put("a.txt", text("a.txt", newer))
    world.deliver()
    slow.go_on()
    assert world.problems() == []
    # Of a version that is refused nothing is left; then the old one, which did get in, may answer and say so.
    assert letters(world) == (newer if newer == "CDE" else "ABC")


def test_a_second_run_in_a_process_equals_the_first_and_that_of_another(world: World) -> None:
    runs = []
    ingestion = world.ingestion()
    for process in (ingestion, ingestion, world.ingestion()):
        for content in ("ABC", "CXABB", "A!"):
            world.put("a.txt", text("a.txt", content))
            process.handle([world.event()], calm())
            runs.append([(row["id"], row["ordinal"], row["start"], row["vector"]) for row in world.rows("a.txt")])
        world.remove("a.txt")
        process.handle([world.event()], calm())
    assert runs[:3] == runs[3:6] == runs[6:]
    assert world.problems() == []


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_jumps_an_hour_changes_nothing(world: World, hours: int) -> None:
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    # The bucket's clock and ours, each by itself and both.
    shift = 0
    for moved in ("bucket", "ours", "bucket"):
        if moved == "bucket":
            world.objects.clock += hours * HOUR
        else:
            shift = hours * HOUR
        with clock.use(ManualClock(time.time() + shift)):
            world.put("a.txt", text("a.txt", "CXA"))
            world.deliver()
            assert world.problems() == []
            world.put("a.txt", text("a.txt", "ABC"))
            world.ingestion().reconcile(calm())
            assert world.problems() == []


# -- safeguards -------------------------------------------------------------------------------------------------------


def test_chunks_somebody_took_meanwhile_are_missed_and_written_again(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABC"))

    def take_one() -> None:
        world.store.chunks.delete([world.rows("a.txt")[0]["id"]], calm())

    with pytest.raises(TransientError, match="chunks_missing"):
        world.deliver(wire=After("dashscope.embed 1", take_one))
    assert record(world).state is not DocumentState.INDEXED
    world.deliver()
    assert world.problems() == []


def test_a_version_refused_late_leaves_the_rows_it_shares_with_the_one_before(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    standing = record(world)
    # "C" and "A" moved, and are read before what is refused.
    world.put("a.txt", text("a.txt", "CAX!"))
    (result,) = world.deliver()
    assert isinstance(result, Result)
    assert result.outcome is Outcome.FAILED
    assert letters(world) == "ABC"
    assert record(world).indexed_version == standing.version
    assert world.problems() == []


def test_a_document_stays_readable_while_it_is_replaced(world: World) -> None:
    seen: list[int] = []

    class Reader(Wire):
        def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
            answer = apply()
            seen.append(len(world.search("a.txt")))
            return answer

    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    world.put("a.txt", text("a.txt", "XYZ"))
    world.deliver(wire=Reader())
    assert min(seen) >= 3
    assert world.problems() == []


class Late(Wire):
    """Reads that are not Strong see what was so some changes ago."""

    def lag(self) -> int:
        return 4


def test_reads_that_come_late_decide_nothing(world: World) -> None:
    for content in ("ABC", "CDE", "A!", "BAC"):
        world.put("a.txt", text("a.txt", content))
        world.deliver(wire=Late())
        assert world.problems() == []
    world.ingestion(Late()).reconcile(calm())
    world.remove("a.txt")
    world.deliver(wire=Late())
    assert world.problems() == []


class Full(Wire):
    """Milvus answers, and writes nothing any more."""

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        if "upsert" in call:
            raise TransientError("milvus_failed", "The disk is full.")
        return apply()


def test_a_milvus_that_takes_no_writes_costs_nothing(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABC"))
    for _ in range(3):
        with pytest.raises(TransientError):
            world.deliver(wire=Full())
    assert world.model.rows == 0
    world.deliver()
    assert world.problems() == []


class Forgetful(Wire):
    """The listing breaks off after its first page."""

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        answer: Any = apply()
        if call == "oss.list":
            if self.pages:
                raise TransientError("simulated", "The second page never comes.")
            self.pages += 1
            answer.is_truncated, answer.next_continuation_token = True, "a.txt"
        return answer  # type: ignore[no-any-return]

    pages = 0


def test_a_listing_that_breaks_off_removes_nothing(world: World) -> None:
    for name in ("a.txt", "b.txt"):
        world.put(name, text(name, "AB"))
        world.deliver(name)
    with pytest.raises(TransientError):
        world.ingestion(Forgetful()).reconcile(calm())
    assert world.problems() == []


class AtWithdrawal(Wire):
    """Something happens right after the read that decides what a refused version leaves."""

    def __init__(self, happening: Callable[[], object]) -> None:
        self._happening: Callable[[], object] | None = happening
        self._refused = False

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        self._refused |= call.startswith("dashscope")
        answer = apply()
        if self._refused and self._happening and call == "milvus.query chunks":
            happening, self._happening = self._happening, None
            happening()
        return answer


def test_two_that_fail_side_by_side_agree_on_what_stays() -> None:
    world = World()
    world.put("a.txt", text("a.txt", "ABC"))
    late = Gates(world, ("milvus.upsert records", 2), ("oss.head a.txt", 2))
    world.put("a.txt", text("a.txt", "!"))
    # This one has seen no version that stands, and will leave nothing; the next will, once the late one is in.
    other = Gates(world, ("oss.get a.txt", 1))
    late.go_on()

    def the_others_end() -> None:
        other.go_on()
        late.go_on()

    world.deliver(wire=AtWithdrawal(the_others_end))
    assert world.problems() == []


class Crowd(Wire):
    """Whenever this process takes out what it embedded, another one has just begun with the same version."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.others: list[Gates] = []

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        if call == "milvus.delete chunks":
            self.others.append(Gates(self._world, ("milvus.query chunks", 2)))
        return apply()


def test_a_version_that_is_refused_is_bought_once_by_each_that_is_at_it() -> None:
    world = World()
    world.put("a.txt", text("a.txt", "ABCD!"))
    crowd = Crowd(world)
    world.deliver(wire=crowd)
    assert world.model.rows == 4
    for other in crowd.others:
        other.go_on()
    assert world.problems() == []
    assert world.model.rows == 4 * (1 + len(crowd.others)) == 8

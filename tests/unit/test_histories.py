"""Single histories: what once went wrong, and the reason for each safeguard.

`tests.unit.test_simulation` draws histories at random; here each is known, so that it says which law was broken.
"""

from __future__ import annotations

import contextlib
import errno
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from msgspec.structs import replace

from shared import parsing
from shared.domain.errors import DocumentError, InternalError, PlatformError, TransientError
from shared.domain.models import Claim, DocumentState, Failure
from shared.ingestion.bucket import Bucket
from shared.ingestion.claiming import CLAIM_SECONDS
from shared.ingestion.events import Action, Selection, Unknown
from shared.ingestion.results import Outcome, Report, Result
from shared.runtime import clock
from shared.runtime.clock import ManualClock
from shared.runtime.retrying import Deadline
from tests.fakes import Wire, parse_here
from tests.simulation import Gates, Killed, World, calm, simulated, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.domain.models import Document, ParsedDocument

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
    clock.sleep(CLAIM_SECONDS)
    world.put("a.txt", text("a.txt", newer))
    world.deliver()
    slow.go_on()
    assert world.problems() == []
    # It sees that another has claimed the document, and leaves what that has made of it.
    assert letters(world) == (newer if newer == "CDE" else "")


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
    clock.sleep(CLAIM_SECONDS)
    other = Gates(world, ("oss.get a.txt", 1))
    late.go_on()

    def the_others_end() -> None:
        other.go_on()
        late.go_on()

    clock.sleep(CLAIM_SECONDS)
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


def test_a_version_that_is_refused_is_bought_once_whoever_is_at_it() -> None:
    world = World()
    world.put("a.txt", text("a.txt", "ABCD!"))
    crowd = Crowd(world)
    # What the others have written so far of a version that is refused goes; they find out by themselves.
    world.deliver(wire=crowd)
    assert not world.rows("a.txt")
    assert world.model.rows == 4
    for other in crowd.others:
        other.go_on()
    world.deliver()
    assert world.problems() == []
    assert crowd.others
    assert world.model.rows == 4


# -- claims -----------------------------------------------------------------------------------------------------------


def claim(world: World, seconds: float, owner: str = "another") -> None:
    """Let another process have begun with the document."""
    world.store.registry.write(
        [replace(record(world), state=DocumentState.PENDING, claim=Claim(owner, clock.time() + seconds))], calm()
    )


def claimed_world(seconds: float) -> World:
    """A document with a version in the index and a newer one in the bucket, which another process has begun with."""
    world = World()
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    world.put("a.txt", text("a.txt", "DEF"))
    claim(world, seconds)
    return world


def test_a_reconcile_leaves_a_document_alone_while_another_process_works_on_it() -> None:
    world = claimed_world(50)
    began = clock.time()
    world.ingestion().reconcile(calm())
    assert clock.time() - began >= 50
    assert world.problems() == []


def test_a_reconcile_with_little_time_counts_what_another_process_works_on() -> None:
    world = claimed_world(50)
    report = world.ingestion().reconcile(calm(), seconds=10)
    assert (report.stale, report.left, report.results, report.unfinished) == (("a.txt",), 1, (), ())
    assert world.model.rows == 3


def test_a_claim_far_in_the_future_is_not_believed() -> None:
    world = claimed_world(HOUR)
    began = clock.time()
    world.ingestion().reconcile(calm())
    assert clock.time() == began
    assert world.problems() == []


def test_an_event_waits_while_another_instance_works_on_its_document_and_then_serves_it() -> None:
    world = claimed_world(15)
    began = clock.time()
    world.ingestion().handle([world.event()], Deadline.after(100))
    assert clock.time() - began >= 15
    assert world.problems() == []


def test_an_event_waits_no_longer_than_it_has_time() -> None:
    world = claimed_world(15)
    began = clock.time()
    with pytest.raises(TransientError, match="document_busy"):
        world.ingestion().handle([world.event()], Deadline.after(10))
    assert clock.time() - began <= 10
    assert (world.model.rows, letters(world)) == (3, "ABC")


def test_an_event_of_a_document_that_another_instance_is_at_pays_nothing() -> None:
    world = World()
    world.put("a.txt", text("a.txt", "ABC"))
    first = Gates(world, ("oss.get a.txt", 1))
    with pytest.raises(TransientError, match="document_busy"):
        world.deliver()
    assert world.model.rows == 0
    first.go_on()
    world.deliver()
    assert (world.model.rows, world.problems()) == (3, [])


def test_of_two_instances_that_claim_a_document_at_the_same_moment_one_pays() -> None:
    world = World()
    world.put("a.txt", text("a.txt", "ABC"))
    others: list[Gates] = []
    # The other one has found no claim, and writes its own before this one does.
    world.deliver(wire=After("milvus.query records", lambda: others.append(Gates(world, ("oss.get a.txt", 1)))))
    assert world.model.rows == 3
    others[0].go_on()
    assert (world.model.rows, world.problems()) == (3, [])


def test_an_instance_that_was_started_again_does_not_wait_for_itself() -> None:
    world = World()
    world.put("a.txt", text("a.txt", "ABC"))
    claim_of_old = After("oss.get a.txt", _die)
    with pytest.raises(Killed):
        world.ingestion(claim_of_old, owner="c-1").handle([world.event()], calm())
    with pytest.raises(TransientError, match="document_busy"):
        world.ingestion(owner="c-2").handle([world.event()], calm())
    world.ingestion(owner="c-1").handle([world.event()], calm())
    assert world.problems() == []


def test_an_instance_that_lost_its_claim_in_its_sleep_sweeps_nothing() -> None:
    world = World()
    world.put("a.txt", text("a.txt", "AB"))
    slow = Gates(world, ("dashscope.embed 2", 1))
    clock.sleep(CLAIM_SECONDS)
    world.put("a.txt", text("a.txt", "DE"))
    world.deliver()
    slow.go_on()
    # What the slow one embedded was asked for before, and the newer version is embedded once.
    assert (world.model.rows, letters(world), world.problems()) == (4, "DE", [])


def test_an_object_that_is_removed_is_not_paid_for_to_its_end() -> None:
    world = World()
    world.put("a.txt", text("a.txt", "ABCDE"))

    outcomes: list[object] = []

    def remove() -> None:
        world.remove("a.txt")
        try:
            outcomes.extend(result.outcome for result in world.deliver() if isinstance(result, Result))
        except TransientError as error:
            outcomes.append(error.code)

    world.deliver(wire=After("milvus.upsert chunks", remove))
    assert outcomes == [Outcome.REMOVED]
    assert (world.model.rows, world.problems()) == (2, [])


def _die() -> None:
    raise Killed


class Reconciling(Wire):
    """Another reconcile runs whole, right after the first call of a name of this one."""

    def __init__(self, world: World, call: str) -> None:
        self._world = world
        self._call = call
        self._begun = False

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        answer = apply()
        if call == self._call and not self._begun:
            self._begun = True
            self._world.ingestion().reconcile(calm(), seconds=5)
        return answer


@pytest.mark.parametrize(
    "call",
    ["oss.list", "milvus.query records", "milvus.upsert records", "oss.get a.txt", "dashscope.embed 2"],
)
def test_two_reconciles_side_by_side_embed_each_chunk_once(call: str) -> None:
    world = World()
    for name in ("a.txt", "b.txt", "c.txt"):
        world.put(name, text(name, "ABCDE"))
    world.ingestion(Reconciling(world, call)).reconcile(calm())
    assert world.problems() == []
    assert world.model.rows == 15


def test_a_reconcile_that_lost_its_claim_gives_way_before_it_pays() -> None:
    world = World()
    world.put("a.txt", text("a.txt", "ABC"))
    rows: list[int] = []

    def overtake() -> None:
        claim(world, 50)
        rows.append(world.model.rows)

    world.ingestion(After("oss.get a.txt", overtake)).reconcile(calm())
    assert rows == [0]
    assert world.problems() == []
    assert world.model.rows == 3


# -- internal errors --------------------------------------------------------------------------------------------------


class Parser:
    """Fails by an internal error until it is fixed."""

    def __init__(self) -> None:
        self.is_broken = True
        self.calls = 0

    def __call__(self, path: Path, key: str, limits: parsing.Limits, deadline: Deadline) -> ParsedDocument:
        self.calls += 1
        if self.is_broken:
            raise InternalError("internal_error", "A parser failed.")
        return parse_here(path, key, limits, deadline)


def test_an_internal_error_condemns_no_document_and_is_retried_after_a_growing_delay() -> None:
    world, parser = World(), Parser()
    world.put("a.txt", text("a.txt", "ABC"))
    ingestion = world.ingestion(parse=parser)
    with pytest.raises(InternalError):
        ingestion.handle([world.event()], calm())
    failure = record(world).failure
    assert failure is not None
    assert (record(world).state, failure.code, failure.retryable) == (DocumentState.PENDING, "internal_error", True)
    calls = [parser.calls]
    for _ in range(4 * 60):
        clock.sleep(60)
        ingestion.reconcile(calm())
        calls.append(parser.calls)
    assert 5 <= parser.calls <= 10
    gaps = [later for later in range(1, len(calls)) if calls[later] > calls[later - 1]]
    assert gaps == sorted(gaps)
    assert gaps[-1] - gaps[-2] > gaps[1] - gaps[0]
    parser.is_broken = False
    clock.sleep(24 * HOUR)
    ingestion.reconcile(calm())
    assert world.problems() == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_internal_error_and_waits_for_no_release(world: World, code: int) -> None:
    def parse(*_: Any) -> ParsedDocument:
        raise OSError(code, "It does not fit.")

    world.put("a.txt", text("a.txt", "AB"))
    with pytest.raises(TransientError, match="disk_full"):
        world.ingestion(parse=parse).handle([world.event()], calm())
    failure = record(world).failure
    assert failure is not None
    assert (record(world).state, failure.code, failure.retryable) == (DocumentState.PENDING, "disk_full", True)
    (report,) = world.ingestion().handle([Action("reconcile")], calm())
    assert isinstance(report, Report)
    assert report.counts.stale == 1  # at once: an internal error waits for a minute and longer
    assert letters(world) == "AB"


@pytest.mark.parametrize("kind", [TypeError, ModuleNotFoundError, RuntimeError, KeyError])
def test_an_error_that_no_parser_documents_is_an_internal_error(kind: type[Exception]) -> None:
    def parse(*_: object) -> ParsedDocument:
        raise kind("something of the document")

    world = World()
    world.put("a.txt", text("a.txt", "ABC"))
    with pytest.raises(InternalError):
        world.ingestion(parse=parse).handle([world.event()], calm())
    failure = record(world).failure
    assert failure is not None
    assert (record(world).state, failure.code, failure.retryable) == (DocumentState.PENDING, "internal_error", True)
    assert "something" not in failure.message


@pytest.mark.parametrize("number", [2, 5], ids=["one by one", "together"])
@pytest.mark.parametrize("method", ["state", "fetch", "look_up"])
def test_a_defect_that_one_document_meets_keeps_no_other_from_its_turn(
    monkeypatch: pytest.MonkeyPatch, number: int, method: str
) -> None:
    """Where no document is read yet: a key or an answer that nothing expected."""
    world, names, real = World(), [f"{letter}.txt" for letter in "abcde"[:number]], getattr(Bucket, method)

    def fail(self: Bucket, asked: Any, *arguments: Any, **options: Any) -> Any:
        keys = asked if isinstance(asked, list) else [getattr(asked, "key", asked)]
        if any(getattr(key, "key", key) == "a.txt" for key in keys):
            raise RuntimeError("Nothing expects this.")
        return real(self, asked, *arguments, **options)

    for name in names:
        world.put(name, text(name, "AB"))
    monkeypatch.setattr(Bucket, method, fail)
    with contextlib.suppress(InternalError):
        world.ingestion().handle(list(map(world.event, names)), calm())
    assert not [problem for name in names[1:] for problem in world.wrong(name)]
    world.put(names[1], text(names[1], "C"))
    (report,) = world.ingestion().handle([Action("reconcile")], calm())
    assert isinstance(report, Report)
    assert not [problem for name in names[1:] for problem in world.wrong(name)]
    monkeypatch.undo()
    world.ingestion().handle([Action("reconcile")], calm())
    assert world.problems() == []


def condemn(world: World, revision: int, code: str = "broken_file") -> None:
    """Let the document have failed permanently under a revision of the parsing code."""
    failed = replace(
        record(world),
        state=DocumentState.FAILED,
        parser_revision=revision,
        failure=Failure("parsing", code, "It was damaged."),
    )
    world.store.registry.write([failed], calm())


def test_a_failure_of_an_older_revision_is_tried_once_more() -> None:
    world, parser = World(), Parser()
    parser.is_broken = False
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    condemn(world, parsing.PARSER_REVISION)
    ingestion = world.ingestion(parse=parser)
    ingestion.reconcile(calm())
    assert parser.calls == 0
    condemn(world, parsing.PARSER_REVISION - 1)
    for _ in range(3):
        ingestion.reconcile(calm())
    assert parser.calls == 1
    assert world.problems() == []


@pytest.mark.parametrize(
    ("selection", "is_tried"),
    [
        (Selection(), True),
        (Selection(state="failed"), True),
        (Selection(state="pending"), False),
        (Selection(state="indexed", reread=True), False),
        (Selection(code="broken_file"), True),
        (Selection(code="too_large"), False),
        (Selection(prefix="a"), True),
        (Selection(prefix="b"), False),
        (Selection(id="0" * 32), False),
        (Selection(before=0), False),
    ],
    ids=str,
)
def test_an_operator_chooses_what_is_tried_again(selection: Selection, is_tried: bool) -> None:
    world, parser = World(), Parser()
    parser.is_broken = False
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    condemn(world, parsing.PARSER_REVISION)
    clock.sleep(1)
    action = Action("retry", selection=selection)
    dry = Action("retry", dry_run=True, selection=selection)
    (would, report) = world.ingestion(parse=parser).handle([dry, action], calm())
    assert isinstance(would, Report)
    assert isinstance(report, Report)
    assert would.stale == report.stale == (("a.txt",) if is_tried else ())
    assert parser.calls == is_tried
    assert record(world).state is (DocumentState.INDEXED if is_tried else DocumentState.FAILED)


def test_a_document_that_older_code_indexed_is_read_again_on_request_and_embeds_nothing() -> None:
    world, parser = World(), Parser()
    parser.is_broken = False
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    world.store.registry.write([replace(record(world), parser_revision=1)], calm())
    clock.sleep(1)
    ingestion = world.ingestion(parse=parser)
    ingestion.handle([Action("retry", selection=Selection()), Action("reconcile")], calm())
    assert parser.calls == 0
    for _ in range(2):
        ingestion.handle([Action("retry", selection=Selection(reread=True))], calm())
    assert parser.calls == 1
    assert (record(world).parser_revision, world.model.rows) == (parsing.PARSER_REVISION, 3)
    by_id = Selection(id=record(world).id, reread=True)
    clock.sleep(1)
    ingestion.handle([Action("retry", selection=by_id)], calm())
    assert parser.calls == 2


def test_a_document_that_can_no_longer_be_read_keeps_answering() -> None:
    def parse(*_: object) -> ParsedDocument:
        raise DocumentError("broken_file", "It is damaged.", stage="parsing")

    world = World()
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    world.store.registry.write([replace(record(world), parser_revision=1)], calm())
    clock.sleep(1)
    world.ingestion(parse=parse).handle([Action("retry", selection=Selection(reread=True))], calm())
    assert record(world).state is DocumentState.FAILED
    assert letters(world) == "ABC"


# -- rows written -----------------------------------------------------------------------------------------------------


class Writes(Wire):
    """Counts calls that write chunks, and files read."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        self.calls.append(call)
        return apply()


def test_the_same_bytes_uploaded_again_write_no_row_and_are_not_read(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABC"))
    world.deliver()
    world.put("a.txt", text("a.txt", "ABC"))
    writes = Writes()
    world.deliver(wire=writes)
    assert not {"milvus.upsert chunks", "oss.get a.txt"} & set(writes.calls)
    assert world.problems() == []


def test_an_edit_writes_only_the_rows_it_changes(world: World) -> None:
    world.put("a.txt", text("a.txt", "ABCDE"))
    world.deliver()
    before = {row["id"]: row for row in world.rows("a.txt")}
    world.put("a.txt", text("a.txt", "ABXDE"))
    world.deliver()
    after = {row["id"]: row for row in world.rows("a.txt")}
    assert sum(before.get(id_) != row for id_, row in after.items()) == 1
    assert world.problems() == []


def test_a_document_is_parsed_once_for_each_attempt(world: World) -> None:
    parser = Parser()
    parser.is_broken = False
    ingestion = world.ingestion(parse=parser)
    for content in ("ABC", "CXABB"):  # the second one moves chunks
        world.put("a.txt", text("a.txt", content))
        ingestion.handle([world.event()], calm())
        assert world.problems() == []
    assert parser.calls == 2


# -- events that are not about a document -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["folder/", "folder%2F", "docs/folder/", "elsewhere/a.txt", "docs/a.pdf"])
def test_what_is_no_document_of_this_deployment_is_acknowledged_and_left_alone(world: World, name: str) -> None:
    world.put("docs/a.pdf.txt", text("docs/a.pdf.txt", "ABC"))
    world.deliver("docs/a.pdf.txt")
    before = dict(world.index.rows(world.store.chunks.name))
    ingestion = world.ingestion(prefix="docs/")
    ingestion._bucket._settings = replace(ingestion._bucket._settings, suffix=".txt")
    (result,) = ingestion.handle([world.event(name)], calm())
    assert isinstance(result, Result)
    assert result.outcome is Outcome.IGNORED
    assert ingestion.converge(world.key(name), calm()).outcome is Outcome.IGNORED
    assert world.index.rows(world.store.chunks.name) == before


def test_two_deployments_leave_each_others_documents_alone(world: World) -> None:
    names = ["one/a.txt", "two/b.txt"]
    for name in names:
        world.put(name, text(name, "ABC"))
    one, two = (world.ingestion(prefix=prefix) for prefix in ("one/", "two/"))
    for _ in range(2):
        for ingestion in (one, two):
            ingestion.reconcile(calm())
            ingestion.handle([Action("retry", selection=Selection())], calm())
    assert world.problems() == []
    assert world.model.rows == 6
    world.remove("one/a.txt")
    two.reconcile(calm())
    assert world.rows("one/a.txt")
    one.reconcile(calm())
    assert world.problems() == []

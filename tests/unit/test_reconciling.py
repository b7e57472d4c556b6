"""A reconcile of many documents: by parts, with a cursor, in bounded memory, in ranges side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from shared.domain.errors import RequestError, TransientError
from shared.domain.models import Document, DocumentState, ObjectKey, ObjectState
from shared.ingestion import comparing, key_list, reconciling
from shared.ingestion.converging import Ingestion
from shared.ingestion.events import Action, Span
from shared.ingestion.results import Report
from shared.ingestion.sidecar import SIDECAR, add_sidecar, document_of, join_listing
from shared.runtime import clock
from shared.runtime.settings import IngestionSettings
from shared.store import spans
from shared.store.expressions import select_bucket, select_documents
from tests.fakes import BUCKET, FakeBucket, FakeEmbedder, FakeStore, Wire, parse_here
from tests.simulation import Killed, World, calm, simulated, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    Answer = TypeVar("Answer")

NAMES = [f"{number:02}.txt" for number in range(12)]
_DAY = 86_400.0


@pytest.fixture(autouse=True)
def in_parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two documents to a part, a cursor after each, and nothing remembered from counting to repairing."""
    with simulated():
        for module, name, value in (
            (comparing, "_DOCUMENTS_PER_PART", 2),
            (reconciling, "_KEYS_PER_BATCH", 2),
            (key_list, "MAX_REMEMBERED", 1),
            (reconciling, "_SAVE_SECONDS", -1.0),
            (spans, "MAX_RECORDS", 3),
        ):
            monkeypatch.setattr(module, name, value)
        monkeypatch.setattr("shared.ingestion.bucket._KEYS_PER_PAGE", 2)
        yield


@pytest.fixture
def world() -> World:
    made = World()
    for name in NAMES:
        made.put(name, text(name, "AB"))
    return made


class Calls(Wire):
    """Notes calls, and does something before the n-th of a name."""

    def __init__(self, call: str = "", number: int = 0, act: Callable[[], object] = lambda: None) -> None:
        self.seen: list[str] = []
        self._call, self._number, self._act = call, number, act

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        self.seen.append(call)
        if call == self._call and self.seen.count(call) == self._number:
            self._act()
        return apply()


def die() -> None:
    raise Killed


def reconcile(world: World, wire: Wire | None = None, **options: Any) -> Report:
    return world.ingestion(wire, owner="one").reconcile(calm(), **options)


def strict(world: World, share: float) -> Ingestion:
    settings = IngestionSettings(chunk_tokens=32, sync_concurrency=1, max_deleted_share=share)
    return Ingestion(
        FakeBucket(world.objects), FakeEmbedder(world.model), FakeStore(world.index), settings, parse=parse_here
    )


def read_cursor(world: World) -> Any:
    rows = [row for row in world.index.rows(world.store.registry.name).values() if "progress" in row["record"]]
    return rows[0]["record"]["progress"]["cursor"] if rows else None


# -- parts and cursors ------------------------------------------------------------------------------------------------


def test_more_documents_than_are_remembered_are_all_repaired(world: World) -> None:
    report = reconcile(world)
    assert (report.listed, report.counts.stale, report.counts.results, report.left) == (12, 12, 12, 0)
    assert world.problems() == []
    for name in NAMES[::2]:
        world.remove(name)
    report = reconcile(world)
    assert (report.counts.orphaned, report.counts.results) == (6, 6)
    assert world.problems() == []
    assert read_cursor(world) is None


@pytest.mark.parametrize("number", range(1, 30, 3))
def test_killed_anywhere_it_goes_on_where_it_was(world: World, number: int) -> None:
    with pytest.raises(Killed):
        reconcile(world, Calls("milvus.query records", number, die))
    reconcile(world)
    assert world.problems() == []
    assert world.model.rows == 24
    assert read_cursor(world) is None


def test_a_run_that_is_killed_every_time_still_ends(world: World) -> None:
    """Each gets a few calls further than the one before."""
    for _ in range(40):
        try:
            reconcile(world, Calls("milvus.upsert chunks", 2, die))
        except Killed:
            clock.sleep(30)  # its claim ends
        else:
            break
    assert world.problems() == []
    assert world.model.rows <= 24 + 2 * 12


def test_what_changed_before_the_cursor_is_repaired_by_the_same_run(world: World) -> None:
    with pytest.raises(Killed):
        reconcile(world, Calls("milvus.upsert chunks", 8, die))
    clock.sleep(30)
    assert read_cursor(world)["phase"] == "index"
    world.put(NAMES[0], text(NAMES[0], "XY"))
    reconcile(world)
    assert world.problems() == []


def test_a_bounded_run_continues_without_counting_again(world: World) -> None:
    first = reconcile(world, seconds=0)
    assert (first.left, first.results) == (12, ())
    calls = Calls()
    second = reconcile(world, calls, seconds=60)
    assert (second.left, second.counts.results, world.problems()) == (0, 12, [])
    assert calls.seen.count("oss.list") == 6  # each page once


def test_an_old_cursor_is_not_continued(world: World) -> None:
    reconcile(world, seconds=0)
    clock.sleep(2 * _DAY)
    for name in NAMES[1:]:
        world.remove(name)
    assert reconcile(world, seconds=0).left == 1


def test_the_row_of_a_cursor_is_no_document(world: World) -> None:
    reconcile(world, seconds=0)
    assert read_cursor(world)
    registry = world.store.registry
    assert registry.read_all("", calm()) == []
    for state in (None, DocumentState.DELETED):
        assert registry.read_page(select_documents(None, state, ""), None, 10, calm()).documents == []


def test_a_cursor_of_another_version_of_this_software_is_left_out(world: World) -> None:
    reconcile(world, seconds=0)
    rows = world.index.rows(world.store.registry.name).values()
    (row,) = (dict(row) for row in rows if "progress" in row["record"])
    row["record"] = {**row["record"], "progress": {"cursor": {"phase": "dance"}}}
    world.index.upsert(world.store.registry.name, [row])
    reconcile(world)
    assert world.problems() == []


# -- deletions --------------------------------------------------------------------------------------------------------


def test_too_many_deletions_are_refused_part_by_part_too(world: World) -> None:
    reconcile(world)
    for name in NAMES[:6]:
        world.remove(name)
    with pytest.raises(RequestError, match="6 of 12 documents"):
        strict(world, 0.4).reconcile(calm())
    assert len(world.store.registry.read_all("", calm())) == 12
    assert read_cursor(world) is None
    strict(world, 0.5).reconcile(calm())
    assert world.problems() == []


def test_a_bucket_that_is_emptied_while_a_run_is_interrupted_removes_no_more_than_is_allowed(world: World) -> None:
    reconcile(world)
    for name in NAMES[:4]:
        world.remove(name)
    ingestion = strict(world, 0.5)
    assert ingestion.reconcile(calm(), seconds=0).left == 4
    for name in NAMES[4:]:
        world.remove(name)
    with pytest.raises(RequestError, match="too_many_deletions"):
        ingestion.reconcile(calm())
    assert len(world.store.registry.read_all("", calm())) >= 6
    assert read_cursor(world) is None


def test_a_listing_that_breaks_off_removes_nothing_that_was_not_listed(world: World) -> None:
    reconcile(world)
    world.remove(NAMES[0])

    def fail() -> None:
        raise TransientError("simulated", "A page is missing.")

    for number in range(1, 7):
        with pytest.raises(TransientError):
            reconcile(world, Calls("oss.list", number, fail))
        assert {record.key for record in world.store.registry.read_all("", calm())} >= set(NAMES[1:])


# -- ranges -----------------------------------------------------------------------------------------------------------


def test_ranges_side_by_side_make_the_whole(world: World) -> None:
    reconcile(world)
    world.remove("03.txt")
    world.put("05.txt", text("05.txt", "XY"))
    parts = [("", "03.txt"), ("03.txt", "05.txt"), ("05.txt", "")]
    actions = [Action("reconcile", span=Span(after, until)) for after, until in parts]
    reports = world.ingestion().handle(actions, calm())
    assert all(isinstance(report, Report) for report in reports)
    assert [(report.listed, report.stale, report.orphaned) for report in reports if isinstance(report, Report)] == [
        (3, (), ("03.txt",)),
        (2, ("05.txt",), ()),
        (6, (), ()),
    ]
    assert world.problems() == []


@pytest.mark.parametrize(("after", "until"), [("z", ""), ("", "0"), ("05.txt", "05.txt"), ("07.txt", "02.txt")])
def test_an_empty_range_does_nothing(world: World, after: str, until: str) -> None:
    reconcile(world)
    for name in NAMES:
        world.remove(name)
    report = reconcile(world, span=Span(after, until))
    assert (report.listed, report.counts.orphaned) == (0, 0)
    assert len(world.store.registry.read_all("", calm())) == len(NAMES)


# -- answers ----------------------------------------------------------------------------------------------------------


def test_an_answer_names_the_first_hundred_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((comparing, "_DOCUMENTS_PER_PART"), (spans, "MAX_RECORDS")):
        monkeypatch.setattr(module, name, 100)
    monkeypatch.setattr(key_list, "MAX_REMEMBERED", 10_000)
    monkeypatch.setattr("shared.ingestion.bucket._KEYS_PER_PAGE", 100)
    world = World()
    names = [f"{number:03}.txt" for number in range(130)]
    for name in names:
        world.put(name, text(name, "!" if name > "125" else "A"))
    dry = reconcile(world, dry_run=True)
    assert (dry.stale, dry.counts.stale, dry.results) == (tuple(names[:100]), 130, ())
    assert read_cursor(world) is None
    report = reconcile(world)
    assert (len(report.results), report.counts.results, report.counts.failures) == (100, 130, 5)
    assert all(result.failure for result in report.results[:5])


# -- chunks -----------------------------------------------------------------------------------------------------------


def test_chunks_are_verified_by_turns_until_each_document_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reconcile(world)
    monkeypatch.setattr(reconciling, "_MIN_VERIFIED", 2)
    monkeypatch.setattr(key_list, "MAX_REMEMBERED", 10_000)
    chunks = world.store.chunks
    ids = {name: [row["id"] for row in world.rows(name)] for name in NAMES}
    for name in NAMES:
        chunks.delete(ids[name][:1], calm())
    found: list[int] = []
    for _ in range(8):
        report = reconcile(world)
        found.append(report.counts.stale)
        clock.sleep(3_600)
    assert sum(found) == 12
    assert max(found) < 12
    assert world.problems() == []


def test_without_a_run_for_days_more_is_verified_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    reconcile(world)
    monkeypatch.setattr(reconciling, "_MIN_VERIFIED", 1)
    monkeypatch.setattr(key_list, "MAX_REMEMBERED", 10_000)
    reconcile(world)
    for name in NAMES:
        world.store.chunks.delete([world.rows(name)[0]["id"]], calm())
    clock.sleep(7 * _DAY)
    assert reconcile(world).counts.stale == 12
    assert world.problems() == []


def test_chunks_are_verified_though_more_differs_than_is_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile(world)
    monkeypatch.setattr(key_list, "MAX_REMEMBERED", 3)
    for name in NAMES[:4]:
        world.put(name, text(name, "DEF"))
    for name in NAMES[4:6]:
        world.store.chunks.delete([world.rows(name)[0]["id"]], calm())
    stray = NAMES[6]
    world.remove(stray)
    world.store.registry.delete([ObjectKey(BUCKET, stray).document_id], calm())
    dry = reconcile(world, dry_run=True)
    assert (dry.counts.stale, dry.counts.orphaned, dry.orphaned) == (6, 1, (stray,))
    assert set(NAMES[4:6]) <= set(dry.stale)
    report = reconcile(world)
    assert (report.counts, report.stale, report.orphaned) == (
        replace(dry.counts, results=7),
        dry.stale,
        dry.orphaned,
    )
    assert world.problems() == []
    assert read_cursor(world) is None


def test_strays_count_as_deletions_though_more_differs_than_is_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconcile(world)
    monkeypatch.setattr(key_list, "MAX_REMEMBERED", 3)
    for name in NAMES[:4]:
        world.put(name, text(name, "DEF"))
    for name in NAMES[4:7]:
        world.remove(name)
        world.store.registry.delete([ObjectKey(BUCKET, name).document_id], calm())
    with pytest.raises(RequestError, match=rf"3 of 12 documents .* {NAMES[4]}"):
        strict(world, 0.2).reconcile(calm())
    assert all(world.rows(name) for name in NAMES[4:7])


@pytest.mark.parametrize("start", [0, 1, comparing.IDS // 3, comparing.IDS - 1])
def test_ranges_of_ids_cover_each_document_once(world: World, monkeypatch: pytest.MonkeyPatch, start: int) -> None:
    reconcile(world)
    monkeypatch.setattr(comparing, "_CHUNKS_PER_RANGE", 3)
    for name in NAMES:
        world.store.chunks.delete([world.rows(name)[0]["id"]], calm())
    pipeline = world.ingestion().pipeline
    turns = [(start, comparing.IDS), (0, start)]
    found = [found for first, last in turns for found in comparing.verify(pipeline, first, last, 12, calm())]
    assert sorted(key.key for damage in found for key in damage.damaged) == NAMES


# -- listings with sidecars -------------------------------------------------------------------------------------------


def listed(names: Sequence[str]) -> list[ObjectState]:
    return [ObjectState(ObjectKey(BUCKET, name), f"etag of {name}", 1, 1) for name in sorted(names)]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("waiting", [0, 1, 4_000])
def test_each_document_gets_its_sidecar_wherever_a_page_ends(
    size: int, waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.ingestion.sidecar._MAX_WAITING", waiting)
    names = ["a", "a-", "a--", "a-1", "a-1.txt", "a-2", "a.txt", "a/b", "b", "中", "中-文", "🙂", SIDECAR, "z/"]
    names += [name + SIDECAR for name in ("a", "a-", "a-1", "a.txt", "中", "gone", "🙂")]
    objects = listed(names)
    by_key = {state.key: state for state in objects}
    pages = [objects[at : at + size] for at in range(0, len(objects), size)]
    found = [state for page in join_listing(iter(pages), by_key.get) for state in page]
    documents = [state for state in objects if document_of(state.key) == state.key]
    sidecars = (by_key.get(ObjectKey(BUCKET, state.key.key + SIDECAR)) for state in documents)
    assert found == [add_sidecar(state, sidecar) for state, sidecar in zip(documents, sidecars, strict=True)]


def test_few_documents_wait_for_a_sidecar_of_one_that_others_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.ingestion.sidecar._MAX_WAITING", 10)
    asked: list[str] = []

    def find(key: ObjectKey) -> None:
        asked.append(key.key)

    objects = listed(["report", *(f"report-{number:03}" for number in range(200)), "report" + SIDECAR])
    pages = (objects[at : at + 5] for at in range(0, len(objects), 5))
    sizes = [len(page) for page in join_listing(pages, find)]
    assert max(sizes) <= 20
    assert asked == ["report" + SIDECAR]


# -- the registry by ranges of keys -----------------------------------------------------------------------------------

ODD = ["a", "a\x01b", "a\x01c", "a\x02", "a\t", 'a"', "a\\", "a b", "b", "é", "中文", "\uffee", "🙂", "\x7f"]


@pytest.mark.parametrize("most", [2, 3, 100])
@pytest.mark.parametrize("after", ["", "a", "a\x01b", "中文"])
@pytest.mark.parametrize("until", ["", "a\x02", "a\\", "\uffee"])
def test_records_are_read_by_ranges_of_any_keys(
    most: int, after: str, until: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "MAX_RECORDS", most)
    world = World()
    records = [
        Document(ObjectKey(BUCKET, key).document_id, BUCKET, key, DocumentState.INDEXED, "1", updated=1.0)
        for key in ODD
    ]
    world.store.registry.write(records, calm())
    parts = list(world.store.spans.read(select_bucket(BUCKET), after, until, calm()))
    keys = [record.key for part in parts for record in part.documents]
    assert keys == sorted(key for key in ODD if key > after and (not until or key <= until))
    assert parts[-1].end == until


def test_a_report_fits_into_an_answer() -> None:
    names = tuple("x" * 1_023 for _ in range(100))
    assert len(msgspec.json.encode(Report(1, names, names, unfinished=names))) < 1 << 20

"""A migration ends with an exact collection of one model, whatever happens: see `tests.migration_simulation`."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from functools import partial
from itertools import islice, pairwise, permutations
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest
from msgspec.structs import replace

from ops.comparison import Comparison, Query, read_queries
from shared.domain.catalog import EMBEDDING_MODELS
from shared.domain.errors import PlatformError, RequestError
from shared.domain.models import Usage
from shared.domain.tenants import Tenancy
from shared.embedding.batch_tasks import BatchTasks
from shared.ingestion.claiming import CLAIM_SECONDS
from shared.migration import comparing, ingestions
from shared.migration.record_writers import RecordWriters
from shared.records.envelopes import Record
from shared.retrieval.sampling import Sampler
from shared.runtime import clock
from shared.runtime.settings import MilvusSettings
from shared.store import plan, schema
from shared.store.directory import MAX_AGE_SECONDS, StoreDirectory
from shared.store.query_samples import MOST_SAMPLES
from shared.store.schema import LAYOUT, Space, describe_chunks, describe_documents, read_space
from tests import migration_simulation
from tests.batch_simulation import with_batches
from tests.fakes import SPACE, FakeEmbedder, FakeMilvusClient, Wire
from tests.migration_simulation import Instance, MigrationWorld, simulate
from tests.profile import histories
from tests.simulation import CallCounter, Killed, calm, simulated
from tests.unit.test_simulation import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.domain.catalog import EmbeddingModel
    from shared.embedding.embedder import Embedder
    from shared.store.store import Store

Answer = TypeVar("Answer")
SEEDS = histories(8)
OTHER = Space("text-embedding-v3", 128)


@pytest.fixture
def world() -> Iterator[MigrationWorld]:
    with simulated():
        world = MigrationWorld()
        world.put("a.txt", "ABC")
        world.put("b.txt", "AABB")
        world.instance().handle("a.txt", "b.txt")
        world.instance().write(Record("x", "text 1", version=1))
        world.records["x"] = "text 1"
        yield world


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_both_collections_end_equal_to_the_bucket(seed: int) -> None:
    found, history = simulate(seed)
    assert not found, "\n".join([*history.trace, *found])


@pytest.mark.parametrize(
    ("place", "fault", "sentence"),
    [
        (BatchTasks, ("cancel", lambda *_: None), "runs, and no note names it"),
        (ingestions, ("_is_collecting", lambda _: False), "a task is left"),
    ],
    ids=["tasks of a cancelled migration run on", "timers collect for one collection only"],
)
def test_a_deliberate_fault_of_a_migration_by_batch_is_found(
    monkeypatch: pytest.MonkeyPatch, place: Any, fault: tuple[str, Any], sentence: str
) -> None:
    monkeypatch.setattr(place, *fault)
    with_batch = (seed for seed in range(58, 400) if Random(f"batches of migration {seed}").random() < 1 / 3)
    found = (problem for seed in islice(with_batch, 60) for problem in simulate(seed)[0])
    assert any(sentence in problem for problem in found)


def test_a_migration_parses_nothing_and_bills_each_chunk_once(world: MigrationWorld) -> None:
    process, rows, parsed = world.instance(), world.model.rows, world.parsed.total()
    process.step("start", OTHER)
    assert process.step("fill").phase == "ready"
    assert (world.model.rows, world.parsed.total()) == (2 * rows, parsed)
    assert world.problems() == []


def test_another_index_of_the_same_model_bills_nothing(world: MigrationWorld) -> None:
    process, rows = world.instance(), world.model.rows
    process.step("start", SPACE)
    process.step("fill")
    report = process.step("switch")
    assert (report.phase, report.current.edition, world.problems()) == ("switched", 1, [])
    assert world.model.rows == rows + 1  # records of events are embedded again


def test_documents_are_read_again_by_another_parser_and_their_vectors_kept(world: MigrationWorld) -> None:
    process, rows, parsed = world.instance(), world.model.rows, world.parsed.total()
    process.step("start", SPACE, reread=True)
    process.step("fill")
    assert (process.step("switch").phase, world.problems()) == ("switched", [])
    assert (world.model.rows, world.parsed.total()) == (rows + 1, parsed + 2)  # records of events are embedded again


def test_a_collection_of_an_earlier_release_answers_until_a_migration_has_filled_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schema, "OLDEST_LAYOUT", LAYOUT - 1)
    monkeypatch.setattr(FakeMilvusClient, "_on_describe_collection", _describe_earlier_layout)
    older = replace(SPACE, layout=LAYOUT - 1)
    with simulated():
        world = MigrationWorld(older)
        world.put("a.txt", "ABC")
        process = world.instance()
        process.handle("a.txt")
        assert (process.stores.find_current(calm()).space, world.problems()) == (older, [])
        (name,) = (name for name in world.index.names if "_documents" not in name)
        assert all("metadata" not in row for row in world.index.rows(name).values())
        (chunk,) = (
            process.stores.find_current(calm()).chunks.read_whole([next(iter(world.index.rows(name)))], calm()).values()
        )
        assert chunk.metadata == {}
        rows = world.model.rows
        process.step("start", SPACE)
        assert process.step("fill").phase == "ready"
        report = process.step("switch")
        assert (report.current.layout, report.other and report.other.layout) == (LAYOUT, LAYOUT - 1)
        assert (world.model.rows, world.problems(), process.step("finish").other) == (rows, [], None)


def _describe_earlier_layout(_: FakeMilvusClient, name: str) -> dict[str, Any]:
    described = (
        describe_documents(with_keywords=False)
        if "_documents" in name
        else describe_chunks(64, MilvusSettings(uri="http://fake"), with_keywords=False)
    )
    return {"fields": [{"name": it.name} for it in described.fields if it.name != "metadata"]}


def test_a_plan_of_an_earlier_release_names_the_layout_that_it_had() -> None:
    other = {"model": "m", "dimension": 8, "edition": 0}
    held = {"other": other, "unused": None, "chunk_tokens": 64}
    assert plan._add_layouts(held) == {**held, "other": {"layout": 7, **other}}


def _list_spaces() -> list[Space]:
    spaces = [Space(model.name, dimension) for model in EMBEDDING_MODELS.values() for dimension in model.dimensions]
    return [SPACE, *(space for space in spaces if space != SPACE)]


def test_every_model_and_dimension_follows_every_other(world: MigrationWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    spaces = _list_spaces()
    monkeypatch.setattr(migration_simulation, "OTHERS", tuple(spaces))
    process = world.instance()
    for _, following in pairwise(spaces):
        process.step("start", following)
        process.step("fill")
        process.step("switch")
        report = process.step("finish")
        assert (report.current.model, report.current.dimension) == (following.model, following.dimension)
        assert world.mixed() == []
    assert world.problems() == []


@pytest.mark.parametrize("source", EMBEDDING_MODELS.values(), ids=lambda model: model.name)
def test_a_plan_from_a_model_to_each_other_is_priced_or_says_why_not(
    source: EmbeddingModel, world: MigrationWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces = _list_spaces()
    monkeypatch.setattr(migration_simulation, "OTHERS", tuple(spaces))
    process, current = world.instance(), Space(source.name, source.default_dimension)
    size = source.tokens_per_row // 4
    if current != SPACE:
        for step in ("start", "fill", "switch", "finish"):
            process.step(step, current)
    for target in spaces:
        estimate = process.step("start", target, dry_run=True).estimate
        assert estimate
        is_free = target == current
        assert (estimate.tokens == 0, estimate.cost_cny == 0, estimate.batch_cny == 0) == (is_free, is_free, is_free)
        model = EMBEDDING_MODELS[target.model]
        with pytest.raises(RequestError, match="migration_invalid"):
            process.step("start", Space(model.name, max(model.dimensions) + 1), dry_run=True)
        # The largest chunks of one model may be too large for another one.
        with nullcontext() if model.tokens_per_row // 4 >= size else pytest.raises(RequestError, match="name a size"):
            process.step("start", target, dry_run=True, chunk_tokens=size)
    assert process.step("status").phase == "none"


def test_a_check_asks_each_collection_by_its_own_model(world: MigrationWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    class Retrieval:
        def __init__(self, embedder: FakeEmbedder, store: Store) -> None:
            asked.append((embedder.profile, store.space.profile))

        def search(self, *_: object) -> SimpleNamespace:
            return SimpleNamespace(groups=(), usage=Usage())

    monkeypatch.setattr(comparing, "Retrieval", Retrieval)
    comparison = comparing.Comparison(lambda space: cast("Embedder", FakeEmbedder(world.model, Wire(), space)))
    stores = [world.instance().stores.open(space) for space in _list_spaces()]
    for current, other in permutations(stores, 2):
        asked.clear()
        (answers,) = comparison.ask(current, other, ["a query"], calm())
        assert answers.query == "a query"
        assert asked == [(store.space.profile, store.space.profile) for store in (current, other)]


@pytest.mark.parametrize("how", ["dies before", "dies after"])
def test_a_step_that_is_interrupted_anywhere_is_finished_by_the_next_try(world: MigrationWorld, how: str) -> None:
    steps = ("start", "fill", "switch", "finish")
    counters = []
    for step in steps:
        counters.append(CallCounter())
        world.instance(counters[-1]).step(step, OTHER)
    spaces = (OTHER, SPACE)
    # All calls of the other steps; to fill takes many, which are alike.
    longest = max(len(counter.calls) for counter in counters)
    for number in (*range(1, 25), *range(25, longest + 1, 8)):
        for step, counter in zip(steps, counters, strict=True):
            if number <= len(counter.calls):
                with suppress(PlatformError, Killed):
                    world.instance(Fault(number, how)).step(step, spaces[number % 2 == 0])
                clock.sleep(CLAIM_SECONDS)
            world.instance().step(step, spaces[number % 2 == 0])
        assert world.problems() == [], number
        assert len([name for name in world.index.names if "_documents" not in name]) == 1


def test_a_switch_needs_a_collection_that_is_filled(world: MigrationWorld) -> None:
    process = world.instance()
    with pytest.raises(RequestError, match="migration_missing"):
        process.step("switch")
    process.step("start", OTHER)
    with pytest.raises(RequestError, match="migration_unfinished"):
        process.step("switch")
    with pytest.raises(RequestError, match="migration_unfinished"):
        process.step("finish")
    with pytest.raises(RequestError, match="migration_running"):
        process.step("start", Space("text-embedding-v4", 512))
    assert process.step("start", OTHER).phase == "filling"


def test_a_model_that_cannot_take_the_chunks_is_refused(world: MigrationWorld) -> None:
    for space, options in ((Space("no-such", 64), {}), (Space("text-embedding-v1", 64), {}), (OTHER, {"dimension": 1})):
        with pytest.raises(RequestError, match="migration_invalid"):
            world.instance().step("start", space if not options else Space(OTHER.model, 1))
    with pytest.raises(RequestError, match="migration_invalid"):
        world.instance().step("start", Space("text-embedding-v1", 1536), chunk_tokens=1_000)


def test_chunks_of_another_size_are_cut_from_the_documents(world: MigrationWorld) -> None:
    process, parsed = world.instance(), world.parsed.total()
    process.step("start", SPACE, chunk_tokens=64)
    process.step("fill")
    process.step("switch")
    assert process.step("finish").phase == "none"
    assert world.parsed.total() == parsed + 2
    world.put("c.txt", "ABCDE")
    process.handle("c.txt")
    assert world.problems() == []


def test_the_timer_leaves_what_will_be_ordered_until_the_operator_says_otherwise(world: MigrationWorld) -> None:
    process = world.instance()
    process.step("start", OTHER, batch=True)
    process.reconcile()
    report = process.step("status")
    assert report.other
    assert (report.phase, report.other.chunks) == ("filling", 0)
    process.step("start", OTHER)
    process.reconcile()
    assert process.step("fill").phase == "ready"
    assert world.problems() == []


def test_another_index_of_the_same_model_orders_no_vectors(world: MigrationWorld) -> None:
    process = world.instance()
    process.step("start", SPACE, batch=True)
    report = process.order()
    assert (report.is_done, report.waiting) == (True, 0)
    process.reconcile()
    assert process.step("fill").phase == "ready"
    assert world.problems() == []


@pytest.mark.parametrize(("days", "is_kept"), [(0, True), (3, True), (1, False)])
def test_the_timer_drops_the_previous_collection_after_its_retention_time(
    world: MigrationWorld, days: int, *, is_kept: bool
) -> None:
    process = Instance(world, Wire(), retention_days=days)
    for step in ("start", "fill", "switch"):
        process.step(step, OTHER)
    clock.sleep(86_400)
    process.reconcile()
    if is_kept:
        assert process.step("back").current.model == SPACE.model
    else:
        with pytest.raises(RequestError, match=r"text-embedding-v4/64.* was dropped on \d{4}-\d\d-\d\d"):
            process.step("back")
    assert world.problems() == []


def test_a_migration_that_was_not_switched_is_not_ended_by_the_timer(world: MigrationWorld) -> None:
    process = Instance(world, Wire(), retention_days=1)
    for step in ("start", "fill", "switch", "back"):
        process.step(step, OTHER)
    clock.sleep(86_400)
    process.reconcile()
    assert process.step("switch").current.model == OTHER.model


def test_a_process_names_the_model_of_the_collection_that_answers(world: MigrationWorld) -> None:
    process = world.instance()
    assert process.stores.known_space == SPACE
    for step, space in (("start", SPACE), ("fill", SPACE), ("switch", OTHER), ("back", SPACE)):
        process.step(step, OTHER)
        assert process.stores.known_space == space


def test_records_that_name_a_collection_follow_its_migration_by_another_deployment(world: MigrationWorld) -> None:
    def open_directory(name: str) -> StoreDirectory:
        settings = replace(migration_simulation.SETTINGS, collection=name)
        return StoreDirectory(settings, SPACE, FakeMilvusClient(world.index, Wire()))

    name, process = migration_simulation.SETTINGS.collection, world.instance()
    directories = {"": open_directory("first"), name: open_directory(name)}
    directories[""].prepare(calm())
    writers = RecordWriters(
        directories, lambda space: cast("Embedder", FakeEmbedder(world.model, Wire(), space)), Tenancy()
    )
    for version, step in enumerate(("start", "fill", "switch", "finish"), 2):
        process.step(step, OTHER)
        world.records["x"] = f"text {version}"
        clock.sleep(MAX_AGE_SECONDS)
        writers.write([Record("x", f"text {version}", version=version, collection=name)], calm())
        if step != "start":  # what is not filled yet lacks the documents
            assert world.problems() == []


def test_sampled_queries_are_few_recent_and_each_once(world: MigrationWorld) -> None:
    process = world.instance()
    store = process.stores.find_current(calm())
    store.samples.write("an old query", calm())
    clock.sleep(31 * 86_400)
    for number in range(MOST_SAMPLES * 2):
        store.samples.write(f"query {number % 7}", calm())
    process.step("start", OTHER)
    found = process.step("samples").samples
    assert set(found) == {f"query {number}" for number in range(7)}
    assert len(world.index.rows(store.registry.name)) <= MOST_SAMPLES + 10
    process.step("fill")
    assert process.step("status").current.documents["indexed"] == 3  # with the record
    assert world.problems() == []


def test_a_sampler_keeps_nothing_by_default_and_one_query_in_some_seconds_else(world: MigrationWorld) -> None:
    store = world.instance().stores.find_current(calm())
    off, on = Sampler(0), Sampler(1)
    off.offer(store, "never")
    for text in ("kept", "too soon"):
        on.offer(store, text)
    on._pool.shutdown(wait=True)
    assert store.samples.read(calm()) == ["kept"]


class Meeting(Wire):
    """Lets something happen before or after the call of a number, and lets the process die there if it says so."""

    def __init__(self, number: int, act: Callable[[], object], *, is_after: bool, dies: bool) -> None:
        self.calls = 0
        self._number, self._act, self._is_after, self._dies = number, act, is_after, dies

    def carry(self, call: str, apply: Callable[[], Answer]) -> Answer:
        self.calls += 1
        if self.calls != self._number:
            return apply()
        if not self._is_after:
            self._act()
        try:
            return apply()
        finally:
            if self._is_after:
                self._act()
            if self._dies:
                raise Killed


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("dies", [False, True])
def test_an_order_that_meets_the_end_of_its_migration_leaves_no_task(*, is_after: bool, dies: bool) -> None:
    number = met = 0
    while met == number:
        number += 1
        with with_batches():
            world = MigrationWorld()
            world.put("a.txt", "ABC")
            world.instance().handle("a.txt")
            world.instance().step("start", OTHER, batch=True)
            wire = Meeting(number, partial(world.instance().step, "cancel"), is_after=is_after, dies=dies)
            with suppress(PlatformError, Killed):
                world.instance(wire).order()
            met = min(wire.calls, number)
            if met == number:
                assert [task.id for task in world.service.tasks if task.is_running] == [], number
                assert world.find_notes() == [], number
            else:  # the order was over before
                assert number > 20
                assert len(world.service.tasks) == 1


def test_vectors_are_only_ordered_during_a_migration(world: MigrationWorld) -> None:
    with pytest.raises(RequestError, match="migration_missing"):
        world.instance().order()


@pytest.mark.parametrize("edition", [0, 1, 12])
def test_a_collection_says_what_its_vectors_are_of(edition: int) -> None:
    for model in EMBEDDING_MODELS.values():
        for dimension in model.dimensions:
            space = Space(model.name, dimension, edition)
            assert read_space("search", f"search{space.suffix}") == space
    assert read_space("search", "search__other__64__1") is None


# -- the comparison ---------------------------------------------------------------------------------------------------


def _answer(*keys: str) -> dict[str, object]:
    hits = [{"key": key, "start": 0, "text": f"text of {key}"} for key in keys]
    return {"hits": hits, "milliseconds": 5.0, "usage": {"cost_cny": 0.001}}


def test_a_comparison_sums_up_what_both_answer() -> None:
    comparison = Comparison(1)
    comparison.add(Query("same"), {"current": _answer("a", "b"), "other": _answer("b", "a")})
    comparison.add(Query("judged", ("a",)), {"current": _answer("a", "b"), "other": _answer("c", "a")})
    found = comparison.to_json()
    assert (found["queries"], found["judged"], found["overlap_at_10"]) == (2, 1, 0.75)
    assert found["ndcg_at_10"] == [1.0, pytest.approx(0.63, abs=0.01)]
    assert [difference["query"] for difference in found["differences"]] == ["judged"]
    assert "nDCG@10" in "\n".join(comparison.describe())


def test_queries_are_lines_of_text_or_json() -> None:
    assert read_queries('one\n\n{"query": "two", "relevant": ["a.txt"]}\n') == [Query("one"), Query("two", ("a.txt",))]
    for wrong in ("", '{"text": "x"}', "{broken"):
        with pytest.raises(ValueError, match=r"query|line"):
            read_queries(wrong)


def test_collections_that_were_dropped_are_made_again_by_the_next_event(world: MigrationWorld) -> None:
    process = world.instance()
    process.handle("a.txt")
    alias = migration_simulation.SETTINGS.collection
    for name in set(world.index.names):
        world.index.drop(name)
    del world.index.aliases[alias]
    clock.sleep(MAX_AGE_SECONDS)
    assert not process.stores.find_current(calm()).check(calm())
    process.handle("a.txt", "b.txt")
    assert world.index.aliases[alias] in world.index.names
    world.records.clear()  # nobody sends them again
    assert world.problems() == []


def test_an_alias_that_moves_while_it_is_looked_up_is_found(world: MigrationWorld) -> None:
    process = world.instance()
    process.step("start", OTHER)
    process.step("fill")
    alias = migration_simulation.SETTINGS.collection
    asked = sorted(name for name in world.index.names if name.startswith(f"{alias}__"))
    world.index.aliases[alias] = asked[-1]
    client = _MovingClient(world, alias, asked[0])
    found = StoreDirectory(migration_simulation.SETTINGS, SPACE, client).find_current(calm())
    assert found.chunks.name == asked[0] == world.index.aliases[alias]


class _MovingClient(FakeMilvusClient):
    """Moves the alias after the first collection was asked for its aliases."""

    def __init__(self, world: MigrationWorld, alias: str, target: str) -> None:
        super().__init__(world.index, Wire())
        self._alias = alias
        self._target = target

    def _on_list_aliases(self, name: str) -> dict[str, Any]:
        found = super()._on_list_aliases(name)
        if not found["aliases"]:
            self._index.aliases[self._alias] = self._target
        return found

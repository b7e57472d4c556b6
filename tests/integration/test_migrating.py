"""A migration on a real Milvus: aliases, several collections at once, and what a search sees of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from shared.migration import steps
from shared.retrieval.current import CurrentRetrieval
from shared.retrieval.query import Mode, SearchQuery
from shared.retrieval.searching import Retrieval
from shared.runtime.retrying import Deadline
from shared.store import schema, store
from shared.store.directory import StoreDirectory
from shared.store.schema import Space
from tests import migration_simulation
from tests.fakes import SPACE, FakeEmbedder
from tests.migration_simulation import Instance, MigrationWorld

if TYPE_CHECKING:
    from shared.runtime.settings import MilvusSettings
    from shared.store.store import Store

pytestmark = pytest.mark.every_milvus
_QUERY = SearchQuery("What is the matter of BBB?", mode=Mode.DENSE)


@pytest.fixture
def milvus(fresh_milvus: MilvusSettings, monkeypatch: pytest.MonkeyPatch) -> MilvusSettings:
    """A real Milvus for `MigrationWorld`."""
    monkeypatch.setattr(migration_simulation, "FakeMilvusClient", lambda *_: None)  # a real one is made then
    monkeypatch.setattr(migration_simulation, "SETTINGS", fresh_milvus)
    monkeypatch.setattr(steps, "_DROP_SECONDS", 0)  # no other process is at work
    monkeypatch.setattr(steps, "_SETTLE_SECONDS", 0)
    monkeypatch.setattr(migration_simulation, "calm", lambda: Deadline.after(120))
    return fresh_milvus


def test_search_follows_a_migration_there_and_back(milvus: MilvusSettings) -> None:
    world = MigrationWorld()
    process: Instance = world.instance()
    world.put("a.txt", "ABC")
    process.handle("a.txt")
    stores = StoreDirectory(milvus, SPACE)
    retrieval = CurrentRetrieval(stores, lambda store: Retrieval(FakeEmbedder(world.model, None, store.space), store))

    def search() -> tuple[set[str], str]:
        stores.find_current(Deadline.after(60), fresh=True)
        found = retrieval.search(_QUERY, Deadline.after(60))
        return {item.hit.key for group in found.groups for item in group.items}, stores.find_current(
            Deadline.after(60)
        ).space.profile

    other = Space("text-embedding-v3", 128)
    assert search() == ({"a.txt"}, SPACE.profile)
    process.step("start", other)
    process.step("fill")
    world.put("b.txt", "CDE")
    process.handle("b.txt")
    process.step("switch")
    assert search() == ({"a.txt", "b.txt"}, other.profile)
    stores.find_current(Deadline.after(60)).samples.write("What is new?", Deadline.after(60))
    assert process.step("samples").samples == ("What is new?",)
    process.step("back")
    assert search() == ({"a.txt", "b.txt"}, SPACE.profile)
    process.step("switch")
    report = process.step("finish")
    assert (report.phase, report.current.model, report.current.documents["indexed"]) == ("none", other.model, 2)
    assert search() == ({"a.txt", "b.txt"}, other.profile)


def test_layout_index_chunk_size_and_parser_change_by_the_same_steps(
    milvus: MilvusSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "OLDEST_LAYOUT", schema.LAYOUT - 1)
    with monkeypatch.context() as earlier:
        earlier.setattr(store, "describe_chunks", _describe_chunks_of_an_earlier_layout)
        StoreDirectory(milvus, replace(SPACE, layout=schema.LAYOUT - 1)).prepare(Deadline.after(120))
    world = MigrationWorld()
    process = world.instance()
    world.put("a.txt", "ABCDE")
    process.handle("a.txt")
    current = _find_current(milvus)
    embedder = FakeEmbedder(world.model)
    found = Retrieval(embedder, current).search(_QUERY, Deadline.after(60))
    assert {item.hit.metadata == {} and item.hit.key for group in found.groups for item in group.items} == {"a.txt"}
    assert current.space.layout == schema.LAYOUT - 1

    rows = world.model.rows
    process.step("start", SPACE)
    world.put("b.txt", "CDE")
    process.handle("b.txt")
    for name in ("fill", "switch", "finish"):
        process.step(name)
    current = _find_current(milvus)
    assert (current.space.layout, current.chunks.count(Deadline.after(60))) == (schema.LAYOUT, 8)
    # The vectors of the first document are copied, by the same parser.
    assert (world.model.rows - rows, world.parsed.total()) == (3, 2)

    monkeypatch.setattr(migration_simulation, "SETTINGS", replace(milvus, index="AUTOINDEX"))
    kind, process = current.chunks.read_index_kind(Deadline.after(60)), world.instance()
    process.step("start", SPACE, chunk_tokens=64)
    for name in ("fill", "switch"):
        process.step(name)
    chunks = _find_current(milvus).chunks
    assert (chunks.read_index_kind(Deadline.after(60)) != kind, world.parsed.total()) == (True, 4)
    assert 0 < chunks.count(Deadline.after(60)) < 8


def _find_current(milvus: MilvusSettings) -> Store:
    return StoreDirectory(milvus, SPACE).find_current(Deadline.after(60))


def _describe_chunks_of_an_earlier_layout(*arguments: Any, **options: Any) -> schema.CollectionSchema:
    described = schema.describe_chunks(*arguments, **options)
    return replace(described, fields=tuple(it for it in described.fields if it.name not in ("sheet", "metadata")))

"""A migration on a real Milvus: aliases, several collections at once, and what a search sees of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.migration import steps
from shared.retrieval.current import CurrentRetrieval
from shared.retrieval.query import Mode, SearchQuery
from shared.retrieval.searching import Retrieval
from shared.runtime.retrying import Deadline
from shared.store.directory import StoreDirectory
from shared.store.schema import Space
from tests import migration_simulation
from tests.fakes import SPACE, FakeEmbedder
from tests.migration_simulation import Instance, MigrationWorld

if TYPE_CHECKING:
    from shared.runtime.settings import MilvusSettings

pytestmark = pytest.mark.every_milvus
_QUERY = SearchQuery("What is the matter of BBB?", mode=Mode.DENSE)


def test_search_follows_a_migration_there_and_back(
    fresh_milvus: MilvusSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_simulation, "FakeMilvusClient", lambda *_: None)  # a real one is made then
    monkeypatch.setattr(migration_simulation, "SETTINGS", fresh_milvus)
    monkeypatch.setattr(steps, "_DROP_SECONDS", 0)  # no other process is at work
    monkeypatch.setattr(steps, "_SETTLE_SECONDS", 0)
    monkeypatch.setattr(migration_simulation, "calm", lambda: Deadline.after(120))
    world = MigrationWorld()
    process: Instance = world.instance()
    world.put("a.txt", "ABC")
    process.handle("a.txt")
    stores = StoreDirectory(fresh_milvus, SPACE)
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

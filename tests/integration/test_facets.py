"""Counts of documents, order by time, and chunks like one of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from shared.domain.errors import RequestError
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.retrieval.calibration import BUILT_IN
from shared.retrieval.query import Mode, Order, SearchQuery
from shared.retrieval.searching import Retrieval
from shared.runtime.auth import Scope
from shared.runtime.retrying import Deadline
from shared.store.schema import Space
from shared.store.store import Store
from tests.integration.test_searching import chunk_rows

if TYPE_CHECKING:
    from shared.retrieval.result import SearchResult
    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope

DAY = 86_400
OURS = Scope(frozenset({"ours"}))


def soon() -> Deadline:
    return Deadline.after(60)


@pytest.fixture(scope="module")
def retrieval(dashscope_process: DashScope, milvus: MilvusSettings) -> Retrieval:
    """Thirty documents of two chunks: three teams, two formats, two tenants, a day apart from each other."""
    dashscope_process.reset()
    settings = dashscope_process.settings()
    embedder = Embedder(settings, DashScopeClient(settings))
    store = Store(replace(milvus, collection=f"{milvus.collection}_facets"), Space(settings.model_name, 512))
    store.prepare(soon())
    rows = []
    for i in range(30):
        texts = [f"The ferry number {i} leaves the harbour.", f"Ferry {i} was painted {['red', 'blue'][i % 2]}."]
        about = {"team": ["north", "south", "west"][i % 3], "tags": ["ship", f"t{i % 2}"], "year": 2_000 + i % 2}
        for row in chunk_rows(embedder, f"ferry-{i}.md", texts, metadata=about, tenant="theirs" if i > 26 else "ours"):
            changed = replace(row, format=["md", "pdf"][i % 2], modified=1_700_000_000 + (i * 7 % 30) * DAY)
            rows.append(changed)
    store.chunks.write(rows, soon())
    list(store.chunks.read_positions(rows[0].chunk.document_id, soon()))  # Strong: what is written can be found
    return Retrieval(embedder, store)


def ask(retrieval: Retrieval, scope: Scope = OURS, **fields: Any) -> SearchResult:
    return retrieval.search(SearchQuery("When does the ferry leave the harbour?", **fields), soon(), scope)


def counts(found: SearchResult, field: str) -> dict[Any, int]:
    assert found.facets is not None
    return {facet.value: facet.count for facet in found.facets[field]}


def test_documents_are_counted_once_by_each_field_within_what_the_caller_may_see(
    dashscope: DashScope, retrieval: Retrieval
) -> None:
    names = ("format", "tenant", "metadata.team", "metadata.tags", "metadata.year", "metadata.none")
    found = ask(retrieval, facets=names, top_k=3)
    assert list(found.facets or ()) == list(names)
    assert counts(found, "format") == {"md": 14, "pdf": 13}
    assert counts(found, "tenant") == {"ours": 27}
    assert counts(found, "metadata.team") == {"north": 9, "south": 9, "west": 9}
    assert counts(found, "metadata.tags") == {"ship": 27, "t0": 14, "t1": 13}
    assert counts(found, "metadata.year") == {2_000: 14, 2_001: 13}
    assert counts(found, "metadata.none") == {}
    assert len(found.items) == 3


def test_filters_and_the_least_score_hold_for_counts(dashscope: DashScope, retrieval: Retrieval) -> None:
    narrowed = ask(retrieval, facets=("format", "metadata.team"), filter={"eq": {"metadata.team": "west"}})
    assert counts(narrowed, "metadata.team") == {"west": 9}
    assert counts(ask(retrieval, facets=("format",), min_score=1.0), "format") == {}
    assert ask(retrieval).facets is None


@pytest.mark.parametrize(
    "facets", [("key",), ("metadata.",), ("metadata.a b",), ("format",) * 11, ("metadata.x or 1 == 1",)]
)
def test_what_cannot_be_counted_is_refused(retrieval: Retrieval, facets: tuple[str, ...]) -> None:
    with pytest.raises(RequestError, match="invalid_request"):
        ask(retrieval, facets=facets)


@pytest.mark.parametrize("order", [Order.NEWEST, Order.OLDEST])
def test_the_best_hits_are_sorted_by_time_on_all_pages(
    dashscope: DashScope, retrieval: Retrieval, order: Order
) -> None:
    whole = [hit.id for hit in ask(retrieval, order=order, top_k=100).hits]
    paged = [hit.id for start in range(0, 60, 7) for hit in ask(retrieval, order=order, top_k=7, offset=start).hits]
    assert Counter(paged) == Counter(whole)
    plain = ask(retrieval, top_k=100).hits
    assert Counter(whole) <= Counter(hit.id for hit in plain)
    numbers = [int(hit.key[6:-3]) for hit in ask(retrieval, order=order, top_k=100).hits]
    times = [number * 7 % 30 for number in numbers]
    assert times == sorted(times, reverse=order is Order.NEWEST)
    grouped = ask(retrieval, order=order, grouped=True, top_k=100).groups
    firsts = [int(group.items[0].hit.key[6:-3]) * 7 % 30 for group in grouped]
    assert firsts == sorted(firsts, reverse=order is Order.NEWEST)


def test_chunks_like_one_are_found_without_embedding(dashscope: DashScope, retrieval: Retrieval) -> None:
    first = ask(retrieval, top_k=1).hits[0]
    calls = dashscope.usage()["calls"]
    found = retrieval.find_similar(first.id, SearchQuery("", mode=Mode.DENSE, top_k=60), soon(), OURS)
    assert dashscope.usage()["calls"] == calls
    assert found is not None
    assert found.usage.calls == 0
    assert first.id not in {hit.id for hit in found.hits}
    assert {hit.tenant for hit in found.hits} == {"ours"}
    cosines = [item.scores.dense or 0.0 for item in found.items]
    assert cosines == sorted(cosines, reverse=True)
    assert "leaves the harbour" in found.hits[0].text


@pytest.mark.parametrize("id_", ["", "0" * 32, "x" * 32, '" or 1 == 1', "0" * 31])
def test_a_chunk_that_is_not_there_is_not_found(retrieval: Retrieval, id_: str) -> None:
    assert retrieval.find_similar(id_, SearchQuery("", mode=Mode.DENSE), soon(), OURS) is None


def test_a_chunk_of_another_tenant_is_not_found(dashscope: DashScope, retrieval: Retrieval) -> None:
    theirs = ask(retrieval, Scope(frozenset({"theirs"})), top_k=1).hits[0]
    assert retrieval.find_similar(theirs.id, SearchQuery("", mode=Mode.DENSE), soon(), OURS) is None
    own = retrieval.find_similar(theirs.id, SearchQuery("", mode=Mode.DENSE), soon())
    assert own is not None
    assert own.items


@pytest.fixture(scope="module")
def copies(dashscope_process: DashScope, milvus: MilvusSettings) -> Retrieval:
    """One text in three documents of two teams, the best of them neither the oldest nor the newest; and another."""
    dashscope_process.reset()
    settings = dashscope_process.settings()
    embedder = Embedder(settings, DashScopeClient(settings))
    store = Store(replace(milvus, collection=f"{milvus.collection}_copies"), Space(settings.model_name, 512))
    store.prepare(soon())
    rows = []
    for name, day, team in (("a", 2, "north"), ("b", 5, "south"), ("c", 1, "south"), ("other", 3, "west")):
        text = "The ferry leaves the harbour at noon." if name != "other" else "Another ferry leaves at nine."
        (row,) = chunk_rows(embedder, f"{name}.md", [text], metadata={"größe": team})
        rows.append(replace(row, modified=1_700_000_000 + day * DAY))
    store.chunks.write(rows, soon())
    list(store.chunks.read_positions(rows[0].chunk.document_id, soon()))
    return Retrieval(embedder, store)


def test_documents_with_the_same_text_are_counted_each(dashscope: DashScope, copies: Retrieval) -> None:
    for name in ("metadata.größe", "metadata.gro\u0308ße"):
        found = ask(copies, Scope(), facets=(name,))
        assert [len(item.duplicates) for item in found.items] == [2, 0]
        assert counts(found, name) == {"south": 2, "north": 1, "west": 1}


@pytest.mark.parametrize(
    ("order", "expected"), [(Order.NEWEST, [("b", 2), ("other", 0)]), (Order.OLDEST, [("c", 2), ("other", 0)])]
)
def test_of_documents_with_the_same_text_the_first_by_time_is_shown(
    dashscope: DashScope, copies: Retrieval, order: Order, expected: list[tuple[str, int]]
) -> None:
    found = ask(copies, Scope(), order=order, explain=True)
    assert [(item.hit.key.removesuffix(".md"), len(item.duplicates)) for item in found.items] == expected
    best = max(item.hit.score for item in ask(copies, Scope()).items)
    assert found.items[0].hit.score == best
    assert all(item.evidence for item in found.items)


def test_an_index_that_does_not_exist_answers_like_one_without_a_hit(
    dashscope: DashScope, milvus: MilvusSettings
) -> None:
    settings = dashscope.settings()
    store = Store(replace(milvus, collection=f"{milvus.collection}_none"), Space(settings.model_name, 512))
    empty = Retrieval(Embedder(settings, DashScopeClient(settings)), store)
    for order in Order:
        found = ask(empty, Scope(), facets=("format", "metadata.team"), order=order, context=2, rerank=True)
        assert found.facets == {"format": (), "metadata.team": ()}
        assert (found.groups, found.answerable, found.threshold) == ((), False, BUILT_IN.answerable)
        assert found.calibration == BUILT_IN.version
        assert found.milliseconds["total"] >= 0
    assert dashscope.usage()["requests"] == []

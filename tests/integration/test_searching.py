"""What a search answers: the same order whatever the page, scores and neighbours a reader can trust."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from pymilvus import MilvusClient

from shared.domain.errors import ConfigurationError, RequestError, TransientError
from shared.domain.models import Block, Location, ObjectKey
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.embedding.parameters import TextType
from shared.embedding.reranker import Reranker
from shared.ingestion import chunking
from shared.retrieval.calibration import BUILT_IN
from shared.retrieval.query import Mode, SearchQuery
from shared.retrieval.searching import Retrieval
from shared.runtime.retrying import Deadline
from shared.runtime.settings import RerankSettings
from shared.store.expressions import equals
from shared.store.rows import ChunkRow
from shared.store.schema import Space
from shared.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.retrieval.result import SearchResult
    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope

pytestmark = pytest.mark.every_milvus

TOPICS = ["ferry", "harbour", "lighthouse", "tide", "buoy"]
DOCUMENTS, LONG = 12, 130
# So that a search may tell them apart by more than their words.
TEXTS = {
    f"{TOPICS[i % 5]}-{i}.md": [
        f"Chapter {j} of report {i}: the {TOPICS[(i + j) % 5]} was inspected {j * 7 % 11} times, says note {i * j}."
        for j in range(LONG if i == 0 else 6)
    ]
    for i in range(DOCUMENTS)
}


def soon() -> Deadline:
    return Deadline.after(60)


@pytest.fixture(scope="module")
def retrieval(dashscope_process: DashScope, milvus: MilvusSettings) -> Retrieval:
    """A collection with one document of 130 chunks and eleven of six."""
    dashscope_process.reset()
    settings = dashscope_process.settings()
    client = DashScopeClient(settings)
    embedder = Embedder(settings, client)
    store = Store(replace(milvus, collection=f"{milvus.collection}_retrieval"), Space(settings.model_name, 512))
    store.prepare(soon())
    written = [row for key, texts in TEXTS.items() for row in chunk_rows(embedder, key, texts)]
    store.chunks.write(written, soon())
    for row in written[:: LONG + 5]:
        list(store.chunks.read_positions(row.chunk.document_id, soon()))
    settle(milvus, store.chunks.name)
    return Retrieval(embedder, store, Reranker(settings, RerankSettings(), client))


def settle(milvus: MilvusSettings, collection: str) -> None:
    """Index what was written now: that changes the last bits of cosines, and pages are compared exactly."""
    client = MilvusClient(milvus.uri, token=milvus.token.reveal())
    client.flush(collection)
    client.release_collection(collection)
    client.load_collection(collection)
    client.close()


def chunk_rows(embedder: Embedder, key: str, texts: list[str], **fields: Any) -> list[ChunkRow]:
    name = ObjectKey("bucket", key)
    blocks = [Block(text, Location(headings=(f"Chapter {i}",)), heading=True) for i, text in enumerate(texts)]
    chunks = [
        replace(chunk, ordinal=i)
        for i, block in enumerate(blocks)
        for chunk in chunking.chunk([block], name.document_id, embedder.profile, 500)
    ]
    vectors = embedder.embed(texts, embedder.make_parameters(TextType.DOCUMENT), soon()).complete()
    return [
        ChunkRow(chunk, vector.dense, name.bucket, key, f"Title of {key}", "md", 1_700_000_000, **fields)
        for chunk, vector in zip(chunks, vectors, strict=True)
    ]


def ask(retrieval: Retrieval, query: str = "Which lighthouse was inspected?", **fields: Any) -> SearchResult:
    return retrieval.search(SearchQuery(query, **fields), soon())


def ids(found: SearchResult) -> list[tuple[str, float, Any]]:
    return [(answer.hit.id, answer.hit.score, answer.scores) for answer in found.items]


def modes(retrieval: Retrieval) -> list[Mode]:
    return list(Mode) if retrieval._store.has_keywords(soon()) else [Mode.DENSE, Mode.HYBRID]


@pytest.mark.parametrize(("size", "stop"), [(1, 6), (7, 70), (33, 165), (60, 180)])
@pytest.mark.parametrize("changes", [{}, {"rerank": True}, {"min_score": 0.02}], ids=str)
def test_pages_continue_each_other_exactly_whatever_their_size(
    retrieval: Retrieval, size: int, stop: int, changes: dict[str, Any]
) -> None:
    for mode in modes(retrieval):
        whole = [
            hit for start in (0, 100) for hit in ids(ask(retrieval, mode=mode, top_k=100, offset=start, **changes))
        ]
        paged = [
            hit
            for start in range(0, stop, size)
            for hit in ids(ask(retrieval, mode=mode, top_k=size, offset=start, **changes))
        ]
        assert paged[:stop] == whole[: len(paged[:stop])]
        assert len(paged) >= min(stop, len(whole))
        assert len({id_ for id_, _, _ in whole}) == len(whole)


def test_pages_of_groups_continue_each_other_too(retrieval: Retrieval) -> None:
    def groups(mode: Mode, top_k: int, offset: int) -> list[list[str]]:
        found = ask(retrieval, mode=mode, top_k=top_k, offset=offset, grouped=True, group_size=2)
        return [[answer.hit.id for answer in group.items] for group in found.groups]

    for mode in modes(retrieval):
        whole = groups(mode, 100, 0)
        assert [group for start in range(0, 12, 3) for group in groups(mode, 3, start)] == whole[:12]
        if mode is not Mode.KEYWORD:
            assert len(whole) == DOCUMENTS


def test_every_chunk_is_reached_by_turning_pages(retrieval: Retrieval) -> None:
    total = LONG + (DOCUMENTS - 1) * 6
    found = [hit for start in range(0, 300, 100) for hit in ask(retrieval, top_k=100, offset=start).hits]
    assert len({hit.id for hit in found}) == len(found) == total
    assert all(hit.text for hit in found)


def test_a_group_holds_one_document_and_is_judged_by_its_best(retrieval: Retrieval) -> None:
    found = ask(retrieval, "lighthouse", grouped=True, group_size=3, top_k=5)
    assert len(found.groups) == 5
    for group in found.groups:
        scores = [answer.hit.score for answer in group.items]
        assert len({answer.hit.document_id for answer in group.items}) == 1
        assert scores == sorted(scores, reverse=True)
        assert len(scores) <= 3
    best = [group.items[0].hit.score for group in found.groups]
    assert best == sorted(best, reverse=True)
    least = ask(retrieval, "lighthouse", grouped=True, top_k=5, min_score=best[2])
    assert [group.items[0].hit.score for group in least.groups] == best[:3]


def test_scores_are_probabilities_that_never_rise_and_those_of_both_sides_are_returned_too(
    retrieval: Retrieval,
) -> None:
    for mode in modes(retrieval):
        found = ask(retrieval, mode=mode, top_k=100)
        scores = [answer.hit.score for answer in found.items]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)
        assert scores[0] > 0
    dense = ask(retrieval, mode=Mode.DENSE)
    assert all(-1 <= (answer.scores.dense or -2) <= 1 for answer in dense.items)
    assert all(answer.scores.keyword is answer.scores.rerank is None for answer in dense.items)


def test_keyword_scores_are_those_of_bm25(retrieval: Retrieval, keywords: None) -> None:
    found = ask(retrieval, mode=Mode.KEYWORD)
    assert all((answer.scores.keyword or 0) > 0 for answer in found.items)
    assert all(answer.scores.dense is None for answer in found.items)
    assert found.usage.calls == 0


@pytest.mark.parametrize("mode", [Mode.HYBRID, Mode.KEYWORD])
def test_a_query_that_the_index_answers_is_answerable_on_every_page(
    retrieval: Retrieval, keywords: None, mode: Mode
) -> None:
    query = "chapter 60 of report 0: how often was the ferry inspected?"
    assert ask(retrieval, query, mode=mode).answerable
    assert ask(retrieval, query, mode=mode, offset=60).answerable


@pytest.mark.parametrize("query", ["ERR-1042", "Which volcano erupted near Naples in 1944?", "葡萄酒的税率是多少？"])
@pytest.mark.parametrize("mode", [Mode.HYBRID, Mode.KEYWORD])
def test_a_query_that_nothing_answers_is_not_answerable(
    retrieval: Retrieval, keywords: None, query: str, mode: Mode
) -> None:
    found = ask(retrieval, query, mode=mode)
    assert not found.answerable
    assert all(hit.score < 0.35 for hit in found.hits)


def test_evidence_comes_on_request_and_makes_the_score(retrieval: Retrieval, keywords: None) -> None:
    query = "Which lighthouse was inspected 7 times?"
    assert all(answer.evidence is None for answer in ask(retrieval, query).items)
    best = ask(retrieval, query, explain=True).items[0]
    assert best.evidence is not None
    assert best.hit.score == BUILT_IN.estimate(best.evidence)


def test_a_snippet_is_a_stretch_of_the_text(retrieval: Retrieval) -> None:
    for answer in ask(retrieval, top_k=20).items:
        assert answer.hit.text[answer.snippet.start : answer.snippet.end] == answer.snippet.text
        assert answer.snippet.text


def test_the_least_score_leaves_out_what_is_below_it(retrieval: Retrieval) -> None:
    for mode in modes(retrieval):
        every = ask(retrieval, mode=mode, top_k=40)
        middle = every.hits[20].score
        some = ask(retrieval, mode=mode, top_k=40, min_score=middle)
        assert ids(some) == [hit for hit in ids(every) if hit[1] >= middle]


def test_neighbours_are_those_of_the_document_in_order(retrieval: Retrieval) -> None:
    for answer in ask(retrieval, "report 0 chapter 60", context=2, top_k=30).items:
        assert answer.context is not None
        ordinals = [excerpt.ordinal for excerpt in answer.context.before]
        here, last = answer.hit.ordinal, len(TEXTS[answer.hit.key]) - 1
        assert ordinals == list(range(max(0, here - 2), here))
        assert [excerpt.ordinal for excerpt in answer.context.after] == list(range(here + 1, min(last, here + 2) + 1))
        for excerpt in (*answer.context.before, *answer.context.after):
            assert excerpt.document_id == answer.hit.document_id
            assert excerpt.text == TEXTS[answer.hit.key][excerpt.ordinal]
            assert excerpt.location.headings == (f"Chapter {excerpt.ordinal}",)


def test_neighbours_of_a_hundred_hits_cost_one_call(retrieval: Retrieval) -> None:
    found = ask(retrieval, context=5, top_k=100, grouped=True, group_size=10)
    assert all(answer.context for answer in found.items)


def test_hybrid_without_bm25_becomes_dense_and_says_so(retrieval: Retrieval) -> None:
    found = ask(retrieval)
    possible = retrieval._store.has_keywords(soon())
    assert found.mode is (Mode.HYBRID if possible else Mode.DENSE)
    assert [warning.code for warning in found.warnings] == ([] if possible else ["keywords_unavailable"])
    if not possible:
        with pytest.raises(RequestError, match="keywords_unsupported"):
            ask(retrieval, mode=Mode.KEYWORD)


@pytest.fixture
def impatient(retrieval: Retrieval, dashscope: DashScope) -> Iterator[Retrieval]:
    """The same collection, searched by one that waits half a second for a query's vector."""
    settings = dashscope.settings(query_timeout=0.5, call_timeout=60.0)
    client = DashScopeClient(settings)
    reranker = Reranker(settings, RerankSettings(), client)
    yield Retrieval(Embedder(settings, client), retrieval._store, reranker)
    dashscope.reset()


OUTAGES: list[dict[str, Any]] = [
    {"fault": "black_hole"},
    {"fault": "drip"},
    {"fault": "reset"},
    {"fault": "null_output"},
    {"fault": "status", "status": 429, "code": "Throttling.RateQuota"},
    {"fault": "status", "status": 429, "code": "Throttling.RateQuota", "retry_after": 60},
    {"fault": "status", "status": 503, "code": "ModelServingError"},
    {"fault": "status", "status": 401, "code": "InvalidApiKey"},
    {"fault": "status", "status": 400, "code": "Arrearage"},
]


@pytest.mark.parametrize("fault", OUTAGES, ids=lambda fault: f"{fault['fault']}-{fault.get('code', '')}")
def test_without_dashscope_a_hybrid_search_answers_by_words_alone(
    impatient: Retrieval, dashscope: DashScope, keywords: None, fault: dict[str, Any]
) -> None:
    query = f"Which lighthouse was inspected {uuid.uuid4().hex}?"
    by_words = ask(impatient, query, mode=Mode.KEYWORD)
    dashscope.fail(fault)
    started = time.monotonic()
    found = ask(impatient, query, rerank=True)
    assert time.monotonic() - started < 20  # one call alone may take 60 s
    assert ids(found) == ids(by_words)
    assert (found.mode, found.reranked) == (Mode.KEYWORD, False)
    assert [warning.code for warning in found.warnings] == ["embedding_unavailable", "rerank_failed"]
    with pytest.raises((TransientError, ConfigurationError)):
        ask(impatient, query, mode=Mode.DENSE)


def test_without_dashscope_and_without_words_a_hybrid_search_fails(impatient: Retrieval, dashscope: DashScope) -> None:
    if impatient._store.has_keywords(soon()):
        pytest.skip("this Milvus searches by words")
    dashscope.fail({"fault": "black_hole"})
    with pytest.raises(TransientError, match="embedding_unavailable"):
        ask(impatient, uuid.uuid4().hex)


def test_a_query_that_dashscope_refuses_is_an_error_of_the_request(impatient: Retrieval, dashscope: DashScope) -> None:
    dashscope.fail({"fault": "status", "status": 400, "code": "DataInspectionFailed"})
    with pytest.raises(RequestError, match="text_refused"):
        ask(impatient, uuid.uuid4().hex)


def test_a_query_that_was_embedded_before_is_searched_by_both_sides(impatient: Retrieval, dashscope: DashScope) -> None:
    query = uuid.uuid4().hex
    before = ask(impatient, query)
    dashscope.fail({"fault": "black_hole"})
    assert ids(ask(impatient, query)) == ids(before)


def test_a_reranker_orders_the_best_and_what_it_cost_is_told(retrieval: Retrieval, dashscope: DashScope) -> None:
    query = f"lighthouse {uuid.uuid4().hex}"
    plain, found = ask(retrieval, query, top_k=40), ask(retrieval, query, top_k=40, rerank=True)
    judged = [answer for answer in found.items if answer.scores.rerank is not None]
    assert found.reranked
    assert len(judged) == 30
    assert {answer.hit.id for answer in judged} == {hit.id for hit in plain.hits[:30]}
    assert [answer.hit.score for answer in judged] == sorted((a.scores.rerank or 0 for a in judged), reverse=True)
    assert [hit.id for hit in found.hits[30:]] == [hit.id for hit in plain.hits[30:]]
    assert all(hit.score == 0 for hit in found.hits[30:])
    assert (found.usage.calls, found.milliseconds["rerank"] > 0) == (1, True)
    assert ask(retrieval, query, offset=10, rerank=True).usage.calls == 0


def test_when_reranking_fails_the_order_stays_and_the_answer_says_so(
    retrieval: Retrieval, dashscope: DashScope
) -> None:
    query = f"harbour {uuid.uuid4().hex}"
    plain = ask(retrieval, query)
    dashscope.fail({"fault": "status", "status": 500, "code": "InternalError"})
    found = ask(retrieval, query, rerank=True)
    assert ids(found) == ids(plain)
    assert not found.reranked
    assert [warning.code for warning in found.warnings][-1] == "rerank_failed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"top_k": 0}, "invalid_top_k"),
        ({"top_k": 101}, "invalid_top_k"),
        ({"offset": -1}, "invalid_offset"),
        ({"offset": 991}, "invalid_offset"),
        ({"text": " "}, "invalid_query"),
        ({"text": "x" * 2_001}, "invalid_query"),
        ({"min_score": float("nan")}, "invalid_request"),
        ({"filter": {"eq": {"colour": 1}}}, "invalid_filter"),
    ],
    ids=str,
)
def test_what_cannot_be_answered_is_refused_with_its_code(
    retrieval: Retrieval, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(RequestError, match=code):
        retrieval.search(replace(SearchQuery("x"), **changes), soon())


def test_a_stretch_of_a_document_comes_in_order_with_how_much_there_is(retrieval: Retrieval) -> None:
    document_id = ObjectKey("bucket", "ferry-0.md").document_id
    found, total = retrieval._store.chunks.read_range(document_id, 120, 20, "", soon())
    assert ([excerpt.ordinal for excerpt in found], total) == (list(range(120, LONG)), LONG)
    assert [excerpt.text for excerpt in found] == TEXTS["ferry-0.md"][120:]
    assert retrieval._store.chunks.read_range(document_id, 0, 5, equals("tenant", "x"), soon()) == ([], 0)


def test_timings_tell_each_stage_and_the_whole(retrieval: Retrieval) -> None:
    spent = ask(retrieval, context=1).milliseconds
    assert {"embedding", "dense", "fusion", "highlights", "context", "total"} <= set(spent)
    assert spent["total"] >= max(spent.values())

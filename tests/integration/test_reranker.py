"""Reranking, through the real SDK against the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shared.domain.catalog import RERANK_MODELS
from shared.domain.errors import ConfigurationError, PlatformError, TransientError
from shared.embedding import tokens
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.embedding.reranker import Reranker
from shared.runtime.retrying import Deadline
from shared.runtime.settings import RerankSettings

if TYPE_CHECKING:
    from tests.conftest import DashScope

QUESTION = "how do serverless functions bill"
TEXTS = ["Bread rises slowly.", "Serverless functions bill by the time they run.", "The harbour freezes in January."]
LIMITS = RERANK_MODELS["qwen3-rerank"]


def soon() -> Deadline:
    return Deadline.after(20)


def reranker(dashscope: DashScope, **changes: Any) -> Reranker:
    settings = dashscope.settings(**changes)
    return Reranker(settings, RerankSettings(), DashScopeClient(settings))


def test_relevance_comes_in_the_order_of_the_chunks_with_what_it_cost(dashscope: DashScope) -> None:
    reranked = reranker(dashscope).rerank(QUESTION, TEXTS, soon())
    assert max(range(3), key=reranked.relevance.__getitem__) == 1
    assert all(0 <= score <= 1 for score in reranked.relevance)
    usage = dashscope.usage()
    assert (usage["calls"], usage["rows"]) == (1, 3)
    assert (reranked.usage.tokens, reranked.usage.calls) == (usage["tokens"], 1)
    assert reranked.usage.cost_cny == pytest.approx(usage["tokens"] * 0.5e-6)


def test_what_was_reranked_once_is_not_bought_again(dashscope: DashScope) -> None:
    ours = reranker(dashscope)
    first, again = (ours.rerank(QUESTION, TEXTS, soon()) for _ in range(2))
    assert (again.relevance, again.usage.calls) == (first.relevance, 0)
    assert dashscope.usage()["calls"] == 1


@pytest.mark.parametrize(
    "texts",
    [
        ["word " * 9_000, "short"],
        ["无服务器函数按运行时间计费。" * 900, "short"],
        ["0123456789" * 400] * 50,
        ["🙂🙃" * 3_000] * 20,
        ["word " * 3_000] * 50,
    ],
    ids=["long English", "long Chinese", "digits", "emoji", "many long ones"],
)
@pytest.mark.parametrize("query", [QUESTION, "为什么" * 600], ids=["short question", "long question"])
def test_no_call_is_ever_over_the_models_limits(dashscope: DashScope, texts: list[str], query: str) -> None:
    """The emulator refuses a call that is, as DashScope does."""
    reranked = reranker(dashscope).rerank(query, texts, soon())
    assert len(reranked.relevance) == len(texts)
    assert 0 < reranked.usage.tokens <= LIMITS.tokens_per_call


def test_a_chunk_within_the_limits_is_read_whole(dashscope: DashScope) -> None:
    text = "word " * 3_000
    reranked = reranker(dashscope).rerank("x", [text], soon())
    assert reranked.usage.tokens == tokens.count(text) + tokens.count("x") - 2  # no answer bills more than it counts


PASSING_FAULTS: list[dict[str, Any]] = [
    {"fault": "status", "status": 429, "code": "Throttling.RateQuota"},
    {"fault": "status", "status": 500, "code": "InternalError"},
    {"fault": "html", "status": 502},
    {"fault": "reset"},
    {"fault": "cut_body"},
    {"fault": "malformed_json"},
    {"fault": "null_output"},
    {"fault": "black_hole"},
]


@pytest.mark.parametrize("fault", PASSING_FAULTS, ids=lambda fault: fault["fault"])
def test_a_fault_that_passes_is_survived(dashscope: DashScope, fault: dict[str, Any]) -> None:
    dashscope.fail({**fault, "times": 1})
    assert len(reranker(dashscope, call_timeout=1.0).rerank(QUESTION, TEXTS, soon()).relevance) == 3


@pytest.mark.parametrize("fault", ["null_output", "missing_rows", "extra_rows", "not_a_number"])
def test_an_answer_that_cannot_be_used_is_an_error_and_never_an_order(dashscope: DashScope, fault: str) -> None:
    dashscope.fail({"fault": fault})
    with pytest.raises(PlatformError, match="cannot be used"):
        reranker(dashscope).rerank(QUESTION, TEXTS, soon())
    assert dashscope.usage()["calls"] == 2


def test_a_lasting_refusal_fails_at_once_and_says_nothing_of_the_key(dashscope: DashScope) -> None:
    dashscope.fail({"fault": "status", "status": 401, "code": "InvalidApiKey", "message": "No sk-local."})
    with pytest.raises(ConfigurationError) as caught:
        reranker(dashscope).rerank(QUESTION, TEXTS, soon())
    assert "sk-local" not in caught.value.message
    assert sum(dashscope.usage()["rejected"].values()) == 1


def test_a_silent_server_costs_a_part_of_the_time_that_is_left(dashscope: DashScope) -> None:
    dashscope.fail({"fault": "black_hole"})
    deadline = Deadline.after(6)
    with pytest.raises(TransientError):
        reranker(dashscope).rerank(QUESTION, TEXTS, deadline)
    assert deadline.remaining() > 0.5


def test_reranking_and_embedding_spend_from_one_budget(dashscope: DashScope) -> None:
    settings = dashscope.settings(max_cost=0.0005)
    client = DashScopeClient(settings)
    Embedder(settings, client).embed_query("word " * 150, soon())
    with pytest.raises(ConfigurationError, match="cost_cap_reached"):
        Reranker(settings, RerankSettings(), client).rerank(QUESTION, ["word " * 200], soon())
    assert dashscope.usage()["calls"] == 1

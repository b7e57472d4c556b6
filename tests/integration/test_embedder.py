"""The DashScope client, with the real SDK against a server that speaks its protocol."""

from __future__ import annotations

import http.server
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from local import processes
from shared.domain.errors import ConfigurationError, RequestError, TransientError
from shared.embedding.embedder import Embedder
from shared.embedding.parameters import Output, TextType
from shared.runtime.retrying import Deadline
from tests.conftest import DashScope
from tests.patience import grant
from tests.proxy import ForgetfulProxy

if TYPE_CHECKING:
    from shared.domain.models import Embedding
    from shared.embedding.results import EmbeddingResult


def embed(embedder: Embedder, texts: list[str], seconds: float = 30) -> EmbeddingResult:
    return embedder.embed(texts, embedder.make_parameters(TextType.DOCUMENT), Deadline.after(seconds))


def cosine(one: Embedding, other: Embedding) -> float:
    return sum(a * b for a, b in zip(one.dense, other.dense, strict=True))


def test_many_texts_come_back_in_order_and_are_packed_by_rows(dashscope: DashScope) -> None:
    texts = [f"Text number {i} is about topic {i * 7}." for i in range(95)]
    embedded = embed(Embedder(dashscope.settings()), texts)
    usage = dashscope.usage()
    assert usage["calls"] == 10
    assert usage["rows"] == 95
    assert embedded.usage.tokens == usage["tokens"]
    one_by_one = [embed(Embedder(dashscope.settings()), [text]).complete()[0] for text in texts[::19]]
    assert [cosine(a, b) for a, b in zip(embedded.complete()[::19], one_by_one, strict=True)] == pytest.approx(
        [1] * 5, abs=1e-4
    )


def test_questions_and_chunks_are_marked_as_such_on_the_wire(dashscope: DashScope) -> None:
    embedder = Embedder(dashscope.settings())
    embedder.embed_query("where?", Deadline.after(60))
    embed(embedder, ["there"])
    assert [call["text_type"] for call in dashscope.usage()["requests"]] == ["query", "document"]


def test_a_question_asked_again_is_not_bought_again(dashscope: DashScope) -> None:
    embedder = Embedder(dashscope.settings())
    first, paid = embedder.embed_query("what is new?", Deadline.after(60))
    again, free = embedder.embed_query("what is new?", Deadline.after(60))
    assert first == again
    assert (paid.calls, free.calls) == (1, 0)
    assert dashscope.usage()["calls"] == 1


def test_sparse_vectors_come_where_the_model_has_them(dashscope: DashScope) -> None:
    embedder = Embedder(dashscope.settings())
    parameters = embedder.make_parameters(TextType.DOCUMENT, output=Output.BOTH)
    (embedding,) = embedder.embed(["风急天高猿啸哀"], parameters, Deadline.after(60)).complete()
    assert len(embedding.dense) == 512
    assert embedding.sparse is not None
    assert len(embedding.sparse.indices) == len(embedding.sparse.values) > 0


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_blank_text_is_refused_before_anything_is_sent(dashscope: DashScope, text: str) -> None:
    with pytest.raises(RequestError, match=r"text_empty.*at index 1 "):
        embed(Embedder(dashscope.settings()), ["fine", text])
    assert dashscope.usage()["calls"] == 0


def test_a_text_over_the_limit_is_refused_by_exact_count_before_anything_is_sent(dashscope: DashScope) -> None:
    embedder = Embedder(dashscope.settings())
    fits = "word " * 8_000  # 40,000 bytes, but no more than 8,192 tokens
    assert embed(embedder, [fits]).complete()
    with pytest.raises(RequestError, match="text_too_long"):
        embed(embedder, ["word " * 8_300])
    assert dashscope.usage()["calls"] == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"dimension": 333}, "unsupported_dimension"),
        ({"instruct": "Find it."}, "unsupported_instruct"),
    ],
)
def test_what_the_model_lacks_is_refused(dashscope: DashScope, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(RequestError, match=code):
        Embedder(dashscope.settings()).make_parameters(TextType.DOCUMENT, **changes)


def test_sparse_of_an_old_model_is_refused(dashscope: DashScope) -> None:
    embedder = Embedder(dashscope.settings(model_name="text-embedding-v2", requested_dimension=0))
    with pytest.raises(RequestError, match="unsupported_output"):
        embedder.make_parameters(TextType.DOCUMENT, output=Output.SPARSE)


PASSING_FAULTS: list[dict[str, Any]] = [
    {"fault": "status", "status": 429, "code": "Throttling.RateQuota"},
    {"fault": "status", "status": 429, "code": "Throttling.AllocationQuota"},
    {"fault": "status", "status": 429, "code": "Throttling.BurstRate"},
    {"fault": "status", "status": 429, "code": "Throttling"},
    {"fault": "status", "status": 429, "code": "insufficient_quota"},
    {"fault": "status", "status": 500, "code": "InternalError"},
    {"fault": "status", "status": 503, "code": "ModelServingError"},
    {"fault": "html", "status": 502},
    {"fault": "reset"},
    {"fault": "lost_answer"},
    {"fault": "reset_body"},
    {"fault": "cut_body"},
    {"fault": "malformed_json"},
    {"fault": "null_output"},
    {"fault": "missing_rows"},
    {"fault": "extra_rows"},
    {"fault": "wrong_dimension"},
    {"fault": "not_a_number"},
    {"fault": "black_hole"},
    {"fault": "black_hole_body"},
    {"fault": "drip"},
]


@pytest.mark.parametrize("fault", PASSING_FAULTS, ids=lambda fault: f"{fault['fault']}-{fault.get('code', '')}")
def test_a_fault_that_passes_is_survived_and_only_its_call_repeated(
    dashscope: DashScope, fault: dict[str, Any]
) -> None:
    embedder = Embedder(dashscope.settings(call_timeout=5.0))
    embed(embedder, ["warm"])
    dashscope.reset()
    dashscope.fail({**fault, "times": 1})
    texts = [f"chunk {i}" for i in range(30)]
    embedded = embed(embedder, texts)
    assert len(embedded.complete()) == 30
    # Three calls are needed; one more was spoilt, and no fault may cost more than its own call.
    assert dashscope.usage()["rows"] <= 40


def test_shuffled_rows_are_put_in_order(dashscope: DashScope) -> None:
    texts = ["apples and pears", "steam engines", "the moon landing"]
    straight = embed(Embedder(dashscope.settings()), texts).complete()
    dashscope.fail({"fault": "shuffled_rows", "times": 1})
    assert embed(Embedder(dashscope.settings()), texts).complete() == straight
    assert dashscope.usage()["calls"] == 2


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "InvalidApiKey"),
        (403, "AccessDenied"),
        (400, "Arrearage"),
        (404, "ModelNotFound"),
        (429, "PrepaidBillOverdue"),
        (429, "CommodityNotPurchased"),
    ],
)
def test_a_lasting_refusal_fails_at_once_with_dashscopes_words(dashscope: DashScope, status: int, code: str) -> None:
    dashscope.fail({"fault": "status", "status": status, "code": code, "message": "Refused by the server."})
    embedded = embed(Embedder(dashscope.settings()), ["text"])
    with pytest.raises(ConfigurationError, match=f"{code}: Refused by the server") as caught:
        embedded.complete()
    assert caught.value.request_id
    assert sum(dashscope.usage()["rejected"].values()) == 1


def test_a_free_quota_that_is_used_up_is_not_repeated(dashscope: DashScope) -> None:
    message = "Free allocated quota exceeded."
    dashscope.fail({"fault": "status", "status": 429, "code": "Throttling.AllocationQuota", "message": message})
    embedded = embed(Embedder(dashscope.settings()), ["text"])
    assert isinstance(embedded.failure, ConfigurationError)


def test_a_refused_text_is_found_and_the_others_succeed(dashscope: DashScope) -> None:
    texts = [f"harmless chunk {i}" for i in range(25)]
    texts[13] = "something the POISON filter refuses"
    rule = {"fault": "status", "status": 400, "code": "DataInspectionFailed", "match": "POISON"}
    dashscope.fail(rule)
    embedded = embed(Embedder(dashscope.settings()), texts)
    assert [text.index for text in embedded.refused] == [13]
    assert [i for i, embedding in enumerate(embedded.embeddings) if embedding is None] == [13]
    assert dashscope.usage()["rows"] == 24
    with pytest.raises(RequestError, match=r"text_refused.*at index 13 "):
        embedded.complete()


def test_a_call_that_is_refused_whatever_its_text_condemns_none(dashscope: DashScope) -> None:
    """The code says that a parameter is wrong: a model that was switched off, a wrong address, a wrong dimension."""
    dashscope.fail({"fault": "status", "code": "InvalidParameter", "message": "Something of the call is wrong."})
    embedded = embed(Embedder(dashscope.settings()), [f"chunk {i}" for i in range(25)])
    assert not embedded.refused
    with pytest.raises(ConfigurationError, match=r"embedding_refused.*every text.*EMBEDDING_MODEL"):
        embedded.complete()
    assert embedded.usage.tokens == 0


def test_a_refusal_that_may_be_of_the_call_is_checked_by_one_harmless_text(dashscope: DashScope) -> None:
    rule = {"fault": "status", "code": "InvalidParameter", "message": "Wrong.", "match": "POISON"}
    dashscope.fail(rule)
    embedder = Embedder(dashscope.settings(concurrency=1))
    for calls in (2, 1):  # the harmless text is asked once, and believed for some minutes
        dashscope.reset()
        dashscope.fail(rule)
        embedded = embed(embedder, ["POISON", "harmless"])
        assert [text.index for text in embedded.refused] == [0]
        assert (embedded.usage.calls, dashscope.usage()["calls"]) == (calls, calls)


def test_the_wrong_address_of_a_model_condemns_no_text(dashscope: DashScope) -> None:
    dashscope.fail({"fault": "status", "code": "InvalidParameter", "message": "url error, please check url!"})
    with pytest.raises(ConfigurationError, match="url error"):
        embed(Embedder(dashscope.settings()), ["text"]).complete()
    assert sum(dashscope.usage()["rejected"].values()) == 1


def test_what_was_paid_for_is_kept_when_another_call_fails(dashscope: DashScope) -> None:
    texts = [f"chunk {i}" for i in range(30)]
    texts[25] = "HOPELESS"
    dashscope.fail({"fault": "status", "status": 401, "code": "InvalidApiKey", "match": "HOPELESS"})
    embedded = embed(Embedder(dashscope.settings(concurrency=1)), texts)
    assert [embedding is not None for embedding in embedded.embeddings] == [True] * 20 + [False] * 10
    assert isinstance(embedded.failure, ConfigurationError)


def test_the_deadline_ends_everything(dashscope: DashScope) -> None:
    dashscope.fail({"fault": "black_hole"})
    started = time.monotonic()
    embedded = embed(Embedder(dashscope.settings(call_timeout=60.0)), ["text"], seconds=1.5)
    assert isinstance(embedded.failure, TransientError)
    assert time.monotonic() - started < 50  # the call alone would wait for 60 s


def test_retry_after_is_honoured(dashscope: DashScope) -> None:
    dashscope.fail({"fault": "status", "status": 429, "code": "Throttling.RateQuota", "retry_after": 1.5, "times": 1})
    started = time.monotonic()
    embed(Embedder(dashscope.settings()), ["text"]).complete()
    assert time.monotonic() - started >= 1.5


def test_an_address_where_nobody_listens_names_the_settings() -> None:
    settings = DashScope(f"http://127.0.0.1:{processes.free_port()}/api/v1").settings()
    embedded = embed(Embedder(settings), ["text"], seconds=5)
    assert embedded.failure is not None
    assert "DASHSCOPE_NETWORK" in embedded.failure.message


def test_no_key_and_no_text_is_ever_logged(dashscope: DashScope, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    dashscope.fail(
        {"fault": "reset", "times": 1}, {"fault": "status", "status": 500, "code": "InternalError", "times": 1}
    )
    embed(Embedder(dashscope.settings()), ["a very private chunk"]).complete()
    logged = "\n".join(record.getMessage() + str(vars(record)) for record in caplog.records)
    assert "sk-local" not in logged
    assert "very private" not in logged


def test_a_process_stops_before_it_overspends(dashscope: DashScope) -> None:
    model = dashscope.settings().model
    embedder = Embedder(dashscope.settings(max_cost=model.cost(1_000), concurrency=1))
    embedded = embed(embedder, [f"a chunk of about ten tokens, number {i}" for i in range(200)])
    assert isinstance(embedded.failure, ConfigurationError)
    assert embedded.failure.code == "cost_cap_reached"
    assert "MAX_COST_CNY" in embedded.failure.message
    assert 0 < dashscope.usage()["tokens"] <= 1_000


def test_what_is_refused_does_not_count_against_the_cap(dashscope: DashScope) -> None:
    embedder = Embedder(dashscope.settings(max_cost=dashscope.settings().model.cost(60)))
    dashscope.fail({"fault": "status", "code": "Throttling", "times": 3})
    assert embed(embedder, ["a short text"]).complete()


def test_an_answer_that_stays_unusable_is_bought_twice_and_not_six_times(dashscope: DashScope) -> None:
    dashscope.fail({"fault": "wrong_dimension"})
    embedded = embed(Embedder(dashscope.settings()), ["text"])
    assert embedded.failure is not None
    assert embedded.failure.code == "embedding_malformed"
    assert dashscope.usage()["calls"] == embedded.usage.calls == 2


@pytest.mark.parametrize("body", [b"null", b"5", b"[]", b'"x"', b'{"output": 5}', b'{"output": {}, "usage": [1]}'])
@pytest.mark.parametrize("status", [200, 500])
def test_json_that_is_no_answer_is_a_failure_that_passes(body: bytes, status: int) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Retry-After", "\u00b2")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = DashScope(f"http://127.0.0.1:{server.server_address[1]}/api/v1").settings()
        embedded = embed(Embedder(settings), ["text"], seconds=3)
        server.shutdown()
    assert isinstance(embedded.failure, TransientError)


def test_how_long_a_request_takes_is_known_before_it_is_paid_for(dashscope: DashScope) -> None:
    embedder = Embedder(dashscope.settings(requests_per_second=30.0, tokens_per_minute=1_200_000, quota_share=0.1))
    assert embedder.seconds_needed(["short text"] * 100) == pytest.approx(10 / 3, rel=0.01)
    assert embedder.seconds_needed(["a text of many words " * 60] * 100) > 10


@pytest.mark.parametrize("code", ["Throttling.RateQuota", "Throttling.AllocationQuota", "Throttling.BurstRate"])
def test_a_storm_of_refusals_is_sat_out_and_nothing_is_billed_twice(dashscope: DashScope, code: str) -> None:
    dashscope.fail({"fault": "status", "code": code, "times": 20})
    texts = [f"chunk {i}" for i in range(60)]
    assert len(embed(Embedder(dashscope.settings()), texts, seconds=60).complete()) == 60
    usage = dashscope.usage()
    assert (usage["rows"], sum(usage["rejected"].values())) == (60, 20)


def test_the_documented_number_of_texts_passes_the_deployed_quota(dashscope: DashScope) -> None:
    embedder = Embedder(dashscope.settings(requests_per_second=0.0, tokens_per_minute=0))
    text = "a text of many words " * 60  # 300 tokens, as they are estimated
    assert embedder.seconds_needed([text] * 2_000) < 40  # and embed has 120 s


def test_a_query_is_embedded_within_its_own_time(dashscope: DashScope) -> None:
    embedder = Embedder(dashscope.settings(query_timeout=0.5, call_timeout=60.0))
    dashscope.fail({"fault": "black_hole"})
    started = time.monotonic()
    with pytest.raises(TransientError, match="embedding_unavailable"):
        embedder.embed_query(f"asked at {started}", Deadline.after(120))
    assert time.monotonic() - started < 30  # the call alone would wait for 60 s


def test_a_query_that_is_throttled_is_repeated_until_it_passes(dashscope: DashScope) -> None:
    dashscope.fail({"fault": "status", "code": "Throttling.RateQuota", "times": 8})
    embedder = Embedder(dashscope.settings(query_timeout=60.0))
    assert embedder.embed_query("what is throttled?", Deadline.after(60))[0].dense
    assert sum(dashscope.usage()["rejected"].values()) == 8


def test_a_query_to_a_service_that_is_down_is_not_repeated_forty_times(dashscope: DashScope) -> None:
    dashscope.fail({"fault": "status", "status": 503, "code": "ModelServingError"})
    with pytest.raises(TransientError):
        Embedder(dashscope.settings(query_timeout=60.0)).embed_query("is it down?", Deadline.after(60))
    assert sum(dashscope.usage()["rejected"].values()) == 6


def test_a_storm_of_refusals_slows_down_what_comes_after_it(dashscope: DashScope) -> None:
    embedder = Embedder(dashscope.settings(requests_per_second=20.0))
    embed(embedder, ["text"] * 20)
    dashscope.fail({"fault": "status", "code": "Throttling.RateQuota"})
    for _ in range(4):
        embed(embedder, ["text"], seconds=1.2)
    dashscope.reset()
    started = time.monotonic()
    for _ in range(20):
        embed(embedder, ["text"]).complete()
    # Five may go at once; at the full pace the others would take three quarters of a second.
    assert time.monotonic() - started > 1.5


def test_a_connection_that_died_in_a_freeze_costs_one_retry(dashscope: DashScope) -> None:
    with ForgetfulProxy(dashscope.base_url) as proxy:
        embedder = Embedder(DashScope(f"{proxy.address}/api/v1").settings(call_timeout=5.0))
        assert embed(embedder, ["before"]).complete()
        proxy.forget()
        started = time.monotonic()
        assert embed(embedder, ["after"], seconds=170).complete()
        assert time.monotonic() - started < 60
        assert proxy.connections == 2


def test_no_call_is_begun_that_would_be_cut_off_and_paid_for(dashscope: DashScope) -> None:
    """Of texts for twenty seconds, in six: what was billed came back."""
    embedder = Embedder(dashscope.settings(concurrency=4))

    def begin(seconds: float) -> int:
        dashscope.reset()
        dashscope.tune(latency_ms=500)
        texts = [f"text {i} of {seconds}" for i in range(1_600)]
        embedded = embedder.embed(texts, embedder.make_parameters(TextType.DOCUMENT), Deadline.after(seconds))
        received = sum(embedding is not None for embedding in embedded.embeddings)
        assert embedded.failure is not None
        assert embedded.failure.code == "deadline_exceeded"
        assert received == dashscope.usage()["rows"]
        return received

    assert grant(begin) > 0

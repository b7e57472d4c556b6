"""`ops verify` finds what it assumes at the emulators, and notices each service that behaves otherwise."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from msgspec.structs import replace

from ops.verification import bucket, milvus
from ops.verification.assumption import Outcome, Row, examine
from ops.verification.dashscope import open_dashscope
from ops.verification.milvus import searching, writing
from ops.verification.milvus.collections import TemporaryCollections
from ops.verification.spending import Spending
from shared.domain.errors import ConfigurationError, TransientError
from shared.runtime.settings import Secret
from shared.store.client import Client
from shared.store.schema import Space
from tests.altering import Altering, Exchange, altering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ops.verification.assumption import Assumption
    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope, Oss

SPACE = Space("text-embedding-v4", 64)
# A model of the emulator reads pictures in seconds; here an answer of the service stands for it.
PICTURE = {
    "output": {"choices": [{"finish_reason": "stop", "message": {"content": [{"text": "Invoice 4711"}]}}]},
    "usage": {"input_tokens": 50, "output_tokens": 6},
    "request_id": "picture",
}


def subject(name: str) -> str:
    return name.partition("[")[0]


def rows_of(assumptions: Iterable[Assumption], *wanted: str) -> dict[str, Row]:
    """The rows about some subjects, or all."""
    return {it.name: examine(it) for it in assumptions if not wanted or subject(it.name) in wanted}


def differing(rows: dict[str, Row]) -> dict[str, str]:
    return {name: row.detail for name, row in rows.items() if row.outcome is Outcome.DIFFERS}


# --- DashScope


def answer_with(exchange: Exchange, content: Any) -> None:
    exchange.status, exchange.content = 200, json.dumps(content).encode()


def with_picture(exchange: Exchange) -> None:
    """Answer for the model that reads pictures, except where its task is unknown."""
    if b"data:image" in exchange.body and b"no_such_task" not in exchange.body:
        answer_with(exchange, PICTURE)


@pytest.fixture(scope="module")
def dashscope_proxy(dashscope_process: DashScope) -> Iterator[Altering]:
    with altering(dashscope_process.base_url) as proxy:
        yield proxy


@pytest.fixture
def altered_dashscope(dashscope: DashScope, dashscope_proxy: Altering) -> Altering:
    dashscope_proxy.reset()
    dashscope_proxy.before = with_picture
    return dashscope_proxy


def verify_dashscope(dashscope: DashScope, proxy: Altering, *wanted: str, cap: float = 0.2) -> dict[str, Row]:
    settings = dashscope.settings(base_url=f"{proxy.address}/api/v1")
    with open_dashscope(settings, Spending(cap)) as assumptions:
        return rows_of(assumptions, *wanted)


def on_success(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Callable[[Exchange], None]:
    """Change answers: ``change`` gets the answer and the request."""

    def after(exchange: Exchange) -> None:
        if exchange.status == 200:
            content = json.loads(exchange.content)
            change(content, json.loads(exchange.body))
            exchange.content = json.dumps(content).encode()

    return after


def on_vectors(change: Callable[[list[dict[str, Any]], dict[str, Any]], object]) -> Callable[[Exchange], None]:
    return on_success(lambda answer, asked: change(answer["output"]["embeddings"], asked))


def shorten(rows: list[dict[str, Any]], _: object) -> None:
    for row in rows:
        row["embedding"] = row["embedding"][:-1]


def reverse_places(rows: list[dict[str, Any]], _: object) -> None:
    for place, row in enumerate(reversed(rows)):
        row["text_index"] = place


def reverse_vectors(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        row["embedding"].reverse()


def accept(exchange: Exchange) -> None:
    """Refuse nothing."""
    if exchange.status == 400:
        answer_with(exchange, {"usage": {"total_tokens": 1, "input_tokens": 1, "output_tokens": 1}})


def accept_other_size(exchange: Exchange) -> None:
    accept(exchange)
    if b"embeddings" in exchange.content:
        on_vectors(shorten)(exchange)


def replace_text(old: str, new: str) -> Callable[[Exchange], None]:
    def after(exchange: Exchange) -> None:
        exchange.content = exchange.content.replace(old.encode(), new.encode())

    return after


def refuse_instructions(exchange: Exchange) -> None:
    if b"instruct" in exchange.body:
        exchange.status = 400


def accept_stream(exchange: Exchange) -> None:
    if exchange.status == 400:
        exchange.status, exchange.content = 200, b'data:{"output": {"choices": []}, "usage": {}}\n\n'


def forget_request_id(exchange: Exchange) -> None:
    content = json.loads(exchange.content)
    content.pop("request_id")
    exchange.content = json.dumps(content).encode()


def set_status(old: int, new: int) -> Callable[[Exchange], None]:
    def after(exchange: Exchange) -> None:
        exchange.status = new if exchange.status == old else exchange.status

    return after


OTHER_DASHSCOPE: dict[str, Callable[[Exchange], None]] = {
    "dashscope.wrong_key": set_status(401, 403),
    "dashscope.missing_model": set_status(404, 500),
    "dashscope.error_shape": forget_request_id,
    "dashscope.request_id": forget_request_id,
    "dashscope.default_size": on_vectors(shorten),
    "dashscope.sizes": on_vectors(shorten),
    "dashscope.other_size": accept_other_size,
    "dashscope.rows": accept,
    "dashscope.length": accept,
    "dashscope.sparse": on_vectors(lambda rows, _: [row.pop("sparse_embedding", None) for row in rows]),
    "dashscope.instruct": refuse_instructions,
    "dashscope.order": on_vectors(reverse_places),
    "dashscope.same_vector": on_vectors(lambda rows, _: reverse_vectors(rows) if len(rows) > 1 else None),
    "dashscope.text_type": on_vectors(
        lambda rows, asked: None if asked["parameters"].get("text_type") else reverse_vectors(rows)
    ),
    "dashscope.empty_text": accept,
    "dashscope.usage": on_success(lambda answer, _: answer["usage"].update(total_tokens=1)),
    "dashscope.meaning": on_vectors(reverse_places),
    "dashscope.sdk": on_vectors(shorten),
    "dashscope.rerank": on_success(lambda answer, _: answer["output"]["results"].pop()),
    "dashscope.rerank_best": on_success(
        lambda answer, _: [it.update(relevance_score=1 - it["relevance_score"]) for it in answer["output"]["results"]]
    ),
    "dashscope.rerank_usage": on_success(lambda answer, _: answer["usage"].clear()),
    "dashscope.rerank_rows": accept,
    "dashscope.answer_stream": replace_text('"stop"', '"null"'),
    "dashscope.answer_thinking": replace_text('"role":"assistant"', '"reasoning_content":"Let me see."'),
    "dashscope.answer_length": replace_text('"length"', '"stop"'),
    "dashscope.answer_address": accept_stream,
    "dashscope.picture": replace_text("4711", "nothing"),
    "dashscope.picture_task": accept,
}


def test_the_emulator_of_dashscope_behaves_as_assumed(dashscope: DashScope, altered_dashscope: Altering) -> None:
    spending = Spending(0.2)
    settings = dashscope.settings(base_url=f"{altered_dashscope.address}/api/v1")
    with open_dashscope(settings, spending) as assumptions:
        rows = rows_of(assumptions)
    assert differing(rows) == {}
    unchecked = {subject(name) for name, row in rows.items() if row.outcome is Outcome.NOT_CHECKED}
    assert unchecked == {
        *("dashscope.throttling", "dashscope.billing", "dashscope.stale_connection", "dashscope.content_filter"),
        "dashscope.length",  # of models with very long texts that are not in use
    }
    checked = {subject(name) for name, row in rows.items() if row.outcome is Outcome.AS_ASSUMED}
    assert checked == set(OTHER_DASHSCOPE)
    # Vectors, ranks and answers of the emulator have their prices; those of pictures are of the answer above.
    assert 0.0005 < spending.spent < 0.02


@pytest.mark.parametrize("name", OTHER_DASHSCOPE)
def test_another_behaviour_of_dashscope_is_noticed(
    dashscope: DashScope, altered_dashscope: Altering, name: str
) -> None:
    altered_dashscope.after = OTHER_DASHSCOPE[name]
    rows = verify_dashscope(dashscope, altered_dashscope, name)
    unnoticed = [row.name for row in rows.values() if row.outcome is Outcome.AS_ASSUMED]
    assert rows
    assert unnoticed == []


def test_what_is_billed_is_counted_exactly(dashscope: DashScope, altered_dashscope: Altering) -> None:
    spending = Spending(0.2)
    settings = dashscope.settings(base_url=f"{altered_dashscope.address}/api/v1")
    with open_dashscope(settings, spending) as assumptions:
        rows_of(it for it in assumptions if it.name.endswith("[text-embedding-v4]"))
    assert spending.spent == pytest.approx(dashscope.usage()["tokens"] * 0.5 / 1e6)


def test_no_call_is_sent_that_might_exceed_the_cap(dashscope: DashScope, altered_dashscope: Altering) -> None:
    rows = verify_dashscope(dashscope, altered_dashscope, "dashscope.length", cap=0.001)
    assert {row.outcome for row in rows.values()} == {Outcome.NOT_CHECKED}
    assert "0.0000 of 0.001 are spent already" in rows["dashscope.length[text-embedding-v4]"].detail
    assert dashscope.usage()["calls"] == 0


def test_an_answer_without_a_bill_counts_with_all_it_may_cost(
    dashscope: DashScope, altered_dashscope: Altering
) -> None:
    altered_dashscope.after = on_success(lambda answer, _: answer.pop("usage"))
    spending = Spending(0.2)
    with open_dashscope(dashscope.settings(base_url=f"{altered_dashscope.address}/api/v1"), spending) as assumptions:
        rows_of(assumptions, "dashscope.request_id")
    assert spending.spent == pytest.approx(16 * 0.5 / 1e6)


def test_a_model_the_account_may_not_use_is_not_checked(dashscope: DashScope, altered_dashscope: Altering) -> None:
    def after(exchange: Exchange) -> None:
        exchange.status, exchange.content = 403, b'{"code": "Model.AccessDenied", "message": "no", "request_id": "1"}'

    altered_dashscope.after = after
    rows = verify_dashscope(dashscope, altered_dashscope, "dashscope.sizes")
    assert {row.outcome for row in rows.values()} == {Outcome.NOT_CHECKED}


# --- Milvus


class OtherClient(Client):
    """A client of a Milvus that behaves otherwise."""

    changes: ClassVar[dict[str, Callable[[Any], Any]]] = {}

    def _try_once(self, method: str, seconds: float, *arguments: Any, **options: Any) -> Any:
        try:
            result = super()._try_once(method, seconds, *arguments, **options)
        except ConfigurationError as error:
            return self._change(method, error, raised=True)
        return self._change(method, result, raised=False)

    def _change(self, method: str, result: Any, *, raised: bool) -> Any:
        change = OtherClient.changes.get(method)
        if change is None and raised:
            raise result
        return change(result) if change else result


def fail(error: Exception) -> Callable[[Any], Any]:
    def change(_: Any) -> Any:
        raise error

    return change


def first_row(**values: Any) -> Callable[[Any], Any]:
    return lambda rows: [{**row, **values} for row in list(rows)]


def searched(change: Callable[[list[Any]], list[Any]]) -> Callable[[Any], Any]:
    return lambda found: [change([dict(hit) for hit in list(found[0])])]


def nothing(_: Any) -> Any:
    return []


def doubled(rows: Any) -> Any:
    return [*list(rows), *list(rows)]


UNAVAILABLE = fail(TransientError("milvus_unavailable", "Milvus did not answer.", soon=False))
OTHER_MILVUS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "milvus.version": {"get_server_version": lambda _: "v1.1.1"},
    "milvus.create": {"list_aliases": lambda _: {"aliases": []}},
    "milvus.alias": {"list_aliases": lambda _: {"aliases": []}},
    "milvus.upsert": {"query": doubled},
    "milvus.strong": {"query": nothing},
    "milvus.bounded": {"query": nothing},
    "milvus.delete": {"query": doubled},
    "milvus.count": {"query": first_row(**{"count(*)": 21})},
    "milvus.text_size": {"query": first_row(text="汉")},
    "milvus.json_size": {"query": first_row(metadata={})},
    "milvus.vector": {"query": first_row(vector=[0.5] * 64)},
    "milvus.rows": {"query": fail(ConfigurationError("milvus_refused", "Milvus refused a call (code 1100)."))},
    "milvus.id_ranges": {"query": lambda rows: list(rows)[1:]},
    "milvus.released": {"query": nothing},
    "milvus.missing": {"describe_collection": UNAVAILABLE},
    "milvus.token": {"list_collections": UNAVAILABLE},
    "milvus.text_ranges": {"query": lambda rows: list(rows)[1:]},
    "milvus.quoting": {"query": first_row(key="another")},
    "milvus.metadata": {"query": nothing},
    "milvus.beginnings": {"query": nothing},
    "milvus.parts": {"query": nothing},
    "milvus.balanced": {"query": nothing},
    "milvus.wrong_filter": {"query": nothing},
    "milvus.cosine": {"search": searched(lambda hits: [{**hit, "distance": 0.5} for hit in hits])},
    "milvus.filtered_search": {"search": searched(lambda hits: hits + hits)},
    "milvus.tenants": {"query": nothing},
    "milvus.words": {"search": searched(lambda _: [])},
    "milvus.word_order": {"search": searched(lambda hits: [{**it, "distance": -1 / it["distance"]} for it in hits])},
    "milvus.chinese_words": {"search": searched(lambda _: [])},
}


@pytest.fixture(scope="module")
def made(lite_milvus: MilvusSettings) -> Iterator[TemporaryCollections]:
    """Collections at Milvus Lite that the alterations share."""
    collections = TemporaryCollections(replace(lite_milvus, token=Secret("root:unused")), SPACE, OtherClient)
    collections.store.prepare(collections.until)
    yield collections
    OtherClient.changes = {}
    collections.remove()


def list_milvus(made: TemporaryCollections) -> list[Assumption]:
    return [*writing.list_writing(made), *searching.list_searching(made)]


@pytest.mark.every_milvus
def test_milvus_behaves_as_assumed_and_is_left_as_it_was(any_milvus: MilvusSettings) -> None:
    client = Client(any_milvus)
    until = TemporaryCollections(any_milvus, SPACE).until
    before = set(client.call("list_collections", until))
    with milvus.open_milvus(any_milvus, SPACE) as assumptions:
        rows = rows_of(assumptions)
    assert differing(rows) == {}
    assert set(rows) == set(OTHER_MILVUS)
    is_old = "v2.3" in rows["milvus.version"].detail
    unchecked = {name for name, row in rows.items() if row.outcome is Outcome.NOT_CHECKED}
    of_words = {"milvus.parts", "milvus.tenants", "milvus.words", "milvus.word_order", "milvus.chinese_words"}
    assert unchecked == {"milvus.token", *(of_words if is_old else ())}
    after = set(client.call("list_collections", until))
    assert {name for name in after - before if name.startswith("verify")} == set()


@pytest.mark.parametrize("name", OTHER_MILVUS)
def test_another_behaviour_of_milvus_is_noticed(
    made: TemporaryCollections, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(writing, "_BOUNDED_SECONDS", 0.1)
    monkeypatch.setattr(searching, "_LATE_SECONDS", 0.1)
    made.__dict__.pop("version", None)
    monkeypatch.setattr(OtherClient, "changes", OTHER_MILVUS[name])
    (row,) = rows_of(list_milvus(made), name).values()
    assert row.outcome is Outcome.DIFFERS, row


def test_collections_that_an_interrupted_run_has_left_are_removed(lite_milvus: MilvusSettings) -> None:
    old, present = (TemporaryCollections(lite_milvus, SPACE) for _ in range(2))
    client, left = old.client, f"verify_1700000000_{'0' * 8}"
    foreign = "verify_1700000000_of_a_user"
    for name in (left, foreign):
        client.call("create_collection", old.until, name, dimension=4)
    present.remove()
    remaining = client.call("list_collections", old.until)
    client.call("drop_collection", old.until, foreign)
    assert left not in remaining
    assert foreign in remaining


# --- OSS


@pytest.fixture(scope="module")
def oss_proxy(oss_process: Oss) -> Iterator[Altering]:
    with altering(oss_process.endpoint) as proxy:
        yield proxy


@pytest.fixture
def altered_oss(oss: Oss, oss_proxy: Altering) -> Altering:
    oss_proxy.reset()
    return oss_proxy


def verify_oss(oss: Oss, proxy: Altering, *wanted: str) -> dict[str, Row]:
    with bucket.open_bucket(oss.settings(endpoint=proxy.address)) as assumptions:
        return rows_of(assumptions, *wanted)


def is_listing(exchange: Exchange) -> bool:
    return exchange.method == "GET" and "list-type=2" in exchange.path


def change_listing(pattern: str, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Exchange], None]:
    """Change the entries of listings with a pattern in their address."""

    def after(exchange: Exchange) -> None:
        if is_listing(exchange) and re.search(pattern, exchange.path):
            entries = re.findall(rb"<Contents>.*?</Contents>", exchange.content, re.DOTALL)
            body = re.sub(rb"<Contents>.*</Contents>", b"<Contents/>", exchange.content, flags=re.DOTALL)
            exchange.content = body.replace(b"<Contents/>", b"".join(change(entries)))

    return after


def ignore_start(exchange: Exchange) -> None:
    exchange.path = re.sub(r"&?start-after=[^&]*", "", exchange.path)


def ignore_conditions(exchange: Exchange) -> None:
    exchange.headers = {name: value for name, value in exchange.headers.items() if name.lower() != "if-match"}


def after_of(method: str, change: Callable[[Exchange], object]) -> Callable[[Exchange], None]:
    def after(exchange: Exchange) -> None:
        if exchange.method == method and not is_listing(exchange):
            change(exchange)

    return after


def forget_headers(start: str) -> Callable[[Exchange], None]:
    def after(exchange: Exchange) -> None:
        kept = {name: value for name, value in exchange.answer_headers.items() if not name.lower().startswith(start)}
        exchange.answer_headers = kept

    return after


def forget_sidecars(exchange: Exchange) -> None:
    if ".metadata.json" in exchange.path and exchange.method == "GET":
        exchange.status = 404


def cut_content(exchange: Exchange) -> None:
    exchange.content = exchange.content[:2]


def set_time(exchange: Exchange) -> None:
    if "Last-Modified" in exchange.answer_headers:
        exchange.answer_headers["Last-Modified"] = "Wed, 01 Jan 2025 00:00:00 GMT"


BEFORE_OSS: dict[str, Callable[[Exchange], None]] = {
    "oss.start_after": ignore_start,
    "oss.if_match": ignore_conditions,
}
AFTER_OSS: dict[str, Callable[[Exchange], None]] = {
    "oss.etag": change_listing("", lambda entries: [entry.replace(b"<ETag>", b"<ETag>0") for entry in entries]),
    "oss.after_write": change_listing("fresh", lambda _: []),
    "oss.order": change_listing("names", lambda entries: entries[::-1]),
    "oss.pages": change_listing("max-keys=2", lambda entries: entries[1:]),
    "oss.range": after_of("GET", cut_content),
    "oss.metadata": forget_headers("x-oss-meta-"),
    "oss.sidecar": forget_sidecars,
    "oss.missing": set_status(404, 200),
    "oss.time": set_time,
    "oss.wrong_bucket": replace_text("NoSuchBucket", "AccessDenied"),
    "oss.wrong_key": lambda exchange: setattr(exchange, "status", 400),
}


def test_the_emulator_of_oss_behaves_as_assumed_and_is_left_empty(oss: Oss, altered_oss: Altering) -> None:
    rows = verify_oss(oss, altered_oss)
    assert differing(rows) == {}
    checked = {name for name, row in rows.items() if row.outcome is Outcome.AS_ASSUMED}
    assert checked | {"oss.wrong_key"} == {*BEFORE_OSS, *AFTER_OSS}
    assert [path for path in oss.folder.rglob("*") if path.is_file() and ".oss" not in path.parts] == []


@pytest.mark.parametrize("name", [*BEFORE_OSS, *AFTER_OSS])
def test_another_behaviour_of_oss_is_noticed(oss: Oss, altered_oss: Altering, name: str) -> None:
    with bucket.open_bucket(oss.settings(endpoint=altered_oss.address)) as assumptions:
        (assumption,) = [it for it in assumptions if it.name == name]
        altered_oss.before = BEFORE_OSS.get(name, altered_oss.before)
        altered_oss.after = AFTER_OSS.get(name, altered_oss.after)
        row = examine(assumption)
        altered_oss.reset()
    assert row.outcome is Outcome.DIFFERS, row

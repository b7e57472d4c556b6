"""The three functions as users meet them: started as `s.yaml` declares, through the gateway, over HTTP."""

from __future__ import annotations

import base64
import concurrent.futures
import gzip
import json
import os
import shutil
import signal
import struct
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import openai
import pytest
import requests

from local import stack
from local.stack import PROJECT, Plan, Ports, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE_SECONDS = 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bucket")


@pytest.fixture(scope="module")
def running(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    # As deployed, with the triggers of records.
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "RECORDS_ENABLED": "true"}
    plan = Plan(tmp_path_factory.mktemp("data"), folder, ports=Ports(0, 0, 0, 0), environ=environ)
    with stack.running(plan) as everything:
        yield everything


def eventually(holds: Callable[[], object]) -> float:
    """Wait until ``holds``; the seconds that took."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < PATIENCE_SECONDS, "it never came true"
        time.sleep(0.1)
    return time.monotonic() - started


def search(running: Stack, query: str, **fields: Any) -> list[dict[str, Any]]:
    answer = requests.post(f"{running.url}/search", json={"query": query, **fields}, timeout=30)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["hits"])


def document(running: Stack, key: str) -> dict[str, Any] | None:
    answer = requests.get(f"{running.url}/documents", params={"limit": 1000}, timeout=30).json()
    return next((d for d in answer["documents"] if d["key"] == key), None)


def settled(running: Stack, key: str) -> bool:
    found = document(running, key)
    return found is not None and found["state"] != "pending"


def test_a_file_dropped_in_answers_within_seconds_and_stops_when_deleted(running: Stack, folder: Path) -> None:
    (folder / "ferry.md").write_text("# Timetable\n\nThe last ferry to Brava leaves at 21:40.\n", "utf-8")
    here = {"filter": {"eq": {"key": "ferry.md"}}}
    seconds = eventually(lambda: search(running, "When does the last ferry leave?", **here))
    hit = search(running, "最后一班渡轮几点开？", top_k=1, **here)[0]
    assert hit["document"]["title"] == "Timetable"
    assert "21:40" in hit["text"]
    assert hit["location"]["headings"] == ["Timetable"]
    (folder / "ferry.md").unlink()
    seconds = max(seconds, eventually(lambda: not search(running, "When does the last ferry leave?", **here)))
    assert seconds < 30  # five on a quiet machine


def test_eight_files_dropped_at_once_are_all_found(running: Stack, folder: Path) -> None:
    for i in range(8):
        text = "\n\n".join(f"Report {i}, section {j}: the turbine numbered {i}-{j} was inspected." for j in range(25))
        (folder / f"report-{i}.txt").write_text(text, "utf-8")
    for i in range(8):
        eventually(partial(settled, running, f"report-{i}.txt"))
        hits = search(running, f"turbine {i}-7", filter={"eq": {"key": f"report-{i}.txt"}}, top_k=100)
        found = "\n".join(hit["text"] for hit in hits)
        assert all(f"numbered {i}-{j} was" in found for j in range(25))
    for i in range(8):
        (folder / f"report-{i}.txt").unlink()


def test_a_broken_file_is_shown_with_its_reason_and_the_others_go_on(running: Stack, folder: Path) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (folder / "fine.txt").write_text("Fine.", "utf-8")
    eventually(lambda: settled(running, "broken.pdf") and settled(running, "fine.txt"))
    broken, fine = document(running, "broken.pdf"), document(running, "fine.txt")
    assert broken is not None
    assert fine is not None
    assert (broken["state"], broken["failure"]["stage"], broken["failure"]["code"]) == (
        "failed",
        "parsing",
        "broken_file",
    )
    assert fine["state"] == "indexed"
    one = requests.get(f"{running.url}/documents/{broken['id']}", timeout=10).json()
    assert [entry["code"] for entry in one["history"]] == ["broken_file"]
    assert {**one, "history": []} == broken  # a listing leaves histories out
    failed = requests.get(f"{running.url}/documents", params={"state": "failed"}, timeout=10).json()
    # Other tests have failed documents of their own in this bucket.
    assert [d for d in failed["documents"] if d["key"] in ("broken.pdf", "fine.txt")] == [broken]
    assert {d["state"] for d in failed["documents"]} == {"failed"}


def test_the_samples_are_read_whatever_their_format(running: Stack, folder: Path) -> None:
    names = [path.name for path in (PROJECT / "samples").glob("*.*")]
    for name in names:
        shutil.copy(PROJECT / "samples" / name, folder / name)
    for name in names:
        eventually(partial(settled, running, name))
        found = document(running, name)
        assert found is not None
        assert found["state"] == "indexed", found


def test_vectors_come_in_input_order_with_usage(running: Stack) -> None:
    texts = [f"text {i}" for i in range(25)]
    answer = requests.post(f"{running.url}/embed", json={"texts": texts, "text_type": "document"}, timeout=30)
    content = answer.json()
    assert answer.status_code == 200
    assert [vector["index"] for vector in content["embeddings"]] == list(range(25))
    assert {len(vector["embedding"]) for vector in content["embeddings"]} == {512}
    assert (content["model"], content["dimension"], content["usage"]["calls"]) == ("text-embedding-v4", 512, 3)
    assert content["usage"]["tokens"] > 25
    assert content["request_id"] == answer.headers["x-request-id"]


def test_sparse_vectors_on_request(running: Stack) -> None:
    body = {"texts": ["海风"], "output_type": "dense&sparse", "dimension": 64}
    (vector,) = requests.post(f"{running.url}/embed", json=body, timeout=30).json()["embeddings"]
    assert len(vector["embedding"]) == 64
    assert len(vector["sparse_embedding"]["indices"]) == len(vector["sparse_embedding"]["values"]) > 0


@pytest.fixture(scope="module")
def client(running: Stack) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{running.url}/v1", api_key="any", max_retries=0)


def test_the_openai_client_works_unchanged(running: Stack, client: openai.OpenAI) -> None:
    one = client.embeddings.create(model="text-embedding-v4", input="hello", encoding_format="float")
    several = client.embeddings.create(model="text-embedding-v4", input=["hello", "world"], dimensions=128)
    assert len(one.data[0].embedding) == 512
    assert [(item.index, len(item.embedding)) for item in several.data] == [(0, 128), (1, 128)]
    assert one.usage.total_tokens > 0
    raw = requests.post(
        f"{running.url}/v1/embeddings",
        json={"model": "text-embedding-v4", "input": "hello", "encoding_format": "base64"},
        timeout=30,
    ).json()
    floats = struct.unpack("<512f", base64.b64decode(raw["data"][0]["embedding"]))
    assert list(floats) == pytest.approx(one.data[0].embedding, abs=1e-6)


def test_openai_errors_have_openais_shape(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.embeddings.create(model="gpt-unknown", input="x")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="text-embedding-v4", input="")
    assert (caught.value.code, caught.value.type) == ("text_empty", "invalid_request_error")


def test_openai_clients_find_the_model(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["text-embedding-v4"]
    assert client.models.retrieve("text-embedding-v4").object == "model"
    with pytest.raises(openai.NotFoundError) as unknown:
        client.models.retrieve("gpt-unknown")
    assert unknown.value.code == "model_not_found"


@pytest.mark.parametrize("ids", [[15339, 1917], [[15339, 1917]]])
def test_token_ids_get_the_vectors_of_their_texts(client: openai.OpenAI, ids: Any) -> None:
    by_ids, by_text = (client.embeddings.create(model="text-embedding-v4", input=it) for it in (ids, "hello world"))
    assert by_ids.data[0].embedding == by_text.data[0].embedding


def test_ids_of_another_vocabulary_are_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="text-embedding-v4", input=[199_999])
    assert caught.value.code == "token_ids_unsupported"
    assert "send texts" in caught.value.message


def test_openai_clients_may_send_as_many_texts_as_to_openai(client: openai.OpenAI) -> None:
    assert len(client.embeddings.create(model="text-embedding-v4", input=["a"] * 2_048, dimensions=64).data) == 2_048


OPENAI = {"model": "text-embedding-v4", "input": "hello"}
LEFT_OUT = ("encoding_format", "dimensions", "dimension", "text_type", "input_type", "user")


def openai_vector(running: Stack, **fields: Any) -> list[float]:
    answer = requests.post(f"{running.url}/v1/embeddings", json={**OPENAI, **fields}, timeout=30)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"][0]["embedding"])


def test_null_counts_as_left_out_wherever_a_field_is_optional(running: Stack) -> None:
    assert openai_vector(running, **dict.fromkeys(LEFT_OUT)) == openai_vector(running)
    optional = dict.fromkeys(("text_type", "dimension", "output_type", "instruct", "too_long"))
    answer = requests.post(f"{running.url}/embed", json={"texts": ["null"], **optional}, timeout=30)
    assert (answer.status_code, answer.json()["dimension"]) == (200, 512)
    optional = dict.fromkeys(
        ("top_k", "offset", "mode", "filter", "min_score", "context", "group_by", "group_size", "rerank", "tenant")
    )
    assert requests.post(f"{running.url}/search", json={"query": "null", **optional}, timeout=30).status_code == 200


@pytest.mark.parametrize(
    "size",
    [
        {"dimensions": 64}, {"dimension": 64}, {"dimensions": "64"}, {"dimension": "64"}, {"output_dimension": 64},
        {"output_dimension": "64", "dimensions": 64},
    ],
)  # fmt: skip
def test_the_size_is_honoured_by_each_name(running: Stack, size: dict[str, Any]) -> None:
    assert len(openai_vector(running, **size)) == 64


# The bodies of clients with their defaults and with a size, as they were recorded: LangChain (langchain-openai 1.7.4),
# openai 3.57 for Python and 6.49 for npm, LlamaIndex, Semantic Kernel, Vercel AI SDK 6, LiteLLM 1.110 by provider.
WIRE = [
    ('{"model":"%s","input":[[15339],[57668,53901]],"encoding_format":"base64"}', 512),
    ('{"model":"%s","input":["hello","你好"],"encoding_format":"base64"}', 512),
    ('{"model":"%s","input":["hello","你好"],"dimensions":256,"encoding_format":"base64"}', 256),
    ('{"model":"%s","input":["hello","你好"],"encoding_format":"float"}', 512),
    ('{"model":"%s","input":["hello","你好"],"dimensions":256,"encoding_format":"float"}', 256),
    (r'{"model": "%s", "input": ["hello", "\u4f60\u597d"]}', 512),
    (r'{"model": "%s", "dimensions": 256, "input": ["hello", "\u4f60\u597d"], "input_type": "query"}', 256),
    (r'{"model": "%s", "input": ["hello", "\u4f60\u597d"], "output_dimension": 256}', 256),
    (r'{"input": ["hello", "\u4f60\u597d"], "model": "%s", "output_dimension": 256, "encoding_format": null}', 256),
    (r'{"model": "%s", "input": ["hello", "\u4f60\u597d"], "dimensions": 256, "task": "retrieval.query"}', 256),
]


@pytest.mark.parametrize(("body", "size"), WIRE)
def test_the_requests_of_clients_are_answered_as_they_are_sent(running: Stack, body: str, size: int) -> None:
    data = (body % "text-embedding-v4").encode()
    answer = requests.post(f"{running.url}/v1/embeddings", data, headers={"Authorization": "Bearer any"}, timeout=30)
    assert answer.status_code == 200, answer.text
    vectors = [item["embedding"] for item in answer.json()["data"]]
    assert [len(base64.b64decode(it)) // 4 if isinstance(it, str) else len(it) for it in vectors] == [size, size]


@pytest.mark.parametrize(
    "fields",
    [
        {"dimensions": "many"}, {"dimensions": 77}, {"dimension": 77}, {"dimension": "²"}, {"dimensions": "9" * 99},
        {"dimensions": 64, "dimension": 128}, {"output_dimension": 64, "dimension": 128},
        {"text_type": "poem"}, {"input_type": 5}, {"encoding_format": "odd"},
        {"text_type": "query", "input_type": "document"}, {"task": "retrieval.query", "input_type": "document"},
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused(running: Stack, fields: dict[str, Any]) -> None:
    answer = requests.post(f"{running.url}/v1/embeddings", json={**OPENAI, **fields}, timeout=30)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_documents_are_paged_by_a_cursor(running: Stack, folder: Path) -> None:
    names = [f"paged-{name}.txt" for name in ("a", "B", "c", "日", "🙂")]
    for name in names:
        (folder / name).write_text(f"About {name}.", "utf-8")
    for name in names:
        eventually(partial(settled, running, name))
    seen, after = [], ""
    while after is not None:
        parameters: dict[str, Any] = {"prefix": "paged-", "limit": 2, "after": after}
        page = requests.get(f"{running.url}/documents", params=parameters, timeout=30).json()
        seen += [document["key"] for document in page["documents"]]
        assert page["total"] == len(names)
        after = page["next"]
    assert seen == sorted(names)
    for wrong in ("x", "é", "WyJhIl0", "5"):
        answer = requests.get(f"{running.url}/documents", params={"after": wrong}, timeout=30)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_cursor")
    for name in names:
        (folder / name).unlink()


@pytest.mark.parametrize("size", [4_100, 9_000, 30_000])
def test_a_link_longer_than_function_compute_takes_is_refused_in_json(running: Stack, size: int) -> None:
    path = f"/search?q={'a' * size}"
    by_platform = requests.get(f"{running.url}{path}", timeout=30)
    assert (by_platform.status_code, by_platform.json()["ErrorCode"]) == (414, "RequestURITooLong")
    port = next(f["port"] for f in status(running) if f["name"].endswith("search"))
    by_function = requests.get(f"http://127.0.0.1:{port}{path}", timeout=30)
    assert (by_function.status_code, by_function.json()["error"]["code"]) == (414, "link_too_long")


def test_an_encoded_body_is_refused_at_once_through_the_gateway_too(running: Stack) -> None:
    started = time.monotonic()
    for data in (gzip.compress(json.dumps({"query": "x"}).encode()), b"no gzip"):
        answer = requests.post(f"{running.url}/search", data, headers={"Content-Encoding": "gzip"}, timeout=60)
        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_encoding")
    assert time.monotonic() - started < 20


def test_answers_are_compressed_through_the_gateway_too(running: Stack) -> None:
    with requests.get(f"{running.url}/openapi.json", timeout=30, stream=True) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert json.loads(gzip.decompress(answer.raw.read(decode_content=False)))["openapi"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/documents", "/search?q=ferry", "/openapi.json", "/v1/models"])
def test_head_works_where_get_does(running: Stack, path: str) -> None:
    answer = requests.head(f"{running.url}{path}", timeout=30)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/search"), ("GET", "/mcp"), ("GET", "/embed"), ("POST", "/documents"), ("PATCH", "/")]
)
def test_every_405_says_what_is_allowed(running: Stack, method: str, path: str) -> None:
    answer = requests.request(method, f"{running.url}{path}", timeout=30)
    assert answer.status_code == 405
    assert answer.headers["Allow"]


def test_a_call_that_function_compute_queues_is_refused_without_work(running: Stack) -> None:
    port = next(f["port"] for f in status(running) if f["name"].endswith("embed"))
    headers = {"X-Fc-Invocation-Type": "Async"}
    queued = requests.post(f"{running.url}/embed", json={"texts": ["later"]}, headers=headers, timeout=30)
    assert (queued.status_code, queued.content) == (202, b"")
    assert queued.headers["x-fc-request-id"]
    answer = requests.post(f"http://127.0.0.1:{port}/embed", json={"texts": ["later"]}, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "asynchronous_call")


BAD_EMBED: dict[str, Any] = {
    "not JSON": b"{texts",
    "a list": [],
    "nothing": b"",
    "no texts": {"texts": []},
    "texts no list": {"texts": "abc"},
    "a number among them": {"texts": ["a", 1]},
    "an empty text": {"texts": ["a", ""]},
    "a blank text": {"texts": [" \n"]},
    "too long": {"texts": ["word " * 9_000]},
    "too many": {"texts": ["a"] * 2_049},
    "far too many": {"texts": ["a"] * 500_000},
    "unknown field": {"texts": ["a"], "colour": "red"},
    "unknown dimension": {"texts": ["a"], "dimension": 77},
    "dimension 0": {"texts": ["a"], "dimension": 0},
    "endless instruction": {"texts": ["a"], "text_type": "query", "instruct": "x" * 1_001},
    "millions of spaces": {"texts": ["x" + " " * 3_000_000]},
    "a million blanks to split": {"texts": [" " * 1_000_000, "a"], "too_long": "split"},
    "dimension no number": {"texts": ["a"], "dimension": "512"},
    "unknown text type": {"texts": ["a"], "text_type": "poem"},
    "unknown output": {"texts": ["a"], "output_type": "both"},
    "NaN": b'{"texts": ["a"], "dimension": NaN}',
    "nested deep": b'{"texts": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "half a character": b'{"texts": ["\\ud800"]}',
    "not UTF-8": b'{"texts": ["\xff"]}',
}
BAD_SEARCH: dict[str, Any] = {
    "not JSON": b"query=x",
    "nothing": b"",
    "no query": {},
    "empty": {"query": ""},
    "blank": {"query": " \t "},
    "too long": {"query": "x" * 2_001},
    "query no text": {"query": 5},
    "top_k 0": {"query": "x", "top_k": 0},
    "top_k -1": {"query": "x", "top_k": -1},
    "top_k 1.5": {"query": "x", "top_k": 1.5},
    "top_k text": {"query": "x", "top_k": "5"},
    "top_k true": {"query": "x", "top_k": True},
    "top_k huge": {"query": "x", "top_k": 10**9},
    "top_k 10^30": {"query": "x", "top_k": 10**30},
    "unknown mode": {"query": "x", "mode": "psychic"},
    "filter text": {"query": "x", "filter": "key == 'a'"},
    "filter field": {"query": "x", "filter": {"eq": {"vector": 1}}},
    "filter deep": {"query": "x", "filter": {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"not": {}}}}}}}}}},
    "unknown field": {"query": "x", "limit": 3},
    "offset -1": {"query": "x", "offset": -1},
    "offset too far": {"query": "x", "offset": 995, "top_k": 6},
    "context 6": {"query": "x", "context": 6},
    "group_by text": {"query": "x", "group_by": "key"},
    "group_size 0": {"query": "x", "group_size": 0},
    "group_size 11": {"query": "x", "group_by": "document", "group_size": 11},
    "rerank text": {"query": "x", "rerank": "yes"},
    "min_score text": {"query": "x", "min_score": "0.5"},
    "min_score NaN": b'{"query": "x", "min_score": NaN}',
    "min_score 1e999": b'{"query": "x", "min_score": 1e999}',
    "tenant number": {"query": "x", "tenant": 5},
    "tenant NUL": {"query": "x", "tenant": "a\0b"},
    "half a character": b'{"query": "\\ud800"}',
    "filter of a million parts": {"query": "x", "filter": {"or": [{"in": {"key": ["x"] * 100}}] * 10_000}},
    "filter injects a name": {"query": "x", "filter": {"eq": {'metadata.x"] or metadata["y': 1}}},
}


@pytest.mark.parametrize(
    ("path", "content"),
    [("/embed", content) for content in BAD_EMBED.values()] + [("/search", content) for content in BAD_SEARCH.values()],
    ids=[f"embed {name}" for name in BAD_EMBED] + [f"search {name}" for name in BAD_SEARCH],
)
def test_bad_input_is_answered_with_a_documented_4xx(running: Stack, path: str, content: Any) -> None:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    answer = requests.post(f"{running.url}{path}", data=data, headers={"Content-Type": "application/json"}, timeout=30)
    assert 400 <= answer.status_code < 500, answer.text
    error = answer.json()["error"]
    assert error["code"]
    assert error["message"]
    assert error["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text


BAD_LINKS = [
    *("", "?q=", "?q=x&top_k=0", "?q=x&top_k=many", "?q=x&mode=odd", "?q=x&filter={", "?q=x&filter=[]"),
    *("?query=x", "?q=x&min_score=nan", "?q=x&rerank=maybe", "?q=x&context=6", "?q=x&offset=996&top_k=5"),
]


@pytest.mark.parametrize("query", BAD_LINKS)
def test_bad_links_are_answered_with_a_documented_4xx(running: Stack, query: str) -> None:
    answer = requests.get(f"{running.url}/search{query}", timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/embed", 405, "method_not_allowed"),
        ("GET", "/documents/none", 404, "document_not_found"),
        ("GET", "/documents?state=odd", 400, "invalid_request"),
        ("GET", "/documents?limit=0", 400, "invalid_request"),
        ("GET", "/documents?colour=red", 400, "invalid_request"),
        ("GET", "/documents/none/chunks", 404, "document_not_found"),
        ("GET", "/documents/none/chunks?limit=501", 400, "invalid_request"),
        ("GET", "/mcp", 405, "method_not_allowed"),
        ("POST", "/invoke", 404, "not_found"),
        ("POST", "/initialize", 404, "not_found"),
    ],
)
def test_what_is_not_there_is_said_so(running: Stack, method: str, path: str, status: int, code: str) -> None:
    answer = requests.request(method, f"{running.url}{path}", timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_body_of_33_megabytes_is_refused_and_the_next_request_served(running: Stack) -> None:
    port = next(f["port"] for f in status(running) if f["name"].endswith("embed"))
    for url in (running.url, f"http://127.0.0.1:{port}"):  # through the gateway, and the function itself
        answer = requests.post(f"{url}/embed", data=b" " * (33 * 1024 * 1024), timeout=60)
        assert answer.status_code == 413
        assert requests.post(f"{url}/embed", json={"texts": ["fine"]}, timeout=30).status_code == 200


def test_links_search_too(running: Stack, folder: Path) -> None:
    (folder / "link.txt").write_text("The kestrel hovers over the motorway.", "utf-8")
    eventually(lambda: settled(running, "link.txt"))
    condition = json.dumps({"eq": {"key": "link.txt"}})
    parameters = {"q": "kestrel", "top_k": "1", "mode": "keyword", "filter": condition}
    hits = requests.get(f"{running.url}/search", params=parameters, timeout=30).json()["hits"]
    assert [hit["document"]["key"] for hit in hits] == ["link.txt"]


def test_the_page_and_the_health_of_every_function(running: Stack) -> None:
    page = requests.get(f"{running.url}/", timeout=10)
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    for function in status(running):
        health = requests.get(f"http://127.0.0.1:{function['port']}/healthz", timeout=10)
        assert health.json()["embedding"]["model"] == "text-embedding-v4"


@pytest.mark.parametrize("trigger", ["records-eventbridge", "records-mns"])
def test_a_published_record_is_found_and_a_deleted_one_is_not(running: Stack, trigger: str) -> None:
    url = f"{running.url}/gateway/publish/semantic-search-embed/{trigger}"
    record = {"id": f"buoy-{trigger}", "text": f"Buoy {trigger} drifted off at dusk.", "metadata": {"kind": "buoy"}}
    assert requests.post(url, json=record, timeout=10).status_code == 202
    mine = {"eq": {"key": record["id"]}}
    eventually(lambda: search(running, "Which buoy drifted off?", filter=mine))
    (hit,) = search(running, "Which buoy drifted off?", filter=mine)
    assert (hit["text"], hit["document"]["metadata"]) == (record["text"], {"kind": "buoy"})
    assert requests.post(url, json={"id": record["id"], "op": "delete"}, timeout=10).status_code == 202
    eventually(lambda: not search(running, "Which buoy drifted off?", filter=mine))


def test_a_bad_record_shows_among_the_documents_with_its_reason(running: Stack) -> None:
    url = f"{running.url}/gateway/publish/semantic-search-embed/records-mns"
    requests.post(url, json=[{"id": "good-one", "text": "Good."}, {"id": "bad-one", "text": ""}], timeout=10)
    eventually(lambda: settled(running, "bad-one") and settled(running, "good-one"))
    bad = document(running, "bad-one")
    assert bad is not None
    assert (bad["state"], bad["failure"]["code"]) == ("failed", "bad_record")


def test_an_unknown_event_is_refused_and_kept_where_failures_go(running: Stack) -> None:
    before = failed_events(running)
    running.invoke("ingest", {"surprise": True})
    eventually(lambda: failed_events(running) > before)


def test_a_killed_worker_loses_no_event(running: Stack, folder: Path) -> None:
    ingest = next(f for f in status(running) if f["name"].endswith("ingest"))
    (folder / "survivor.txt").write_text("This text outlives the process that reads it.", "utf-8")
    os.kill(ingest["pid"], signal.SIGKILL)
    eventually(lambda: settled(running, "survivor.txt"))
    assert document(running, "survivor.txt")["state"] == "indexed"  # type: ignore[index]


def test_sixteen_clients_at_once_are_all_served(running: Stack) -> None:
    def ask(i: int) -> int:
        return requests.post(f"{running.url}/search", json={"query": f"question {i}"}, timeout=60).status_code

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(64))) == {200}


def status(running: Stack) -> list[dict[str, Any]]:
    return list(requests.get(f"{running.url}/gateway/status", timeout=10).json()["functions"])


def failed_events(running: Stack) -> int:
    return sum(int(function["failed"]) for function in status(running))

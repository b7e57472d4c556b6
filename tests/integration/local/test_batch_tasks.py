"""Batch tasks of the DashScope emulator, driven by the OpenAI client as a user would."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import DashScope

MODEL = "text-embedding-v4"


@pytest.fixture
def client(dashscope: DashScope) -> Iterator[openai.OpenAI]:
    address = dashscope.base_url.replace("/api/v1", "/compatible-mode/v1")
    with openai.OpenAI(api_key="sk-local", base_url=address, max_retries=0) as client:
        yield client


def line(name: str, text: str, **changes: Any) -> dict[str, Any]:
    body = {"model": MODEL, "input": [text], "dimensions": 512} | changes
    return {"custom_id": name, "method": "POST", "url": "/v1/embeddings", "body": body}


def begin(client: openai.OpenAI, *lines: dict[str, Any]) -> Any:
    content = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines).encode()
    file = client.files.create(file=("lines.jsonl", content), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint="/v1/embeddings", completion_window="24h", metadata={"ds_name": "a"}
    )


def finish(client: openai.OpenAI, task: Any) -> Any:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        found = client.batches.retrieve(task.id)
        if found.status in ("completed", "failed", "expired", "cancelled"):
            return found
        time.sleep(0.02)
    raise AssertionError(f"it is still {found.status}")


def read(client: openai.OpenAI, file: str) -> dict[str, Any]:
    lines = client.files.content(file).text.splitlines()
    return {found["custom_id"]: found for found in map(json.loads, lines)}


def test_the_openai_client_runs_a_task_and_only_successes_are_billed_at_half_price(
    client: openai.OpenAI, dashscope: DashScope
) -> None:
    dashscope.fail({"fault": "status", "code": "DataInspectionFailed", "match": "unspeakable"})
    done = finish(client, begin(client, line("a", "涨潮时不要下锚。"), line("b", "unspeakable"), line("c", "")))
    assert (done.status, done.request_counts.completed, done.request_counts.failed) == ("completed", 1, 2)
    (found,) = read(client, done.output_file_id).values()
    body = found["response"]["body"]
    assert body["data"][0]["embedding"] == pytest.approx(
        client.embeddings.create(model=MODEL, input="涨潮时不要下锚。", dimensions=512, encoding_format="float")
        .data[0]
        .embedding
    )
    errors = read(client, done.error_file_id)
    assert {name: error["error"]["code"] for name, error in errors.items()} == {
        "b": "DataInspectionFailed",
        "c": "InvalidParameter",
    }
    usage = dashscope.usage()
    assert (usage["batch_rows"], usage["batch_tokens"]) == (1, body["usage"]["total_tokens"])
    assert usage["tokens"] == usage["batch_tokens"]  # the ordinary call
    assert client.batches.list(limit=1).data[0].id == done.id
    client.files.delete(done.output_file_id)
    with pytest.raises(openai.NotFoundError):
        client.files.content(done.output_file_id)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line("a", "x"), line("a", "y")], "custom_id"),
        ([line("a", "x"), line("b", "y", model="text-embedding-v3")], "one model"),
        ([{**line("a", "x"), "url": "/v1/chat/completions"}], "url"),
        ([{"custom_id": "a"}], "not a request"),
    ],
)
def test_a_file_that_is_wrong_fails_as_a_whole(
    client: openai.OpenAI, dashscope: DashScope, lines: list[dict[str, Any]], message: str
) -> None:
    done = finish(client, begin(client, *lines))
    assert done.status == "failed"
    assert message in done.errors.data[0].message
    assert dashscope.usage()["batch_rows"] == 0


def test_a_task_that_expires_gives_and_bills_what_was_done(client: openai.OpenAI, dashscope: DashScope) -> None:
    dashscope.fail({"fault": "batch_expires", "times": 1})
    done = finish(client, begin(client, *(line(f"{i}", f"text {i}") for i in range(4))))
    assert (done.status, len(read(client, done.output_file_id))) == ("expired", 2)
    assert dashscope.usage()["batch_rows"] == 2


def test_every_line_of_a_long_file_is_answered(client: openai.OpenAI, dashscope: DashScope) -> None:
    done = finish(client, begin(client, *(line(f"{i}", f"text {i % 7}") for i in range(120))))
    assert (done.status, len(read(client, done.output_file_id))) == ("completed", 120)
    assert dashscope.usage()["batch_rows"] == 120


def test_a_task_is_cancelled(client: openai.OpenAI, dashscope: DashScope) -> None:
    dashscope.tune(batch_seconds=5)
    task = begin(client, line("a", "text"))
    assert client.batches.cancel(task.id).status == "cancelling"
    dashscope.tune(batch_seconds=0)
    assert finish(client, task).status == "cancelled"
    assert dashscope.usage()["batch_rows"] == 0


@pytest.mark.parametrize("window", ["23h", "337h", "15d", "soon"])
def test_windows_outside_of_the_limits_are_refused(client: openai.OpenAI, window: str) -> None:
    file = client.files.create(file=("lines.jsonl", b"{}"), purpose="batch")
    with pytest.raises(openai.BadRequestError, match="completion_window"):
        client.batches.create(input_file_id=file.id, endpoint="/v1/embeddings", completion_window=window)  # type: ignore[arg-type]

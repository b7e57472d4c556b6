"""Requests made to take memory, as many at once as an instance is given, against the functions as they are deployed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from local.processes import free_port
from local.stack import PROJECT
from ops.deployment import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope

DEPLOYED = load(PROJECT / "s.yaml", {}).functions
MIB = 1024 * 1024


def fill(start: bytes, piece: bytes, end: bytes, size: int) -> bytes:
    """A body of about ``size`` bytes."""
    body = start + piece * ((size - len(start) - len(end)) // len(piece))
    return body.removesuffix(b",") + end


def lists(size: int) -> Iterator[tuple[str, bytes]]:
    """Bodies of embed."""
    yield "/embed", fill(b'{"texts": [', b'"a",', b"]}", size)
    yield "/embed", fill(b'{"texts": [', b'"",', b"]}", size)
    yield "/embed", fill(b'{"texts": [', b"[],", b"]}", size)
    yield "/embed", fill('{"texts": ["🦜'.encode(), b"word ", b'"]}', size)
    yield "/embed", fill(b'{"texts": ["', b"\\u4e2d", b'"]}', size)
    yield "/embed", fill(b'{"texts": ["a"], "dimension": null, ', b'"x": 1,', b"}", size)
    yield "/embed", fill(b'{"too_long": "split", "texts": ["', "中文。".encode(), b'"]}', size)
    yield "/v1/embeddings", fill(b'{"model": "text-embedding-v4", "input": [', b"1,", b"]}", size)
    yield "/v1/embeddings", fill(b'{"model": "text-embedding-v4", "input": "a", "x": [', b"{},", b"]}", size)
    whole = json.dumps({"texts": ["long " * (size // 2_048 // 8)] * 2_048})
    yield "/embed", whole.encode()
    yield "/embed", json.dumps({"texts": ["a"] * 2_048}).encode()


def objects(size: int) -> Iterator[tuple[str, bytes]]:
    """Bodies of search."""
    yield "/search", fill(b'{"query": "x", "filter": [', b"[],", b"]}", size)
    yield "/search", fill(b'{"query": "x", "filter": [', b'{"":0},', b"]}", size)
    yield "/search", fill(b'{"query": "x", "filter": [', b'"a",', b"]}", size)
    yield "/search", fill(b'{"query": "', b"\\u4e2d", b'"}', size)
    for part in (b"[],", b'{"name": "a", "comparison_operator": "is", "value": null},'):
        condition = b'{"knowledge_id": "x", "query": "x", "metadata_condition": {"conditions": ['
        yield "/retrieval", fill(condition, part, b"]}}", size)
    yield "/mcp", fill(b"[", b'{"":0},', b"]", size)
    yield "/mcp", fill(b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": [', b"[],", b"]}}", size)
    yield "/mcp", fill(b"[", b'{"jsonrpc":"2.0","id":1,"method":"tools/list"},', b"]", size)


@contextmanager
def running(name: str, folder: Path, environ: dict[str, str]) -> Iterator[tuple[str, int]]:
    """The function by the command of its deployment; its address and process id."""
    port = free_port()
    arguments = DEPLOYED[name].custom_runtime_config.args
    environ = {**environ, "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "LISTEN_HOST": "127.0.0.1"}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env={**environ, "FC_CUSTOM_LISTEN_PORT": str(port)},
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            await_ready(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()


def await_ready(url: str) -> None:
    for _ in range(600):
        try:
            headers = {"x-fc-control-path": "/initialize"}
            if requests.post(f"{url}/initialize", headers=headers, timeout=60).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    pytest.fail("the function did not start")


def peak(pid: int) -> int:
    """Most bytes that the processes of a server had in memory."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    statuses = (Path(f"/proc/{one}/status").read_text() for one in [str(pid), *children])
    return sum(int(found[1]) * 1024 for status in statuses if (found := re.search(r"VmHWM:\s+(\d+)", status)))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["embed", "search"])
def test_bodies_made_to_take_memory_stay_below_what_the_function_has(
    name: str, dashscope: DashScope, fresh_milvus: MilvusSettings, tmp_path: Path
) -> None:
    environ = {
        "DASHSCOPE_API_KEY": "sk-local", "DASHSCOPE_BASE_URL": dashscope.base_url, "EMBEDDING_DIMENSION": "1024",
        "MILVUS_URI": fresh_milvus.uri, "MILVUS_COLLECTION": fresh_milvus.collection, "API_KEYS": "key",
        "QUOTA_REQUESTS_PER_SECOND": "100000", "QUOTA_TOKENS_PER_MINUTE": "1000000000",
    }  # fmt: skip
    function = DEPLOYED[name]
    bodies = lists if name == "embed" else objects
    limit = 8 * MIB if name == "embed" else 256 * 1024
    with running(name, tmp_path, environ) as (url, pid), ThreadPoolExecutor(function.instance_concurrency) as pool:

        def send(sent: tuple[str, bytes]) -> int:
            path, body = sent
            headers = {"x-api-key": "key", "x-fc-function-timeout": str(function.timeout)}
            return requests.post(f"{url}{path}", body, headers=headers, timeout=120).status_code

        for path, body in bodies(limit - 1):
            # What is embedded takes seconds each.
            is_embedded = b'"split"' in body[:40] or body.startswith(b'{"texts": ["long') or len(body) < MIB // 8
            times = 4 if is_embedded else function.instance_concurrency
            statuses = set(pool.map(send, [(path, body)] * times))
            assert statuses <= {200, 400, 413, 503}, (path, body[:60])
            assert peak(pid) < function.memory_size * 1_000_000, (path, body[:60], peak(pid) / 1e6)
        for path, body in bodies(32 * MIB):
            if len(body) > limit:
                assert set(pool.map(send, [(path, body)] * 4)) <= {400, 413}
        assert peak(pid) < function.memory_size * 1_000_000

        def good() -> Any:
            path, body = ("/embed", {"texts": ["fine"]}) if name == "embed" else ("/search", {"query": "fine"})
            return requests.post(f"{url}{path}", json=body, headers={"x-api-key": "key"}, timeout=60)

        assert good().status_code == 200

"""What the functions reach out to, and what they give away."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from local.processes import free_port
from local.stack import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope, Oss

KEY, TOKEN, SECRET = "key-of-a-caller-4711", "user:token-of-milvus", "secret-of-the-role"
TEXT = "A sentence that must not be found in a log."
# Writes down whom the process asks for by name, and connects to. Loaded by every Python process before anything else.
WATCH = """
import os, sys
def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        event = f"connect {arguments[1][0]} {arguments[1][1]}"
    elif event == "socket.getaddrinfo":
        event = f"name {arguments[0]} {arguments[1]}"
    else:
        return
    descriptor = os.open(os.environ["WATCHED"], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(descriptor, f"{event}\\n".encode())
    os.close(descriptor)
sys.addaudithook(watch)
"""


class Function:
    """One function, started as it is deployed and watched from inside."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._process = process
        self._folder = folder

    def invoke(self, event: Any) -> requests.Response:
        headers = {"x-fc-control-path": "/invoke"}
        return requests.post(f"{self.url}/invoke", data=json.dumps(event), headers=headers, timeout=60)

    def reached(self) -> set[tuple[str, int]]:
        """Whom it connected to: what Python did, and what gRPC's own sockets are connected to now."""
        lines = (self._folder / "watched").read_text().splitlines()
        seen = {(host, int(port)) for kind, host, port in map(str.split, lines) if kind == "connect"}
        return seen | {address for pid in self._pids() for address in established(pid)}

    def asked_for(self) -> set[str]:
        """The names it looked up."""
        return set(re.findall(r"^name (\S+)", (self._folder / "watched").read_text(), re.MULTILINE))

    def log(self) -> str:
        return (self._folder / "log").read_text()

    def _pids(self) -> list[int]:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [self._process.pid, *map(int, children)]


def established(pid: int) -> Iterator[tuple[str, int]]:
    """The far ends of a process's connections that it opened itself."""
    own = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()}
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    ports = {row[1].split(":")[1] for row in rows if row[3] == "0A"}  # where it listens itself
    for row in rows:
        if row[3] == "01" and f"socket:[{row[9]}]" in own and row[1].split(":")[1] not in ports:
            address, port = row[2].split(":")  # of IPv6 only what stands for an IPv4 address
            yield ".".join(str(byte) for byte in reversed(bytes.fromhex(address[-8:]))), int(port, 16)


@contextmanager
def running(name: str, folder: Path, environ: dict[str, str]) -> Iterator[Function]:
    (folder / "sitecustomize.py").write_text(WATCH)
    (folder / "watched").touch()
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}:{PROJECT}", "WATCHED": str(folder / "watched"),
        "LISTEN_HOST": "127.0.0.1", "FC_CUSTOM_LISTEN_PORT": str(port), "LOG_LEVEL": "DEBUG", **environ,
    }  # fmt: skip
    command = ["-m", "gunicorn", "-c", "python:shared.runtime.serving", "--threads", "4", f"functions.{name}.app:app"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *command], cwd=PROJECT, env=environ, stdout=log, stderr=log)
    try:
        function = Function(port, process, folder)
        ready(function)
        yield function
    finally:
        process.terminate()
        process.wait(30)


def ready(function: Function) -> None:
    for _ in range(300):
        try:
            headers = {"x-fc-control-path": "/initialize"}
            if requests.post(f"{function.url}/initialize", headers=headers, timeout=60).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    pytest.fail(function.log())


@pytest.fixture
def environ(dashscope: DashScope, oss: Oss, fresh_milvus: MilvusSettings) -> dict[str, str]:
    return {
        "DASHSCOPE_API_KEY": "sk-local", "DASHSCOPE_BASE_URL": dashscope.base_url, "EMBEDDING_DIMENSION": "512",
        "MILVUS_URI": fresh_milvus.uri, "MILVUS_COLLECTION": fresh_milvus.collection, "MILVUS_TOKEN": TOKEN,
        "OSS_BUCKET": oss.bucket, "OSS_ENDPOINT": oss.endpoint, "API_KEYS": f"{KEY},another-key",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "local", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
    }  # fmt: skip


def test_the_functions_call_dashscope_milvus_and_oss_alone_and_give_nothing_away(
    environ: dict[str, str], oss: Oss, tmp_path: Path
) -> None:
    services = {name: urlsplit(environ[name]) for name in ("DASHSCOPE_BASE_URL", "MILVUS_URI", "OSS_ENDPOINT")}
    ports = {name: (url.hostname, url.port) for name, url in services.items()}
    hostile = f'{TEXT}\n<html><img src="http://evil.example/x.png"><a href="http://127.0.0.1:9/">link</a></html>'
    oss.put("page.html", f"<html><body>{hostile}<iframe src='http://127.0.0.1:9/'></iframe></body></html>")
    logs = ""
    for name in ("ingest", "embed", "search"):
        folder = tmp_path / name
        folder.mkdir()
        with running(name, folder, environ) as function:
            exercise(name, function, oss)
            reached, names = function.reached(), function.asked_for()
            logs += function.log()
        needed = {
            "ingest": {"DASHSCOPE_BASE_URL", "MILVUS_URI", "OSS_ENDPOINT"},
            "embed": {"DASHSCOPE_BASE_URL", "MILVUS_URI"},
            "search": {"DASHSCOPE_BASE_URL", "MILVUS_URI"},
        }[name]
        assert reached == {ports[service] for service in needed}
        assert names <= {"127.0.0.1", "localhost", "None"}
    assert '"event":"request"' in logs
    for secret in (KEY, "another-key", "sk-local", TOKEN, SECRET, TEXT, "that must not be found", "wrong-key"):
        assert secret not in logs


def exercise(name: str, function: Function, oss: Oss) -> None:
    key = {"x-api-key": KEY}
    assert requests.get(f"{function.url}/documents", headers={"x-api-key": "wrong-key"}, timeout=30).status_code in (
        401,
        404,
    )
    if name == "ingest":
        oss_event: dict[str, Any] = {"bucket": {"name": oss.bucket}, "object": {"key": "page.html"}}
        elsewhere: dict[str, Any] = {"bucket": {"name": "another-bucket"}, "object": {"key": "page.html"}}
        event: dict[str, Any] = {
            "eventName": "ObjectCreated:PutObject",
            "eventTime": "2026-01-01T00:00:00.000Z",
            "oss": oss_event,
        }
        assert function.invoke({"events": [event]}).status_code == 200
        assert function.invoke({"events": [{**event, "oss": elsewhere}]}).status_code == 404
        assert function.invoke({"action": "reconcile"}).status_code == 200
    elif name == "embed":
        body: dict[str, Any] = {"texts": [TEXT, "http://127.0.0.1:9/"]}
        assert requests.post(f"{function.url}/embed", json=body, headers=key, timeout=30).status_code == 200
        assert function.invoke({"records": [{"id": "r", "text": TEXT}]}).status_code == 200
    else:
        body = {"query": TEXT}
        assert requests.post(f"{function.url}/search", json=body, headers=key, timeout=30).json()["hits"]
        bad: dict[str, Any] = {"query": TEXT, "filter": {"eq": {"key": ["x"]}}}
        assert requests.post(f"{function.url}/search", json=bad, headers=key, timeout=30).status_code == 400


def test_a_key_of_one_tenant_learns_nothing_of_another_on_any_route(
    environ: dict[str, str], oss: Oss, tmp_path: Path
) -> None:
    """Every route and tool is asked for the other tenant's words: none gives its names, texts, counts or spellings."""
    same = "The harbour plan says where the boats are moored in winter."
    for tenant in ("acme", "globex"):
        oss.put(f"{tenant}/plan.txt", same, **{"x-oss-meta-team": tenant})
        oss.put(f"{tenant}/staff.txt", f"The staff of {tenant} meets on Mondays. Its list is kept by {tenant}s.")
    oss.put("globex/secret.txt", "Zanzibarium is mined by nobody else. Its price is 4711.")
    environ |= {
        "API_KEYS": f"{KEY},bound-key@acme", "TENANT_FROM": "prefix", "ANSWER_MODEL": "qwen-plus",
        "SOURCE_LINKS": "true",
    }  # fmt: skip
    (tmp_path / "ingest").mkdir()
    with running("ingest", tmp_path / "ingest", environ) as function:
        assert function.invoke({"action": "reconcile"}).status_code == 200
    (tmp_path / "search").mkdir()
    with running("search", tmp_path / "search", environ) as function:
        open_, bound = Caller(function, KEY), Caller(function, "bound-key")
        assert "zanzibarium" in open_.post("/search", {"query": "zanzibarium"}).lower()
        listed = json.loads(open_.get("/documents"))["documents"]
        foreign = [one["id"] for one in listed if one["key"].startswith("globex")]
        chunks = [json.loads(open_.get(f"/documents/{id_}/chunks"))["chunks"][0]["id"] for id_ in foreign]
        own = json.loads(bound.post("/search", {"query": same}))["hits"][0]["id"]
        answers = [answer for query in QUERIES for answer in ask_everywhere(bound, query)]
        assert not [body for body in answers if '"error"' in body]
        assert all(any(field in body for body in answers) for field in ('"did_you_mean"', '"facets"', '"citations"'))
        for body in answers:
            assert not re.search("zanzibarium|4711|globex", body.lower()), body
            assert not any(id_ in body for id_ in (*foreign, *chunks)), body
        for id_ in foreign:
            for path in (f"/documents/{id_}", f"/documents/{id_}/chunks", f"/documents/{id_}/source"):
                assert "document_not_found" in bound.get(path)
            assert "mined" not in bound.call_tool("get_document", {"id": id_})
        for id_ in chunks:
            assert "hits" not in json.loads(bound.post("/similar", {"id": id_}))
        similar = bound.post("/similar", {"id": own, "top_k": 50})
        assert "globex" not in similar
        assert json.loads(similar)["hits"]
        assert json.loads(bound.get("/documents"))["total"] == 2
        for body in (
            bound.get("/documents?tenant=globex"),
            bound.post("/search", {"query": "plan", "tenant": "globex"}),
            bound.post("/similar", {"id": own, "tenant": "globex"}),
            bound.post("/answer", {"query": "plan", "tenant": "globex"}),
        ):
            assert "tenant_forbidden" in body


# Of words that only the other tenant has, misspelt and split, and of what both have.
QUERIES = ("zanzibarum", "Zanzibar ium price", "who is the staff", "where are the boats moored in winter")


class Caller:
    """Calls search with a key; each answer is its whole text."""

    def __init__(self, function: Function, key: str) -> None:
        self._url, self._headers = function.url, {"Authorization": f"Bearer {key}"}

    def get(self, path: str, **query: str) -> str:
        return requests.get(f"{self._url}{path}", params=query, headers=self._headers, timeout=60).text

    def post(self, path: str, body: dict[str, Any]) -> str:
        return requests.post(f"{self._url}{path}", json=body, headers=self._headers, timeout=60).text

    def call_tool(self, name: str, arguments: dict[str, Any]) -> str:
        params = {"name": name, "arguments": arguments}
        return self.post("/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})


def ask_everywhere(caller: Caller, query: str) -> Iterator[str]:
    """The answers of all routes and tools that take a query."""
    for mode in ("hybrid", "dense", "keyword"):
        options = {"query": query, "mode": mode, "top_k": 50, "explain": True, "context": 3}
        yield caller.post("/search", {**options, "facets": ["format", "tenant", "metadata.team"]})
        yield caller.post("/search", {**options, "group_by": "document"})
    wide = {"or": [{"ne": {"tenant": "x"}}, {"exists": "metadata.team"}]}
    yield caller.post("/search", {"query": query, "filter": wide})
    yield caller.get("/search", q=query)
    yield caller.post("/answer", {"query": query, "history": [{"role": "user", "content": "what is mined?"}]})
    yield caller.post("/retrieval", {
        "knowledge_id": "", "query": query, "retrieval_setting": {"top_k": 50, "score_threshold": 0},
    })  # fmt: skip
    for tool in ("search", "answer"):
        yield caller.call_tool(tool, {"query": query})
    yield caller.get("/documents")
    yield caller.get("/documents", contains="zanz")

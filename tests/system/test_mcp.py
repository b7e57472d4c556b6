"""The protocol of language models, spoken by the official client through the gateway, with keys bound to tenants."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import TYPE_CHECKING, Any

import httpx2
import jsonschema
import mcp_types._v2026_07_28
import pytest
import requests
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from local import stack
from local.stack import Plan, Ports

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from local.stack import Stack

FILES = {
    "acme/ferry.md": "# Timetable\n\nThe last ferry to Brava leaves at 21:40.\n",
    "globex/ferry.md": "# Secret\n\nThe ferry of globex leaves at dawn.\n",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("bucket")
    for key, text in FILES.items():
        (folder / key).parent.mkdir()
        (folder / key).write_text(text, "utf-8")
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "API_KEYS": "free,bound@acme", "TENANT_FROM": "prefix"}
    plan = Plan(tmp_path_factory.mktemp("data"), folder, ports=Ports(0, 0, 0, 0), environ=environ)
    with stack.running(plan) as everything:
        everything.invoke("ingest", {"action": "reconcile"})
        until = time.monotonic() + 60
        while get(everything, "/documents?state=indexed").json()["total"] < len(FILES):
            assert time.monotonic() < until
            time.sleep(0.2)
        yield everything


def get(running: Stack, path: str, key: str = "free") -> requests.Response:
    return requests.get(f"{running.url}{path}", headers={"x-api-key": key}, timeout=30)


def send(running: Stack, message: Any, key: str = "free", **headers: str) -> requests.Response:
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    return requests.post(f"{running.url}/mcp", data, headers={"x-api-key": key, **headers}, timeout=30)


def test_answers_are_off_by_default(running: Stack) -> None:
    refused = requests.post(f"{running.url}/answer", json={"query": "ferry"}, headers={"x-api-key": "free"}, timeout=30)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "answers_off")
    listed = send(running, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).json()["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["search", "get_document"]
    assert "answer" not in get(running, "/healthz").json()


def spoken(running: Stack, talk: Callable[[Client], Awaitable[Any]], key: str = "free", **options: Any) -> Any:
    """What comes of a talk of the official client."""

    async def connect() -> Any:
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http:
            transport = streamable_http_client(f"{running.url}/mcp", http_client=http)
            async with Client(transport, **options) as client:
                return await talk(client)

    return asyncio.run(connect())


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
def test_the_official_client_finds_and_uses_the_tools(running: Stack, mode: str) -> None:
    async def talk(client: Client) -> Any:
        tools = (await client.list_tools()).tools
        found = await client.call_tool("search", {"query": "When does the last ferry leave?", "top_k": 2})
        id_ = found.structured_content["hits"][0]["document"]["id"]
        read = await client.call_tool("get_document", {"id": id_})
        return tools, found, read

    tools, found, read = spoken(running, talk, mode=mode)
    assert {tool.name for tool in tools} == {"search", "get_document"}
    for tool in tools:
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        assert tool.input_schema["type"] == "object"
    assert not found.is_error
    assert {hit["document"]["key"] for hit in found.structured_content["hits"]} == set(FILES)
    assert "21:40" in found.content[0].text
    assert read.structured_content["document"]["key"] in FILES
    assert read.structured_content["total"] == 1
    assert "ferry" in read.content[0].text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_model_may_name_every_argument_and_write_values_as_text(running: Stack, mode: str) -> None:
    nulls = dict.fromkeys(
        ("top_k", "offset", "mode", "filter", "min_score", "context", "group_by", "group_size", "rerank", "tenant")
    )
    texts = {"top_k": "1", "offset": "0", "rerank": "false", "context": "1", "min_score": "0", "group_size": "2"}
    filtered = {"filter": '{"prefix": {"key": "acme/"}}'}

    async def talk(client: Client) -> Any:
        asked = [{"query": "ferry", **fields} for fields in (nulls, texts, filtered)]
        answers = [await client.call_tool("search", arguments) for arguments in asked]
        id_ = answers[0].structured_content["hits"][0]["document"]["id"]
        reads = [{"id": id_, "offset": None, "limit": None}, {"id": id_, "offset": "0", "limit": "1"}]
        return answers, [await client.call_tool("get_document", arguments) for arguments in reads]

    answers, reads = spoken(running, talk, mode=mode)
    assert [(answer.is_error, len(answer.structured_content["hits"])) for answer in answers] == [
        (False, 2), (False, 1), (False, 1),
    ]  # fmt: skip
    assert [(read.is_error, len(read.structured_content["chunks"])) for read in reads] == [(False, 1), (False, 1)]


META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
CURRENT = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "get_document"}


def stateless(method: str = "tools/call", meta: Any = META, **params: Any) -> dict[str, Any]:
    params = params or {"name": "get_document", "arguments": {"id": "none"}}
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": {**params, "_meta": meta}}


def test_a_request_without_agreement_is_answered_by_the_newest_revision(running: Stack) -> None:
    discovered = send(running, stateless("server/discover"), **{**CURRENT, "Mcp-Method": "server/discover"})
    assert discovered.status_code == 200
    mcp_types._v2026_07_28.DiscoverResult.model_validate(discovered.json()["result"])
    listed = send(running, stateless("tools/list"), **{**CURRENT, "Mcp-Method": "tools/list"})
    mcp_types._v2026_07_28.ListToolsResult.model_validate(listed.json()["result"])
    encoded = "=?base64?" + base64.b64encode(b"get_document").decode() + "?="
    for headers in (CURRENT, {**CURRENT, "Mcp-Name": encoded}):
        called = send(running, stateless(), **headers)
        assert called.status_code == 200
        mcp_types._v2026_07_28.CallToolResult.model_validate(called.json()["result"])


@pytest.mark.parametrize(
    ("message", "headers", "status", "code"),
    [
        (stateless(), {**CURRENT, "Mcp-Method": "tools/list"}, 400, -32020),
        (stateless(), {**CURRENT, "Mcp-Name": "search"}, 400, -32020),
        (stateless(), {**CURRENT, "Mcp-Name": "=?base64?!?="}, 400, -32020),
        (stateless(), {**CURRENT, "MCP-Protocol-Version": "2025-11-25"}, 400, -32020),
        (stateless(), {}, 400, -32020),
        (stateless(meta={**META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}),
         {**CURRENT, "MCP-Protocol-Version": "2099-01-01"}, 400, -32022),
        (stateless(meta={"io.modelcontextprotocol/protocolVersion": "2026-07-28"}), CURRENT, 400, -32602),
        (stateless(name="drop"), {**CURRENT, "Mcp-Name": "drop"}, 400, -32602),
        (stateless("ping"), {**CURRENT, "Mcp-Method": "ping"}, 404, -32601),
        (stateless("initialize"), {**CURRENT, "Mcp-Method": "initialize"}, 404, -32601),
    ],
)  # fmt: skip
def test_the_newest_revision_refuses_what_it_must(
    running: Stack, message: Any, headers: dict[str, str], status: int, code: int
) -> None:
    answer = send(running, message, **headers)
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["id"]) == (status, code, 7)


def test_a_newer_version_in_the_header_of_an_agreed_session_is_served(running: Stack) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert "tools" in send(running, message, **{"MCP-Protocol-Version": "2026-07-28"}).json()["result"]


def test_batches_are_taken_by_the_one_revision_that_has_them(running: Stack) -> None:
    ping, note = {"jsonrpc": "2.0", "method": "ping"}, {"jsonrpc": "2.0", "method": "notifications/initialized"}
    batch = [{**ping, "id": 1}, note, {"id": 5}, {**ping, "id": "b", "method": "nothing"}]
    for headers in ({}, {"MCP-Protocol-Version": "2025-03-26"}):
        answer = send(running, batch, **headers)
        assert answer.status_code == 200
        assert [(each["id"], each.get("error", {}).get("code")) for each in answer.json()] == [
            (1, None), (None, -32600), ("b", -32601),
        ]  # fmt: skip
        assert send(running, [note, note], **headers).status_code == 202
        starting = [{"jsonrpc": "2.0", "id": 1, "method": "initialize"}]
        assert send(running, starting, **headers).json()[0]["error"]["code"] == -32600
    for version in ("2025-06-18", "2025-11-25", "2026-07-28"):
        answer = send(running, batch, **{"MCP-Protocol-Version": version})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32600)


@pytest.mark.parametrize(
    ("origin", "host", "is_allowed"),
    [
        ("http://127.0.0.1:6274", "", True),
        ("http://localhost:3000", "", True),
        ("http://[::1]:3000", "", True),
        ("http://evil.example", "", False),
        ("http://evil.example", "evil.example", False),
        ("http://evil.example:8000", "evil.example:8000", False),
        ("http://localhost:3000", "search.example.com", False),
        ("https://127.0.0.1.evil.example", "", False),
        ("null", "", False),
        ("file://", "", False),
        ("nonsense", "", False),
        ("http://10.0.0.8:9000", "10.0.0.8:9000", True),
        ("http://10.0.0.9:9000", "10.0.0.8:9000", False),
        ("https://search-abc.cn-beijing.fcapp.run", "search-abc.cn-beijing.fcapp.run", True),
        ("https://other.cn-beijing.fcapp.run", "search-abc.cn-beijing.fcapp.run", False),
    ],
)
def test_a_page_of_another_site_cannot_speak_to_the_tools(
    running: Stack, origin: str, host: str, is_allowed: bool
) -> None:
    headers = {"Origin": origin, **({"Host": host} if host else {})}
    answer = send(running, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, **headers)
    if is_allowed:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_forbidden")


# What clients send after they connected, as it was recorded: FastMCP 4.2.3 without agreement on a version, the others
# (langchain-mcp-adapters 0.3.2, llama-index-tools-mcp 0.6.0, Semantic Kernel 1.45, npm's SDK and AI SDK) with it.
AGREED = {"Accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}
FAST = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "fastmcp", "version": "4.2.3"},
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/logLevel": "debug",
    "progressToken": 3,
}
# Models send what a schema asks for in other forms too.
ARGUMENTS = [
    {}, {"top_k": "3"}, {"top_k": 3.0}, {"top_k": None, "mode": None, "facets": None, "context": None},
    {"filter": {"eq": {"format": "md"}}}, {"filter": '{"eq": {"format": "md"}}'}, {"rerank": "false"},
    {"facets": ["format"]}, {"facets": "format"}, {"facets": '["format", "tenant"]'}, {"facets": "format,tenant"},
    {"facets": ""}, {"explain": "true", "min_score": "0.0"},
]  # fmt: skip


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_the_calls_of_clients_are_answered_as_they_are_sent(running: Stack, arguments: dict[str, Any]) -> None:
    asked = {"name": "search", "arguments": {"query": "ferry", **arguments}}
    agreed = send(running, {"method": "tools/call", "params": asked, "jsonrpc": "2.0", "id": 1}, **AGREED)
    headers = {**AGREED, "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "search"}
    fast = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {**asked, "_meta": FAST}}
    for answer in (agreed, send(running, fast, **headers)):
        assert answer.status_code == 200
        result = answer.json()["result"]
        assert not result["isError"], result["content"]
        assert result["structuredContent"]["hits"]
        assert ("facets" in result["structuredContent"]) == bool(arguments.get("facets"))


def test_what_a_tool_cannot_do_is_told_to_the_model(running: Stack) -> None:
    async def talk(client: Client) -> Any:
        wrong: list[dict[str, Any]] = [
            {},
            {"query": ""},
            {"query": "x", "top_k": 0},
            {"query": "x", "colour": 1},
            {"query": "x", "filter": 5},
        ]
        asked = [await client.call_tool("search", arguments) for arguments in wrong]
        return [*asked, await client.call_tool("get_document", {"id": "none"})]

    for result in spoken(running, talk):
        assert result.is_error
        assert result.content[0].text.split(":")[0] in {
            "invalid_request", "invalid_query", "invalid_top_k", "invalid_filter", "document_not_found",
        }  # fmt: skip


def test_a_bound_key_reaches_its_tenants_alone_on_every_route_and_tool(running: Stack) -> None:
    every = {document["key"]: document["id"] for document in get(running, "/documents").json()["documents"]}
    foreign = every["globex/ferry.md"]

    async def talk(client: Client) -> Any:
        asked: list[dict[str, Any]] = [
            {"query": "ferry of globex"},
            {"query": "ferry", "filter": {"eq": {"tenant": "globex"}}},
            {"query": "ferry", "filter": {"not": {"eq": {"tenant": "acme"}}}, "group_by": "document"},
            {"query": "ferry", "context": 5, "top_k": 100},
            {"query": "ferry", "tenant": "globex"},
        ]
        answers = [await client.call_tool("search", arguments) for arguments in asked]
        return [*answers, await client.call_tool("get_document", {"id": foreign})]

    results = spoken(running, talk, key="bound")
    assert all("globex/" not in json.dumps(result.structured_content) for result in results)
    assert results[-2].is_error
    assert results[-2].content[0].text.startswith("tenant_forbidden")
    assert results[-1].content[0].text.startswith("document_not_found")

    assert get(running, "/documents", "bound").json()["total"] == 1
    for path, status in (
        (f"/documents/{foreign}", 404),
        (f"/documents/{foreign}/chunks", 404),
        ("/documents?tenant=globex", 403),
        ("/search?q=ferry&tenant=globex", 403),
    ):
        assert get(running, path, "bound").status_code == status
        assert get(running, path).status_code == 200
    for path in ("/search?q=ferry", "/search?q=ferry&group_by=document&context=5", "/documents?prefix=globex"):
        assert "globex/" not in get(running, path, "bound").text


def test_without_a_key_nothing_is_said(running: Stack) -> None:
    answer = send(running, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, key="wrong")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        *((version, version) for version in mcp_types.version.HANDSHAKE_PROTOCOL_VERSIONS),
        ("2099-01-01", None),
        (5, None),
    ],
)
def test_the_version_asked_for_is_spoken_if_it_is_known(running: Stack, asked: Any, agreed: str | None) -> None:
    params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    result = send(running, {"jsonrpc": "2.0", "id": "a", "method": "initialize", "params": params}).json()
    assert result["id"] == "a"
    assert result["result"]["protocolVersion"] == (agreed or mcp_types.version.LATEST_HANDSHAKE_VERSION)
    mcp_types.InitializeResult.model_validate(result["result"])


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        (b"{", 400, -32700),
        (b"\xff", 400, -32700),
        (b'{"a":' * 50_000, 400, -32700),
        ([], 400, -32600),
        ("text", 400, -32600),
        ([{"jsonrpc": "2.0", "id": 1, "method": "ping"}] * 21, 400, -32600),
        ({"id": 1, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "resources/list"}, 200, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "drop"}}, 200, -32602),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": []}}, 200, -32602),
        (
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": [1]}},
            200,
            -32602,
        ),
    ],
    ids=lambda item: str(item)[:50],
)
def test_what_is_no_proper_message_gets_an_error_of_the_protocol(
    running: Stack, message: Any, status: int, code: int
) -> None:
    answer = send(running, message)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["jsonrpc"] == "2.0"


def test_notifications_are_taken_in_silence_and_streams_are_not_offered(running: Stack) -> None:
    done = send(running, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (done.status_code, done.content) == (202, b"")
    assert "Content-Type" not in done.headers
    unknown = send(running, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, **{"MCP-Protocol-Version": "1999-01-01"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, -32022)
    assert send(running, {"jsonrpc": "2.0", "id": 1, "method": "ping"}).json()["result"] == {}
    for method in ("GET", "DELETE"):
        answer = requests.request(method, f"{running.url}/mcp", headers={"x-api-key": "free"}, timeout=30)
        assert answer.status_code == 405


def test_an_address_with_a_slash_at_its_end_works_too(running: Stack) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search", "arguments": {}}}
    answer = requests.post(f"{running.url}/mcp/", json=message, headers={"x-api-key": "free"}, timeout=30)
    assert (answer.status_code, answer.json()["result"]["isError"]) == (200, True)
    assert requests.post(f"{running.url}/mcp/", json=message, timeout=30).status_code == 401


@pytest.mark.parametrize("name", ["oauth-protected-resource/mcp", "oauth-authorization-server", "openid-configuration"])
def test_clients_that_look_for_oauth_are_told_that_there_is_none(running: Stack, name: str) -> None:
    answer = requests.get(f"{running.url}/.well-known/{name}", timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    refused = requests.post(f"{running.url}/mcp", json={}, timeout=30)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="semantic-search"')

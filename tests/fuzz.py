"""Malformed requests, in any number, against the running functions: ``make fuzz N=50000``.

Two fifths are made by schemathesis from the description (what it allows, and what it does not), the rest here from
lists of bad input, put together at random for every route of the description. Every answer must be one the description
knows, none a 5xx; after every hundred the good requests must be served as before. Requests go to the functions' own
ports, past the gateway, which would hide the worst of them. The same seed sends the same requests.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import jsonschema
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from rich.console import Console
from rich.table import Table

from benchmarks.testbed import testbed
from tests.fuzz_targets import DESCRIPTION, Target, find_path, list_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.testbed import Testbed

_SLOW_SECONDS = 1.0
_BETWEEN_CHECKS = 100
_OPERATOR_KEY = "fuzz-operator"
# Everything that is off by default, so that its routes do more than say so.
SETTINGS = {"ADMIN_API_KEYS": _OPERATOR_KEY, "SOURCE_LINKS": "true", "ANSWER_MODEL": "qwen3.7-flash"}
_PATIENCE_SECONDS = 60
# What every path can answer.
_ANYWHERE = {414: "link_too_long", 415: "unsupported_encoding"}
# The answers of the server itself to what is no proper HTTP; Function Compute lets nothing of it through.
_NO_HTTP = {400, 414, 431, 501}


@dataclass(frozen=True)
class Request:
    """One request as it goes over the wire; ``body`` in pieces is sent chunked."""

    function: str
    method: str
    target: str
    headers: tuple[tuple[str, bytes], ...] = ()
    body: bytes | list[bytes] | None = None

    def __str__(self) -> str:
        body = b"".join(self.body) if isinstance(self.body, list) else self.body or b""
        return f"{self.function}: {self.method} {self.target[:200]!r} {list(self.headers)!r:.300} {body[:300]!r}"


@dataclass
class Verdicts:
    """What came back: how often which status and code, how long it took, what must not be, and how often which path."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    paths: Counter[str] = field(default_factory=Counter)

    def slow(self) -> int:
        """How many answers took longer than a second."""
        return sum(seconds > _SLOW_SECONDS for seconds in self.seconds)


class Client:
    """Sends requests as they are, over one kept connection per function.

    Attributes:
        lost: kept connections that were closed without a word, and after which request.
    """

    def __init__(self, ports: Mapping[str, int]) -> None:
        self._ports = ports
        self._open: dict[str, http.client.HTTPConnection] = {}
        self._before: dict[str, Request] = {}
        self.lost: list[str] = []

    def send(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """The answer: status, headers, content."""
        connection = self._open.pop(request.function, None)
        if connection is not None:
            try:
                return self._send(connection, request)
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(f"{error!r} after {self._before.get(request.function)}")
        port = self._ports[request.function]
        return self._send(http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS), request)

    def close(self) -> None:
        """Close the kept connections."""
        for connection in self._open.values():
            connection.close()

    def _send(self, connection: http.client.HTTPConnection, request: Request) -> tuple[int, dict[str, str], bytes]:
        try:
            connection.putrequest(request.method, request.target, skip_accept_encoding=True)
            for name, value in request.headers:
                connection.putheader(name, value)
            chunked = isinstance(request.body, list)
            if chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            elif request.body is not None:
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body, encode_chunked=chunked)
            answer = connection.getresponse()
            content = answer.read()
            if answer.getheader("Content-Encoding") == "gzip" and content:
                content = gzip.decompress(content)
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        self._open[request.function] = connection
        self._before[request.function] = request
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content


# --- What may come back ------------------------------------------------------------------------------------------


def _closed(schema: Any) -> Any:
    """The schema of an answer, allowing no field it does not name."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in schema:
        closed["additionalProperties"] = False
    return closed


class Oracle:
    """Says what is wrong with an answer, by the description."""

    def __init__(self) -> None:
        self._validators: dict[tuple[str, str, int], Any] = {}
        self._components = _closed(DESCRIPTION["components"])

    def wrong(self, request: Request, status: int, headers: Mapping[str, str], content: bytes) -> str:
        """A sentence, or nothing when all is well."""
        if status >= 500 and status not in _NO_HTTP:
            return "a 5xx"
        if b"Traceback" in content:
            return "a trace"
        if "x-request-id" not in headers:
            return "" if status in _NO_HTTP else "no x-request-id"
        if headers.get("x-content-type-options") != "nosniff":
            return "no nosniff"
        if request.method == "HEAD":
            return "" if not content else "content where none is due"
        path = find_path(request.target)
        if path in ("/pre-stop", "/initialize") and status == 200:
            return ""  # Function Compute's own calls, which change nothing
        operation = DESCRIPTION["paths"].get(path, {}).get(request.method.lower())
        # No description names the body of a GET, which is read and refused all the same.
        is_large = status == 413 and request.method == "GET"
        if operation is None or status in _ANYWHERE or is_large or self._elsewhere(request, content):
            return self._wrong_elsewhere(status, content)
        media = headers.get("content-type", "").partition(";")[0]
        return self._wrong_here(path, request.method, operation["responses"].get(str(status)), status, media, content)

    def _wrong_here(self, path: str, method: str, described: Any, status: int, media: str, content: bytes) -> str:
        if described is None:
            return "an undocumented status"
        kinds = described.get("content", {})
        if not kinds:
            return "" if not content else "content where none is due"
        if media not in kinds:
            return f"content of type {media}"
        return self._shape(path, method, status, content) if media == "application/json" else ""

    def _shape(self, path: str, method: str, status: int, content: bytes) -> str:
        key = (path, method, status)
        if key not in self._validators:
            responses = DESCRIPTION["paths"][path][method.lower()]["responses"]
            schema = _closed(responses[str(status)]["content"]["application/json"]["schema"])
            self._validators[key] = jsonschema.Draft202012Validator({**schema, "components": self._components})
        error = next(self._validators[key].iter_errors(json.loads(content)), None)
        return f"an undocumented shape: {error.message[:200]} at {error.json_path}" if error else ""

    def _elsewhere(self, request: Request, content: bytes) -> bool:
        # An encoded slash is one to the server, as are two at the start: the address is another one than it looks.
        odd = "%2f" in request.target.partition("?")[0].lower()
        is_varied = "{" in find_path(request.target) or request.target.startswith("//")
        return odd or (is_varied and b'"not_found"' in content)

    def _wrong_elsewhere(self, status: int, content: bytes) -> str:
        known = {
            401: "unauthorized",
            403: "origin_forbidden",
            404: "not_found",
            405: "method_not_allowed",
            413: "body_too_large",
        } | _ANYWHERE
        if status not in known:
            return f"a {status} where there is nothing"
        code = _code(content)
        return "" if code in (known[status], "document_not_found") else f"code {code}"


# --- What is sent: by schemathesis --------------------------------------------------------------------------------

_HYPOTHESIS = {"database": None, "deadline": None, "phases": [Phase.generate]}


def drawn(number: int, beginning: int, send: Callable[[Request], None]) -> None:
    """Send about ``number`` requests that the description allows or, as often, does not."""
    schema = schemathesis.openapi.from_dict(DESCRIPTION)
    operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    varied = [
        operation for operation in operations if operation.path not in ("/", "/admin", "/healthz", "/openapi.json")
    ]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    each = max(1, number // (len(varied) * len(modes)))
    for operation in varied:
        for mode in modes:

            @seed(beginning)
            @settings(max_examples=each, suppress_health_check=list(HealthCheck), **_HYPOTHESIS)  # type: ignore[arg-type]
            @given(operation.as_strategy(generation_mode=mode))
            def play(case: Any) -> None:
                send(_sent(case))

            play()


def _sent(case: Any) -> Request:
    function = case.operation.definition.raw["tags"][0].split()[0]
    prepared = requests.Request(**case.as_transport_kwargs(base_url="http://127.0.0.1")).prepare()
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    headers = tuple(
        (name, value.encode("latin-1", "replace") if isinstance(value, str) else value)
        for name, value in prepared.headers.items()
        if name.lower() not in ("content-length", "transfer-encoding", "host")
    )
    return Request(function, case.method, prepared.path_url, headers, body)


# --- What is sent: the bad input of our list -----------------------------------------------------------------------

_ODD_PATHS = [
    "//", "/.env", "/../etc/passwd", "/%00", "/invoke", "/initialize", "/pre-stop", "/documents/", "/search/",
    "//search", "/%2e%2e/", "/static/x", "/" + "a" * 3_000, "/documents/%2f", "/documents//chunks",
]  # fmt: skip
_METHODS = ["POST"] * 8 + ["GET"] * 6 + ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "FROB", "PROPFIND"]
_ODD_TEXTS = [
    "", " ", "\0", "\ufeff", "\ud800", "\udfff x", "a\0b", "\u200b", "' or 1 == 1 --", '"] or metadata["y', "%", "%2B",
    "键", "🦜" * 300, "x" * 2_001, "\\", '"', "\n", "NaN", "true", "0", "-1", "key == 'a'", "{{7*7}}",
    "${jndi:ldap://x}", "../..",
    "text-embedding-v4", "document", "query", "dense&sparse", "hybrid", "refuse", "split", "base64",
]  # fmt: skip
_ODD_NUMBERS = [0, -1, 1, 1.5, 10**9, 2**31, 2**63, 2**64, 10**30, -(10**30), 1e308, -0.0, 5e-324, 64, 512]
_ODD_RAW = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "tru",
    "01",
    "'a'",
    "{",
    "[1,]",
    '"\\ud800"',
    '"\\u0000"',
    "\xff",
    "-",
]
# What no route knows, sent beside the fields it has.
_ODD_FIELDS = ["colour", "__class__", "__proto__", "user", "limit"]
# Good requests that must be answered 200; those of other routes are the examples of the description.
_GOOD: dict[str, dict[str, Any]] = {
    "/embed": {"texts": ["sea breeze", "海风"]},
    "/v1/embeddings": {"model": "text-embedding-v4", "input": "sea breeze"},
    "/search": {"query": "sea breeze"},
    "/mcp": {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
    "/retrieval": {
        "knowledge_id": "all",
        "query": "sea breeze",
        "metadata_condition": {"conditions": [{"name": "key", "comparison_operator": "is not", "value": "x"}]},
    },
}
_TOOL_FIELDS = ["query", "top_k", "offset", "mode", "filter", "min_score", "context", "tenant", "id", "colour"]
_MCP_METHODS = ["initialize", "ping", "tools/list", "tools/call", "resources/list", "notifications/initialized", ""]
_SPOOFED = [
    ("x-fc-control-path", ["/invoke", "/initialize", "/http-invoke", "/pre-stop", "/", ""]),
    ("x-fc-request-id", ["r-1", "a" * 65, "\xff", "a b", "", "x\ty", '"}{']),
    ("x-fc-function-timeout", ["1", "0", "-5", "²", "1e9", "999999", "3", "NaN"]),
    ("x-fc-status", ["200", "404"]),
    ("x-fc-access-key-secret", ["secret"]),
    ("traceparent", [f"00-{'a' * 32}-{'b' * 16}-01", f"00-{'0' * 32}-{'0' * 16}-00", "x", "ff-1"]),
    ("x-forwarded-for", ["127.0.0.1", "::1", "x"]),
    ("x-forwarded-host", ["evil.example"]),
    ("x-http-method-override", ["DELETE"]),
    ("x-original-url", ["/invoke"]),
    ("authorization", ["Bearer", "Basic YTpi", "Bearer \xff", "x" * 5_000, ""]),
    ("x-api-key", ["\xff", "", "a,b", "k" * 5_000]),
    ("mcp-protocol-version", ["2025-06-18", "1999-01-01", "\xff", "x" * 500]),
    ("accept", ["text/event-stream", "*/*", "nonsense"]),
    ("expect", ["100-continue"]),
    ("range", ["bytes=0-0"]),
    ("if-none-match", ["*"]),
    ("cookie", ["a=b; c", "\xff"]),
    ("content-encoding", ["gzip", "identity", "x"]),
    ("accept-encoding", ["*;q=0", "identity", "nonsense"]),
    ("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "\xff"]),
    ("mcp-method", ["tools/list", "x"]),
]  # fmt: skip
_CONTENT_TYPES = [
    "application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
    "multipart/form-data", "application/json; charset=utf-16", "application/xml", "", "\xff", "a/b;" * 50,
]  # fmt: skip


class Crafter:
    """Puts bad input together at random."""

    def __init__(self, beginning: int, targets: Sequence[Target] = ()) -> None:
        self._random = random.Random(beginning)
        self._targets = targets or list_targets()

    def request(self) -> Request:
        """One request."""
        draw = self._random
        target = draw.choice(self._targets)
        path = target.fill(self._odd_id()) if draw.random() < 0.93 else self._odd_path()
        method = draw.choice(_METHODS) if draw.random() < 0.4 else draw.choice(target.methods)
        address = path
        if method in ("GET", "HEAD") or draw.random() < 0.05:
            address += self._query(target)
        body = self._body(target) if method not in ("GET", "HEAD", "TRACE") or draw.random() < 0.05 else None
        if body is not None and draw.random() < 0.1:
            body = self._pieces(body)  # type: ignore[assignment]
        return Request(target.function, method, address[:3_900], tuple(self._headers(target)), body)

    def _odd_path(self) -> str:
        return self._random.choice(_ODD_PATHS)

    def _odd_id(self) -> str:
        draw = self._random
        text = quote(draw.choice(_ODD_TEXTS[:20]).encode("utf-8", "surrogatepass"))
        return draw.choice(["0" * 32, "f" * 31, "F" * 32, "x" * 1_000, text]) or "0"

    def _query(self, target: Target) -> str:
        draw = self._random
        names = [*target.fields, *_ODD_FIELDS]
        pairs = [(draw.choice(names), self._text_in_address()) for _ in range(draw.randrange(5))]
        if "q" in target.fields and draw.random() < 0.6:
            pairs.append(("q", "sea breeze"))
        query = urlencode(pairs, errors="surrogatepass")
        return f"?{query}" + draw.choice(["", "", "", "&", "&=", "&%", "&%ff", "&a=%00", ";" * 20])

    def _text_in_address(self) -> str:
        draw = self._random
        value = draw.choice([str(draw.choice(_ODD_NUMBERS)), draw.choice(_ODD_TEXTS), json.dumps(self._filter())])
        return value[:800]

    def _headers(self, target: Target) -> Iterator[tuple[str, bytes]]:
        draw = self._random
        if target.path.startswith("/admin") and draw.random() < 0.6:
            yield "x-api-key", _OPERATOR_KEY.encode()
        if draw.random() < 0.5:
            yield "Content-Type", draw.choice(_CONTENT_TYPES).encode("latin-1")
        for name, values in draw.sample(_SPOOFED, draw.choice([0, 0, 1, 1, 2, 3])):
            yield name, draw.choice(values).encode("utf-8" if draw.random() < 0.3 else "latin-1", "replace")

    def _body(self, target: Target) -> bytes:
        draw = self._random
        kind = draw.random()
        if kind < 0.1:
            return bytes(draw.randrange(256) for _ in range(draw.randrange(60)))
        if kind < 0.15:
            depth = draw.choice([100, 1_100, 100_000])
            return b"[" * depth + b"]" * draw.choice([0, depth])
        if kind < 0.2:
            return draw.choice(_ODD_RAW).encode("latin-1")
        content: Any = dict(_GOOD.get(target.path, target.good or {}))
        for _ in range(draw.randrange(4)):
            content[draw.choice([*target.fields, *_ODD_FIELDS])] = self._value()
        if target.path == "/mcp":
            self._speak(content)
        text = json.dumps(content, ensure_ascii=draw.random() < 0.7).encode("utf-8", "surrogatepass")
        if kind < 0.3:
            text = text.replace(b'"sea breeze"', draw.choice(_ODD_RAW).encode("latin-1"), 1)
        if kind < 0.35:
            text = text[: draw.randrange(len(text) + 1)]
        return b"\xef\xbb\xbf" + text if kind > 0.98 else text

    def _speak(self, content: dict[str, Any]) -> None:
        draw = self._random
        if draw.random() < 0.7:
            content["method"] = draw.choice(_MCP_METHODS)
        if draw.random() < 0.7:
            arguments: Any = {name: self._value() for name in draw.sample(_TOOL_FIELDS, 2)}
            arguments = draw.choice([arguments, {**arguments, "query": "sea"}, {"id": self._odd_id()}, [], None, 5])
            name = draw.choice(["search", "get_document", "", "__init__", 5, None])
            content["params"] = draw.choice(
                [{"name": name, "arguments": arguments}, [], None, "x", {"protocolVersion": 5}]
            )

    def _value(self) -> Any:
        draw = self._random
        return draw.choice(
            [draw.choice(_ODD_TEXTS), draw.choice(_ODD_NUMBERS), None, True, [], {}, [draw.choice(_ODD_TEXTS)] * 3,
             [draw.choice(_ODD_NUMBERS)], self._filter(), {"a": {"b": [[[]]]}}, ["x " * 3_000], "word " * 400]
        )  # fmt: skip

    def _filter(self) -> Any:
        draw = self._random
        name = draw.choice(
            ["key", "page", "modified", "metadata.x", 'metadata.x"] or metadata["y', "vector", "id", "", "tenant"]
        )
        operator = draw.choice(
            ["eq", "ne", "lt", "gte", "in", "prefix", "contains", "exists", "and", "or", "not", "like"]
        )
        value: Any = draw.choice(
            [draw.choice(_ODD_TEXTS), draw.choice(_ODD_NUMBERS), [draw.choice(_ODD_TEXTS)] * 3, None, {}]
        )
        if operator in ("and", "or") and draw.random() < 0.7:
            return {operator: [self._filter() for _ in range(draw.randrange(3))]}
        if operator == "not" and draw.random() < 0.7:
            return {"not": self._filter()}
        return {operator: {name: value}} if operator != "exists" else {"exists": name}

    def _pieces(self, body: bytes) -> list[bytes]:
        size = self._random.choice([1, 7, 1_000])
        return [body[start : start + size] for start in range(0, min(len(body), size * 50), size)]


# --- The game ------------------------------------------------------------------------------------------------------


class Game:
    """Sends, judges and counts."""

    def __init__(self, client: Client, targets: Sequence[Target] = ()) -> None:
        self._client = client
        self._oracle = Oracle()
        self._good = [
            Request(it.function, "POST", it.path, (), json.dumps(_GOOD.get(it.path, it.good)).encode())
            for it in targets or list_targets()
            if it.good is not None
        ]
        self._expected = dict.fromkeys(_GOOD, 200)
        self.verdicts = Verdicts()

    def play(self, request: Request) -> None:
        """Send one request; after every hundred, good ones too."""
        verdicts = self.verdicts
        started = time.perf_counter()
        try:
            status, headers, content = self._client.send(request)
        except (OSError, http.client.HTTPException) as error:
            verdicts.statuses["no answer"] += 1
            verdicts.wrong.append(f"no answer ({error!r}): {request}")
            return
        verdicts.seconds.append(time.perf_counter() - started)
        verdicts.statuses[f"{status} {_code(content)}".strip()] += 1
        verdicts.paths[find_path(request.target)] += 1
        if wrong := self._oracle.wrong(request, status, headers, content):
            verdicts.wrong.append(f"{wrong}: {status} {content[:200]!r} to {request}")
        if len(verdicts.seconds) % _BETWEEN_CHECKS == 0:
            self.check()

    def check(self) -> None:
        """Send good requests, which must be answered as the first time."""
        for request in self._good:
            status, _, content = self._client.send(request)
            if status != self._expected.setdefault(request.target, status):
                self.verdicts.wrong.append(
                    f"a good request to {request.target} was answered {status} {content[:200]!r}"
                )


def _code(content: bytes) -> str:
    try:
        answer = json.loads(content)
        if "error_msg" in answer:  # Dify's form
            return str(answer["error_msg"]).partition(":")[0]
        return str(answer["error"].get("code", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def fuzz(testbed: Testbed, number: int, beginning: int = 0) -> Verdicts:
    """Play ``number`` requests against a running stack."""
    ports = {name: int(testbed.function(name)["port"]) for name in ("embed", "search")}
    client = Client(ports)
    game = Game(client)
    game.check()
    drawn(number * 2 // 5, beginning, game.play)
    crafter = Crafter(beginning)
    while sum(game.verdicts.statuses.values()) < number:
        game.play(crafter.request())
    game.check()
    client.close()
    game.verdicts.wrong += [f"a kept connection was lost: {lost}" for lost in client.lost]
    return game.verdicts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--number", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with testbed(0, environ=SETTINGS) as bed:
        bed.drop({"sea.md": b"# Sea\n\nThe sea breeze comes in at noon.\n", "land.txt": "陆风在夜里吹。".encode()})
        bed.await_indexed(2, lambda _: None)
        verdicts = fuzz(bed, asked.number, asked.seed)
    table = Table(title=f"{sum(verdicts.statuses.values())} requests")
    table.add_column("answer")
    table.add_column("times", justify="right")
    for answer, times in verdicts.statuses.most_common():
        table.add_row(answer, str(times))
    Console().print(table)
    Console().print(*verdicts.wrong[:50], sep="\n", markup=False, highlight=False)
    ordered = sorted(verdicts.seconds)
    figures = {
        "requests": sum(verdicts.statuses.values()),
        "wrong": len(verdicts.wrong),
        "p50_ms": round(median(ordered) * 1000, 2),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 1),
        "longest_ms": round(ordered[-1] * 1000),
        "over_1_s": verdicts.slow(),
    }
    Console(soft_wrap=True, highlight=False).print(json.dumps(figures), markup=False)
    return 1 if verdicts.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

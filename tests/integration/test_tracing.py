"""A request belongs to one trace: its caller's or its own, in every log line and on to DashScope."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from local.stack import PROJECT
from shared.embedding.embedder import Embedder
from shared.embedding.parameters import TextType
from shared.runtime import metrics, tracing
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.runtime.settings import DashScopeSettings

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "valid"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"01-{TRACE}-{SPAN}-01-of-the-future", True),
        (f"00-{TRACE}-{SPAN}-01-more", False),
        (f"ff-{TRACE}-{SPAN}-01", False),
        (f"00-{TRACE.upper()}-{SPAN}-01", False),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE}-{SPAN}", False),
        (f" 00-{TRACE}-{SPAN}-01\n", False),
        ("", False),
    ],
)
def test_only_what_the_standard_allows_is_taken_over(header: str, valid: bool) -> None:
    assert (tracing.parse_traceparent(header) is not None) == valid
    with tracing.request("test", header) as trace:
        assert (trace.trace_id == TRACE) == valid
        assert trace.span_id != SPAN
        assert tracing.parse_traceparent(trace.parent) == trace


class Recorder(BaseHTTPRequestHandler):
    """Answers everything, and remembers what came."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((dict(self.headers), body))  # type: ignore[attr-defined]
        time.sleep(self.server.delay)  # type: ignore[attr-defined]
        vectors = [{"text_index": i, "embedding": [0.1] * 64} for i in range(len(texts(body)))]
        answer = json.dumps(
            {"output": {"embeddings": vectors}, "usage": {"total_tokens": 7}, "request_id": "d"}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


def texts(body: bytes) -> list[str]:
    return list(json.loads(body)["input"]["texts"]) if body.startswith(b"{") else []


@contextmanager
def recording(delay: float = 0.0) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.came, server.delay = [], delay  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.came  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


def settings(base_url: str) -> DashScopeSettings:
    from shared.runtime.settings import DashScopeSettings, Secret

    return DashScopeSettings(api_key=Secret("sk-local"), base_url=f"{base_url}/api/v1", requested_dimension=64)


def test_every_call_of_a_request_carries_its_trace_and_is_counted_whatever_thread_makes_it() -> None:
    with recording() as (url, came):
        embedder = Embedder(settings(url))
        with metrics.collect() as meter, tracing.request("test", f"00-{TRACE}-{SPAN}-01"):
            embedder.embed(["text"] * 35, embedder.make_parameters(TextType.DOCUMENT), Deadline.after(30)).complete()
    assert [headers["traceparent"].split("-")[1] for headers, _ in came] == [TRACE] * 4
    values = meter.values()
    assert (values["dashscope_calls"], values["tokens"]) == (4, 28)
    assert values["cost_cny"] == pytest.approx(28 * 0.5e-6)
    assert values["dashscope_ms"] > 0


def test_numbers_of_one_request_are_not_anothers() -> None:
    metrics.add(tokens=5)
    with metrics.collect() as meter:
        metrics.add(tokens=1)
    assert meter.values() == {"tokens": 1}


@pytest.mark.parametrize(
    ("event", "known"),
    [
        (b'{"events":[{"eventTime":"%s","oss":{}}]}', True),
        (b'{"triggerTime": "%s", "payload": "{}"}', True),
        (b'{"eventTime": "2026-02-31T00:00:00Z"}', False),
        (b"not an event", False),
    ],
)
def test_an_event_tells_its_age(event: bytes, known: bool) -> None:
    written = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 90)).encode()
    age = metrics.measure_age(event % written if b"%s" in event else event)
    assert age is None if not known else 89 <= (age or 0) < 1_000


ASK = """
import json, sys
from shared.runtime import web
from shared.runtime.responses import answer
from shared.runtime.auth import Authenticator
from shared.embedding.embedder import Embedder
from shared.embedding.parameters import TextType
from shared.runtime.retrying import Deadline
from tests.integration.test_tracing import settings
web.logs.configure("INFO")
embedder = Embedder(settings(sys.argv[1]))
application = web.Application("embed", authenticator=Authenticator(()), prepare=lambda _: None)
def ask():
    parameters = embedder.make_parameters(TextType.QUERY)
    return answer(len(embedder.embed(["text"], parameters, Deadline.after(30)).embeddings))
application.flask.post("/ask")(ask)
import time
for _ in range(2):
    began = time.monotonic()
    response = application.flask.test_client().post("/ask", headers={"traceparent": sys.argv[2]})
    print(json.dumps({"status": response.status_code, "took": time.monotonic() - began}))
"""


def ask(dashscope: str, **environ: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", ASK, dashscope, f"00-{TRACE}-{SPAN}-01"],
        cwd=PROJECT, env={"PATH": os.environ["PATH"], **environ}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_spans_are_sent_before_the_answer_with_their_places_in_the_trace() -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    with recording() as (dashscope, called), recording() as (collector, exported):
        lines = ask(dashscope, OTEL_EXPORTER_OTLP_ENDPOINT=collector, OTEL_SERVICE_NAME="embed-test")
    assert len(exported) == 2, "each answer waits for its spans"
    spans = {}
    for headers, body in exported[:1]:
        content = ExportTraceServiceRequest.FromString(
            gzip.decompress(body) if headers.get("Content-Encoding") else body
        )
        spans = {span.name: span for span in content.resource_spans[0].scope_spans[0].spans}
    server, client = spans["embed"], spans["dashscope call"]
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, SPAN)
    assert (client.trace_id.hex(), client.parent_span_id) == (TRACE, server.span_id)
    assert called[0][0]["traceparent"] == f"00-{TRACE}-{client.span_id.hex()}-01"
    assert {line["trace_id"] for line in lines if "event" in line} == {TRACE}


@pytest.mark.parametrize("collector", ["silent", "refused"])
def test_a_collector_that_does_not_answer_costs_a_request_little(collector: str) -> None:
    with recording() as (dashscope, _), recording(delay=120) as (silent, _):
        url = silent if collector == "silent" else "http://127.0.0.1:9"
        lines = ask(dashscope, OTEL_EXPORTER_OTLP_ENDPOINT=url)
    answers = [line for line in lines if "status" in line and "took" in line]
    assert [answer["status"] for answer in answers] == [200, 200]
    assert all(answer["took"] < 60 for answer in answers)  # the first pays for imports


def test_without_an_endpoint_nothing_of_opentelemetry_is_loaded() -> None:
    with recording() as (dashscope, _):
        script = f"{ASK}\nassert not [name for name in sys.modules if name.startswith('opentelemetry')]"
        done = subprocess.run(
            [sys.executable, "-c", script, dashscope, ""],
            cwd=PROJECT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r'"trace_id":"[0-9a-f]{32}"', done.stdout)

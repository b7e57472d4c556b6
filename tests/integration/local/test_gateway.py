"""The gateway calls functions as Function Compute does: real gunicorn processes, the real command line."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from local.gateway.timers import next_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 240

APP = """
import json, os, signal, threading, time
from pathlib import Path
from flask import Flask, Response, request

app = Flask(__name__)
lock = threading.Lock()
busy = 0
most = 0

def note(**what):
    line = json.dumps({**what, "pid": os.getpid()}) + "\\n"
    with open(f"calls-{os.environ['ROLE']}.jsonl", "a") as calls:
        calls.write(line)

@app.get("/healthz")
def healthz():
    return "ok"

@app.post("/initialize")
def initialize():
    note(call="initialize", control=request.headers.get("x-fc-control-path"))
    if os.environ["REFUSE"]:
        return {"error": {"code": "invalid_settings", "message": "MILVUS_URI is not set"}}, 500
    return ""

@app.get("/pre-stop")
def pre_stop():
    note(call="pre-stop")
    return ""

@app.post("/invoke")
def invoke():
    if request.headers.get("x-fc-control-path") != "/invoke":
        return "not found", 404
    payload = request.get_data().decode()
    note(call="invoke", payload=payload, headers={k.lower(): v for k, v in request.headers})
    do = json.loads(payload).get("do", "")
    if do == "fail":
        return Response("it failed", 404, {"x-fc-status": "404"})
    if do == "fail-silently":
        return "it failed", 404
    if do == "break":
        return "it broke", 500
    if do == "crash-once" and not Path("crashed").exists():
        Path("crashed").touch()
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"

@app.get("/environment")
def environment():
    return dict(os.environ)

@app.route("/slow")
def slow():
    global busy, most
    with lock:
        busy += 1
        most = max(most, busy)
    time.sleep(float(request.args["seconds"]))
    with lock:
        busy -= 1
    return {"most": most}

@app.get("/stream")
def stream():
    def parts():
        yield b"first\\n"
        deadline = time.monotonic() + 60
        while not Path("received").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        yield b"second after first was received\\n" if Path("received").exists() else b"gave up\\n"
    return Response(parts(), mimetype="text/plain")

@app.get("/hold")
@app.get("/clock/hold")
def hold():
    deadline = time.monotonic() + 60
    Path("holding-" + request.args["name"]).touch()
    while not Path("released-" + request.args["name"]).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return {"pid": os.getpid()}

@app.get("/grow")
def grow():
    held = bytearray(os.urandom(1 << 20) * 300)
    time.sleep(60)
    return {"held": len(held)}

@app.get("/long-headers")
def long_headers():
    return Response("done", headers={f"x-{i}": "a" * 1000 for i in range(9)})

@app.post("/later")
def later():
    note(call="later", payload=request.get_data().decode(), headers={k.lower(): v for k, v in request.headers})
    return "it broke", int(request.args["status"])

@app.get("/crash")
def crash():
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

@app.route("/", defaults={"path": ""}, methods=["GET", "POST"])
@app.route("/<path:path>", methods=["GET", "POST"])
def echo(path):
    size = len(request.get_data())
    headers = {k.lower(): v for k, v in request.headers}
    return {"role": os.environ["ROLE"], "method": request.method, "raw": request.environ["RAW_URI"],
            "size": size, "headers": headers}
"""

SERVING = """
import os
bind = f"{os.environ['LISTEN_HOST']}:{os.environ['FC_CUSTOM_LISTEN_PORT']}"
worker_class = "gthread"
timeout = 0
graceful_timeout = 1
control_socket_disable = True
"""

DEPLOYMENT = """
edition: 3.0.0
name: gateway-test
vars:
  runtime:
    command: [python3]
    args: ["-m", "gunicorn", "-c", "python:serving", "--threads", "8", "app:app"]
    healthCheckConfig: {httpGetUrl: /healthz, failureThreshold: 40}
resources:
  worker:
    component: fc3
    props:
      region: cn-beijing
      functionName: test-worker
      runtime: custom.debian12
      code: ./build/worker
      memorySize: 256
      timeout: 6
      instanceConcurrency: 2
      concurrencyConfig: {reservedConcurrency: 2}
      customRuntimeConfig: ${vars.runtime}
      instanceLifecycleConfig:
        initializer: {timeout: 30}
        preStop: {timeout: 5}
      role: acs:ram::1:role/worker
      asyncInvokeConfig: {maxAsyncRetryAttempts: 2, maxAsyncEventAgeInSeconds: 3600}
      environmentVariables:
        ROLE: worker
        REFUSE: ${env('REFUSE', '')}
        PYTHONPATH: /code/python:/code
        ELSEWHERE: /other/code/file
      triggers:
        - triggerName: documents
          triggerType: oss
          sourceArn: acs:oss:cn-beijing:1:my-documents
          invocationRole: acs:ram::1:role/trigger
          triggerConfig:
            events: ["oss:ObjectCreated:PutObject"]
            filter: {key: {prefix: docs/, suffix: .txt}}
        - triggerName: http
          triggerType: http
          triggerConfig: {authType: anonymous, methods: [GET, POST]}
  clock:
    component: fc3
    props:
      region: cn-beijing
      functionName: test-clock
      runtime: custom.debian12
      code: ./build/clock
      timeout: 60
      concurrencyConfig: {reservedConcurrency: 1}
      asyncInvokeConfig: {maxAsyncRetryAttempts: 2, maxAsyncEventAgeInSeconds: 2}
      customRuntimeConfig: ${vars.runtime}
      environmentVariables: {ROLE: clock, REFUSE: "", PYTHONPATH: "/code/python:/code"}
      triggers:
        - triggerName: tick
          triggerType: timer
          triggerConfig: {cronExpression: "@every 1s", enable: true, payload: '{"action":"reconcile"}'}
        - triggerName: never
          triggerType: timer
          triggerConfig: {cronExpression: "@every 1s", enable: false, payload: "never"}
        - triggerName: http
          triggerType: http
          triggerConfig: {authType: anonymous, methods: [GET]}
  domain:
    component: fc3-domain
    props:
      region: cn-beijing
      domainName: auto
      protocol: HTTP
      routeConfig:
        routes:
          - {path: /*, functionName: "${resources.worker.props.functionName}"}
          - {path: /clock/*, functionName: "${resources.clock.props.functionName}"}
          - {path: /clock/exact, functionName: "${resources.worker.props.functionName}"}
"""


# A cold start may take longer than the six seconds.
PATIENT = DEPLOYMENT.replace("timeout: 6\n", "timeout: 60\n")


@dataclass(frozen=True)
class Running:
    """A gateway process and the folder it serves."""

    url: str
    root: Path
    process: subprocess.Popen[str]

    def calls(self, call: str, role: str = "worker") -> list[dict[str, Any]]:
        file = self.root / f"calls-{role}.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [it for it in map(json.loads, lines) if it["call"] == call]

    def status(self, name: str = "test-worker") -> dict[str, Any]:
        functions = requests.get(f"{self.url}/gateway/status", timeout=60).json()["functions"]
        status: dict[str, Any] = next(it for it in functions if it["name"] == name)
        return status

    def invoke(self, event: dict[str, Any], name: str = "test-worker") -> str:
        answer = requests.post(
            f"{self.url}/2023-03-30/functions/{name}/invocations",
            json=event,
            headers={"X-Fc-Invocation-Type": "Async"},
            timeout=10,
        )
        assert answer.status_code == 202
        return str(answer.headers["x-fc-request-id"])

    def attempts(self, request_id: str) -> list[str]:
        """The retry counts with which the function saw one event."""
        calls = self.calls("invoke")
        return [it["headers"]["x-fc-retry-count"] for it in calls if it["headers"]["x-fc-request-id"] == request_id]

    def failures(self, name: str = "test-worker") -> list[dict[str, Any]]:
        return [json.loads(file.read_text()) for file in (self.root / ".local/failed" / name).glob("*.json")]

    def failure(self, request_id: str, name: str = "test-worker") -> dict[str, Any]:
        """The record of an event that was given up, once it is there."""

        def kept() -> list[dict[str, Any]]:
            return [it for it in self.failures(name) if it["requestContext"]["requestId"] == request_id]

        eventually(kept)
        return kept()[0]

    @contextmanager
    def holding(self, count: int, path: str = "/hold") -> Iterator[list[Future[requests.Response]]]:
        """Keep ``count`` requests in progress."""
        names = [uuid.uuid4().hex for _ in range(count)]
        with ThreadPoolExecutor(count) as clients:
            answers = [clients.submit(requests.get, f"{self.url}{path}?name={name}", timeout=90) for name in names]
            try:
                eventually(lambda: all((self.root / f"holding-{name}").exists() for name in names))
                yield answers
            finally:
                for name in names:
                    (self.root / f"released-{name}").touch()


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def command(root: Path, *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "local.gateway", "--deployment", str(root / "s.yaml"), "--data", str(root / ".local")),
        *("--port", "0", "--retry-seconds", "0.05", "--idle-seconds", "1", *options),
    ]


def project(root: Path, deployment: str = DEPLOYMENT) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "app.py").write_text(APP)
    (root / "serving.py").write_text(SERVING)
    (root / "s.yaml").write_text(deployment)
    return root


@contextmanager
def running(root: Path, *options: str, deployment: str = DEPLOYMENT, **variables: str) -> Iterator[Running]:
    process = subprocess.Popen(
        command(project(root, deployment), *options),
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("gateway ready on http://127.0.0.1:"), line
        yield Running(line.split()[-1], root, process)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("gateway"), ONLY_OURS="secret", MY_CA_BUNDLE="/ca.pem") as it:
        yield it


def test_a_request_reaches_the_function_of_the_most_specific_route(gateway: Running) -> None:
    def role(path: str) -> str:
        return str(requests.get(f"{gateway.url}{path}", timeout=60).json()["role"])

    assert [role("/"), role("/clock/x"), role("/clock/exact"), role("/clocks")] == [
        *("worker", "clock", "worker", "worker")
    ]


def test_method_path_query_and_body_pass_unchanged_and_the_platform_adds_its_headers(gateway: Running) -> None:
    seen = requests.post(f"{gateway.url}/a%2Fb/%E6%96%87?q=1%2B1&q=", data=b"12345", timeout=60).json()
    headers = {name: value for name, value in seen["headers"].items() if name.startswith("x-fc-")}
    assert (seen["method"], seen["raw"], seen["size"]) == ("POST", "/a%2Fb/%E6%96%87?q=1%2B1&q=", 5)
    assert len(headers.pop("x-fc-request-id")) == 36
    assert headers == {
        "x-fc-control-path": "/http-invoke",
        "x-fc-function-name": "test-worker",
        "x-fc-function-timeout": "6",
        "x-fc-function-memory": "256",
        "x-fc-region": "cn-beijing",
        "x-fc-account-id": "1000000000000000",
    }


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("http://proxy.example/a%2Fb?q=http://x", "/a%2Fb?q=http://x"),
        ("HTTP://proxy.example/", "/"),
        ("http://proxy.example:80/?q=1", "/?q=1"),
    ],
)
def test_a_whole_address_as_clients_of_proxies_send_it_is_its_path(gateway: Running, target: str, seen: str) -> None:
    connection = http.client.HTTPConnection(gateway.url.partition("://")[2], timeout=60)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        assert answer.status == 200
        assert json.loads(answer.read())["raw"] == seen
    finally:
        connection.close()


def test_a_link_in_chinese_is_taken_as_curl_sends_it(gateway: Running) -> None:
    host, _, port = gateway.url.partition("://")[2].partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as client:
        client.sendall(f"GET /年?q=年假 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        body = client.makefile("rb").read().partition(b"\r\n\r\n")[2]
    assert json.loads(body)["raw"] == "/%E5%B9%B4?q=%E5%B9%B4%E5%81%87"


def test_a_client_cannot_pretend_to_be_the_platform(gateway: Running) -> None:
    answer = requests.post(
        f"{gateway.url}/invoke", json={}, headers={"x-fc-control-path": "/invoke", "x-fc-status": "1"}, timeout=60
    )
    assert answer.status_code == 404
    seen = requests.get(gateway.url, headers={"x-fc-access-key-id": "spoofed"}, timeout=60).json()
    assert "x-fc-access-key-id" not in seen["headers"]


def test_spoofed_headers_reach_the_function_when_the_flag_says_so(tmp_path: Path) -> None:
    with running(tmp_path, "--pass-client-fc-headers") as it:
        seen = requests.get(it.url, headers={"x-fc-access-key-id": "spoofed"}, timeout=60).json()
        assert seen["headers"]["x-fc-access-key-id"] == "spoofed"
        spoofed = requests.post(f"{it.url}/invoke", json={}, headers={"x-fc-control-path": "/invoke"}, timeout=60)
        assert spoofed.text == "done"


def test_a_method_the_trigger_does_not_list_is_refused(gateway: Running) -> None:
    assert requests.post(f"{gateway.url}/clock/x", timeout=60).status_code == 405


def test_a_function_sees_its_own_variables_and_the_platforms_but_nothing_of_ours(gateway: Running) -> None:
    seen = requests.get(f"{gateway.url}/environment", timeout=60).json()
    root = str(gateway.root)
    assert "ONLY_OURS" not in seen
    assert seen["MY_CA_BUNDLE"] == "/ca.pem"
    assert seen["PYTHONPATH"] == f"{root}/python:{root}"
    assert seen["ELSEWHERE"] == "/other/code/file"
    assert seen["PATH"].split(":")[0] == str(Path(sys.executable).parent)
    assert seen["ALIBABA_CLOUD_ACCESS_KEY_ID"]
    assert (seen["FC_FUNCTION_NAME"], seen["FC_REGION"]) == ("test-worker", "cn-beijing")
    assert seen["FC_CUSTOM_LISTEN_PORT"] == str(gateway.status()["port"])


def test_a_response_streams(gateway: Running) -> None:
    with requests.get(f"{gateway.url}/stream", stream=True, timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines) == b"first"
        (gateway.root / "received").touch()
        assert next(lines) == b"second after first was received"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_32_mb_is_refused_and_the_next_request_works(gateway: Running, *, chunked: bool) -> None:
    body = bytes(33 * 1024 * 1024)
    answer = requests.post(gateway.url, data=iter([body]) if chunked else body, timeout=60)
    assert (answer.status_code, answer.json()["ErrorCode"]) == (413, "RequestEntityTooLarge")
    whole = 32 * 1024 * 1024
    assert requests.post(gateway.url, data=bytes(whole), timeout=60).json()["size"] == whole


def test_instances_start_while_all_are_busy_and_what_exceeds_them_gets_429(tmp_path: Path) -> None:
    with running(tmp_path, deployment=PATIENT) as it:
        with it.holding(4) as answers:
            refused = requests.get(it.url, timeout=60)
            assert (refused.status_code, refused.json()["ErrorCode"]) == (429, "ResourceExhausted")
            assert it.status()["in_flight"] == 4
            event = it.invoke({"key": "waits.txt"})
        pids = [answer.result().json()["pid"] for answer in answers]
        assert sorted(pids.count(pid) for pid in set(pids)) == [2, 2]
        eventually(lambda: it.attempts(event))
        # The further instance ends once it has had nothing to do for a while.
        eventually(lambda: len(it.status()["instances"]) == 1)
        assert {call["pid"] for call in it.calls("pre-stop")} < set(pids)
        assert it.status()["most_instances"] == 2
        assert (tmp_path / ".local/logs/worker-2.log").exists()


def test_an_event_that_gets_too_old_in_the_queue_is_given_up_without_an_attempt(tmp_path: Path) -> None:
    with running(tmp_path) as it, it.holding(1, "/clock/hold"):
        kept = it.failure(it.invoke({"key": "late.txt"}, "test-clock"), "test-clock")
        assert kept["requestContext"]["condition"] == "EventAgeExceeded"
        assert kept["requestContext"]["approximateInvokeCount"] == 0


def test_an_instance_above_its_memory_is_ended_and_the_next_one_answers(tmp_path: Path) -> None:
    with running(tmp_path, deployment=PATIENT) as it:
        answer = requests.get(f"{it.url}/grow", timeout=90)
        assert (answer.status_code, answer.json()["ErrorCode"]) == (502, "FunctionCrashed")
        assert re.search(r"held \d+ MB of memory, its memorySize is 256", it.status()["last_error"])
        assert requests.get(it.url, timeout=60).status_code == 200


def test_an_idle_instance_is_frozen_and_goes_on_with_the_next_request(tmp_path: Path) -> None:
    def state(pid: int) -> str:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]

    with running(tmp_path, "--freeze-idle") as it:
        pid = it.status()["pid"]
        for _ in range(2):
            assert requests.get(it.url, timeout=60).status_code == 200
            eventually(lambda: state(pid) == "T")
        event = it.invoke({"key": "thaws.txt"})
        eventually(lambda: it.attempts(event))
        assert it.status()["restarts"] == 0
    assert len(it.calls("pre-stop")) == 1


def test_a_path_above_4_kb_and_headers_above_8_kb_are_refused_both_ways(gateway: Running) -> None:
    def get(path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        answer = requests.get(f"{gateway.url}{path}", headers=headers, timeout=60)
        return answer.status_code, answer.json().get("ErrorCode", "")

    assert get("/?q=" + "a" * (4096 - 104)) == (200, "")
    assert get("/?q=" + "a" * (4096 - 3)) == (414, "RequestURITooLong")
    assert get("/", {"x-one": "a" * 4000, "x-two": "a" * 3000}) == (200, "")
    assert get("/", {"x-one": "a" * 4000, "x-two": "a" * 5000}) == (431, "RequestHeaderFieldsTooLarge")
    assert get("/long-headers") == (502, "ResponseHeadersTooLarge")


def test_an_asynchronous_call_of_a_url_is_queued_retried_and_kept_like_an_event(gateway: Running) -> None:
    answer = requests.post(
        f"{gateway.url}/later?status=500", data="text", headers={"X-Fc-Invocation-Type": "Async"}, timeout=60
    )
    assert (answer.status_code, answer.content) == (202, b"")
    kept = gateway.failure(answer.headers["x-fc-request-id"])
    assert (kept["requestPayload"], kept["responseContext"]["statusCode"]) == ("text", 500)
    calls = [
        it for it in gateway.calls("later") if it["headers"]["x-fc-request-id"] == answer.headers["x-fc-request-id"]
    ]
    assert [it["headers"]["x-fc-retry-count"] for it in calls] == ["0", "1", "2"]
    assert {it["headers"]["x-fc-control-path"] for it in calls} == {"/http-invoke"}
    assert {it["payload"] for it in calls} == {"text"}


def test_a_request_longer_than_the_functions_timeout_is_cut(gateway: Running) -> None:
    answer = requests.get(f"{gateway.url}/slow?seconds=8", timeout=30)
    assert (answer.status_code, answer.json()["ErrorCode"]) == (504, "FunctionTimeout")


def test_an_event_is_accepted_at_once_and_delivered_as_the_platform_does(gateway: Running) -> None:
    request_id = gateway.invoke({"key": "文.txt"})
    eventually(lambda: gateway.attempts(request_id))
    seen = next(it for it in gateway.calls("invoke") if it["headers"]["x-fc-request-id"] == request_id)
    assert json.loads(seen["payload"]) == {"key": "文.txt"}
    assert seen["headers"]["content-type"] == "application/octet-stream"
    assert seen["headers"]["x-fc-control-path"] == "/invoke"


def test_every_invocation_brings_fresh_credentials_of_the_role(gateway: Running) -> None:
    ids = [gateway.invoke({"key": name}) for name in ("one.txt", "two.txt")]
    for id_ in ids:
        eventually(partial(gateway.attempts, id_))
    seen = [it["headers"] for it in gateway.calls("invoke") if it["headers"]["x-fc-request-id"] in ids]
    names = ("x-fc-access-key-id", "x-fc-access-key-secret", "x-fc-security-token")
    assert len({headers[name] for headers in seen for name in names}) == 6


def test_an_event_above_128_kb_is_refused(gateway: Running) -> None:
    answer = requests.post(
        f"{gateway.url}/2023-03-30/functions/test-worker/invocations",
        data=bytes(128 * 1024 + 1),
        headers={"X-Fc-Invocation-Type": "Async"},
        timeout=10,
    )
    assert answer.status_code == 413


def test_a_synchronous_invocation_returns_the_functions_answer(gateway: Running) -> None:
    url = f"{gateway.url}/2023-03-30/functions/test-worker/invocations"
    assert requests.post(url, json={}, timeout=60).text == "done"
    assert requests.post(url.replace("worker", "absent"), json={}, timeout=60).status_code == 404


@pytest.mark.parametrize("do", ["fail", "break"])
def test_a_failing_event_is_retried_as_declared_and_then_kept(gateway: Running, do: str) -> None:
    request_id = gateway.invoke({"do": do})
    eventually(lambda: request_id in {it["requestContext"]["requestId"] for it in gateway.failures()})
    kept = next(it for it in gateway.failures() if it["requestContext"]["requestId"] == request_id)
    assert gateway.attempts(request_id) == ["0", "1", "2"]
    assert kept["requestContext"]["approximateInvokeCount"] == 3
    assert kept["requestContext"]["functionArn"] == "acs:fc:cn-beijing:1000000000000000:functions/test-worker"
    assert json.loads(kept["requestPayload"]) == {"do": do}
    assert kept["responseContext"]["statusCode"] == (404 if do == "fail" else 500)
    assert kept["responsePayload"] == ("it failed" if do == "fail" else "it broke")
    assert set(kept) == {
        *("timestamp", "requestContext", "requestPayload", "responseContext", "responsePayload"),
    }
    assert gateway.status()["last_error"]


def test_a_404_without_the_status_header_counts_as_success(gateway: Running) -> None:
    before = gateway.status()["delivered"]
    request_id = gateway.invoke({"do": "fail-silently"})
    eventually(lambda: gateway.status()["delivered"] > before)
    assert gateway.attempts(request_id) == ["0"]


def test_a_killed_function_starts_again_and_loses_no_event(gateway: Running) -> None:
    before = gateway.status()
    first = gateway.invoke({"do": "crash-once"})
    others = [gateway.invoke({"number": number}) for number in range(6)]
    eventually(lambda: gateway.status()["delivered"] == before["delivered"] + 7)
    assert gateway.attempts(first)[:2] == ["0", "1"]
    assert all(gateway.attempts(other) for other in others)
    after = gateway.status()
    assert after["restarts"] > before["restarts"]
    assert after["pid"] != before["pid"]
    assert after["failed"] == before["failed"]
    initialized = gateway.calls("initialize")
    assert len({it["pid"] for it in initialized}) == len(initialized) == after["restarts"] + 1


def test_a_request_in_flight_when_the_function_dies_gets_502_and_the_next_one_an_answer(gateway: Running) -> None:
    answer = requests.get(f"{gateway.url}/crash", timeout=30)
    assert (answer.status_code, answer.json()["ErrorCode"]) == (502, "FunctionCrashed")
    assert requests.get(gateway.url, timeout=30).status_code == 200


def test_a_timer_fires_with_its_payload_unless_it_is_disabled(gateway: Running) -> None:
    eventually(lambda: len(gateway.calls("invoke", "clock")) >= 2)
    events = [json.loads(it["payload"]) for it in gateway.calls("invoke", "clock")]
    assert {it["triggerName"] for it in events} == {"tick"}
    assert events[0]["payload"] == '{"action":"reconcile"}'
    assert events[0]["triggerTime"].endswith("Z")
    assert datetime.fromisoformat(events[0]["triggerTime"]) <= datetime.now(UTC)


def test_the_notifications_name_an_address_that_takes_events(gateway: Running) -> None:
    (wanted,) = requests.get(f"{gateway.url}/gateway/notifications", timeout=60).json()
    assert wanted["events"] == ["oss:ObjectCreated:PutObject"]
    assert (wanted["prefix"], wanted["suffix"]) == ("docs/", ".txt")
    answer = requests.post(wanted["url"], json={"from": "oss"}, timeout=60)
    assert answer.status_code == 202
    eventually(lambda: gateway.attempts(answer.headers["x-fc-request-id"]))


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("@every 2h", "2026-01-01T02:00:30+00:00"),
        ("0 30 * * * *", "2026-01-01T00:30:00+00:00"),
        ("CRON_TZ=Asia/Shanghai 0 0 9 * * *", "2026-01-01T01:00:00+00:00"),
    ],
)
def test_the_next_moment_of_a_timer(expression: str, due: str) -> None:
    assert next_moment(expression, datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)).isoformat() == due


def test_a_function_that_refuses_to_initialise_stops_the_gateway_with_its_own_sentence(tmp_path: Path) -> None:
    ended = subprocess.run(
        command(project(tmp_path)),
        cwd=ROOT,
        env={**os.environ, "REFUSE": "yes"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert ended.returncode == 1
    assert ended.stderr == "test-worker refused to initialise: MILVUS_URI is not set (invalid_settings)\n"


REFUSED = """
import json, os
print(json.dumps({"level": "critical", "event": "startup_refused", "reason": "MILVUS_URI is not set"}), flush=True)
os._exit(4)
"""


@pytest.mark.parametrize(
    ("app", "words"),
    [
        pytest.param(REFUSED, "MILVUS_URI is not set", id="its own reason"),
        pytest.param(
            "import nothing_there", "ModuleNotFoundError: No module named 'nothing_there'", id="the exception"
        ),
        pytest.param("nothing = 1", "Reason: App failed to load.", id="the last line"),
    ],
)
def test_a_function_that_cannot_start_is_named_with_its_last_words(tmp_path: Path, app: str, words: str) -> None:
    (project(tmp_path) / "app.py").write_text(app)
    log = tmp_path / ".local/logs/worker.log"
    log.parent.mkdir(parents=True)
    log.write_text('{"level": "critical", "reason": "from an earlier process"}\n')
    shutil.copy(log, log.with_name("clock.log"))
    ended = subprocess.run(command(tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert ended.returncode == 1
    for sentence in ended.stderr.strip().split("; "):
        assert re.fullmatch(
            rf"test-(worker|clock) ended before it was ready: (\[.*\] )?{re.escape(words)} \(see .*\.log\)", sentence
        )


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            command(project(tmp_path), "--port", str(port)), cwd=ROOT, capture_output=True, text=True, timeout=60
        )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"127.0.0.1:{port} cannot be used (Address already in use): choose another with --port\n"


def test_the_end_is_orderly_pre_stop_first_and_no_process_left(tmp_path: Path) -> None:
    with running(tmp_path) as it:
        pids = [it.status()["pid"], it.status("test-clock")["pid"]]
        it.process.send_signal(signal.SIGTERM)
        assert it.process.wait(PATIENCE_SECONDS) == 0
        assert len(it.calls("pre-stop")) == 1
        assert not it.calls("pre-stop", "clock")
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

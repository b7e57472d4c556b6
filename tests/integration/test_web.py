"""What the three functions' HTTP sides have in common, mostly through Flask's own client."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests
import tenacity

from local import processes
from local.stack import PROJECT
from shared.domain.errors import ConfigurationError, TransientError
from shared.runtime import logs
from shared.runtime.auth import Authenticator
from shared.runtime.responses import answer
from shared.runtime.web import Application

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Response
    from flask.testing import FlaskClient

    from shared.runtime.retrying import Deadline


def data() -> Response:
    return answer({"fine": True})


def crash() -> Response:
    raise ZeroDivisionError("a defect")


def client(*keys: str, on_event: Any = None, prepare: Any = lambda _: None) -> FlaskClient:
    application = Application("test", authenticator=Authenticator(keys), prepare=prepare, on_event=on_event)
    application.flask.get("/data")(data)
    application.flask.get("/crash")(crash)
    return application.flask.test_client()


INVOKE = {"x-fc-control-path": "/invoke", "x-fc-request-id": "r-1", "x-fc-function-timeout": "60"}


def test_an_event_succeeds_with_200_and_its_result(capsys: pytest.CaptureFixture[str]) -> None:
    def handle(raw: bytes, deadline: Deadline) -> dict[str, Any]:
        assert 500 < deadline.remaining() < 600
        return {"bytes": len(raw)}

    headers = {**INVOKE, "x-fc-function-timeout": "600"}
    response = client(on_event=handle).post("/invoke", data=b"event", headers=headers)
    assert (response.status_code, response.get_json()) == (200, {"bytes": 5})
    output = capsys.readouterr().out.splitlines()
    assert output[0] == "FC Invoke Start RequestId: r-1"
    assert output[-1] == "FC Invoke End RequestId: r-1"


@pytest.mark.parametrize(
    "error", [TransientError("t", "Later."), ConfigurationError("c", "Wrong."), RuntimeError("bug")]
)
def test_an_event_that_fails_is_repeated_by_function_compute(error: Exception) -> None:
    def handle(_raw: bytes, _deadline: Deadline) -> None:
        raise error

    response = client(on_event=handle).post("/invoke", data=b"{}", headers=INVOKE)
    assert (response.status_code, response.headers["x-fc-status"]) == (404, "404")
    assert response.get_json()["error"]["request_id"] == "r-1"
    assert "bug" not in response.text


@pytest.mark.parametrize("given", ["0", "²", "-1", "1e9", "999999999999", "", "x"])
def test_a_timeout_that_makes_no_sense_is_not_believed(given: str) -> None:
    left: list[float] = []
    headers = {**INVOKE, "x-fc-function-timeout": given.encode().decode("latin-1")}
    client(on_event=lambda _, deadline: left.append(deadline.remaining())).post("/invoke", data=b"{}", headers=headers)
    assert 0 < left[0] <= 60


@pytest.mark.parametrize("path", ["/invoke", "/initialize"])
@pytest.mark.parametrize("headers", [{}, {"x-fc-control-path": "/http-invoke"}])
def test_the_public_cannot_reach_the_control_paths(path: str, headers: dict[str, str]) -> None:
    called: list[bytes] = []
    response = client(on_event=lambda raw, _: called.append(raw)).post(path, data=b"{}", headers=headers)
    assert (response.status_code, called) == (404, [])


def test_initialize_tells_why_the_function_will_not_start() -> None:
    def prepare(_deadline: Deadline) -> None:
        raise ConfigurationError("collection_mismatch", "Change EMBEDDING_MODEL.")

    response = client(prepare=prepare).post("/initialize", headers={"x-fc-control-path": "/initialize"})
    assert response.status_code == 502
    assert response.get_json()["error"]["code"] == "collection_mismatch"


INITIALIZE = {"x-fc-control-path": "/initialize", "x-fc-function-timeout": "1"}


def test_initialize_waits_for_what_the_worker_began_and_does_it_once() -> None:
    done: list[float] = []
    may_end = threading.Event()

    def prepare(_deadline: Deadline) -> None:
        may_end.wait(30)
        done.append(1)

    started = client(prepare=prepare)
    started.application.extensions["application"].begin()
    early = started.post("/initialize", headers=INITIALIZE)
    assert (early.status_code, early.get_json()["error"]["code"]) == (503, "not_ready")
    may_end.set()
    patient = {**INITIALIZE, "x-fc-function-timeout": "60"}
    assert started.post("/initialize", headers=patient).status_code == 200
    assert done == [1]


def test_a_start_that_failed_is_told_once_and_tried_again() -> None:
    answers = iter([TransientError("milvus_unavailable", "Milvus did not answer."), None])

    def prepare(_deadline: Deadline) -> None:
        if error := next(answers):
            raise error

    started = client(prepare=prepare)
    started.application.extensions["application"].begin()
    patient = {**INITIALIZE, "x-fc-function-timeout": "60"}
    assert [started.post("/initialize", headers=patient).status_code for _ in range(2)] == [503, 200]


SERVED = """
import gc, os, time
from shared.runtime.auth import Authenticator
from shared.runtime.responses import answer
from shared.runtime.web import Application

def prepare(deadline):
    while not os.path.exists("go"):
        time.sleep(0.01)
    raise RuntimeError("whatever comes of it")

def garbage():
    return answer({"collected": gc.isenabled(), "left alone": gc.get_freeze_count() > 10_000})

app = Application("served", authenticator=Authenticator(()), prepare=prepare).flask
app.get("/garbage")(garbage)
"""


def test_garbage_is_looked_for_once_the_start_is_over_and_only_in_what_requests_make(tmp_path: Path) -> None:
    (tmp_path / "served.py").write_text(SERVED)
    port = str(processes.free_port())
    environ = {"PYTHONPATH": f"{tmp_path}:{PROJECT}", "LISTEN_HOST": "127.0.0.1", "FC_CUSTOM_LISTEN_PORT": port}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:shared.runtime.serving", "--threads", "2", "served:app"]

    @tenacity.retry(stop=tenacity.stop_after_delay(30), wait=tenacity.wait_fixed(0.05))
    def garbage_is(collected: bool, left_alone: bool) -> None:
        output = requests.get(f"http://127.0.0.1:{port}/garbage", timeout=5).json()
        assert output == {"collected": collected, "left alone": left_alone}

    with subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **environ}) as gunicorn:
        try:
            garbage_is(collected=False, left_alone=False)
            (tmp_path / "go").touch()
            garbage_is(collected=True, left_alone=True)
        finally:
            gunicorn.terminate()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "wrong"}, 401),
        ({"x-api-key": "clé"}, 401),
        ({"Authorization": "Basic secret-1"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"x-api-key": "secret-1"}, 200),
        ({"Authorization": "Bearer secret-2"}, 200),
    ],
)
def test_only_a_known_key_lets_in(headers: dict[str, str], status: int) -> None:
    response = client("secret-1", "secret-2").get("/data", headers=headers)
    assert response.status_code == status
    if status == 401:
        body = response.get_json()["error"]
        body.pop("request_id")
        assert body == {
            "code": "unauthorized",
            "message": "Present an API key as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
        }


def test_a_key_in_the_address_does_not_count() -> None:
    assert client("secret").get("/data?api_key=secret&x-api-key=secret").status_code == 401


def test_health_needs_no_key() -> None:
    assert client("secret").get("/healthz").status_code == 200


def test_a_crash_is_a_500_without_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    response = client().get("/crash")
    assert (response.status_code, response.get_json()["error"]["code"]) == (500, "internal_error")
    assert "ZeroDivision" not in response.text
    assert any(record.exc_info for record in caplog.records)


def test_log_lines_are_json_with_the_requests_id(caplog: pytest.LogCaptureFixture) -> None:
    formatter = logs.JsonFormatter()
    with logs.bind(request_id="r-9", key="a.txt"):
        record = logging.getLogger("x").makeRecord(
            "x", logging.INFO, "", 0, "document_indexed", (), None, extra={"chunks": 3}
        )
        line = json.loads(formatter.format(record))
    assert line.pop("time").endswith("Z")
    assert line == {"level": "info", "event": "document_indexed", "request_id": "r-9", "key": "a.txt", "chunks": 3}


@pytest.mark.parametrize(
    "host",
    ["embed-abc.cn-beijing.fcapp.run", "SEARCH.example.com:443", "x.fc.devsapp.net.", "search.example.com"],
)
@pytest.mark.parametrize("path", ["/invoke", "/initialize"])
def test_no_header_makes_an_event_of_a_call_from_outside(host: str, path: str) -> None:
    called: list[bytes] = []
    application = Application(
        "test",
        authenticator=Authenticator(()),
        prepare=lambda _: called.append(b""),
        on_event=lambda raw, _: called.append(raw),
        domain="search.example.com",
    )
    headers = {**INVOKE, "x-fc-control-path": path, "Host": host}
    response = application.flask.test_client().post(path, data=b"{}", headers=headers)
    assert (response.status_code, called) == (404, [])
    inside = application.flask.test_client().post(path, data=b"{}", headers={**headers, "Host": "21.0.0.7:9000"})
    assert (inside.status_code, len(called)) == (200, 1)


def test_what_ends_an_instance_cannot_be_called_from_outside() -> None:
    assert client().get("/pre-stop", headers={"x-fc-control-path": "/http-invoke"}).status_code == 404
    assert client().get("/pre-stop").status_code == 200

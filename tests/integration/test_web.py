"""What the three functions' HTTP sides have in common, mostly through Flask's own client."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Literal

import flask
import pytest
import requests
import tenacity
from msgspec import Struct

from local import processes
from local.stack import PROJECT
from shared.domain.errors import ConfigurationError, RequestError, TransientError
from shared.runtime import logs
from shared.runtime.auth import Authenticator, Scope
from shared.runtime.connection import bounded_session
from shared.runtime.keyfile import KeyFile
from shared.runtime.origins import read_origins
from shared.runtime.request import read_body
from shared.runtime.responses import answer
from shared.runtime.settings.access import AccessSettings
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
        ({"Authorization": "bearer secret-2"}, 200),
        ({"Authorization": "BEARER   secret-2 "}, 200),
        ({"Authorization": "secret-2"}, 401),
        ({"Authorization": "Bearersecret-2"}, 401),
        ({"Authorization": "Token secret-2"}, 401),
    ],
)
def test_only_a_known_key_lets_in(headers: dict[str, str], status: int) -> None:
    response = client("secret-1", "secret-2").get("/data", headers=headers)
    assert response.status_code == status
    assert response.headers.get("WWW-Authenticate") == ('Bearer realm="semantic-search"' if status == 401 else None)
    if status == 401:
        body = response.get_json()["error"]
        body.pop("request_id")
        assert body == {
            "code": "unauthorized",
            "message": "Present an API key as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
        }


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/data/.well-known/openid-configuration",
        "/register",
    ],
)
def test_where_nothing_is_clients_that_look_for_oauth_are_told_so_without_a_key(path: str, method: str) -> None:
    response = client("secret").open(path, method=method)
    assert (response.status_code, response.get_json()["error"]["code"]) == (404, "not_found")


def test_another_method_of_a_route_needs_a_key_too() -> None:
    assert client("secret").post("/data").status_code == 401
    assert client("secret").post("/data", headers={"x-api-key": "secret"}).status_code == 405


def test_a_key_in_the_address_does_not_count() -> None:
    assert client("secret").get("/data?api_key=secret&x-api-key=secret").status_code == 401


def test_health_needs_no_key() -> None:
    assert client("secret").get("/healthz").status_code == 200


def test_health_may_say_what_is_true_at_the_moment() -> None:
    models = ["old"]
    application = Application(
        "test", authenticator=Authenticator(()), prepare=lambda _: None, about=lambda: {"model": models[-1]}
    )
    asked = application.flask.test_client()
    assert asked.get("/healthz").get_json()["model"] == "old"
    models.append("new")
    assert asked.get("/healthz").get_json()["model"] == "new"


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


def test_a_call_that_was_queued_is_refused() -> None:
    for value in ("Async", "async"):
        for key in ({}, {"x-api-key": "secret"}):
            response = client("secret").get("/data", headers={"x-fc-invocation-type": value, **key})
            assert (response.status_code, response.get_json()["error"]["code"]) == (400, "asynchronous_call")
    sync = {"x-fc-invocation-type": "Sync", "x-api-key": "secret"}
    assert client("secret").get("/data", headers=sync).status_code == 200
    invoke = {**INVOKE, "x-fc-invocation-type": "Async"}  # an event is what it is meant for
    assert client(on_event=lambda *_: {}).post("/invoke", data=b"{}", headers=invoke).status_code == 200


HASHED = "sha256:" + hashlib.sha256(b"secret").hexdigest()


@pytest.mark.parametrize("entry", [HASHED, HASHED.upper().replace("SHA256", "sha256"), f"{HASHED}@acme"])
def test_a_hash_stands_for_its_key(entry: str) -> None:
    application = client(entry)
    assert application.get("/data", headers={"x-api-key": "secret"}).status_code == 200
    for wrong in (HASHED, HASHED.removeprefix("sha256:"), entry, "secret@acme"):
        assert application.get("/data", headers={"x-api-key": wrong}).status_code == 401


@pytest.mark.parametrize("entry", ["sha256:", "sha256:abc", "sha256:" + "g" * 64, HASHED + "0", HASHED[:-1]])
def test_a_hash_that_is_none_is_refused_at_start(entry: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits") as caught:
        Authenticator([entry])
    assert entry not in str(caught.value) or entry == "sha256:"


def test_thousands_of_keys_come_from_a_file_and_change_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    monkeypatch.setattr("shared.runtime.keyfile.clock.monotonic", lambda: now[0])
    file = tmp_path / "keys"
    file.write_text("# keys\n\n" + "\n".join(f"key-{i}@tenant-{i}" for i in range(10_000)) + f"\r\n{HASHED}\n")
    authenticator = Authenticator(["other"], KeyFile(str(file)))
    assert authenticator.authenticate("", "key-9999").tenants == frozenset({"tenant-9999"})
    assert authenticator.find("", "secret") == authenticator.find("", "other") == Scope()
    assert authenticator.find("", "# keys") is None
    file.write_text("key-new\n")
    assert authenticator.find("", "key-5") is not None
    now[0] = 100
    assert (authenticator.find("", "key-5"), authenticator.find("", "key-new")) == (None, Scope())
    file.write_text("sha256:nonsense\n")
    now[0] = 200
    assert authenticator.find("", "key-new") == Scope()
    assert caplog.records[-1].getMessage() == "api_keys_unreadable"
    file.unlink()
    now[0] = 3_600
    assert authenticator.find("", "key-new") == Scope()
    now[0] = 4_000
    with pytest.raises(TransientError, match="keys_unavailable"):
        authenticator.find("", "key-new")
    assert authenticator.find("", "other") == Scope()
    file.write_text("key-new\n")
    now[0] = 4_100
    assert authenticator.find("", "key-new") == Scope()


@pytest.mark.parametrize("content", [None, b"", b"# nothing\n", b"a\n" * 50_001, b"x" * 9_000_000, b"sha256:x\n"])
def test_a_file_without_usable_keys_is_refused_at_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="API_KEYS"):
        AccessSettings(keys_file=str(file)).authenticator()


CORS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


def browser(origins: str) -> FlaskClient:
    application = Application(
        "test", authenticator=Authenticator(["secret"]), prepare=lambda _: None, origins=read_origins(origins)
    )
    application.flask.get("/data")(data)
    return application.flask.test_client()


def test_no_page_of_another_site_may_call_by_default() -> None:
    headers = {"Origin": "https://app.example.com"}
    assert browser("").options("/data", headers={**headers, **CORS}).status_code == 401
    answered = browser("").get("/data", headers={**headers, "x-api-key": "secret"})
    assert not any(name.startswith("Access-Control") for name in dict(answered.headers))


@pytest.mark.parametrize("origins", ["https://app.example.com", "http://a.example, https://APP.example.com", "*"])
def test_pages_of_the_origins_in_the_settings_may_call(origins: str) -> None:
    headers = {"Origin": "https://app.example.com"}
    asked = browser(origins).options("/data", headers={**headers, **CORS})
    assert asked.status_code == 204
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    for response in (
        asked,
        browser(origins).get("/data", headers={**headers, "x-api-key": "secret"}),
        browser(origins).get("/data", headers=headers),
    ):
        assert response.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
        assert "Origin" in response.headers["Vary"]
    if origins != "*":
        other = {"Origin": "https://app.example.com.evil.example"}
        assert browser(origins).options("/data", headers={**other, **CORS}).status_code == 401
        assert "Access-Control-Allow-Origin" not in browser(origins).get("/data", headers=other).headers


@pytest.mark.parametrize("origins", ["app.example.com", "https://app.example.com/", "https://a b", "ftp://x", "null"])
def test_an_origin_that_is_none_is_refused_at_start(origins: str) -> None:
    with pytest.raises(ValueError, match="CORS_ORIGINS"):
        read_origins(origins)


def test_every_405_says_what_is_allowed() -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "FROB", "TRACE"):
        response = client().open("/data", method=method)
        assert response.status_code == 405
        assert response.headers["Allow"] == "GET, HEAD"


class Asked(Struct, forbid_unknown_fields=True):
    texts: list[str]
    size: int = 5
    kind: Literal["a", "b"] = "a"


def read(body: bytes, most: int = 10) -> Any:
    with flask.Flask("test").test_request_context(data=body, method="POST"):
        return read_body(Asked, most)


@pytest.mark.parametrize("field", ["size", "kind"])
@pytest.mark.parametrize("null", ["null", " null ", "\tnull\n"])
def test_null_counts_as_left_out(field: str, null: str) -> None:
    assert read(f'{{"texts": ["null", "\\u00e4"], "{field}":{null}}}'.encode()) == Asked(["null", "ä"])


@pytest.mark.parametrize("body", [b'{"texts": null}', b'{"texts": ["a", null]}', b'{"texts": [], "x": null}', b"null"])
def test_null_is_refused_where_a_value_is_needed(body: bytes) -> None:
    with pytest.raises(RequestError, match="invalid_request"):
        read(body)


@pytest.mark.parametrize("text", ["", '"', "\\", '\\"', "\\\\", 'a"b"c', "é\n\t"])
def test_texts_are_counted_whatever_they_hold(text: str) -> None:
    many = json.dumps({"texts": [text] * 400}).encode()
    assert len(read(many, 400).texts) == 400
    with pytest.raises(RequestError, match="too_many_texts"):
        read(many, 250)


def test_a_lost_connection_is_noticed_within_half_a_minute() -> None:
    adapter = bounded_session("http://127.0.0.1", 1).get_adapter("http://127.0.0.1")
    options = dict(option[1:] for option in adapter.poolmanager.connection_pool_kw["socket_options"])  # type: ignore[attr-defined]
    idle, interval, count = (options[getattr(socket, f"TCP_KEEP{name}")] for name in ("IDLE", "INTVL", "CNT"))
    assert idle + interval * count <= 30


def test_certificates_of_the_environment_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert bounded_session("https://example.com", 1).verify is True
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, f"/etc/{name}.pem")
        assert bounded_session("https://example.com", 1).verify == f"/etc/{name}.pem"


@pytest.mark.parametrize(
    ("keys", "host", "origin", "expected"),
    [
        ((), "evil.example", "", "host_forbidden"),
        ((), "10.0.0.8:9000", "http://evil.example", "origin_forbidden"),
        ((), "10.0.0.8:9000", "null", "origin_forbidden"),
        ((), "10.0.0.8:9000", "http://10.0.0.8:9000", ""),
        ((), "localhost", "", ""),
        (("secret",), "evil.example", "http://evil.example", ""),
    ],
)
def test_without_keys_pages_of_other_sites_are_refused(
    keys: tuple[str, ...], host: str, origin: str, expected: str
) -> None:
    application = Application("test", authenticator=Authenticator(keys), prepare=lambda _: None)
    application.flask.post("/data")(data)
    headers = {"Host": host, **({"Origin": origin} if origin else {}), **({"x-api-key": "secret"} if keys else {})}
    answered = application.flask.test_client().post("/data", headers=headers)
    assert (answered.get_json().get("error") or {}).get("code", "") == expected

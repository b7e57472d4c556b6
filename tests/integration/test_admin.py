"""The routes for operators: who may call them, and what they ask of Function Compute."""

from __future__ import annotations

import gzip
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from flask import Flask, Response, request
from werkzeug.serving import make_server

from functions.search.admin import PAGE, RETRY, Admin
from functions.search.uploads import Uploads
from shared.runtime.auth import Authenticator
from shared.runtime.environment import Secret
from shared.runtime.settings import AdminSettings, SourceSettings, UploadSettings
from shared.runtime.web import Application
from shared.store.schema import Space

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

OPERATOR = {"x-api-key": "operator"}
CONTEXT = {"x-fc-region": "cn-beijing", "x-fc-account-id": "42"}
CREDENTIALS = {"x-fc-access-key-id": "id", "x-fc-access-key-secret": "secret", "x-fc-security-token": "token"}
INVOCATIONS = "/2023-03-30/functions/ingest/invocations"
CALLERS = [
    ({}, "unauthorized"),
    ({"x-api-key": "wrong"}, "unauthorized"),
    ({"x-api-key": "plain"}, "admin_only"),
    ({"x-api-key": "bound"}, "admin_only"),
    ({"Authorization": "Bearer bound"}, "admin_only"),
]


def client(keys: str = "operator", endpoint: str = "", function: str = "ingest", open_: bool = False) -> FlaskClient:
    settings = AdminSettings(api_keys=Secret(keys), ingest_function=function, endpoint=endpoint)
    entries = () if open_ else ("plain", "bound@acme")
    application = Application(
        "search",
        authenticator=Authenticator(entries, operators=settings.keys),
        prepare=lambda _: None,
        open_paths=frozenset({PAGE}),
        body_limits={RETRY: 10_000},
    )
    store: Any = SimpleNamespace(
        check=lambda _: True, space=Space("text-embedding-v4", 512), registry=SimpleNamespace(count=lambda *_: 3)
    )
    members: Any = [SimpleNamespace(store=store)]
    stores: Any = SimpleNamespace(find_members=lambda _: members)
    Admin(settings, stores, Uploads(UploadSettings(), SourceSettings(), stores)).register(application.flask)
    return application.flask.test_client()


class FunctionCompute:
    """Takes events, as the API of Function Compute does."""

    def __init__(self) -> None:
        self.status = 202
        self.calls: list[tuple[str, dict[str, str], Any]] = []
        self.url = ""
        self.app = Flask("fc")
        self.app.post(INVOCATIONS)(self.take)

    def take(self) -> Response:
        headers = {name.lower(): value for name, value in request.headers}
        self.calls.append((request.path, headers, msgspec.json.decode(request.get_data())))
        return Response(status=self.status)


@pytest.fixture
def compute() -> Iterator[FunctionCompute]:
    taking = FunctionCompute()
    server = make_server("127.0.0.1", 0, taking.app)
    taking.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield taking
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("route", [("get", "/admin/status"), ("post", RETRY)])
@pytest.mark.parametrize(("headers", "code"), CALLERS)
def test_only_keys_of_operators_may_call(
    compute: FunctionCompute, route: tuple[str, str], headers: dict[str, str], code: str
) -> None:
    method, path = route
    response = client(endpoint=compute.url).open(
        path, method=method.upper(), data=b"{}", headers={**headers, **CREDENTIALS}
    )
    assert response.get_json()["error"]["code"] == code
    assert response.status_code == (401 if code == "unauthorized" else 403)
    assert compute.calls == []


def test_a_service_without_keys_asks_operators_for_theirs_all_the_same() -> None:
    callers = client(open_=True)
    assert callers.get("/admin/status").status_code == 403
    assert callers.get("/admin/status", headers=OPERATOR).status_code == 200


def test_nothing_is_there_without_keys_of_operators() -> None:
    for method, path in (("GET", PAGE), ("GET", "/admin/status"), ("POST", RETRY)):
        response = client(keys="").open(path, method=method, headers={"x-api-key": "plain"}, data=b"{}")
        assert (response.status_code, response.get_json()["error"]["code"]) == (404, "admin_off")


def test_the_page_may_be_loaded_without_a_key_and_holds_none() -> None:
    response = client().get(PAGE)
    assert response.status_code == 200
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert b'operator"' not in response.get_data()


def test_a_browser_that_holds_the_page_is_not_sent_it_again() -> None:
    callers = client()
    plain = callers.get(PAGE)
    packed = callers.get(PAGE, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.get_data()) == plain.get_data()
    assert len(packed.get_data()) < len(plain.get_data()) / 2
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        again = callers.get(PAGE, headers={**headers, "If-None-Match": plain.headers["ETag"]})
        assert (again.status_code, again.get_data()) == (304, b"")
    assert callers.get(PAGE, headers={"If-None-Match": 'W/"another"'}).status_code == 200


def test_a_retry_is_queued_for_ingest_with_the_credentials_of_the_invocation(compute: FunctionCompute) -> None:
    response = client(endpoint=compute.url).post(
        RETRY, json={"state": "failed", "code": "broken_file"}, headers={**OPERATOR, **CONTEXT, **CREDENTIALS}
    )
    assert (response.status_code, response.get_json()["queued"]) == (200, True)
    ((path, headers, event),) = compute.calls
    assert path == INVOCATIONS
    assert event == {"action": "retry", "state": "failed", "code": "broken_file"}
    assert headers["x-fc-invocation-type"] == "Async"
    assert headers["x-acs-security-token"] == "token"
    assert headers["authorization"].startswith("ACS3-HMAC-SHA256 Credential=id,")
    assert "secret" not in str(headers)


@pytest.mark.parametrize(
    ("status", "answered", "code"),
    [
        (403, 502, "invocation_refused"),
        (404, 502, "invocation_refused"),
        (429, 503, "event_not_queued"),
        (500, 503, "event_not_queued"),
    ],
)
def test_what_function_compute_refuses_is_not_called_queued(
    compute: FunctionCompute, status: int, answered: int, code: str
) -> None:
    compute.status = status
    response = client(endpoint=compute.url).post(RETRY, json={}, headers={**OPERATOR, **CREDENTIALS})
    assert (response.status_code, response.get_json()["error"]["code"]) == (answered, code)
    assert len(compute.calls) == 1


def test_a_function_compute_out_of_reach_is_not_called_queued() -> None:
    response = client(endpoint="http://127.0.0.1:1").post(RETRY, json={}, headers={**OPERATOR, **CREDENTIALS})
    assert response.get_json()["error"]["code"] == "event_not_queued"


@pytest.mark.parametrize(
    "body", [b"[]", b'{"state": "deleted"}', b'{"reconcile": true}', b'{"id": "%s"}' % (b"x" * 1_024)]
)
def test_a_selection_that_ingest_would_not_take_is_refused_at_once(compute: FunctionCompute, body: bytes) -> None:
    response = client(endpoint=compute.url).post(RETRY, data=body, headers={**OPERATOR, **CREDENTIALS})
    assert response.get_json()["error"]["code"] == "invalid_request"
    assert compute.calls == []


def test_without_a_function_to_ask_nothing_can_be_tried_again() -> None:
    response = client(function="").post(RETRY, json={}, headers={**OPERATOR, **CREDENTIALS})
    assert (response.status_code, response.get_json()["error"]["code"]) == (404, "retry_off")


@pytest.mark.parametrize("keys", ["key@acme", "one,two@acme"])
def test_a_key_of_operators_is_bound_to_no_tenant(keys: str) -> None:
    with pytest.raises(ValueError, match="ADMIN_API_KEYS"):
        AdminSettings(api_keys=Secret(keys))

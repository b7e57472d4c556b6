"""What the fuzzer sends requests to follows from the description."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from tests.fuzz import Crafter, Oracle, Request
from tests.fuzz_targets import DESCRIPTION, Target, find_path, list_targets


def test_every_operation_of_the_description_is_a_target() -> None:
    found = {(target.path, method) for target in list_targets() for method in target.methods}
    assert found == {(path, name.upper()) for path, names in DESCRIPTION["paths"].items() for name in names}
    assert {target.function for target in list_targets() if target.path == "/healthz"} == {"embed", "search"}


def test_a_new_route_is_fuzzed_with_its_fields_without_a_change_here() -> None:
    described = deepcopy(DESCRIPTION)
    described["components"]["schemas"]["NewRequest"] = {
        "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
        "required": ["size"],
    }
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/NewRequest"}}}
    described["paths"]["/new/{part}"] = {"put": {"tags": ["search"], "requestBody": {"content": content}}}
    targets = list_targets(described)
    assert Target("search", "/new/{part}", ("PUT",), ("name", "size"), {"size": 1}) in targets
    crafter = Crafter(0, targets)
    sent = [request for request in (crafter.request() for _ in range(2_000)) if request.target.startswith("/new/")]
    assert {"PUT", "POST", "GET"} <= {request.method for request in sent}
    assert any(b'"size": 1' in request.body for request in sent if isinstance(request.body, bytes))


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/documents/ab?x=1", "/documents/{document_id}"),
        ("/documents/ab/chunks", "/documents/{document_id}/chunks"),
        ("//search", "/search"),
        ("/documents/", "/documents/"),
        ("/documents/ab/other", "/documents/ab/other"),
        ("/v1/models/a", "/v1/models/{name}"),
    ],
)
def test_a_request_is_judged_by_the_path_it_goes_to(target: str, path: str) -> None:
    assert find_path(target) == path


HEADERS = {"x-request-id": "r-1", "x-content-type-options": "nosniff", "content-type": "application/json"}


def make_refusal(code: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": "", "request_id": ""}}).encode()


def test_a_large_body_of_a_get_and_a_foreign_page_may_be_refused_anywhere() -> None:
    judge = Oracle()
    assert not judge.wrong(Request("search", "GET", "/healthz"), 413, HEADERS, make_refusal("body_too_large"))
    assert not judge.wrong(Request("search", "POST", "/invoke"), 403, HEADERS, make_refusal("origin_forbidden"))
    assert judge.wrong(Request("search", "POST", "/invoke"), 403, HEADERS, make_refusal("admin_only"))
    assert judge.wrong(Request("search", "GET", "/healthz"), 413, HEADERS, make_refusal("admin_only"))


def test_a_page_that_the_browser_holds_and_a_call_of_function_compute_are_as_described() -> None:
    judge = Oracle()
    html = {**HEADERS, "content-type": "text/html; charset=utf-8"}
    assert not judge.wrong(Request("search", "GET", "/"), 304, html, b"")
    assert judge.wrong(Request("search", "GET", "/"), 304, html, b"text")
    assert judge.wrong(Request("search", "GET", "/search?q=a"), 304, HEADERS, b"")
    assert not judge.wrong(Request("search", "POST", "/initialize"), 200, HEADERS, b'{"status":"ready"}')
    assert judge.wrong(Request("search", "POST", "/initialise"), 200, HEADERS, b'{"status":"ready"}')

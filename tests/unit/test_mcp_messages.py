"""Messages of the Model Context Protocol, as clients of many languages write them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.datastructures import Headers

from functions.search.mcp import Endpoint

ENDPOINT = Endpoint("test", "", [])


def send(message: dict[str, Any]) -> tuple[Any, int]:
    return ENDPOINT.answer(json.dumps({"jsonrpc": "2.0", **message}).encode(), Headers())


@pytest.mark.parametrize("id_", [0, -1, 1.0, 2.5, "", "a", 10**20])
def test_an_id_comes_back_as_it_was_sent(id_: Any) -> None:
    answer, status = send({"id": id_, "method": "ping"})
    assert (answer["id"], type(answer["id"]), status) == (id_, type(id_), 200)


@pytest.mark.parametrize("fields", [{}, {"id": None}])
@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled", "notifications/unknown"])
def test_a_notification_is_taken_with_an_id_of_null_too(method: str, fields: dict[str, Any]) -> None:
    assert send({"method": method, **fields}) == (None, 202)


@pytest.mark.parametrize("id_", [None, True, [], {}])
def test_other_ids_are_refused(id_: Any) -> None:
    answer, status = send({"id": id_, "method": "ping"})
    assert (answer["error"]["code"], status) == (-32600, 400)


@pytest.mark.parametrize(("params", "code"), [({"cursor": "abc"}, -32602), ({"cursor": ""}, 0), ({"cursor": None}, 0)])
def test_a_cursor_that_was_never_given_is_refused(params: dict[str, Any], code: int) -> None:
    answer, _ = send({"id": 1, "method": "tools/list", "params": params})
    assert answer.get("error", {"code": 0})["code"] == code

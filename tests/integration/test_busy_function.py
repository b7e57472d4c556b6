"""A function with no free instance: the operator's call waits for its turn after events."""

from __future__ import annotations

import threading
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flask import Flask, Response
from werkzeug.serving import make_server

from ops.deployment import load
from ops.invoking import InvocationError, invoke

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


class Plane:
    """Function Compute's API, with as many refusals as a test asks for."""

    def __init__(self) -> None:
        self.refusals = 0
        self.calls = 0
        self.code = "ResourceExhausted"
        self.url = ""

    def answer(self, name: str) -> Response:
        self.calls += 1
        if self.calls <= self.refusals:
            body = f'{{"Code": "{self.code}", "Message": "all places of {name} are taken", "RequestId": "1"}}'
            return Response(body, HTTPStatus.TOO_MANY_REQUESTS, mimetype="application/json")
        return Response('{"results": []}', mimetype="application/json")


@pytest.fixture
def plane() -> Iterator[Plane]:
    plane, app = Plane(), Flask("plane")
    app.post("/2023-03-30/functions/<name>/invocations")(plane.answer)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    plane.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield plane
    server.shutdown()
    server.server_close()


def call(plane: Plane) -> object:
    return invoke(load(ROOT / "s.yaml", {}).functions["ingest"], {"action": "reconcile"}, {"FC_ENDPOINT": plane.url})


def test_a_call_waits_while_all_instances_are_busy(plane: Plane) -> None:
    plane.refusals = 2
    assert call(plane) == {"results": []}
    assert plane.calls == 3


def test_another_refusal_ends_it_at_once(plane: Plane) -> None:
    plane.refusals, plane.code = 2, "FunctionNotFound"
    with pytest.raises(InvocationError, match="all places"):
        call(plane)
    assert plane.calls == 1

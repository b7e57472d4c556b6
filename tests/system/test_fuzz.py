"""Whatever is sent, the answer is one the description knows, and the next good request is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import testbed
from tests.fuzz import SETTINGS, Oracle, Request, fuzz

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.testbed import Testbed


@pytest.fixture(scope="module")
def bed() -> Iterator[Testbed]:
    with testbed.testbed(0, environ=SETTINGS) as bed:
        bed.drop({"sea.md": b"# Sea\n\nThe sea breeze comes in at noon.\n"})
        bed.await_indexed(1, lambda _: None)
        yield bed


def test_nothing_undocumented_comes_back_whatever_is_sent(bed: Testbed) -> None:
    verdicts = fuzz(bed, 400)
    assert sum(verdicts.statuses.values()) >= 400
    assert verdicts.wrong == []
    assert verdicts.slow() < 20


HEADERS = {"x-request-id": "r-1", "x-content-type-options": "nosniff", "content-type": "application/json"}


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (500, b'{"error": {"code": "internal_error", "message": "", "request_id": ""}}'),
        (418, b'{"error": {"code": "teapot", "message": "", "request_id": ""}}'),
        (400, b'{"error": {"code": "unheard_of", "message": "", "request_id": ""}}'),
        (400, b'{"error": {"code": "invalid_json", "message": "Traceback", "request_id": ""}}'),
        (200, b'{"embeddings": []}'),
        (401, b'{"error": {"code": "unauthorized", "message": "", "request_id": "", "key": "k"}}'),
    ],
)
def test_the_judge_sees_what_must_not_be(status: int, content: bytes) -> None:
    assert Oracle().wrong(Request("embed", "POST", "/embed"), status, HEADERS, content)

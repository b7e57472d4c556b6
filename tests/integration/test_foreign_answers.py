"""What answers in place of OSS, such as a proxy or a wrong address, says nothing about objects."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from shared.domain.errors import TransientError
from shared.ingestion.bucket import Bucket
from shared.runtime.retrying import Deadline
from shared.runtime.settings import BucketSettings, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = b"<html><title>404 page not found</title></html>"
EMPTY = b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
NAMES = ("a.txt", "b.txt")


class Foreigner(BaseHTTPRequestHandler):
    status: int
    body: bytes
    is_oss: bool

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        if self.is_oss:
            self.send_header("x-oss-request-id", "68F0A1")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.body)

    do_HEAD = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *_: Any) -> None:
        pass


def serve(status: int, body: bytes, *, is_oss: bool) -> ThreadingHTTPServer:
    handler = type("Handler", (Foreigner,), {"status": status, "body": body, "is_oss": is_oss})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Iterator[Callable[[Callable[[Bucket, Deadline], object]], object]]:
    status, body, is_oss = request.param
    server = serve(status, body, is_oss=is_oss)
    endpoint = f"http://127.0.0.1:{server.server_port}"
    bucket = Bucket(BucketSettings(bucket="b-1", endpoint=endpoint, access_key_id="a", access_key_secret=Secret("s")))
    yield lambda what: what(bucket, Deadline.after(2))
    server.shutdown()
    server.server_close()


QUESTIONS: dict[str, Callable[[Bucket, Deadline], object]] = {
    "state": lambda bucket, until: bucket.state(bucket.key("a.txt"), until),
    "walk": lambda bucket, until: list(bucket.walk(until)),
    "look up": lambda bucket, until: bucket.look_up(map(bucket.key, NAMES), until),
    "keys": lambda bucket, until: list(bucket.list_keys("", until)),
}


@pytest.mark.parametrize(
    "ask",
    [(404, PAGE, False), (200, PAGE, False), (200, EMPTY, False), (204, b"", False), (403, PAGE, False)],
    indirect=True,
    ids=["404", "200", "an empty listing", "204", "403"],
)
@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_that_is_not_of_oss_removes_nothing(ask: Callable[[Any], object], question: str) -> None:
    """A 404 would say that the object is gone, and a page that the bucket is empty."""
    with pytest.raises(TransientError, match="oss_unavailable"):
        ask(QUESTIONS[question])


@pytest.mark.parametrize(
    "ask", [(200, EMPTY[:-30], True), (404, PAGE, True)], indirect=True, ids=["cut off", "404 to a listing"]
)
@pytest.mark.parametrize("question", ["walk", "look up", "keys"])
def test_a_listing_that_cannot_be_read_is_asked_for_again_later(ask: Callable[[Any], object], question: str) -> None:
    with pytest.raises(TransientError, match="oss_"):
        ask(QUESTIONS[question])


@pytest.mark.parametrize("ask", [(404, b"", True)], indirect=True)
def test_that_an_object_is_gone_is_believed_of_oss(ask: Callable[[Any], object]) -> None:
    assert ask(QUESTIONS["state"]) is None

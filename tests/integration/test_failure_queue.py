"""The queue of failed events, as the API of Simple Message Queue answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from ops.cloud import CloudError
from ops.deployment import load
from ops.failure_queue import find_queue

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DEPLOYMENT = load(ROOT / "s.yaml", {})
SECRET = "secret-of-the-test"
_BATCH = 16


class Queue:
    """Messages by their id; a received one is invisible from then on.

    Attributes:
        refuses: the code of the error with which every call is answered.
    """

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}
        self.received: set[str] = set()
        self.refuses = ""
        self.url = ""

    def answer(self, method: str, asked: dict[str, list[str]]) -> tuple[int, str]:
        if self.refuses:
            return 403, _error(self.refuses)
        if method == "DELETE":
            del self.messages[asked["ReceiptHandle"][0].removeprefix("handle/+")]
            return 204, ""
        visible = [name for name in self.messages if name not in self.received][: int(asked["numOfMessages"][0])]
        if "peekonly" not in asked:
            self.received.update(visible)
        if not visible:
            return 404, _error("MessageNotExist")
        items = (
            f"<Message><MessageId>{name}</MessageId><ReceiptHandle>handle/+{name}</ReceiptHandle>"
            f"<MessageBody>{self.messages[name]}</MessageBody></Message>"
            for name in visible
        )
        return (
            200,
            f'<?xml version="1.0"?><Messages xmlns="http://mns.aliyuncs.com/doc/v1/">{"".join(items)}</Messages>',
        )


def _error(code: str) -> str:
    return f'<Error xmlns="http://mns.aliyuncs.com/doc/v1/"><Code>{code}</Code><Message>It is so.</Message></Error>'


@pytest.fixture
def queue() -> Iterator[Queue]:
    found = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = f"{self.command}\n\ntext/xml\n{self.headers['Date']}\nx-mns-version:2015-06-06\n{self.path}"
            digest = base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()).decode()
            assert urlsplit(self.path).path == "/queues/semantic-search-failed/messages"
            status, body = found.answer(self.command, parse_qs(urlsplit(self.path).query))
            if self.headers["Authorization"] != f"MNS key:{digest}":
                status, body = 403, _error("SignatureDoesNotMatch")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_DELETE(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def environ(queue: Queue) -> dict[str, str]:
    key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "key", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET}
    return {**key, "ALIBABA_CLOUD_ENDPOINT": queue.url}


def record(number: int) -> str:
    return json.dumps(
        {
            "requestContext": {"functionArn": "acs:fc:cn-beijing:1:functions/f/LATEST"},
            "requestPayload": json.dumps({"number": number}),
            "responsePayload": {"error": {"code": "milvus_unavailable"}},
        }
    )


def test_all_messages_are_read_and_removed_whether_their_body_is_text_or_base64(queue: Queue) -> None:
    texts = [record(number) for number in range(2 * _BATCH + 3)]
    queue.messages = {
        f"{number}": base64.b64encode(text.encode()).decode() if number % 2 else text
        for number, text in enumerate(texts)
    }
    opened = find_queue(DEPLOYMENT, environ(queue))
    events = list(opened.list_events(peek=False))
    assert [json.loads(event.payload)["number"] for event in events] == list(range(len(texts)))
    assert {(event.function, event.code) for event in events} == {("f", "milvus_unavailable")}
    for event in events:
        opened.remove(event)
    assert queue.messages == {}


def test_a_look_leaves_messages_visible(queue: Queue) -> None:
    queue.messages = {"1": record(1)}
    assert len(list(find_queue(DEPLOYMENT, environ(queue)).list_events(peek=True))) == 1
    assert queue.received == set()


def test_an_empty_queue_has_no_events(queue: Queue) -> None:
    assert list(find_queue(DEPLOYMENT, environ(queue)).list_events(peek=False)) == []


def test_a_refusal_is_an_error_with_the_code_of_the_service(queue: Queue) -> None:
    queue.refuses = "AccessDenied"
    with pytest.raises(CloudError, match="It is so") as raised:
        list(find_queue(DEPLOYMENT, environ(queue)).list_events(peek=False))
    assert raised.value.code == "AccessDenied"


def test_a_service_that_does_not_answer_is_an_error(queue: Queue) -> None:
    closed = environ(queue) | {"ALIBABA_CLOUD_ENDPOINT": "http://127.0.0.1:1"}
    with pytest.raises(CloudError) as raised:
        list(find_queue(DEPLOYMENT, closed).list_events(peek=True))
    assert raised.value.code == "not_answered"

"""A proxy that lets a service behave otherwise: it changes requests and answers on their way."""

from __future__ import annotations

import http.client
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OF_CONNECTIONS = ("transfer-encoding", "connection", "content-length", "keep-alive")


@dataclass
class Exchange:
    """A request, and its answer once there is one; whatever is changed is sent on. One answered before is not sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int = 0
    answer_headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""


class Altering:
    """What is changed: nothing, until a test sets it."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self.host, self.port = parts.hostname or "", parts.port or 0
        self.address = ""
        self.reset()

    def reset(self) -> None:
        self.before: Callable[[Exchange], None] = lambda _: None
        self.after: Callable[[Exchange], None] = lambda _: None

    def pass_on(self, exchange: Exchange) -> None:
        self.before(exchange)
        if exchange.status == 0:
            self._forward(exchange)
        self.after(exchange)

    def _forward(self, exchange: Exchange) -> None:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(exchange.method, exchange.path, exchange.body or None, exchange.headers)
            answer = connection.getresponse()
            exchange.status, exchange.content = answer.status, answer.read()
            exchange.answer_headers = dict(answer.getheaders())
        finally:
            connection.close()


@contextmanager
def altering(target: str) -> Iterator[Altering]:
    """A proxy in front of ``target``."""
    altered = Altering(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            exchange = Exchange(self.command, self.path, dict(self.headers.items()), body)
            altered.pass_on(exchange)
            self.send_response(exchange.status)
            length = exchange.answer_headers.get("Content-Length") if self.command == "HEAD" else None
            for name, value in exchange.answer_headers.items():
                if name.lower() not in _OF_CONNECTIONS:
                    self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(exchange.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(exchange.content)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        altered.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield altered
        finally:
            server.shutdown()
            thread.join()

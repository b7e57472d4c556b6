"""The bound on the time of an answer, against a server in a thread."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest
import requests

from shared.runtime import clock
from shared.runtime.connection import bounded_session

if TYPE_CHECKING:
    from collections.abc import Callable

# More than is read at once.
CONTENT = b"paid for " * 20_000
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode()
SECONDS = 30


def fetch(answer: Callable[[socket.socket], object]) -> bytes:
    """The content that a client with a bound of ``SECONDS`` gets from a server that answers so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(65_536)
                answer(client)
                client.recv(1)  # until the client is gone

        server = threading.Thread(target=serve)
        server.start()
        try:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with bounded_session(address, 1) as session:
                return session.get(address, timeout=(SECONDS, SECONDS)).content
        finally:
            server.join()


def test_an_answer_that_arrived_while_the_process_was_frozen_is_not_thrown_away() -> None:
    with clock.use(clock.ManualClock()) as manual:

        def answer(client: socket.socket) -> None:
            manual.sleep(3_600)
            client.sendall(HEAD + CONTENT)

        assert fetch(answer) == CONTENT


def test_what_has_not_arrived_by_then_is_not_waited_for() -> None:
    with clock.use(clock.ManualClock()) as manual:

        def answer(client: socket.socket) -> None:
            client.sendall(HEAD + CONTENT[:100])
            manual.sleep(3_600)
            client.sendall(CONTENT[100:200])

        with pytest.raises(requests.RequestException):
            fetch(answer)

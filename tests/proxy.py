"""A middlebox between a client and its server that can forget what it knows."""

from __future__ import annotations

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class ForgetfulProxy:
    """A middlebox that can drop all it knows of open connections without telling either end."""

    def __init__(self, address: str) -> None:
        self._host, self._port = urlsplit(address).hostname or "", urlsplit(address).port or 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._forgotten: list[threading.Event] = []
        self._sockets: list[socket.socket] = []
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def connections(self) -> int:
        return len(self._forgotten)

    def forget(self) -> None:
        for forgotten in self._forgotten:
            forgotten.set()

    def __enter__(self) -> ForgetfulProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for open_socket in (self._listener, *self._sockets):
            open_socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self._host, self._port))
                forgotten = threading.Event()
                self._forgotten.append(forgotten)
                self._sockets += [client, server]
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._forward, args=(one, other, forgotten), daemon=True).start()

    @staticmethod
    def _forward(one: socket.socket, other: socket.socket, forgotten: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                if not forgotten.is_set():
                    other.sendall(data)

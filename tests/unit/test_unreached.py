"""Why an address does not answer, in words that need no Python."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import requests

from ops.remote_search import AskError, Search
from ops.unreached import explain_silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]


@contextmanager
def accepting(act: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server on loopback that does something to each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with server.accept()[0] as connection:
                act(connection)

        thread = Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def ask(address: str, seconds: float = 5) -> str:
    with pytest.raises(requests.RequestException) as raised:
        requests.get(address, timeout=seconds)
    return explain_silence(address, raised.value)


def test_an_address_where_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    said = ask(f"http://127.0.0.1:{port}/documents")
    assert said == ("nothing listens there. `make demo` starts the local stack; its logs are in `.local/logs`.")


def test_a_server_that_is_silent_or_breaks_off() -> None:
    with accepting(lambda connection: connection.recv(65_536) and connection.recv(1)) as address:
        assert "it took too long. " in ask(address, 0.2)
    with accepting(lambda connection: connection.recv(65_536)) as address:
        assert "it broke off. " in ask(address)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("Failed to resolve 'fc.example' ([Errno -2] Name or service not known)", "its name is not known"),
        ("Tunnel connection failed: 403 Forbidden", "the proxy lets nothing through"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "its certificate is not accepted"),
        ("[Errno 113] No route to host", "there is no way to it"),
        ("x" * 5_000, "x" * 100),
    ],
)  # fmt: skip
def test_in_the_cloud_the_network_is_the_next_step(error: str, reason: str) -> None:
    said = explain_silence("https://fc.cn-beijng.aliyuncs.com", OSError(error))
    assert reason in said
    assert said.endswith("look at the network, the proxy (HTTPS_PROXY) and the spelling of REGION.")
    assert len(said) < 350


def test_no_representation_of_an_object_is_shown() -> None:
    with pytest.raises(AskError) as raised:
        Search("http://127.0.0.1:1", "").get("/documents")
    assert "HTTPConnection" not in str(raised.value)


def test_a_terminal_shows_that_a_command_waits() -> None:
    script = "import time; from ops.printing import show; show(lambda: time.sleep(1) or exit(3), as_json=False)"
    ours, its = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=its, stderr=its, env={**os.environ, "TERM": "xterm"}
    ) as running:
        os.close(its)
        printed = b""
        while b"Asking" not in printed:
            printed += os.read(ours, 4_096)  # fails where the program ends without it
        running.wait()
    os.close(ours)
    assert running.returncode == 3

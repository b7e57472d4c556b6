"""The web server of a function, started with the settings it is deployed with, and clients that behave badly."""

from __future__ import annotations

import concurrent.futures
import gzip
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from local import processes
from local.stack import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = 4
LIMIT = 1_000_000
KEY = {"x-api-key": "secret"}
SERVED = f"""
import time
from flask import request
from shared.runtime.auth import Authenticator
from shared.runtime.responses import answer
from shared.runtime.web import Application

application = Application(
    "served", authenticator=Authenticator(("secret",)), prepare=lambda _: None, body_limits={{"/echo": {LIMIT}}}
)
app = application.flask


@app.post("/echo")
def echo():
    data = request.get_data()
    return answer({{"bytes": len(data), "text": data[:20].decode()}})


@app.get("/large")
def large():
    return answer({{"words": "breeze " * 10_000}})
"""


@dataclass(frozen=True)
class Server:
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def exchange(self, data: bytes) -> bytes:
        """Send ``data`` and return all that comes back until the server closes."""
        with closing(self.connect()) as client:
            client.sendall(data)
            return receive(client)

    def is_serving(self) -> None:
        answer = requests.post(f"{self.url}/echo", b"fine", headers=KEY, timeout=20)
        assert answer.json() == {"bytes": 4, "text": "fine"}


def receive(client: socket.socket) -> bytes:
    received = b""
    while piece := client.recv(65_536):
        received += piece
    return received


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "served.py").write_text(SERVED)
    port = processes.free_port()
    environ = {"PYTHONPATH": f"{folder}:{PROJECT}", "LISTEN_HOST": "127.0.0.1", "FC_CUSTOM_LISTEN_PORT": str(port)}
    settings = ["-c", "python:shared.runtime.serving", "--threads", str(THREADS)]
    command = [sys.executable, "-m", "gunicorn", *settings, "served:app"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env={**os.environ, **environ}, stdout=log, stderr=log) as process,
    ):
        try:
            running = Server(port, process.pid)
            wait_until_healthy(running)
            yield running
        finally:
            process.terminate()


def wait_until_healthy(server: Server) -> None:
    for _ in range(600):
        try:
            requests.get(f"{server.url}/healthz", timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the server did not start")


HEAD = b"POST /echo HTTP/1.1\r\nHost: here\r\nx-api-key: secret\r\n"
HALF = HEAD + b"Content-Length: 1000\r\n\r\nx"


def test_clients_that_send_half_a_body_take_no_place(server: Server) -> None:
    halves = [server.connect() for _ in range(5 * THREADS)]
    for half in halves:
        half.sendall(HALF)
    for _ in range(3):
        server.is_serving()
    answers = [receive(half) for half in halves]
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    assert all(b'"request_too_slow"' in answer for answer in answers)
    for half in halves:
        half.close()
    server.is_serving()


@pytest.mark.parametrize("part", [b"", b"P", HEAD, HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"])
def test_clients_that_stop_anywhere_take_no_place(server: Server, part: bytes) -> None:
    halves = [server.connect() for _ in range(3 * THREADS)]
    for half in halves:
        half.sendall(part)
    server.is_serving()
    for half in halves:
        half.close()


def test_a_request_may_come_byte_by_byte(server: Server) -> None:
    whole = HEAD + b"Connection: close\r\nContent-Length: 4\r\n\r\nfine"
    with closing(server.connect()) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(whole)):
            client.sendall(whole[i : i + 1])
        assert receive(client).endswith(b'{"bytes":4,"text":"fine"}')


def test_several_requests_may_follow_each_other_without_waiting(server: Server) -> None:
    one = HEAD + b"Content-Length: 3\r\n\r\none"
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\ntw\r\n1\r\no\r\n0\r\nX-T: 1\r\n\r\n"
    last = HEAD + b"Connection: close\r\nContent-Length: 5\r\n\r\nthree"
    answers = server.exchange(one + chunked + last)
    assert [text for text in (b"one", b"two", b"three") if b'"text":"' + text in answers] == [b"one", b"two", b"three"]
    assert answers.count(b"HTTP/1.1 200 ") == 3


def test_a_connection_is_kept_for_further_requests(server: Server) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        ports = set()
        for _ in range(20):
            connection.request("POST", "/echo", b"x" * 100_000, KEY)
            assert json.loads(connection.getresponse().read())["bytes"] == 100_000
            ports.add(connection.sock.getsockname()[1])
    assert len(ports) == 1


MALFORMED = {
    "size": b"zz\r\nabc\r\n0\r\n\r\n",
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "negative size": b"-5\r\nabcde\r\n0\r\n\r\n",
    "huge size": b"f" * 40 + b"\r\nabc\r\n",
    "endless size line": b"1" * 9_000,
    "no line break after the chunk": b"3\r\nabcdef\r\n0\r\n\r\n",
    "bare line feed": b"3\nabc\n0\n\n",
    "trailer": b"3\r\nabc\r\n0\r\nnonsense\r\n\r\n",
    "endless trailers": b"0\r\n" + b"A: b\r\n" * 5_000,
    "prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "underscore": b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("key", [b"x-api-key: secret\r\n", b""], ids=["with a key", "without"])
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_chunks_are_the_clients_mistake(server: Server, body: bytes, key: bytes) -> None:
    for path in (b"/echo", b"/healthz", b"/nowhere", b"/invoke"):
        head = b"POST " + path + b" HTTP/1.1\r\nHost: here\r\n" + key + b"Transfer-Encoding: chunked\r\n\r\n"
        answer = server.exchange(head + body)
        assert answer.startswith(b"HTTP/1.1 400 "), answer
        assert b'"invalid_body"' in answer
        assert b"Traceback" not in answer
    server.is_serving()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\n\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n", 414),
        (b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", 414),
        (b"GET /" + b"a" * 70_000, 414),
        (b"GET / HTTP/1.1\r\nHost: here\r\nA: " + b"a" * 9_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000, 431),
        (b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: nonsense\r\n\r\n", 501),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_what_is_not_http_is_answered_in_our_json(server: Server, request_: bytes, status: int) -> None:
    head, _, body = server.exchange(request_).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    error = json.loads(body)["error"]
    assert error["code"] == ("link_too_long" if status == 414 else f"http_{status}")
    assert error["message"]
    assert f"x-request-id: {error['request_id']}".encode() in head


@pytest.mark.parametrize("key", [KEY, {}])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "gzip, gzip", "zstd"])
def test_an_encoded_body_is_refused_at_once(server: Server, encoding: str, key: dict[str, str]) -> None:
    headers = {**key, "Content-Encoding": encoding}
    answer = requests.post(f"{server.url}/echo", gzip.compress(b"x" * 100), headers=headers, timeout=20)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_encoding")
    head = HEAD + f"Content-Encoding: {encoding}\r\nContent-Length: 1000\r\n\r\n".encode()
    with closing(server.connect()) as client:
        client.sendall(head)
        assert client.recv(100).startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize("size", [LIMIT + 1, 40 * 1024 * 1024])
def test_a_body_over_the_limit_is_refused_and_the_client_sees_it(server: Server, size: int) -> None:
    for data in (b"x" * size, (b"x" * 100_000 for _ in range(size // 100_000 + 1))):
        answer = requests.post(f"{server.url}/echo", data, headers=KEY, timeout=60)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert requests.post(f"{server.url}/echo", b"x" * LIMIT, headers=KEY, timeout=60).json()["bytes"] == LIMIT


def test_a_client_is_not_refused_because_the_function_was_frozen(server: Server) -> None:
    (worker,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    size, piece = LIMIT + 1, 50_000
    with closing(server.connect()) as slow, closing(server.connect()) as refused:
        slow.sendall(HALF)
        refused.sendall(HEAD + f"Content-Length: {size}\r\n\r\n".encode() + b"x" * piece)
        assert refused.recv(4).startswith(b"HTTP")
        os.kill(int(worker), signal.SIGSTOP)
        try:
            slow.sendall(b"x" * 999)
            refused.sendall(b"x" * piece)
            time.sleep(11)  # longer than a client may be silent
        finally:
            os.kill(int(worker), signal.SIGCONT)
        refused.sendall(b"x" * (size - 2 * piece))
        assert slow.recv(100).startswith(b"HTTP/1.1 200 ")
        assert b'"body_too_large"' in receive(refused)


def test_a_client_that_asks_before_it_sends_is_told_to_go_on_or_not(server: Server) -> None:
    with closing(server.connect()) as client:
        client.sendall(HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 4\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"fine")
        assert receive(client).startswith(b"HTTP/1.1 200 ")
    with closing(server.connect()) as client:
        client.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 413 ")


def test_an_answer_is_compressed_for_who_accepts_it(server: Server) -> None:
    def ask(accept: str) -> requests.Response:
        return requests.get(f"{server.url}/large", headers={**KEY, "Accept-Encoding": accept}, timeout=20)

    plain, packed = ask("identity"), ask("gzip, br")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.json() == packed.json()
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 10
    assert "Accept-Encoding" in packed.headers["Vary"]
    for refusing in ("gzip;q=0", "br", ""):
        assert "Content-Encoding" not in ask(refusing).headers
    small = requests.get(f"{server.url}/healthz", headers={"Accept-Encoding": "gzip"}, timeout=20)
    assert "Content-Encoding" not in small.headers


def test_head_works_where_get_does(server: Server) -> None:
    head, get = (requests.request(method, f"{server.url}/large", headers=KEY, timeout=20) for method in ("HEAD", "GET"))
    assert (head.status_code, head.content, head.headers["Content-Type"]) == (200, b"", get.headers["Content-Type"])


def test_many_callers_at_once_are_all_served(server: Server) -> None:
    def call(number: int) -> int:
        data = b"x" * (number * 1_000)
        return int(requests.post(f"{server.url}/echo", data, headers=KEY, timeout=60).json()["bytes"])

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        assert list(pool.map(call, range(1, 200))) == [number * 1_000 for number in range(1, 200)]


def test_bodies_of_callers_without_a_key_take_no_memory(server: Server) -> None:
    before = memory(server)
    halves = [server.connect() for _ in range(60)]
    head = HEAD.replace(b"secret", b"wrong") + b"Content-Length: 1000000\r\n\r\n"
    for half in halves:
        half.sendall(head + b"x" * 900_000)
    server.is_serving()
    assert memory(server) - before < 20_000_000
    for half in halves:
        half.close()


def memory(server: Server) -> int:
    """Resident bytes of the worker."""
    children = [str(server.pid)]
    children += Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in children)
    return pages * os.sysconf("SC_PAGESIZE")


def test_a_link_in_chinese_is_taken_as_curl_sends_it(server: Server) -> None:
    link = "/healthz?q=年假"
    answer = server.exchange(f"GET {link} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("path", ["/echo", "//echo", "/%65cho"])
def test_a_body_arrives_however_its_path_is_written(server: Server, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: here\r\nx-api-key: secret\r\nConnection: close\r\nContent-Length: 4\r\n\r\n"
    assert server.exchange(head.encode() + b"fine").endswith(b'{"bytes":4,"text":"fine"}')


@pytest.mark.parametrize("options", ["close", "TE, close", "Close, Upgrade"])
def test_a_connection_is_closed_for_who_asks_for_it(server: Server, options: str) -> None:
    answer = server.exchange(f"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: {options}\r\n\r\n".encode())
    assert b"\r\nConnection: close\r\n" in answer

"""The gunicorn worker of a function: a request takes a thread once it has arrived as a whole, not before.

Gunicorn's threaded worker reads requests in its threads, so that twenty clients which send half a body stop the
function for all others. Here the main thread receives requests, as many as there are connections, with bounds on their
time and on the memory of all bodies together. A body that cannot be used is answered at once, and what the client still
sends is read and dropped, so that it sees the answer. This file replaces internals of gunicorn 27.

Longer than 300 lines because a connection passes through all of its states here, and each is a few lines.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from gunicorn.http import errors
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from shared.domain.errors import RequestError
from shared.runtime.arrival import Body, ChunkedBody, Problem
from shared.runtime.links import decode_path, encode_link, has_option
from shared.runtime.request import choose_id
from shared.runtime.responses import render_refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from shared.runtime.arrival import ReceivedBody
    from shared.runtime.web import Application

log = logging.getLogger(__name__)

# From the first byte of a request to its last, and between two bytes; the same for what is read and dropped.
_REQUEST_SECONDS = 30.0
_SILENT_SECONDS = 10.0
# To take an answer; a client that does not read would hold a thread.
_SEND_SECONDS = 60.0
_LINGER_BYTES = 64 * 1024 * 1024
_HEAD_BYTES = 32 * 1024
# Each read waits for the interpreter, which busy threads hold for milliseconds each: so few large ones.
_READ_BYTES = 256 * 1024
# Bodies of all connections together: received, waiting for a thread, and being worked on.
_HELD_BYTES = 24 * 1024 * 1024
# A body up to this size never waits: all connections together may have 13 MB of such.
_SMALL_BYTES = 16 * 1024
_CHECK_SECONDS = 0.5
_BUSY = "Other large requests are in progress; try again, or send less at once."
_TOO_SLOW = "The request arrived too slowly."


class Connection(TConn):  # type: ignore[misc] # gunicorn is not typed
    """A client's connection and the request that arrives on it.

    Attributes:
        buffer: bytes of the next request, as far as it is not parsed.
        request: gunicorn's request, once its head is complete.
        failure: why the request is refused without a look at it.
        deadline: when the connection is given up unless something arrives.
        ends: when the request must have arrived; 0 while none does.
        to_drain: bytes that may still be read and dropped after the last answer; 0 before.
        scanned: bytes of the buffer that hold no end of a head.
        needed: bytes of memory that its body takes, if it is not small.
        held: bytes of them that were granted.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.buffer = bytearray()
        self.request: Any = None
        self.body: Body | None = None
        self.failure: Exception | None = None
        self.deadline = time.monotonic() + _REQUEST_SECONDS
        self.ends = 0.0
        self.to_drain = 0
        self.requests = 0
        self.scanned = 0
        self.needed = 0
        self.held = 0

    def touch(self) -> None:
        """Note that bytes have arrived."""
        now = time.monotonic()
        self.ends = self.ends or now + _REQUEST_SECONDS
        self.deadline = min(self.ends, now + _SILENT_SECONDS)

    def reset(self, keepalive: float) -> None:
        """Wait for the next request."""
        self.request = self.body = self.failure = None
        self.ends, self.scanned = 0.0, 0
        self.deadline = time.monotonic() + keepalive


class Worker(ThreadWorker):  # type: ignore[misc]
    """Receives requests in the main thread and handles them in the others."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._receiving: set[Connection] = set()
        self._waiting: deque[Connection] = deque()
        self._held = 0
        self._checked = 0.0

    # -- connections, in the main thread

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection and wait for its request."""
        try:
            client, address = listener.accept()
        except OSError:
            return  # the client is gone again
        self.nr_conns += 1
        self._receive(Connection(self.cfg, client, address, listener.getsockname()))

    def murder_keepalived(self, force: bool = False) -> None:
        """Give up connections that are over their time; gunicorn calls this at least once a second."""
        now = time.monotonic()
        if not force and now - self._checked < _CHECK_SECONDS:
            return
        self._checked = now
        for connection in [one for one in self._receiving if force or one.deadline <= now]:
            if connection in self._waiting and not force:
                self._refuse(connection, RequestError("busy", _BUSY, status=503))
            elif not force and _has_arrived(connection):  # this process is late, not the client
                self._read(connection, connection.sock)
            elif force or connection.to_drain or not connection.ends:
                self._drop(connection)
            else:
                self._refuse(connection, RequestError("request_too_slow", _TOO_SLOW, status=408))

    def _cap_keepalive(self, deadline: float) -> None:
        for connection in self._receiving:
            connection.deadline = min(connection.deadline, deadline)

    def finish_request(self, conn: Connection, fs: Future[bool]) -> None:
        """Wait for the next request on the connection, or close it."""
        is_kept = not fs.cancelled() and fs.exception() is None and fs.result()
        is_drained = conn.body is None or (conn.body.is_complete and conn.body.problem is not Problem.MALFORMED)
        self._release(conn)
        if is_kept and is_drained:
            conn.reset(self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER)
            self._receive(conn)
            if conn.buffer:
                self._advance(conn, b"")
        else:
            self._linger(conn)

    def _receive(self, connection: Connection) -> None:
        connection.sock.setblocking(False)
        self._receiving.add(connection)
        self.poller.register(connection.sock, selectors.EVENT_READ, partial(self._read, connection))

    def _forget(self, connection: Connection) -> None:
        self._receiving.discard(connection)
        if connection in self._waiting:
            self._waiting.remove(connection)
        else:
            with suppress(KeyError, ValueError, OSError):
                self.poller.unregister(connection.sock)

    def _drop(self, connection: Connection) -> None:
        self._forget(connection)
        self._release(connection)
        self.nr_conns -= 1
        connection.close()

    def _linger(self, connection: Connection) -> None:
        """Close for sending, and read what still comes: a connection closed over unread bytes loses the answer."""
        connection.reset(_SILENT_SECONDS)
        connection.to_drain = _LINGER_BYTES
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            connection.close()
        else:
            self._receive(connection)

    # -- memory of bodies, in the main thread

    def _reserve(self, connection: Connection) -> bool:
        """Whether the body of a request may be received now; otherwise it waits until others are done."""
        if connection.held < connection.needed:
            if self._held and (self._held + connection.needed > _HELD_BYTES or self._waiting):
                self._wait(connection)
                return False
            self._grant(connection)
        return True

    def _wait(self, connection: Connection) -> None:
        self._forget(connection)
        self._receiving.add(connection)
        self._waiting.append(connection)
        connection.deadline = time.monotonic() + _REQUEST_SECONDS

    def _grant(self, connection: Connection) -> None:
        connection.held = connection.needed
        self._held += connection.needed

    def _release(self, connection: Connection) -> None:
        self._held -= connection.held
        connection.held = connection.needed = 0
        while self._waiting and (not self._held or self._held + self._waiting[0].needed <= _HELD_BYTES):
            following = self._waiting.popleft()
            self._grant(following)
            following.ends = 0.0
            following.touch()
            self._receive(following)
            data = bytes(following.buffer)
            following.buffer.clear()
            self._feed(following, data)

    # -- requests, in the main thread

    def _read(self, connection: Connection, _socket: Any) -> None:
        try:
            data = connection.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
        elif connection.to_drain:
            connection.touch()
            connection.to_drain -= len(data)
            if connection.to_drain <= 0:
                self._drop(connection)
        else:
            connection.touch()
            self._advance(connection, data)

    def _advance(self, connection: Connection, data: bytes) -> None:
        if connection.request is None:
            connection.buffer += data
            head = _split_head(connection)
            if head is None:
                return
            data = bytes(connection.buffer)
            connection.buffer.clear()
            try:
                self._begin(connection, head)
            except Exception as error:  # noqa: BLE001 - whatever the parser finds wrong is answered as such
                self._refuse(connection, error)
                return
        self._feed(connection, data)

    def _begin(self, connection: Connection, head: bytes) -> None:
        connection.requests += 1
        if not connection.ends:
            connection.touch()
        request = Request(self.cfg, IterUnreader([encode_link(head)]), connection.client, connection.requests)
        headers = {name.lower(): value for name, value in request.headers}
        application = _application(self.wsgi)
        path = decode_path(request.path)
        limit = application.limit_body(path) if application else _SMALL_BYTES
        keep = application.expects_body(path, headers) if application else True
        if any(name == "CONNECTION" and has_option(value, "close") for name, value in request.headers):
            request.force_close()
        reader = request.body.reader
        if isinstance(reader, ChunkedReader):
            body: Body = ChunkedBody(limit, keep=keep)
        else:
            body = Body(reader.length if isinstance(reader, LengthReader) else 0, limit, keep=keep)
        if headers.get("content-encoding", "identity").strip().lower() not in ("identity", "") and not body.is_complete:
            body.problem = Problem.ENCODED
        connection.request, connection.body = request, body
        size = limit if isinstance(body, ChunkedBody) else reader.length if isinstance(reader, LengthReader) else 0
        connection.needed = size if keep and body.problem is Problem.NONE and size > _SMALL_BYTES else 0

    def _invite(self, connection: Connection) -> None:
        request, body = connection.request, connection.body
        if request._expected_100_continue and body and body.problem is Problem.NONE:  # noqa: SLF001
            with suppress(OSError):
                connection.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        request._expected_100_continue = False  # noqa: SLF001 - gunicorn would send it once more

    def _feed(self, connection: Connection, data: bytes) -> None:
        body = connection.body
        if body is None:
            return
        if not self._reserve(connection):
            connection.buffer += data
            return
        self._invite(connection)
        rest = body.feed(data) if body.problem is Problem.NONE else data
        if body.is_complete or body.problem is not Problem.NONE:
            connection.buffer += rest
            received: ReceivedBody = body.finish()
            connection.request.body = received
            if not body.is_complete or body.problem is Problem.MALFORMED:
                connection.request.force_close()
            self._dispatch(connection)

    def _refuse(self, connection: Connection, error: Exception) -> None:
        connection.failure = error
        self._dispatch(connection)

    def _dispatch(self, connection: Connection) -> None:
        self._forget(connection)
        self.enqueue_req(connection)

    # -- answers, in a thread

    def handle(self, conn: Connection) -> bool:
        """Answer the request; whether the connection can serve another."""
        conn.sock.settimeout(_SEND_SECONDS)
        if conn.failure:
            self.handle_error(conn.request, conn.sock, conn.client, conn.failure)
            return False
        try:
            return bool(self.handle_request(conn.request, conn))
        except (OSError, StopIteration) as error:
            self.log.debug("the connection is lost: %s", error)
        except Exception as error:  # noqa: BLE001 - an error of the parser, or one that Flask did not answer
            self.handle_error(conn.request, conn.sock, conn.client, error)
        return False

    def handle_error(self, req: Any, client: socket.socket, _addr: Any, exc: Exception) -> None:
        """Answer a request that never came to the application, in the form of all errors."""
        given = next((value for name, value in req.headers if name == "X-FC-REQUEST-ID"), "") if req else ""
        with suppress(OSError):
            client.sendall(render_refusal(_translate(exc), choose_id(given)))


def _application(wsgi: Callable[..., Any]) -> Application | None:
    found: Application | None = getattr(wsgi, "extensions", {}).get("application")
    return found


def _has_arrived(connection: Connection) -> bool:
    """Whether bytes wait to be read."""
    try:
        return bool(connection.sock.recv(1, socket.MSG_PEEK))
    except OSError:
        return False


def _split_head(connection: Connection) -> bytes | None:
    """Take the head of a request off the buffer, or what shows that it is none; ``None`` while it may become one."""
    buffer = connection.buffer
    start = max(0, connection.scanned - 3)
    end = buffer.find(b"\r\n\r\n", start)
    if end < 0:
        fresh = buffer[start:]
        is_broken = fresh.count(b"\n") != fresh.count(b"\r\n") + fresh.startswith(b"\n") * (start > 0)
        connection.scanned = len(buffer)
        if len(buffer) <= _HEAD_BYTES and not is_broken:
            return None
        end = len(buffer)
    head = bytes(buffer[: end + 4])
    del buffer[: end + 4]
    return head


def _translate(error: Exception) -> Exception:
    """The error of a request that gunicorn cannot parse, as the caller sees it."""
    if isinstance(error, errors.LimitRequestLine):
        return RequestError("link_too_long", "The link is too long; POST /search takes longer queries.", status=414)
    statuses: dict[type[Exception], int] = {
        errors.LimitRequestHeaders: 431,
        errors.NoMoreData: 431,  # the head is longer than what is read of one
        errors.UnsupportedTransferCoding: 501,
        errors.ExpectationFailed: 417,
    }
    if isinstance(error, errors.ParseException | errors.NoMoreData):
        status = next((status for kind, status in statuses.items() if isinstance(error, kind)), 400)
        return RequestError(f"http_{status}", "The request is not valid HTTP.", status=status)
    return error

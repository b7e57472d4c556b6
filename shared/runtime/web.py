"""Function Compute's contract: the Flask application that all three functions share.

Function Compute reaches a custom runtime in four ways (https://help.aliyun.com/zh/functioncompute/fc/custom-runtime):
``POST /initialize`` once, ``POST /invoke`` with an event, ``GET /pre-stop`` at the end, and any other path for an HTTP
trigger. HTTP triggers pass paths through, so the first two count only under the control header that says so.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from concurrent.futures import Future, wait
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound, RequestEntityTooLarge

from shared.domain.errors import ConfigurationError, NotFoundError, RequestError, TransientError
from shared.runtime import clock, logs, metrics, tracing
from shared.runtime.arrival import Problem
from shared.runtime.environment import read_settings
from shared.runtime.origins import Origins
from shared.runtime.request import DEFAULT_TIMEOUT_SECONDS, choose_id, deadline, request_id
from shared.runtime.responses import answer, answer_error, answer_failed_event, compress
from shared.runtime.retrying import Deadline
from shared.runtime.revision import read_revision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.runtime.auth import Authenticator

log = logging.getLogger(__name__)

Settings = TypeVar("Settings", bound=msgspec.Struct)
Built = TypeVar("Built")

_CONTROL = "x-fc-control-path"
# The domains under which Function Compute gives every HTTP trigger an address.
_PUBLIC = (".fcapp.run", ".devsapp.net")
_OPEN_PATHS = frozenset({"/healthz"})
_CONTROL_PATHS = frozenset({"/initialize", "/invoke"})
# Events have 128 KB at most; a call of the API may have more, and is refused by what reads it.
_MAX_EVENT_BYTES = 1024 * 1024
# Of a body that no route reads.
_MAX_OTHER_BYTES = 64 * 1024
# Path and query; Function Compute itself takes no more.
# https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits
_MAX_LINK_BYTES = 4_096


def read_settings_or_exit(kind: type[Settings]) -> Settings:
    """The function's settings; a wrong one ends the process with a sentence that names it."""

    def read() -> Settings:
        logs.configure(os.environ.get("LOG_LEVEL") or "INFO")
        return read_settings(kind, os.environ)

    return build_or_exit(read)


def build_or_exit(build: Callable[[], Built]) -> Built:
    """What ``build`` returns; a wrong deployment ends the process with a sentence that says what is wrong."""
    try:
        return build()
    except ConfigurationError as error:
        log.critical("startup_refused", extra={"code": error.code, "reason": error.message})
        sys.stdout.flush()
        # Gunicorn stops for good on this status instead of starting the worker again and again.
        os._exit(4)


class Application:
    """A Flask application that keeps Function Compute's contract.

    Args:
        name: the function's name, for logs.
        authenticator: who may call over HTTP.
        prepare: what `/initialize` waits for: connect, check the collection, load what is slow.
        about: returns further fields of `/healthz` without waiting, such as the model in use; nothing secret.
        on_event: handles an event's raw bytes and returns what happened; without it events are refused.
        open_paths: paths that need no key, because they hold no data.
        domain: the domain callers use; whatever comes under it comes from outside.
        body_limits: most bytes of a body, by path; other paths read none.
        origins: origins of web pages that may call.
    """

    def __init__(
        self,
        name: str,
        *,
        authenticator: Authenticator,
        prepare: Callable[[Deadline], None],
        on_event: Callable[[bytes, Deadline], Any] | None = None,
        open_paths: frozenset[str] = frozenset(),
        about: Callable[[], dict[str, Any]] = dict,
        domain: str = "",
        body_limits: Mapping[str, int] | None = None,
        origins: frozenset[str] = frozenset(),
    ) -> None:
        self.flask = Flask(name, static_folder=None)
        self.flask.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
        self.flask.url_map.merge_slashes = False  # or an address with two would be answered with a redirection
        self._name = name
        self._domain = domain.lower()
        self._body_limits = {"/invoke": _MAX_EVENT_BYTES, **(body_limits or {})}
        self.origins = Origins(origins, [*_PUBLIC, *([self._domain] if self._domain else [])])
        self._authenticator = authenticator
        self._prepare = prepare
        self._begun: Future[None] | None = None
        self._on_event = on_event
        self._open_paths = _OPEN_PATHS | open_paths
        self.flask.extensions["application"] = self
        self.flask.before_request(self._admit)
        self.flask.after_request(self._finish)
        self.flask.register_error_handler(Exception, answer_error)
        packaged = {"revision": revision} if (revision := read_revision()) else {}
        self.flask.get("/healthz")(lambda: answer({"status": "ok", "function": name, **packaged, **about()}))
        self.flask.post("/initialize")(self._initialize)
        self.flask.post("/invoke")(self._invoke)
        self.flask.get("/pre-stop")(self._pre_stop)

    def begin(self) -> Future[None]:
        """Start to prepare now, in a thread: health checks come a second apart, and `/initialize` after them.

        Returns: what is done when that is, whether it succeeded or failed.
        """
        begun: Future[None] = Future()
        self._begun = begun

        def prepare() -> None:
            try:
                begun.set_result(self._prepare(Deadline.after(DEFAULT_TIMEOUT_SECONDS)))
            except BaseException as error:  # noqa: BLE001 - whatever it was, `/initialize` raises it
                begun.set_exception(error)

        threading.Thread(target=prepare, name="prepare", daemon=True).start()
        return begun

    def limit_body(self, path: str) -> int:
        """Most bytes of a body sent to ``path``."""
        return self._body_limits.get(path, _MAX_OTHER_BYTES)

    def expects_body(self, path: str, headers: Mapping[str, str]) -> bool:
        """Whether the body of a request is worth memory: its path reads one, and the caller may call it.

        Args:
            headers: by their names in lower case.
        """
        if path in _CONTROL_PATHS:
            return headers.get(_CONTROL) == path
        known = self._authenticator.find(headers.get("authorization", ""), headers.get("x-api-key", ""))
        return path in self._body_limits and known is not None

    def _admit(self) -> Response | None:
        self._open()
        request.max_content_length = self.limit_body(request.path)
        is_control = request.path in _CONTROL_PATHS and request.headers.get(_CONTROL) == request.path
        if is_control and not self._from_outside():
            return None
        _check_message()
        preflight = self.origins.answer_preflight()
        if preflight is None:
            self._check_caller()
        return preflight

    def _open(self) -> None:
        g.started = clock.monotonic()
        g.request_id = choose_id(request.headers.get("x-fc-request-id", ""))
        g.contexts = ExitStack()
        g.meter = g.contexts.enter_context(metrics.collect())
        g.trace = g.contexts.enter_context(tracing.request(self._name, request.headers.get("traceparent", "")))
        g.contexts.enter_context(logs.bind(request_id=g.request_id, trace_id=g.trace.trace_id))

    def _check_caller(self) -> None:
        if self._authenticator.is_open:
            self.origins.check_page()
        # What `/pre-stop` is called with is not documented, only that a call through an HTTP trigger says so.
        is_triggered = request.path == "/pre-stop" and request.headers.get(_CONTROL) == "/http-invoke"
        if request.path in _CONTROL_PATHS or is_triggered:
            raise NotFoundError("not_found", f"There is nothing at {request.method} {request.path}.")
        if isinstance(request.routing_exception, NotFound):
            # Clients of MCP look for an OAuth server at well-known addresses: only a 404 says that there is none.
            raise request.routing_exception
        if request.path not in self._open_paths and request.path != "/pre-stop":
            keys = request.headers.get("Authorization", ""), request.headers.get("x-api-key", "")
            g.scope = self._authenticator.authenticate(*keys)

    def _from_outside(self) -> bool:
        """Whether a call came through an HTTP trigger, whatever its other headers say.

        That Function Compute takes its own headers out of what clients send is not documented. But it finds the
        function by the name a client calls, so that one is true.
        """
        host = request.headers.get("Host", "").rpartition("@")[2].partition(":")[0].rstrip(".").lower()
        return host.endswith(_PUBLIC) or (bool(self._domain) and host == self._domain)

    def _finish(self, response: Response) -> Response:
        self.origins.add_headers(response)
        response.headers["x-request-id"] = request_id()
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["traceparent"] = g.trace.parent
        end = partial(self._end, request.method, request.path, response.status_code, g.started, g.meter, g.contexts)
        if response.is_streamed:
            response.call_on_close(end)  # what a stream does belongs to the request
        else:
            compress(response)
            end()
        return response

    def _end(self, method: str, path: str, status: int, started: float, meter: metrics.Meter, open_: ExitStack) -> None:
        """Log the request once it is answered, and leave its contexts."""
        if path not in self._open_paths:
            log.info(
                "request",
                extra={
                    "function": self._name,
                    "method": method,
                    "path": path,
                    "status": status,
                    "milliseconds": round((clock.monotonic() - started) * 1000, 1),
                    **meter.values(),
                },
            )
        open_.close()
        tracing.flush()

    def _initialize(self) -> Response:
        _print_line("FC Initialize Start")
        try:
            self._finish_preparing(deadline())
        finally:
            _print_line("FC Initialize End")
        return answer({"status": "ready"})

    def _finish_preparing(self, until: Deadline) -> None:
        begun = self._begun
        if begun is None:
            self._prepare(until)
        elif wait([begun], until.remaining()).done:
            self._begun = None  # a failure is reported once: the next call tries again
            begun.result()
        else:
            raise TransientError("not_ready", "The function is still starting: it waits for Milvus or the disk.")

    def _pre_stop(self) -> Response:
        for event in ("FC PreStop Start", "FC PreStop End"):
            _print_line(event)
        return answer({"status": "stopping"})

    def _invoke(self) -> Response:
        _print_line("FC Invoke Start")
        try:
            if _problem() is not Problem.NONE:
                raise RequestError("invalid_event", f"The event is malformed or larger than {_MAX_EVENT_BYTES} bytes.")
            return answer(self._handle(request.get_data()))
        except Exception as error:  # noqa: BLE001 - Flask's own 500 lacks the header that makes the event come again
            return answer_failed_event(error)
        finally:
            _print_line("FC Invoke End")

    def _handle(self, event: bytes) -> Any:
        if self._on_event is None:
            raise RequestError("no_events", "This function takes no events; call it over HTTP.")
        if (age := metrics.measure_age(event)) is not None:
            metrics.add(event_age_seconds=age)
        return self._on_event(event, deadline())


def _problem() -> Problem:
    found: Problem = getattr(request.environ["wsgi.input"], "problem", Problem.NONE)
    return found


def _check_message() -> None:
    """Refuse what no route can answer, with a key or without."""
    if _problem() is Problem.MALFORMED:
        raise RequestError("invalid_body", "The chunks of the body are malformed.")
    has_body = bool(request.content_length) or "Transfer-Encoding" in request.headers
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if has_body and encoding not in ("identity", ""):
        raise RequestError("unsupported_encoding", "Send the body without Content-Encoding.", status=415)
    if _problem() is Problem.TOO_LARGE:
        raise RequestEntityTooLarge
    if len(request.environ.get("RAW_URI", "")) > _MAX_LINK_BYTES:
        message = f"The link is longer than {_MAX_LINK_BYTES} bytes; POST /search takes longer queries."
        raise RequestError("link_too_long", message, status=414)
    if request.headers.get("x-fc-invocation-type", "").lower() == "async":
        # Function Compute has queued it and throws the answer away; nothing may be spent on it.
        raise RequestError("asynchronous_call", "This function answers synchronous calls only.")


def _print_line(event: str) -> None:
    # Part of the runtime contract: Function Compute cuts the log into requests at these lines.
    print(f"{event} RequestId: {request_id()}", flush=True)  # noqa: T201

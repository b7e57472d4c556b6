"""What the three functions' HTTP sides have in common: Function Compute's contract, JSON in and out, errors.

Function Compute reaches a custom runtime in four ways (https://help.aliyun.com/zh/functioncompute/fc/custom-runtime):
``POST /initialize`` once, ``POST /invoke`` with an event, ``GET /pre-stop`` at the end, and any other path for an HTTP
trigger. HTTP triggers pass paths through, so the first two count only under the control header that says so.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import uuid
from concurrent.futures import Future, wait
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from shared.domain.errors import ConfigurationError, NotFoundError, PlatformError, RequestError, TransientError
from shared.runtime import logs, metrics, tracing
from shared.runtime.environment import read_settings
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.runtime.auth import Authenticator, Scope

log = logging.getLogger(__name__)

Body = TypeVar("Body")
Settings = TypeVar("Settings", bound=msgspec.Struct)

# Function Compute takes 32 MB at most. https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits
MAX_BODY_BYTES = 32 * 1024 * 1024
# What a client may still be sending when its request is answered; read and dropped, so that it sees the answer, and
# those behind it on the same connection see theirs.
_DRAIN_BYTES = 64 * 1024 * 1024
# Kept back from the function's own timeout, to say what happened before Function Compute cuts the call off.
_MARGIN_SECONDS = 3.0
_DEFAULT_TIMEOUT_SECONDS = 60.0
_TIMEOUT_DIGITS = 5  # 86,400 seconds at most

_CONTROL = "x-fc-control-path"
# Where Function Compute gives every HTTP trigger, and every domain of its own making, an address.
_PUBLIC = (".fcapp.run", ".devsapp.net")
_OPEN_PATHS = frozenset({"/healthz"})


def read_settings_or_exit(kind: type[Settings]) -> Settings:
    """The function's settings; a wrong one ends the process with a sentence that names it."""
    try:
        logs.configure(os.environ.get("LOG_LEVEL") or "INFO")
        return read_settings(kind, os.environ)
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
        about: further fields of `/healthz`, such as the model in use; nothing secret.
        on_event: handles an event's raw bytes and returns what happened; without it events are refused.
        open_paths: paths that need no key, because they hold no data.
        domain: the domain callers use; whatever comes under it comes from outside.
    """

    def __init__(
        self,
        name: str,
        *,
        authenticator: Authenticator,
        prepare: Callable[[Deadline], None],
        on_event: Callable[[bytes, Deadline], Any] | None = None,
        open_paths: frozenset[str] = frozenset(),
        about: dict[str, Any] | None = None,
        domain: str = "",
    ) -> None:
        self.flask = Flask(name, static_folder=None)
        self.flask.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
        self.flask.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
        self.flask.url_map.merge_slashes = False  # or an address with two would be answered with a redirection
        self._name = name
        self._domain = domain.lower()
        self._authenticator = authenticator
        self._prepare = prepare
        self._begun: Future[None] | None = None
        self._on_event = on_event
        self._open_paths = _OPEN_PATHS | open_paths
        self.flask.extensions["application"] = self
        self.flask.before_request(self._admit)
        self.flask.after_request(self._finish)
        self.flask.register_error_handler(Exception, _error_answer)
        self.flask.get("/healthz")(lambda: answer({"status": "ok", "function": name, **(about or {})}))
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
                begun.set_result(self._prepare(Deadline.after(_DEFAULT_TIMEOUT_SECONDS)))
            except BaseException as error:  # noqa: BLE001 - whatever it was, `/initialize` raises it
                begun.set_exception(error)

        threading.Thread(target=prepare, name="prepare", daemon=True).start()
        return begun

    def error_answer(self, error: Exception) -> Response:
        """The answer to a request that failed: its status, its stable code and a sentence."""
        return _error_answer(error)

    def _admit(self) -> None:
        g.started = time.perf_counter()
        g.request_id = _own_or_new_id(request.headers.get("x-fc-request-id", ""))
        g.contexts = ExitStack()
        g.meter = g.contexts.enter_context(metrics.collect())
        g.trace = g.contexts.enter_context(tracing.request(self._name, request.headers.get("traceparent", "")))
        g.contexts.enter_context(logs.bind(request_id=g.request_id, trace_id=g.trace.trace_id))
        if request.path in ("/initialize", "/invoke"):
            self._admit_control()
        elif request.path == "/pre-stop":
            # What it is called with is not documented, only that a call through an HTTP trigger says so.
            if request.headers.get(_CONTROL) == "/http-invoke":
                raise NotFoundError("not_found", "There is nothing at GET /pre-stop.")
        elif request.path not in self._open_paths:
            g.scope = self._authenticator.authenticate(
                request.headers.get("Authorization", ""), request.headers.get("x-api-key", "")
            )

    def _admit_control(self) -> None:
        nothing = NotFoundError("not_found", f"There is nothing at {request.method} {request.path}.")
        if request.headers.get(_CONTROL) != request.path:
            raise nothing
        if self._from_outside():
            raise nothing

    def _from_outside(self) -> bool:
        """Whether a call came through an HTTP trigger, whatever its other headers say.

        That Function Compute takes its own headers out of what clients send is not documented. But it finds the
        function by the name a client calls, so that one is true.
        """
        host = request.headers.get("Host", "").rpartition("@")[2].partition(":")[0].rstrip(".").lower()
        return host.endswith(_PUBLIC) or (bool(self._domain) and host == self._domain)

    def _finish(self, response: Response) -> Response:
        _drain()
        response.headers["x-request-id"] = g.get("request_id", "")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["traceparent"] = g.trace.parent
        if request.path not in self._open_paths:
            log.info(
                "request",
                extra={
                    "function": self._name,
                    "method": request.method,
                    "path": request.path,
                    "status": response.status_code,
                    "milliseconds": round((time.perf_counter() - g.started) * 1000, 1),
                    **g.meter.values(),
                },
            )
        g.contexts.close()
        tracing.flush()
        return response

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
            self._begun = None  # what failed is not the answer for ever: the next call tries again
            begun.result()
        else:
            raise TransientError("not_ready", "The function is still starting: it waits for Milvus or the disk.")

    def _pre_stop(self) -> Response:
        _print_line("FC PreStop Start")
        _print_line("FC PreStop End")
        return answer({"status": "stopping"})

    def _invoke(self) -> Response:
        _print_line("FC Invoke Start")
        try:
            if self._on_event is None:
                raise RequestError("no_events", "This function takes no events; call it over HTTP.")
            event = request.get_data()
            if (age := metrics.age(event)) is not None:
                metrics.add(event_age_seconds=age)
            return answer(self._on_event(event, deadline()))
        except PlatformError as error:
            _log_error(error)
            return _event_failure(_error_body(error))
        except Exception:
            # Whatever it was, Flask's own 500 would lack the header that makes Function Compute repeat the event.
            log.exception("event_crashed")
            return _event_failure(_body("internal_error", "The event could not be handled; the log says why."))
        finally:
            _print_line("FC Invoke End")


def deadline() -> Deadline:
    """The moment this request must have been answered, a margin before Function Compute ends it."""
    seconds = request.headers.get("x-fc-function-timeout", "")
    told = seconds.isascii() and seconds.isdecimal() and len(seconds) <= _TIMEOUT_DIGITS
    timeout = (float(seconds) if told else 0) or _DEFAULT_TIMEOUT_SECONDS
    return Deadline.after(max(timeout - _MARGIN_SECONDS, timeout / 2))


def read_body(kind: type[Body]) -> Body:
    """The request's JSON body as ``kind``, whatever content type it was sent under.

    Raises:
        RequestError: ``invalid_json`` or ``invalid_request``, naming the field.
    """
    data = request.get_data()
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise RequestError("invalid_request", f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RequestError("invalid_json", "The body is not JSON (UTF-8, no NaN or Infinity).") from None
    except RecursionError:
        raise RequestError("invalid_json", "The body is nested too deeply.") from None


def answer(content: Any, status: int = 200) -> Response:
    """``content`` as a JSON response."""
    return Response(msgspec.json.encode(content), status, mimetype="application/json")


def request_id() -> str:
    """Id of the request at hand, in every answer and log line."""
    return str(g.request_id)


def scope() -> Scope:
    """What the caller of the request at hand may see."""
    admitted: Scope = g.scope
    return admitted


def _own_or_new_id(given: str) -> str:
    return given if given and len(given) <= 64 and given.isascii() and given.isprintable() else str(uuid.uuid4())


def _print_line(what: str) -> None:
    # Part of the runtime contract: Function Compute cuts the log into requests at these lines.
    print(f"{what} RequestId: {request_id()}", flush=True)  # noqa: T201


def _body(code: str, message: str, remote_id: str = "") -> dict[str, Any]:
    error = {"code": code, "message": message, "request_id": g.get("request_id", "")}
    return {"error": {**error, "upstream_request_id": remote_id} if remote_id else error}


def _error_body(error: PlatformError) -> dict[str, Any]:
    return _body(error.code, error.message, error.request_id)


def _event_failure(content: dict[str, Any]) -> Response:
    # Without this header Function Compute records success and never retries: the document would be lost.
    response = answer(content, 404)
    response.headers["x-fc-status"] = "404"
    return response


def _error_answer(error: Exception) -> Response:
    if isinstance(error, PlatformError):
        _log_error(error)
        response = answer(_error_body(error), status_of(error))
        if isinstance(error, TransientError):
            response.headers["Retry-After"] = str(max(1, round(error.retry_after or 1)))
        return response
    if isinstance(error, RequestEntityTooLarge):
        return answer(_body("body_too_large", f"The body is larger than {MAX_BODY_BYTES} bytes."), 413)
    if isinstance(error, HTTPException):
        return _http_error(error)
    log.error("request_crashed", exc_info=error)
    return answer(_body("internal_error", "The request could not be handled; the log says why."), 500)


def status_of(error: PlatformError) -> int:
    """The HTTP status that tells a caller what kind of error this is."""
    if isinstance(error, RequestError):
        return error.status
    return 503 if isinstance(error, TransientError) else 502


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status == 404:
        return answer(_body("not_found", f"There is nothing at {request.method} {request.path[:200]}."), 404)
    if status == 405:
        response = answer(_body("method_not_allowed", f"{request.method} is not allowed here."), 405)
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return response
    return answer(_body(f"http_{status}", error.name), status)


def _log_error(error: PlatformError) -> None:
    level = logging.INFO if isinstance(error, RequestError) else logging.WARNING
    log.log(
        level,
        "request_failed",
        extra={"code": error.code, "reason": error.message, "upstream_request_id": error.request_id},
    )


def _drain() -> None:
    """Read what the client still sends, or it would see a broken connection instead of the answer."""
    stream = request.environ["wsgi.input"]
    left = _DRAIN_BYTES
    while left > 0 and (piece := stream.read(min(left, 1 << 20))):
        left -= len(piece)

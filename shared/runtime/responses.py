"""JSON answers, compressed where it pays, and what an error becomes over HTTP: status, stable code and a sentence."""

from __future__ import annotations

import gzip
import logging
from http import HTTPStatus
from typing import Any

import msgspec
from flask import Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from shared.domain.errors import PlatformError, RequestError, TransientError
from shared.runtime.request import request_id

log = logging.getLogger(__name__)

# Smaller answers gain nothing from gzip; larger ones would take a small CPU seconds.
_MIN_COMPRESSED_BYTES, _MAX_COMPRESSED_BYTES = 1_000, 8 * 1024 * 1024
_COMPRESSION_LEVEL = 1
# HTTP demands one with every 401. https://www.rfc-editor.org/rfc/rfc6750#section-3
_CHALLENGE = 'Bearer realm="semantic-search"'


def answer(content: Any, status: int = 200) -> Response:
    """``content`` as a JSON response."""
    return Response(msgspec.json.encode(content), status, mimetype="application/json")


def answer_error(error: Exception) -> Response:
    """The answer to a request that failed; what went wrong is logged."""
    if isinstance(error, PlatformError):
        _log_error(error)
        response = answer(_body_of(error), status_of(error))
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = _CHALLENGE
        if isinstance(error, TransientError):
            response.headers["Retry-After"] = str(max(1, round(error.retry_after or 1)))
        return response
    if isinstance(error, RequestEntityTooLarge):
        limit = request.max_content_length or 0
        return answer(_body("body_too_large", f"The body is larger than the {limit} bytes this route takes."), 413)
    if isinstance(error, HTTPException):
        return _answer_http_error(error)
    log.error("request_crashed", exc_info=error)
    return answer(_body("internal_error", "The request could not be handled; the log says why."), 500)


def compress(response: Response) -> None:
    """Compress an answer for a client that accepts gzip."""
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] <= 0 or response.headers.get("Content-Encoding"):
        return
    content = response.get_data()
    if _MIN_COMPRESSED_BYTES <= len(content) <= _MAX_COMPRESSED_BYTES:
        response.set_data(gzip.compress(content, _COMPRESSION_LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"


def render_refusal(error: Exception, request_id: str) -> bytes:
    """The whole HTTP answer to a request that never reaches the application."""
    if isinstance(error, RequestError):
        _log_error(error)
    else:
        log.error("request_crashed", exc_info=error)
        error = RequestError("internal_error", "The request could not be handled; the log says why.", status=500)
    content = {"error": {"code": error.code, "message": error.message, "request_id": request_id}}
    body = msgspec.json.encode(content)
    head = (
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"x-request-id: {request_id}\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    return head.encode("latin-1", "replace") + body


def answer_failed_event(error: Exception) -> Response:
    """The answer to an event that failed, which makes Function Compute deliver it again."""
    if isinstance(error, PlatformError):
        _log_error(error)
        content = _body_of(error)
    else:
        log.error("event_crashed", exc_info=error)
        content = _body("internal_error", "The event could not be handled; the log says why.")
    # Without this header Function Compute records success and never retries: the document would be lost.
    response = answer(content, 404)
    response.headers["x-fc-status"] = "404"
    return response


def status_of(error: PlatformError) -> int:
    """The HTTP status that tells a caller what kind of error this is."""
    if isinstance(error, RequestError):
        return error.status
    return 503 if isinstance(error, TransientError) else 502


def _answer_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status == 404:
        return answer(_body("not_found", f"There is nothing at {request.method} {request.path[:200]}."), 404)
    if status == 405:
        response = answer(_body("method_not_allowed", f"{request.method} is not allowed here."), 405)
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return response
    return answer(_body(f"http_{status}", error.name), status)


def _body(code: str, message: str, upstream_id: str = "") -> dict[str, Any]:
    error = {"code": code, "message": message, "request_id": request_id()}
    return {"error": {**error, "upstream_request_id": upstream_id} if upstream_id else error}


def _body_of(error: PlatformError) -> dict[str, Any]:
    return _body(error.code, error.message, error.request_id)


def _log_error(error: PlatformError) -> None:
    level = logging.INFO if isinstance(error, RequestError) else logging.WARNING
    log.log(
        level,
        "request_failed",
        extra={"code": error.code, "reason": error.message, "upstream_request_id": error.request_id},
    )

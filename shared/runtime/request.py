"""The current HTTP request: its id, deadline, caller and body."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, TypeVar

import msgspec
from flask import g, request

from shared.domain.errors import RequestError
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from shared.runtime.auth import Scope

Body = TypeVar("Body")

# What a client may still be sending when its request is answered; read and dropped, so that it sees the answer, and
# the next request on the same connection sees its own.
_DRAIN_BYTES = 64 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
# Kept back from the function's own timeout, to answer before Function Compute cuts the call off.
_MARGIN_SECONDS = 3.0
DEFAULT_TIMEOUT_SECONDS = 60.0
_TIMEOUT_DIGITS = 5  # 86,400 seconds at most
_MAX_ID_CHARACTERS = 64


def deadline() -> Deadline:
    """The moment by which the current request must be answered, a margin before Function Compute ends it."""
    header = request.headers.get("x-fc-function-timeout", "")
    is_number = header.isascii() and header.isdecimal() and len(header) <= _TIMEOUT_DIGITS
    timeout = (float(header) if is_number else 0) or DEFAULT_TIMEOUT_SECONDS
    return Deadline.after(max(timeout - _MARGIN_SECONDS, timeout / 2))


def request_id() -> str:
    """Id of the current request, in every answer and log line; empty before it is known."""
    return str(g.get("request_id", ""))


def scope() -> Scope:
    """What the caller of the current request may see."""
    admitted: Scope = g.scope
    return admitted


def read_body(kind: type[Body]) -> Body:
    """The request's JSON body as ``kind``, whatever its content type.

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


def choose_id(given: str) -> str:
    """The id Function Compute gave the request, or a new one."""
    is_usable = given and len(given) <= _MAX_ID_CHARACTERS and given.isascii() and given.isprintable()
    return given if is_usable else str(uuid.uuid4())


def drain() -> None:
    """Read what the client still sends, or it would see a broken connection instead of the answer."""
    stream = request.environ["wsgi.input"]
    left = _DRAIN_BYTES
    while left > 0 and (piece := stream.read(min(left, _PIECE_BYTES))):
        left -= len(piece)

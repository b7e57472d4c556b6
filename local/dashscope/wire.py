"""What goes out: answers and error bodies, and every way an answer fails to arrive."""

from __future__ import annotations

import asyncio
import socket
import struct
import uuid
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from local.dashscope.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.dashscope.faults import Rule

_DRIP_SECONDS = 0.1
_HANG_CHECK_SECONDS = 0.05
_JSON, _EVENTS = "application/json", "text/event-stream"
# Under this name a request keeps the content type of its answer, where that is no JSON.
_KIND = web.RequestKey("kind", str)
# How far an answer gets before it is reset or cut: the client must have seen its head.
_HEAD_SECONDS = 0.05


def respond(body: bytes, status: int = 200, headers: dict[str, str] | None = None, kind: str = _JSON) -> web.Response:
    """A response of JSON that is written already, or is not JSON on purpose."""
    return web.Response(body=body, status=status, headers=headers, content_type=kind, charset="utf-8")


def respond_json(answer: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A response of ``answer`` as JSON."""
    return respond(msgspec.json.encode(answer), status, headers)


def refuse(refusal: Refusal) -> web.Response:
    """A response in the shape of DashScope's errors."""
    body = {"code": refusal.code, "message": refusal.message, "request_id": str(uuid.uuid4())}
    return respond_json(body, refusal.status, _retry_after(refusal.retry_after))


def _retry_after(retry_after: float | None) -> dict[str, str]:
    return {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}


def misused(error: Exception) -> web.Response:
    """A response to a control request that makes no sense; the protocol has no say in its shape."""
    return respond_json({"error": str(error)}, 400)


async def strike(request: web.Request, rule: Rule) -> web.StreamResponse:
    """Let a ``WireFault`` happen instead of the work.

    Raises:
        Refusal: the rule's fault is ``status``.
    """
    match rule.fault:
        case "status":
            raise Refusal(rule.code, rule.message, status=rule.status, retry_after=rule.retry_after)
        case "html":
            page = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
            headers = _retry_after(rule.retry_after)
            return web.Response(text=page, status=rule.status or 502, headers=headers, content_type="text/html")
        case "reset":
            return _reset(request)
        case _:
            return await _hang(request)


def _reset(request: web.Request) -> web.Response:
    """Drop the connection with a TCP reset; what is returned is not sent."""
    transport = request.transport
    if transport is not None:
        # Lingering for 0 seconds makes the kernel send a reset instead of an orderly end.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def _hang(request: web.Request) -> web.Response:
    """Keep silent until the client gives up."""
    while _connected(request):
        await asyncio.sleep(_HANG_CHECK_SECONDS)
    return web.Response()


def _connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


async def _begin(request: web.Request, body: bytes) -> web.StreamResponse:
    """Promise the whole body."""
    response = web.StreamResponse()
    response.content_type = request.get(_KIND, _JSON)
    response.content_length = len(body)
    await response.prepare(request)
    return response


async def _send_half(request: web.Request, body: bytes) -> None:
    response = await _begin(request, body)
    await response.write(body[: len(body) // 2])
    await asyncio.sleep(_HEAD_SECONDS)


async def _lose(request: web.Request, _: bytes) -> web.StreamResponse:
    return _reset(request)


async def _reset_body(request: web.Request, body: bytes) -> web.StreamResponse:
    await _send_half(request, body)
    return _reset(request)


async def _cut_body(request: web.Request, body: bytes) -> web.StreamResponse:
    await _send_half(request, body)
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _black_hole_body(request: web.Request, body: bytes) -> web.StreamResponse:
    await _send_half(request, body)
    return await _hang(request)


async def _drip(request: web.Request, body: bytes) -> web.StreamResponse:
    response = await _begin(request, body)
    for place in range(len(body)):
        if not _connected(request):
            break
        await response.write(body[place : place + 1])
        await asyncio.sleep(_DRIP_SECONDS)
    return response


async def _malform(request: web.Request, body: bytes) -> web.StreamResponse:
    """A whole response with a body that is not JSON."""
    return respond(body[: len(body) // 2], kind=request.get(_KIND, _JSON))


_DELIVERIES: dict[str, Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]] = {
    "lost_answer": _lose,
    "reset_body": _reset_body,
    "cut_body": _cut_body,
    "black_hole_body": _black_hole_body,
    "drip": _drip,
    "malformed_json": _malform,
}


async def deliver(fault: str, request: web.Request, body: bytes) -> web.StreamResponse:
    """Send ``body`` the way a ``DeliveryFault`` lets it arrive."""
    try:
        return await _DELIVERIES[fault](request, body)
    except ConnectionError:
        # The client gave up first.
        return web.Response()


async def stream(fault: str, request: web.Request, events: list[bytes]) -> web.StreamResponse:
    """Send Server-Sent Events one by one, or as a ``DeliveryFault`` lets them arrive."""
    request[_KIND] = _EVENTS
    if fault:
        return await deliver(fault, request, b"".join(events))
    response = web.StreamResponse()
    response.content_type = _EVENTS
    await response.prepare(request)
    try:
        for event in events:
            await response.write(event)
        await response.write_eof()
    except ConnectionError:
        pass  # the client gave up first
    return response

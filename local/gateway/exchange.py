"""One HTTP request on its way to a function and back."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import web
from yarl import URL

from local.gateway.errors import BodyTooLargeError, platform_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from local.gateway.instance import Instance

_log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
MAX_HEADER_BYTES: Final = 8 * 1024
"""All headers of a request, and of a response: https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits"""
# Headers that belong to one connection and are not passed on (RFC 9110, 7.6.1).
CONNECTION_HEADERS: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_BLOCK_BYTES: Final = 64 * 1024


class Exchange:
    """Passes one request to ``instance`` and its answer back, with the platform's limits on size and time."""

    def __init__(self, session: aiohttp.ClientSession, instance: Instance, request: web.Request) -> None:
        self._session = session
        self._instance = instance
        self._request = request
        self._answer: web.StreamResponse | None = None

    async def run(self, path: str, headers: dict[str, str]) -> web.StreamResponse:
        """Return the function's answer, or the platform's error in its place.

        Args:
            path: raw path and query string at the function.
            headers: all headers the function gets, ``x-fc-request-id`` among them.
        """
        name, timeout = self._instance.name, self._instance.function.timeout
        request_id = headers["x-fc-request-id"]
        if (self._request.content_length or 0) > MAX_BODY_BYTES:
            return _too_large(f"a request may have {MAX_BODY_BYTES} bytes", request_id)
        try:
            async with asyncio.timeout(timeout):
                return await self._pass_on(path, headers)
        except BodyTooLargeError as error:
            return _too_large(str(error), request_id)
        except TimeoutError:
            return self._break(504, "FunctionTimeout", f"{name} did not answer within {timeout} s", request_id)
        except aiohttp.ClientError as error:
            if isinstance(error.__cause__, BodyTooLargeError):
                return _too_large(str(error.__cause__), request_id)
            await self._instance.notice_end()
            return self._break(502, "FunctionCrashed", f"{name} ended while it worked on the request", request_id)

    async def _pass_on(self, path: str, headers: dict[str, str]) -> web.StreamResponse:
        body = read_body(self._request, MAX_BODY_BYTES) if self._request.can_read_body else None
        async with self._session.request(
            self._request.method,
            URL(f"{self._instance.url}{path}", encoded=True),
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(),
        ) as response:
            if count_header_bytes(response.raw_headers) > MAX_HEADER_BYTES:
                message = f"{self._instance.name} answered with more than {MAX_HEADER_BYTES} bytes of headers"
                return platform_error(502, "ResponseHeadersTooLarge", message, headers["x-fc-request-id"])
            answer = web.StreamResponse(status=response.status, reason=response.reason)
            for name, value in response.headers.items():
                if name.lower() not in CONNECTION_HEADERS:
                    answer.headers.add(name, value)
            answer.headers["x-fc-request-id"] = headers["x-fc-request-id"]
            await answer.prepare(self._request)
            self._answer = answer
            async for block in response.content.iter_any():
                await answer.write(block)
            await answer.write_eof()
            return answer

    def _break(self, status: int, code: str, message: str, request_id: str) -> web.StreamResponse:
        if self._answer is None:
            return platform_error(status, code, message, request_id)
        # The status line is already sent: only a closed connection can still show that the rest is missing.
        _log.warning("%s", message)
        if self._request.transport:
            self._request.transport.close()
        return self._answer


def count_header_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Bytes of names and values."""
    return sum(len(name) + len(value) for name, value in headers)


async def read_body(request: web.Request, limit: int) -> AsyncIterator[bytes]:
    """Yield the body in blocks.

    Raises:
        BodyTooLargeError: it has more than ``limit`` bytes.
    """
    size = 0
    async for block in request.content.iter_chunked(_BLOCK_BYTES):
        size += len(block)
        if size > limit:
            raise BodyTooLargeError(f"a request of this kind may have {limit} bytes")
        yield block


def _too_large(message: str, request_id: str) -> web.Response:
    return platform_error(413, "RequestEntityTooLarge", message, request_id)

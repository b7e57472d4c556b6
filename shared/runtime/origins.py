"""Which web pages may call: CORS for browsers, and the origins that the Model Context Protocol must refuse.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Response, request

if TYPE_CHECKING:
    from collections.abc import Iterable

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,255}")
_ALLOWED_METHODS = "GET, HEAD, POST, OPTIONS"
_ALLOWED_HEADERS = "Authorization, Content-Type, x-api-key, traceparent, MCP-Protocol-Version, Mcp-Method, Mcp-Name"
_EXPOSED_HEADERS = "x-request-id, traceparent, Retry-After"
_PREFLIGHT_SECONDS = "600"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def read_origins(text: str) -> frozenset[str]:
    """The origins of a setting: addresses such as ``https://app.example.com`` separated by commas, or ``*``.

    Raises:
        ValueError: one of them is no origin.
    """
    origins = frozenset(one.lower() for one in map(str.strip, text.split(",")) if one)
    for origin in origins - {"*"}:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError("CORS_ORIGINS must be origins such as https://app.example.com, separated by commas, or *")
    return origins


class Origins:
    """The origins with pages that may call.

    Args:
        allowed: of a setting; ``*`` is every origin.
        own_hosts: ends of host names that are this deployment's, or whole ones.
    """

    def __init__(self, allowed: Iterable[str] = (), own_hosts: Iterable[str] = ()) -> None:
        self._allowed = frozenset(allowed)
        self._own_hosts = tuple(own_hosts)

    def allow(self, origin: str) -> bool:
        """Whether a page of ``origin`` may call and read the answer."""
        return "*" in self._allowed or origin.lower() in self._allowed

    def is_own(self, origin: str, host: str) -> bool:
        """Whether ``origin`` is the deployment itself, called by a name that no other site can point to it.

        The header ``Host`` alone proves nothing: a page of evil.example can let that name resolve to 127.0.0.1.
        """
        if not _ORIGIN.fullmatch(origin):
            return False
        page, called = _host(origin), _host(f"//{host}")
        if called in _LOOPBACK:
            return page in _LOOPBACK
        is_known = any(called == own or (own.startswith(".") and called.endswith(own)) for own in self._own_hosts)
        return page == called and (is_known or _is_address(called))

    def answer_preflight(self) -> Response | None:
        """The answer to a browser that asks before it calls; ``None`` for any other request."""
        is_preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not is_preflight or not self.allow(request.headers.get("Origin", "")):
            return None
        headers = {
            "Access-Control-Allow-Methods": _ALLOWED_METHODS,
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": _PREFLIGHT_SECONDS,
        }
        return Response(status=204, headers=headers)

    def add_headers(self, response: Response) -> None:
        """Let the calling page read the answer, where it may."""
        if not self._allowed:
            return
        response.vary.add("Origin")
        origin = request.headers.get("Origin", "")
        if origin and self.allow(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS


def _host(address: str) -> str:
    try:
        return (urlsplit(address.lower()).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True

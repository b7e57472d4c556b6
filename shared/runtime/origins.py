"""Which web pages may call: CORS for browsers, and the origins that the Model Context Protocol must refuse.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Response, request

from shared.domain.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,255}")
_ALLOWED_METHODS = "GET, HEAD, POST, OPTIONS"
_ALLOWED_HEADERS = "Authorization, Content-Type, x-api-key, traceparent, MCP-Protocol-Version, Mcp-Method, Mcp-Name"
_EXPOSED_HEADERS = "x-request-id, traceparent, Retry-After"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
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
        return page == called and bool(called) and self.is_own_host(host)

    def is_own_host(self, host: str) -> bool:
        """Whether no other site can have pointed the name in a header ``Host`` to this machine.

        That is an address, a name that no site can have because it has no dot, and a name of the deployment.
        """
        called = _host(f"//{host}")
        is_known = any(called == own or (own.startswith(".") and called.endswith(own)) for own in self._own_hosts)
        return is_known or "." not in called or called.endswith(".localhost") or _is_address(called)

    def check_page(self) -> None:
        """Refuse web pages of other sites, which reach a function on a private machine through its user's browser.

        Raises:
            RequestError: ``origin_forbidden``, ``host_forbidden`` (403).
        """
        if request.url_rule is not None and request.method not in _SAFE_METHODS:
            self.check_origin()
        if not self.is_own_host(request.headers.get("Host", "")):
            message = "Without API keys only an address, localhost and DOMAIN are answered: set DOMAIN to this name."
            raise RequestError("host_forbidden", message, status=403)

    def check_origin(self) -> None:
        """Refuse a page that may not call.

        Raises:
            RequestError: ``origin_forbidden`` (403).
        """
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin", "")
        if origin and not self.allow(origin) and not self.is_own(origin, host):
            message = "Web pages of this origin may not call; see CORS_ORIGINS."
            raise RequestError("origin_forbidden", message, status=403)

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

"""Who may call a server on this machine: programs, and no web page of another site.

A page can send a plain form to any address, and can let its own name resolve to 127.0.0.1; what it can fake is neither
``Host``, which holds that name, nor ``Origin``, which browsers send with each request that changes something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from shared.runtime.origins import Origins

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler, Middleware

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def admit_programs(
    refuse: Callable[[str, str], web.StreamResponse],
    own_hosts: tuple[str, ...] = (),
    decides: Callable[[web.Request], bool] = lambda _: True,
) -> Middleware:
    """A middleware that refuses names that are not this machine's, and requests of other sites that change something.

    Args:
        refuse: makes the answer of a code and a sentence.
        own_hosts: names of this machine besides ``localhost`` and addresses.
        decides: whether this server decides about a request; functions have rules of their own.
    """
    origins = Origins((), own_hosts)

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        host, origin = request.headers.get("Host", ""), request.headers.get("Origin", "")
        if not decides(request):
            return await handler(request)
        if not origins.is_own_host(host):
            return refuse("HostForbidden", f"{host[:100]} is no name of this server: call it by 127.0.0.1 or localhost")
        is_foreign = bool(origin) and not origins.is_own(origin, host)
        if request.method not in _SAFE_METHODS and is_foreign:
            return refuse("OriginForbidden", f"web pages of {origin[:100]} may not call this server")
        return await handler(request)

    return admit

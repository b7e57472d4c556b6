"""Cross-origin requests as a bucket answers them: which web pages may write objects, and read the answer.

https://help.aliyun.com/zh/oss/developer-reference/putbucketcors
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

_METHODS: Final = ("PUT",)
_HEADERS: Final = frozenset({"content-type", "x-oss-forbid-overwrite"})
_EXPOSED: Final = "ETag, x-oss-request-id"


class CorsRule:
    """The rule of the bucket.

    Args:
        origins: pages that may call; none by default, as in a new bucket.
    """

    def __init__(self, origins: tuple[str, ...] = ()) -> None:
        self._origins = frozenset(origins)

    def install(self, application: web.Application, refuse: Callable[[web.Request], web.Response]) -> None:
        """Answer preflights, and let pages read the answers to their requests.

        Args:
            refuse: makes the answer to a preflight that no rule allows.
        """

        async def answer(request: web.Request) -> web.Response:
            if not self._allows(request):
                return refuse(request)
            allowed = {
                "Access-Control-Allow-Methods": ", ".join(_METHODS),
                "Access-Control-Allow-Headers": request.headers.get("Access-Control-Request-Headers", ""),
                "Access-Control-Max-Age": "600",
            }
            return web.Response(headers=allowed)

        application.router.add_options(r"/{bucket_and_key:[\s\S]*}", answer)
        application.on_response_prepare.append(self._add_headers)

    def _allows(self, request: web.Request) -> bool:
        asked = request.headers.get("Access-Control-Request-Headers", "").lower().split(",")
        is_known = all(name.strip() in _HEADERS for name in asked if name.strip())
        method = request.headers.get("Access-Control-Request-Method", "")
        return is_known and method in _METHODS and request.headers.get("Origin") in self._origins

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        origin = request.headers.get("Origin", "")
        if origin in self._origins:
            response.headers.update(
                {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED, "Vary": "Origin"}
            )

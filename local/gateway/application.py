"""The HTTP side of the gateway: public routes, Function Compute's API, triggers and the gateway's own state."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import web

from local.callers import admit_programs
from local.gateway.errors import BodyTooLargeError, api_error, platform_error
from local.gateway.exchange import CONNECTION_HEADERS, MAX_HEADER_BYTES, Exchange, count_header_bytes, read_body
from local.gateway.invocations import MAX_EVENT_BYTES, Event
from local.gateway.pool import FullError
from local.gateway.publishing import NotPublishableError, envelope
from ops.deployment import HttpTrigger, OssTrigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.gateway.gateway import Gateway
    from local.gateway.instance import Instance
    from local.gateway.pool import Pool
    from ops.deployment import Route, Trigger

_OWN_PATHS: Final = ("/gateway/", "/2023-03-30/")
API: Final = "/2023-03-30/functions/{function}/invocations"
MAX_PATH_BYTES: Final = 4 * 1024
"""Path and query together: https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits"""


def application(gateway: Gateway, *, pass_client_headers: bool) -> web.Application:
    """The web application in front of the gateway's functions.

    Args:
        pass_client_headers: pass on ``x-fc-*`` headers that clients send, with priority over the gateway's own. The
            cloud does not document whether it drops them, so functions are tested both ways.
    """
    handlers = _Handlers(gateway, pass_client_headers=pass_client_headers)
    # Functions decide themselves about pages of other sites: API_KEYS, CORS_ORIGINS, DOMAIN.
    domains = tuple(domain.domain_name.lower() for domain in gateway.deployment.domains.values())
    admit = admit_programs(partial(platform_error, 403), domains, lambda request: request.path.startswith(_OWN_PATHS))
    application = web.Application(client_max_size=0, middlewares=[admit])
    application.add_routes(
        [
            web.get("/gateway/status", handlers.status),
            web.get("/gateway/notifications", handlers.notifications),
            web.post("/gateway/triggers/{function}/{trigger}", handlers.trigger),
            web.post("/gateway/publish/{function}/{trigger}", handlers.publish),
            web.post(API, handlers.invoke),
            web.route("*", "/{path:(?s:.*)}", handlers.route),
        ]
    )
    return application


class _Handlers:
    """One method per route."""

    def __init__(self, gateway: Gateway, *, pass_client_headers: bool) -> None:
        self._gateway = gateway
        self._pass_client_headers = pass_client_headers
        self._routes = sorted((route for _, route in gateway.deployment.routes()), key=_precedence)

    async def status(self, _: web.Request) -> web.Response:
        return web.json_response({"functions": self._gateway.status()})

    async def notifications(self, request: web.Request) -> web.Response:
        wanted = [
            {
                "url": str(request.url.with_path(f"/gateway/triggers/{function.function_name}/{trigger.trigger_name}")),
                "events": trigger.trigger_config.events,
                "prefix": trigger.trigger_config.filter.key.prefix,
                "suffix": trigger.trigger_config.filter.key.suffix,
            }
            for function in self._gateway.deployment.functions.values()
            for trigger in function.triggers_of(OssTrigger)
        ]
        return web.json_response(wanted)

    async def trigger(self, request: web.Request) -> web.Response:
        found = self._find_trigger(request)
        if found is None:
            return _trigger_not_found(request)
        return await self._accept(found[0], request, lambda payload: Event(payload, records=_count_records(payload)))

    async def publish(self, request: web.Request) -> web.Response:
        found = self._find_trigger(request)
        if found is None:
            return _trigger_not_found(request)
        pool, trigger = found

        def wrap(message: bytes) -> bytes:
            return envelope(trigger, message, pool.function.function_name, pool.function.region)

        try:
            return await self._enqueue(pool, request, wrap)
        except NotPublishableError as error:
            return platform_error(409, "TriggerDisabled", str(error))

    async def invoke(self, request: web.Request) -> web.StreamResponse:
        pool = self._gateway.pools.get(request.match_info["function"])
        if pool is None:
            return api_error(404, "FunctionNotFound", f"there is no function {request.match_info['function']}")
        kind = request.headers.get("x-fc-invocation-type", "Sync")
        if kind == "Async":
            return await self._enqueue(pool, request)
        if kind != "Sync":
            return api_error(400, "InvalidArgument", f"X-Fc-Invocation-Type is Sync or Async, not {kind}")
        return await self._forward(pool, request, "/invoke", "/invoke")

    async def route(self, request: web.Request) -> web.StreamResponse:
        if refused := _find_excess(request):
            return refused
        route = next((route for route in self._routes if _matches(route, request)), None)
        pool = self._gateway.pools.get(route.function_name) if route else None
        if pool is None:
            return platform_error(404, "RouteNotFound", f"no route of the deployment leads to {request.path}")
        triggers = pool.function.triggers_of(HttpTrigger)
        if not any(request.method in trigger.trigger_config.methods for trigger in triggers):
            message = f"no http trigger of {pool.function.function_name} allows {request.method}"
            refused = platform_error(405, "MethodNotAllowed", message)
            allowed = {method for trigger in triggers for method in trigger.trigger_config.methods}
            refused.headers["Allow"] = ", ".join(sorted(allowed))
            return refused
        if request.headers.get("x-fc-invocation-type", "").lower() == "async":
            return await self._enqueue_request(pool, request)
        return await self._forward(pool, request, _read_target(request), "/http-invoke")

    async def _enqueue_request(self, pool: Pool, request: web.Request) -> web.Response:
        """Accept an asynchronous call of an HTTP URL: queued and retried like an event, its answer dropped."""
        # Not documented is whether the function sees that the call is asynchronous; here it does.
        headers = {**self._client_headers(request), "x-fc-invocation-type": "Async"}
        headers.pop("content-length", None)
        return await self._accept(
            pool,
            request,
            lambda payload: Event(
                payload, method=request.method, path=_read_target(request), control_path="/http-invoke", headers=headers
            ),
        )

    def _find_trigger(self, request: web.Request) -> tuple[Pool, Trigger] | None:
        pool = self._gateway.pools.get(request.match_info["function"])
        for trigger in pool.function.triggers if pool else ():
            if pool and trigger.trigger_name == request.match_info["trigger"]:
                return pool, trigger
        return None

    async def _enqueue(self, pool: Pool, request: web.Request, wrap: Callable[[bytes], bytes] = bytes) -> web.Response:
        """Accept an asynchronous invocation; ``wrap`` makes the event of the request's body."""
        return await self._accept(pool, request, lambda payload: Event(wrap(payload)))

    async def _accept(self, pool: Pool, request: web.Request, make: Callable[[bytes], Event]) -> web.Response:
        """Queue what ``make`` makes of the request's body."""
        try:
            payload = b"".join([block async for block in read_body(request, MAX_EVENT_BYTES)])
        except BodyTooLargeError as error:
            return platform_error(413, "EntityTooLarge", str(error))
        event = make(payload)
        self._gateway.enqueue(pool.function.function_name, event)
        return web.Response(status=202, headers={"x-fc-request-id": event.request_id})

    async def _forward(self, pool: Pool, request: web.Request, path: str, control_path: str) -> web.StreamResponse:
        """Pass one request to the function, or refuse it at once where every place is taken."""
        name, timeout = pool.function.function_name, pool.function.timeout
        refuse = api_error if control_path == "/invoke" else platform_error
        async with AsyncExitStack() as place:
            try:
                async with asyncio.timeout(timeout):
                    instance = await place.enter_async_context(pool.place())
            except FullError:
                most = f"{pool.max_instances} x {pool.function.instance_concurrency}"
                message = f"all {most} places of {name} are taken (instances x instanceConcurrency); try again later"
                return refuse(429, "ResourceExhausted", message)
            except TimeoutError:
                return refuse(504, "FunctionTimeout", f"no instance of {name} was ready within {timeout} s")
            headers = self._headers(instance, request, control_path)
            return await Exchange(self._gateway.session, instance, request).run(path, headers)

    def _headers(self, instance: Instance, request: web.Request, control_path: str) -> dict[str, str]:
        platform = instance.headers(str(uuid.uuid4()), control_path)
        client = self._client_headers(request)
        if control_path == "/invoke":
            client["content-type"] = "application/octet-stream"
            return {**client, **platform}
        return {**platform, **client}

    def _client_headers(self, request: web.Request) -> dict[str, str]:
        return {
            name.lower(): value
            for name, value in request.headers.items()
            if name.lower() not in CONNECTION_HEADERS
            and (self._pass_client_headers or not name.lower().startswith("x-fc-"))
        }


def _count_records(payload: bytes) -> int:
    """How many records an event of OSS has; 1 for what is none."""
    try:
        return max(1, len(msgspec.json.decode(payload)["events"]))
    except (msgspec.MsgspecError, TypeError, KeyError):
        return 1


def _read_target(request: web.Request) -> str:
    """Path and query as they were sent; of a whole address, as clients of proxies send it, what follows the host."""
    target = request.raw_path
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        return target
    end = next((position for position, character in enumerate(rest) if character in "/?"), len(rest))
    return rest[end:] if rest[end : end + 1] == "/" else f"/{rest[end:]}"


def _find_excess(request: web.Request) -> web.Response | None:
    """The refusal of a request with too long a path or too large headers."""
    if len(request.raw_path.encode("utf-8", "surrogateescape")) > MAX_PATH_BYTES:
        return platform_error(414, "RequestURITooLong", f"path and query may have {MAX_PATH_BYTES} bytes")
    if count_header_bytes(request.raw_headers) > MAX_HEADER_BYTES:
        return platform_error(431, "RequestHeaderFieldsTooLarge", f"headers may have {MAX_HEADER_BYTES} bytes")
    return None


def _trigger_not_found(request: web.Request) -> web.Response:
    return platform_error(404, "TriggerNotFound", f"there is no {request.path} in this deployment")


def _precedence(route: Route) -> tuple[bool, int]:
    """Exact paths first, then the longest."""
    return route.path.endswith("/*"), -len(route.path)


def _matches(route: Route, request: web.Request) -> bool:
    if route.methods and request.method not in route.methods:
        return False
    if route.path.endswith("/*"):
        return request.path.startswith(route.path[:-1])
    return request.path == route.path

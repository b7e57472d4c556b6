"""Function Compute on one machine: reads ``s.yaml``, starts its functions, and calls them the way the cloud does.

    HTTP request ── routes of the domain ──▶ function            headers x-fc-*, 32 MB, timeout, methods
    POST /2023-03-30/functions/<name>/invocations ──▶ /invoke    Function Compute's own API, sync and async
    POST /gateway/triggers/<name>/<trigger> ──▶ /invoke          what a trigger delivers, always async
    POST /gateway/publish/<name>/<trigger> ──▶ /invoke           a message, in the envelope its trigger would make
    timers ──▶ /invoke

``GET /gateway/status`` tells how the functions are, ``GET /gateway/notifications`` which bucket events they want. One
instance runs per function, so requests wait where the cloud would start another instance.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import re
import signal
import socket
import sys
import uuid
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web
from croniter import croniter
from yarl import URL

from local.delivery import MAX_EVENT_BYTES, Delivery, Event
from local.instance import Instance
from local.processes import StartError
from local.publishing import NotPublishableError, envelope
from ops.deployment import DeploymentError, HttpTrigger, OssTrigger, TimerTrigger, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from ops.deployment import Deployment, Route, Trigger

_log = logging.getLogger(__name__)

API: Final = "/2023-03-30/functions/{function}/invocations"
MAX_BODY_BYTES: Final = 32 * 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024
# What belongs to one connection and is not passed on (RFC 9110, 7.6.1).
_CONNECTION_HEADERS: Final = frozenset(
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
_INTERVAL: Final = re.compile(r"@every (\d+)([smh])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


class GatewayError(RuntimeError):
    """The gateway cannot start; the message is one sentence that says what to do."""


class _BodyTooLargeError(ValueError):
    pass


class Gateway:
    """The functions of one deployment, their queues, timers and routes.

    Args:
        root: the project's folder, which stands for ``/code``.
        data: logs and failed events go below it.
        environ: the variables the functions' platform is taken from.
        retry_seconds: wait before the first retry of an event; doubled for each further one.
        pass_client_headers: hand on ``x-fc-*`` headers that clients send, theirs before ours. Whether the cloud drops
            them is not documented, so functions are tried both ways.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        root: Path,
        data: Path,
        environ: Mapping[str, str],
        retry_seconds: float = 1.0,
        pass_client_headers: bool = False,
    ) -> None:
        self._deployment = deployment
        self._root = root
        self._data = data
        self._environ = environ
        self._retry_seconds = retry_seconds
        self._pass_client_headers = pass_client_headers
        self._routes = sorted((route for _, route in deployment.routes()), key=_precedence)
        self._instances: dict[str, Instance] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._timers: list[asyncio.Task[None]] = []
        self._open = AsyncExitStack()

    async def start(self) -> None:
        """Start every function and its timers.

        Raises:
            StartError: a function did not come up; the others have been ended again.
        """
        # A connection per request under way: each function has a semaphore of its own in front.
        self._session = await self._open.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
        )
        for name, function in self._deployment.functions.items():
            instance = Instance(
                function,
                root=self._root,
                log=self._data / "logs" / f"{name}.log",
                environ=self._environ,
                session=self._session,
            )
            self._instances[function.function_name] = instance
            self._deliveries[function.function_name] = Delivery(
                instance, self._session, failures=self._data / "failed", retry_seconds=self._retry_seconds
            )
        try:
            async with asyncio.TaskGroup() as starting:
                for instance in self._instances.values():
                    starting.create_task(instance.start())
        except* StartError as failures:
            await self.stop()
            raise StartError("; ".join(str(failure) for failure in failures.exceptions)) from None
        self._start_timers()

    async def stop(self) -> None:
        """End timers, queues and functions, in this order: nothing new arrives while they end."""
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)
        await asyncio.gather(*(delivery.close() for delivery in self._deliveries.values()))
        await asyncio.gather(*(instance.stop() for instance in self._instances.values()))
        await self._open.aclose()

    def application(self) -> web.Application:
        """The front door."""
        application = web.Application(client_max_size=0)
        application.add_routes(
            [
                web.get("/gateway/status", self._status),
                web.get("/gateway/notifications", self._notifications),
                web.post("/gateway/triggers/{function}/{trigger}", self._triggered),
                web.post("/gateway/publish/{function}/{trigger}", self._published),
                web.post(API, self._invoked),
                web.route("*", "/{path:.*}", self._http),
            ]
        )
        return application

    # --- What the gateway tells about itself

    async def _status(self, _: web.Request) -> web.Response:
        functions = [
            {
                "name": instance.name,
                "pid": instance.pid,
                "port": instance.port,
                "ready": instance.ready,
                "restarts": instance.restarts,
                "in_flight": instance.in_flight,
                "queued": delivery.queued,
                "delivered": delivery.delivered,
                "failed": delivery.failed,
                "last_error": delivery.last_error or instance.last_error,
            }
            for instance, delivery in zip(self._instances.values(), self._deliveries.values(), strict=True)
        ]
        return web.json_response({"functions": functions})

    async def _notifications(self, request: web.Request) -> web.Response:
        wanted = [
            {
                "url": str(request.url.with_path(f"/gateway/triggers/{function.function_name}/{trigger.trigger_name}")),
                "events": trigger.trigger_config.events,
                "prefix": trigger.trigger_config.filter.key.prefix,
                "suffix": trigger.trigger_config.filter.key.suffix,
            }
            for function in self._deployment.functions.values()
            for trigger in function.triggers_of(OssTrigger)
        ]
        return web.json_response(wanted)

    # --- Events

    async def _triggered(self, request: web.Request) -> web.Response:
        instance, trigger = self._trigger(request)
        if instance is None or trigger is None:
            return _error(404, "TriggerNotFound", f"there is no {request.path} in this deployment")
        return await self._accept(instance, request)

    async def _published(self, request: web.Request) -> web.Response:
        instance, trigger = self._trigger(request)
        if instance is None or trigger is None:
            return _error(404, "TriggerNotFound", f"there is no {request.path} in this deployment")

        def wrap(message: bytes) -> bytes:
            return envelope(trigger, message, instance.name, instance.function.region)

        try:
            return await self._accept(instance, request, wrap)
        except NotPublishableError as error:
            return _error(409, "TriggerDisabled", str(error))

    def _trigger(self, request: web.Request) -> tuple[Instance | None, Trigger | None]:
        instance = self._instances.get(request.match_info["function"])
        triggers = instance.function.triggers if instance else ()
        name = request.match_info["trigger"]
        return instance, next((trigger for trigger in triggers if trigger.trigger_name == name), None)

    async def _invoked(self, request: web.Request) -> web.StreamResponse:
        instance = self._instances.get(request.match_info["function"])
        if instance is None:
            return _api_error(404, "FunctionNotFound", f"there is no function {request.match_info['function']}")
        kind = request.headers.get("x-fc-invocation-type", "Sync")
        if kind == "Async":
            return await self._accept(instance, request)
        if kind != "Sync":
            return _api_error(400, "InvalidArgument", f"X-Fc-Invocation-Type is Sync or Async, not {kind}")
        return await self._forward(instance, request, "/invoke", "/invoke")

    async def _accept(
        self, instance: Instance, request: web.Request, wrap: Callable[[bytes], bytes] = bytes
    ) -> web.Response:
        try:
            payload = b"".join([chunk async for chunk in _body(request, MAX_EVENT_BYTES)])
        except _BodyTooLargeError as error:
            return _error(413, "EntityTooLarge", str(error))
        event = Event(wrap(payload))
        self._deliveries[instance.name].accept(event)
        return web.Response(status=202, headers={"x-fc-request-id": event.request_id})

    def _start_timers(self) -> None:
        for function in self._deployment.functions.values():
            for trigger in function.triggers_of(TimerTrigger):
                if trigger.trigger_config.enable:
                    delivery = self._deliveries[function.function_name]
                    self._timers.append(asyncio.create_task(_run_timer(trigger, delivery)))

    # --- HTTP triggers

    async def _http(self, request: web.Request) -> web.StreamResponse:
        route = next((route for route in self._routes if _matches(route, request)), None)
        instance = self._instances.get(route.function_name) if route else None
        if instance is None:
            return _error(404, "RouteNotFound", f"no route of the deployment leads to {request.path}")
        triggers = instance.function.triggers_of(HttpTrigger)
        if not any(request.method in trigger.trigger_config.methods for trigger in triggers):
            return _error(405, "MethodNotAllowed", f"no http trigger of {instance.name} allows {request.method}")
        return await self._forward(instance, request, request.raw_path, "/http-invoke")

    async def _forward(
        self, instance: Instance, request: web.Request, path: str, control_path: str
    ) -> web.StreamResponse:
        """Pass one request to the function and its answer back; errors are told as Function Compute tells its own."""
        timeout = instance.function.timeout
        async with AsyncExitStack() as place:
            try:
                async with asyncio.timeout(timeout):
                    await place.enter_async_context(instance)
            except TimeoutError:
                return _error(429, "ResourceExhausted", f"{instance.name} had no place for {timeout} s")
            headers = self._headers(instance, request, control_path)
            return await _Exchange(self._session, instance, request).run(path, headers)

    def _headers(self, instance: Instance, request: web.Request, control_path: str) -> dict[str, str]:
        theirs = {name.lower(): value for name, value in request.headers.items()}
        ours = instance.headers(str(uuid.uuid4()), control_path)
        kept = {
            name: value
            for name, value in theirs.items()
            if name not in _CONNECTION_HEADERS and (self._pass_client_headers or not name.startswith("x-fc-"))
        }
        if control_path == "/invoke":
            kept["content-type"] = "application/octet-stream"
            return {**kept, **ours}
        return {**ours, **kept}


class _Exchange:
    """One request on its way to a function and back."""

    def __init__(self, session: aiohttp.ClientSession, instance: Instance, request: web.Request) -> None:
        self._session = session
        self._instance = instance
        self._request = request
        self._answer: web.StreamResponse | None = None

    async def run(self, path: str, headers: dict[str, str]) -> web.StreamResponse:
        name, timeout = self._instance.name, self._instance.function.timeout
        request_id = headers["x-fc-request-id"]
        if (self._request.content_length or 0) > MAX_BODY_BYTES:
            return _error(413, "RequestEntityTooLarge", f"a request may have {MAX_BODY_BYTES} bytes", request_id)
        try:
            async with asyncio.timeout(timeout):
                return await self._pass_on(path, headers)
        except _BodyTooLargeError as error:
            return _error(413, "RequestEntityTooLarge", str(error), request_id)
        except TimeoutError:
            return self._broken(504, "FunctionTimeout", f"{name} did not answer within {timeout} s", request_id)
        except aiohttp.ClientError as error:
            if isinstance(error.__cause__, _BodyTooLargeError):
                return _error(413, "RequestEntityTooLarge", str(error.__cause__), request_id)
            return self._broken(502, "FunctionCrashed", f"{name} ended while it worked on the request", request_id)

    async def _pass_on(self, path: str, headers: dict[str, str]) -> web.StreamResponse:
        body = _body(self._request, MAX_BODY_BYTES) if self._request.can_read_body else None
        async with self._session.request(
            self._request.method,
            URL(f"{self._instance.url}{path}", encoded=True),
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(),
        ) as response:
            answer = web.StreamResponse(status=response.status, reason=response.reason)
            for name, value in response.headers.items():
                if name.lower() not in _CONNECTION_HEADERS:
                    answer.headers.add(name, value)
            answer.headers["x-fc-request-id"] = headers["x-fc-request-id"]
            await answer.prepare(self._request)
            self._answer = answer
            async for chunk in response.content.iter_any():
                await answer.write(chunk)
            await answer.write_eof()
            return answer

    def _broken(self, status: int, code: str, message: str, request_id: str) -> web.StreamResponse:
        if self._answer is None:
            return _error(status, code, message, request_id)
        # The status line is gone already: a cut connection is the only way left to say that the rest is missing.
        _log.warning("%s", message)
        if self._request.transport:
            self._request.transport.close()
        return self._answer


async def _body(request: web.Request, limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
        size += len(chunk)
        if size > limit:
            raise _BodyTooLargeError(f"a request of this kind may have {limit} bytes")
        yield chunk


def _error(status: int, code: str, message: str, request_id: str = "") -> web.Response:
    """An error of the platform itself, in Function Compute's shape."""
    request_id = request_id or str(uuid.uuid4())
    return web.json_response(
        {"RequestId": request_id, "ErrorCode": code, "ErrorMessage": message},
        status=status,
        headers={"x-fc-request-id": request_id, "x-fc-error-type": code},
    )


def _api_error(status: int, code: str, message: str) -> web.Response:
    """An error of the API: https://help.aliyun.com/zh/functioncompute/fc/developer-reference/api-fc-2023-03-30-struct-error"""
    content = {"RequestId": str(uuid.uuid4()), "Code": code, "Message": message}
    return web.json_response(content, status=status, headers={"x-fc-request-id": content["RequestId"]})


def _precedence(route: Route) -> tuple[bool, int]:
    """Exact paths first, then the longest."""
    return route.path.endswith("/*"), -len(route.path)


def _matches(route: Route, request: web.Request) -> bool:
    if route.methods and request.method not in route.methods:
        return False
    if route.path.endswith("/*"):
        return request.path.startswith(route.path[:-1])
    return request.path == route.path


async def _run_timer(trigger: TimerTrigger, delivery: Delivery) -> None:
    moment = datetime.now(UTC)
    while True:
        moment = _next_moment(trigger.trigger_config.cron_expression, moment)
        await asyncio.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
        event = {
            "triggerTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "triggerName": trigger.trigger_name,
            "payload": trigger.trigger_config.payload,
        }
        delivery.accept(Event(json.dumps(event, ensure_ascii=False).encode()))


def _next_moment(expression: str, after: datetime) -> datetime:
    """When ``expression`` is next due; cron expressions start with seconds, and are UTC without ``CRON_TZ=``."""
    interval = _INTERVAL.fullmatch(expression)
    if interval:
        return datetime.fromtimestamp(after.timestamp() + int(interval[1]) * _SECONDS[interval[2]], UTC)
    zone, fields = "UTC", expression
    if expression.startswith("CRON_TZ="):
        zone, _, fields = expression.removeprefix("CRON_TZ=").partition(" ")
    due: datetime = croniter(fields, after.astimezone(ZoneInfo(zone)), second_at_beginning=True).get_next(datetime)
    return due.astimezone(UTC)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, taken before anything starts so that a taken port costs nothing.

    Raises:
        GatewayError: the port is taken, or the host is not this machine's.
    """
    try:
        return socket.create_server((host, port), backlog=256)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise GatewayError(f"{host}:{port} cannot be used ({why}): choose another with --port") from error


async def serve(gateway: Gateway, listening: socket.socket) -> None:
    """Start the gateway, say so in one line, and run until SIGTERM or Ctrl-C.

    Raises:
        StartError: a function did not come up.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    until_stopped = asyncio.create_task(stopping.wait())
    starting = asyncio.create_task(gateway.start())
    await asyncio.wait((starting, until_stopped), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await gateway.stop()
        return
    starting.result()
    # A client that went away must not keep a function busy for nobody.
    runner = web.AppRunner(gateway.application(), access_log=None, handler_cancellation=True)
    try:
        await runner.setup()
        await web.SockSite(runner, listening).start()
        host, port = listening.getsockname()[:2]
        print(f"gateway ready on http://{host}:{port}", flush=True)
        await until_stopped
    finally:
        await runner.cleanup()
        await gateway.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the gateway; the exit status is 1 when it could not start, after one sentence."""
    parser = argparse.ArgumentParser(prog="python -m local.gateway", description=__doc__)
    parser.add_argument("--deployment", type=Path, default=Path("s.yaml"), help="the deployment to run")
    parser.add_argument("--root", type=Path, help="the code, which stands for /code; else where the deployment lies")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--data", type=Path, default=Path(".local"), help="where logs and failed events go")
    parser.add_argument("--retry-seconds", type=float, default=1.0, help="wait before the first retry of an event")
    parser.add_argument("--pass-client-fc-headers", action="store_true", help="hand on x-fc-* headers clients send")
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        deployment = load(asked.deployment, os.environ)
        listening = listen(asked.host, asked.port)
        gateway = Gateway(
            deployment,
            root=(asked.root or asked.deployment.resolve().parent).resolve(),
            data=asked.data.resolve(),
            environ=os.environ,
            retry_seconds=asked.retry_seconds,
            pass_client_headers=asked.pass_client_fc_headers,
        )
        asyncio.run(serve(gateway, listening))
    except (DeploymentError, GatewayError, StartError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

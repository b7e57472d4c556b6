"""The health check of an instance honours the fields that a deployment declares."""

from __future__ import annotations

import asyncio

import aiohttp
import msgspec
import pytest
from aiohttp import web

from local.gateway.health import HealthCheck, UnhealthyError
from ops.deployment import Function


def function(health: dict[str, object] | None) -> Function:
    runtime = {"command": ["python3"], **({"healthCheckConfig": health} if health is not None else {})}
    return msgspec.convert(
        {
            "region": "cn-beijing",
            "functionName": "test",
            "runtime": "custom.debian12",
            "code": "./",
            "customRuntimeConfig": runtime,
        },
        Function,
    )


class Server:
    """Answers ``/healthz`` with one status after the other, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self.asked = 0
        self._statuses = statuses

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(status=self._statuses[min(self.asked, len(self._statuses)) - 1])

    def run(self, health: dict[str, object] | None, *, until: str = "healthy", is_busy: bool = True) -> None:
        async def run() -> None:
            application = web.Application()
            application.router.add_get("/healthz", self.answer)
            runner = web.AppRunner(application)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            async with aiohttp.ClientSession() as session:
                check = HealthCheck(function(health), port, session)
                try:
                    async with asyncio.timeout(30 if is_busy else 2.5):
                        if until == "healthy":
                            await check.wait_until_healthy(lambda: None)
                        else:
                            await check.wait_until_unhealthy(lambda: is_busy)
                finally:
                    await runner.cleanup()

        asyncio.run(run())


HEALTHZ = {"httpGetUrl": "/healthz", "periodSeconds": 1}


def test_an_instance_is_ready_after_the_declared_successes_in_a_row() -> None:
    server = Server(200, 500, 200, 200)
    server.run({**HEALTHZ, "successThreshold": 2, "failureThreshold": 20})
    assert server.asked == 4


def test_an_instance_that_fails_for_the_declared_periods_is_not_ready() -> None:
    with pytest.raises(UnhealthyError, match="not healthy within 2 s"):
        Server(500).run({**HEALTHZ, "failureThreshold": 2})


def test_without_a_declared_check_an_open_port_is_enough() -> None:
    server = Server(500)
    server.run(None)
    assert server.asked == 0


def test_a_busy_instance_is_unhealthy_after_the_declared_failures_in_a_row() -> None:
    server = Server(500, 200, 500, 500)
    server.run({**HEALTHZ, "failureThreshold": 2}, until="unhealthy")
    assert server.asked == 4


def test_an_idle_instance_is_not_checked() -> None:
    server = Server(500)
    with pytest.raises(TimeoutError):
        server.run({**HEALTHZ, "failureThreshold": 1}, until="unhealthy", is_busy=False)
    assert server.asked == 0

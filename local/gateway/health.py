"""The health check of an instance, with the five fields that ``healthCheckConfig`` declares.

Source: https://help.aliyun.com/zh/functioncompute/fc/instance-health-check
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.deployment import Function

_START_SECONDS: Final = 120.0  # Function Compute's own limit for a custom runtime
# A developer waits for the start, so it is checked more often than once per period; failures are counted per period.
_START_PERIOD_SECONDS: Final = 0.05


class UnhealthyError(Exception):
    """An instance did not become healthy in time; the message is the rest of a sentence that begins with its name."""


class HealthCheck:
    """Asks one instance for its health; without a declared check, it is healthy once its port accepts connections."""

    def __init__(self, function: Function, port: int, session: aiohttp.ClientSession) -> None:
        self._declared = function.custom_runtime_config.health_check_config
        self._port = port
        self._session = session

    async def wait_until_healthy(self, require_alive: Callable[[], None]) -> None:
        """Wait for as many successes in a row as ``successThreshold``.

        Args:
            require_alive: raises where the process has ended.

        Raises:
            UnhealthyError: ``failureThreshold`` periods have passed without success, or 120 s.
        """
        declared = self._declared
        successes, seconds, period = 1, _START_SECONDS, _START_PERIOD_SECONDS
        if declared:
            await asyncio.sleep(declared.initial_delay_seconds)
            successes, period = declared.success_threshold, float(declared.period_seconds)
            seconds = min(seconds, (declared.failure_threshold + successes - 1) * period)
        deadline, streak = time.monotonic() + seconds, 0
        while time.monotonic() < deadline:
            require_alive()
            streak = streak + 1 if await self._probe() else 0
            if streak >= successes:
                return
            await asyncio.sleep(period if streak else _START_PERIOD_SECONDS)
        raise UnhealthyError(f"was not healthy within {seconds:.0f} s")

    async def wait_until_unhealthy(self, is_busy: Callable[[], bool]) -> None:
        """Return after ``failureThreshold`` failures in a row; for ever pending without a declared check.

        Args:
            is_busy: whether requests are in progress; an idle instance is frozen in the cloud and not checked.
        """
        if self._declared is None:
            await asyncio.Event().wait()
            return
        failures = 0
        while failures < self._declared.failure_threshold:
            await asyncio.sleep(self._declared.period_seconds)
            failures = failures + 1 if is_busy() and not await self._probe() else 0

    async def _probe(self) -> bool:
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            if self._declared and self._declared.http_get_url:
                return await self._get(self._declared.http_get_url)
            return await self._connect()
        return False

    async def _get(self, path: str) -> bool:
        timeout = aiohttp.ClientTimeout(total=self._declared.timeout_seconds if self._declared else 1)
        async with self._session.get(f"http://127.0.0.1:{self._port}{path}", timeout=timeout) as response:
            return response.ok

    async def _connect(self) -> bool:
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.close()
        return True

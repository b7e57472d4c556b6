"""The functions of one deployment on this machine: an instance and an invocation queue for each, and the timers."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp

from local.gateway.instance import Instance
from local.gateway.invocations import Event, Invocations
from local.gateway.timers import run_timer
from local.processes import StartError
from ops.deployment import TimerTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ops.deployment import Deployment, Function


class Gateway:
    """Starts and stops everything that a deployment declares.

    Args:
        root: the project's folder, which replaces ``/code``.
        data: folder for logs and failed events.
        environ: the variables the functions' platform is taken from.
        retry_seconds: wait before the first retry of an event; doubled for each further one.

    Attributes:
        instances: the running functions by their deployed name.
        session: the connections to them.
    """

    session: aiohttp.ClientSession

    def __init__(
        self, deployment: Deployment, *, root: Path, data: Path, environ: Mapping[str, str], retry_seconds: float = 1.0
    ) -> None:
        self.deployment = deployment
        self.instances: dict[str, Instance] = {}
        self._root = root
        self._data = data
        self._environ = environ
        self._retry_seconds = retry_seconds
        self._queues: dict[str, Invocations] = {}
        self._timers: list[asyncio.Task[None]] = []
        self._open = AsyncExitStack()

    async def start(self) -> None:
        """Start every function and its timers.

        Raises:
            StartError: a function did not become ready; the others are stopped again.
        """
        # A connection per request in progress: each function has a semaphore of its own in front.
        self.session = await self._open.enter_async_context(
            # What a client accepts is for the client to state: an answer must not be compressed for the gateway.
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), auto_decompress=False, skip_auto_headers={"Accept-Encoding"}
            )
        )
        for name, function in self.deployment.functions.items():
            self._add(name, function)
        try:
            async with asyncio.TaskGroup() as starting:
                for instance in self.instances.values():
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
        await asyncio.gather(*(queue.close() for queue in self._queues.values()))
        await asyncio.gather(*(instance.stop() for instance in self.instances.values()))
        await self._open.aclose()

    def enqueue(self, function_name: str, event: Event) -> None:
        """Accept an asynchronous invocation of a function."""
        self._queues[function_name].accept(event)

    def status(self) -> list[dict[str, Any]]:
        """The state and the counters of every function."""
        return [
            {
                "name": name,
                "pid": instance.pid,
                "port": instance.port,
                "ready": instance.ready,
                "restarts": instance.restarts,
                "in_flight": instance.in_flight,
                "queued": self._queues[name].queued,
                "delivered": self._queues[name].delivered,
                "failed": self._queues[name].failed,
                "last_error": self._queues[name].last_error or instance.last_error,
            }
            for name, instance in self.instances.items()
        ]

    def _add(self, name: str, function: Function) -> None:
        instance = Instance(
            function,
            root=self._root,
            log=self._data / "logs" / f"{name}.log",
            environ=self._environ,
            session=self.session,
        )
        self.instances[instance.name] = instance
        self._queues[instance.name] = Invocations(
            instance, self.session, failures=self._data / "failed", retry_seconds=self._retry_seconds
        )

    def _start_timers(self) -> None:
        for function in self.deployment.functions.values():
            for trigger in function.triggers_of(TimerTrigger):
                if trigger.trigger_config.enable:
                    send = partial(self._send, function.function_name)
                    self._timers.append(asyncio.create_task(run_timer(trigger, send)))

    def _send(self, function_name: str, payload: bytes) -> None:
        self.enqueue(function_name, Event(payload))

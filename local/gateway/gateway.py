"""The functions of one deployment on this machine: instances and an invocation queue for each, and the timers."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from local.gateway import memory
from local.gateway.invocations import Event, Invocations
from local.gateway.pool import Pool
from local.gateway.surroundings import Surroundings
from local.gateway.timers import run_timer
from local.processes import StartError
from local.reporting import report
from ops.deployment import TimerTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.gateway.instance import Instance
    from ops.deployment import Deployment, Function

_MEMORY_PERIOD_SECONDS: Final = 1.0


class Gateway:
    """Starts and stops everything that a deployment declares.

    Args:
        root: the project's folder, which replaces ``/code``.
        data: folder for logs and failed events.
        environ: the variables the functions' platform is taken from.
        retry_seconds: wait before the first retry of an event; doubled for each further one.
        freeze_idle: whether instances without a request are stopped until the next one, as in the cloud.
        idle_seconds: how long a further instance stays without a request.

    Attributes:
        pools: the instances of each function, by its deployed name.
        session: the connections to them.
    """

    session: aiohttp.ClientSession

    def __init__(
        self,
        deployment: Deployment,
        *,
        root: Path,
        data: Path,
        environ: Mapping[str, str],
        retry_seconds: float = 1.0,
        freeze_idle: bool = False,
        idle_seconds: float = 60.0,
    ) -> None:
        self.deployment = deployment
        self.pools: dict[str, Pool] = {}
        self._freeze_idle = freeze_idle
        self._idle_seconds = idle_seconds
        self._root = root
        self._data = data
        self._environ = environ
        self._retry_seconds = retry_seconds
        self._queues: dict[str, Invocations] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._open = AsyncExitStack()

    async def start(self) -> None:
        """Start every function and its timers.

        Raises:
            StartError: a function did not become ready; the others are stopped again.
        """
        # A connection per request in progress: each pool bounds the number of its own.
        self.session = await self._open.enter_async_context(
            # What a client accepts is for the client to state: an answer must not be compressed for the gateway.
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), auto_decompress=False, skip_auto_headers={"Accept-Encoding"}
            )
        )
        surroundings = self._surroundings()
        for function in self.deployment.functions.values():
            self._add(function, surroundings)
        try:
            async with asyncio.TaskGroup() as starting:
                for pool in self.pools.values():
                    starting.create_task(pool.start())
        except BaseExceptionGroup as group:
            # Not `except*`: Python 3.11.2 makes a group of what is raised there.
            failures, others = group.split(StartError)
            if failures is None or others is not None:
                raise
            await self.stop()
            raise StartError("; ".join(str(failure) for failure in failures.exceptions)) from None
        self._tasks.append(asyncio.create_task(self._bound_memory()))
        self._start_timers()

    async def stop(self) -> None:
        """End timers, queues and functions, in this order: nothing new arrives while they end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(queue.close() for queue in self._queues.values()))
        await asyncio.gather(*(pool.stop() for pool in self.pools.values()))
        await self._open.aclose()

    def enqueue(self, function_name: str, event: Event) -> None:
        """Accept an asynchronous invocation of a function."""
        self._queues[function_name].accept(event)

    def status(self) -> list[dict[str, Any]]:
        """The state and the counters of every function, and of each of its instances."""
        return [self._status(name, pool) for name, pool in self.pools.items()]

    def _status(self, name: str, pool: Pool) -> dict[str, Any]:
        queue, instances = self._queues[name], [_instance_status(instance) for instance in pool.instances]
        first = pool.first
        return {
            "name": name,
            "pid": first.pid,
            "port": first.port,
            "ready": any(instance.ready for instance in pool.instances),
            "restarts": sum(instance.restarts for instance in pool.instances),
            "in_flight": sum(instance.in_flight for instance in pool.instances),
            "queued": queue.queued,
            "delivered": queue.delivered,
            "failed": queue.failed,
            "last_error": queue.last_error or next(filter(None, (it["last_error"] for it in instances)), ""),
            "instances": instances,
            "max_instances": pool.max_instances,
            "most_instances": pool.started,
        }

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            root=self._root,
            data=self._data,
            environ=self._environ,
            session=self.session,
            names={function.function_name: name for name, function in self.deployment.functions.items()},
            freeze_idle=self._freeze_idle,
            idle_seconds=self._idle_seconds,
        )

    def _add(self, function: Function, surroundings: Surroundings) -> None:
        pool = self.pools[function.function_name] = Pool(function, surroundings)
        self._queues[function.function_name] = Invocations(
            pool, self.session, failures=self._data / "failed", retry_seconds=self._retry_seconds
        )

    async def _bound_memory(self) -> None:
        """End instances that hold more than their ``memorySize``."""
        if not memory.is_measurable():
            report("Memory of functions and parsers is not limited: only Linux tells what a process holds.")
            return
        while True:
            await asyncio.sleep(_MEMORY_PERIOD_SECONDS)
            running = {it.pid: it for pool in self.pools.values() for it in pool.instances if it.pid}
            limits = {pid: instance.function.memory_size * 2**20 for pid, instance in running.items()}
            for pid, size in (await asyncio.to_thread(memory.measure_excess, limits)).items():
                if running[pid].pid == pid:
                    most = running[pid].function.memory_size
                    running[pid].kill(
                        f"held {size / 2**20:,.0f} MB of memory, its memorySize is {most:,}, and was ended"
                    )

    def _start_timers(self) -> None:
        for function in self.deployment.functions.values():
            for trigger in function.triggers_of(TimerTrigger):
                if trigger.trigger_config.enable:
                    send = partial(self._send, function.function_name)
                    self._tasks.append(asyncio.create_task(run_timer(trigger, send)))

    def _send(self, function_name: str, payload: bytes) -> None:
        self.enqueue(function_name, Event(payload))


def _instance_status(instance: Instance) -> dict[str, Any]:
    return {
        "number": instance.number,
        "pid": instance.pid,
        "port": instance.port,
        "ready": instance.ready,
        "restarts": instance.restarts,
        "in_flight": instance.in_flight,
        "last_error": instance.last_error,
    }

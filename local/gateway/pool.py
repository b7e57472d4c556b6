"""The instances of one function: one from the start, more while all are busy, up to the number that is declared.

A synchronous request gets a place at once, or waits for an instance that starts for it (a cold start); where every
place of every instance is taken, it is refused. Asynchronous events wait for a place, after the synchronous requests.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from local.gateway.instance import Instance

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from local.gateway.surroundings import Surroundings
    from ops.deployment import Function

UNDECLARED_INSTANCES: Final = 4
"""Instances at most where ``reservedConcurrency`` is not declared; an account's 100 are more than a laptop can hold."""

# A short burst of events is worked off sooner than another instance has started on a laptop.
_QUEUE_SECONDS: Final = 0.5
_LONGEST_LOOK_SECONDS: Final = 5.0


class FullError(Exception):
    """Every place of every instance is taken."""


class Pool:
    """Gives requests a place at an instance.

    Attributes:
        instances: those that run or start.
        started: the most instances that there were at once.
    """

    def __init__(self, function: Function, surroundings: Surroundings) -> None:
        self.function = function
        self.instances: list[Instance] = []
        self.started = 0
        self._surroundings = surroundings
        self._requests: deque[asyncio.Future[Instance]] = deque()
        self._events: deque[asyncio.Future[Instance]] = deque()
        self._retiring: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def max_instances(self) -> int:
        """How many instances there may be at once."""
        return self.function.instances or UNDECLARED_INSTANCES

    @property
    def first(self) -> Instance:
        """The instance that runs from the start to the end."""
        return self.instances[0]

    async def start(self) -> None:
        """Start the first instance, and in the background the others that ``minInstances`` keeps awake.

        Raises:
            StartError: the first did not become ready.
        """
        await self._add().start()
        for _ in range(self._min_instances - 1):
            self._add().begin()
        self._retiring = asyncio.create_task(self._retire_idle())

    async def stop(self) -> None:
        """End every instance in order."""
        self._is_stopping = True
        if self._retiring:
            self._retiring.cancel()
        await asyncio.gather(*(instance.stop() for instance in self.instances))

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Instance]:
        """Hold a place for a synchronous request.

        Raises:
            FullError: all are taken.
        """
        if sum(instance.in_flight for instance in self.instances) + len(self._requests) >= self._places:
            raise FullError
        instance = await self._wait(self._requests, patience=0)
        try:
            yield instance
        finally:
            self._release(instance)

    @asynccontextmanager
    async def queued_place(self) -> AsyncIterator[Instance]:
        """Hold a place for an asynchronous event, as soon as one is free."""
        instance = await self._wait(self._events, patience=_QUEUE_SECONDS)
        try:
            yield instance
        finally:
            self._release(instance)

    @property
    def _places(self) -> int:
        return self.max_instances * self.function.instance_concurrency

    @property
    def _min_instances(self) -> int:
        scaling = self.function.scaling_config
        return max(1, min(self.max_instances, (scaling.min_instances if scaling else None) or 1))

    async def _wait(self, queue: deque[asyncio.Future[Instance]], patience: float) -> Instance:
        waiting: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
        queue.append(waiting)
        self._offer_places()
        try:
            await asyncio.wait((waiting,), timeout=patience)
            if not waiting.done():
                self._grow()
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            if waiting.done():
                self._release(waiting.result())
            with suppress(ValueError):
                queue.remove(waiting)
            raise

    def _offer_places(self) -> None:
        """Give free places to those who wait: requests before events, each in order of arrival."""
        for queue in (self._requests, self._events):
            while queue:
                instance = next((it for it in self.instances if it.has_place), None)
                if instance is None:
                    return
                instance.take_place()
                queue.popleft().set_result(instance)

    def _release(self, instance: Instance) -> None:
        instance.free_place()
        self._offer_places()

    def _grow(self) -> None:
        """Start another instance, if those that start already have too few places for all who wait."""
        waiting = len(self._requests) + len(self._events)
        coming = sum(not instance.ready for instance in self.instances) * self.function.instance_concurrency
        if waiting > coming and len(self.instances) < self.max_instances and not self._is_stopping:
            self._add().begin()

    def _add(self) -> Instance:
        number = min(set(range(1, len(self.instances) + 2)) - {instance.number for instance in self.instances})
        instance = Instance(self.function, self._surroundings, number=number, changed=self._offer_places)
        self.instances.append(instance)
        self.started = max(self.started, len(self.instances))
        return instance

    async def _retire_idle(self) -> None:
        """End further instances that had no request for a while."""
        idle_seconds = self.function.idle_timeout or self._surroundings.idle_seconds
        while True:
            await asyncio.sleep(min(_LONGEST_LOOK_SECONDS, idle_seconds))
            now = time.monotonic()
            for instance in self.instances[self._min_instances :]:
                if not instance.in_flight and now - instance.idle_since > idle_seconds:
                    self.instances.remove(instance)
                    await instance.stop()

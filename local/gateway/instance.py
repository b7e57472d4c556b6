"""One instance of a function: started as ``s.yaml`` declares it, watched, restarted when it dies, stopped in order.

It does what Function Compute does around an instance: the health check, ``POST /initialize``, ``GET /pre-stop``. One
instance runs per function, where the cloud starts more under load; requests beyond ``instanceConcurrency`` wait.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import aiohttp

from local.gateway import credentials
from local.gateway.environment import account
from local.gateway.process import FunctionProcess
from local.processes import StartError
from local.reporting import report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ops.deployment import Function

_log = logging.getLogger(__name__)

_START_SECONDS: Final = 120.0  # Function Compute's own limit for a custom runtime
# Calls that come from no client of an HTTP trigger; no function reads the credentials of others.
_OWN_CALLS: Final = frozenset({"/initialize", "/invoke"})
_LONGEST_BACKOFF_SECONDS: Final = 5.0
_STEADY_SECONDS: Final = 30.0  # a process that lived this long is restarted at once when it dies


class Instance:
    """A running function that takes a bounded number of requests at once.

    Attributes:
        restarts: number of restarts.
        last_error: the latest sentence about a failed start or a death; empty if there was none.
        in_flight: requests in progress.
    """

    def __init__(
        self, function: Function, *, root: Path, log: Path, environ: Mapping[str, str], session: aiohttp.ClientSession
    ) -> None:
        self.function = function
        self.restarts = 0
        self.last_error = ""
        self.in_flight = 0
        self._log = log
        self._account = account(environ)
        self._environ = environ
        self._session = session
        self._slots = asyncio.Semaphore(function.instance_concurrency)
        self._ready = asyncio.Event()
        self._process = FunctionProcess(function, root=root, log=log, environ=environ)
        self._watching: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def name(self) -> str:
        """The function's deployed name."""
        return self.function.function_name

    @property
    def port(self) -> int:
        """Where the process listens, on 127.0.0.1; the same after a restart."""
        return self._process.port

    @property
    def url(self) -> str:
        """Where the process answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process's id, 0 while there is none."""
        return self._process.pid

    @property
    def ready(self) -> bool:
        """Whether it is initialised and takes requests."""
        return self._ready.is_set()

    async def start(self) -> None:
        """Start, wait until healthy, initialise; from then on a process that dies is restarted.

        Raises:
            StartError: it did not become healthy in time, ended, or refused to initialise.
        """
        try:
            await self._become_ready()
        except (StartError, asyncio.CancelledError):
            await self._process.end()
            raise
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """``GET /pre-stop`` where declared, then end the process."""
        self._stopping = True
        if self._watching:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        hook = self.function.instance_lifecycle_config.pre_stop
        if hook and self.ready and self.pid:
            with suppress(aiohttp.ClientError, TimeoutError):
                await self._call_hook("GET", "/pre-stop", hook.timeout)
        self._ready.clear()
        await self._process.end()

    async def __aenter__(self) -> Instance:
        """Wait for one of the function's ``instanceConcurrency`` places and for it to be ready."""
        await self._slots.acquire()
        try:
            await self._ready.wait()
        except BaseException:
            self._slots.release()
            raise
        self.in_flight += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self.in_flight -= 1
        self._slots.release()

    def headers(self, request_id: str, control_path: str) -> dict[str, str]:
        """The headers Function Compute adds to a request; credentials of the role only to its own calls."""
        has_credentials = self.function.role and control_path in _OWN_CALLS
        return {
            **(credentials.issue(self._environ) if has_credentials else {}),
            "x-fc-request-id": request_id,
            "x-fc-control-path": control_path,
            "x-fc-function-name": self.name,
            "x-fc-function-timeout": str(self.function.timeout),
            "x-fc-function-memory": str(self.function.memory_size),
            "x-fc-region": self.function.region,
            "x-fc-account-id": self._account,
        }

    async def _become_ready(self) -> None:
        await self._process.start()
        await self._become_healthy()
        await self._initialize()
        self._ready.set()

    async def _become_healthy(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if not self.pid:
                raise StartError(f"{self.name} ended before it was ready{self._process.last_words()}")
            with suppress(aiohttp.ClientError, TimeoutError):
                if await self._is_healthy():
                    return
            # More often than in the cloud, where a period is at least a second: a developer waits here.
            await asyncio.sleep(0.05)
        raise StartError(f"{self.name} was not healthy within {_START_SECONDS:.0f} s; see {self._log}")

    async def _is_healthy(self) -> bool:
        check = self.function.custom_runtime_config.health_check_config
        path = check.http_get_url if check else None
        timeout = aiohttp.ClientTimeout(total=5)
        async with self._session.get(f"{self.url}{path or '/'}", timeout=timeout) as response:
            return response.ok or not path

    async def _initialize(self) -> None:
        hook = self.function.instance_lifecycle_config.initializer
        if not hook:
            return
        try:
            status, body = await self._call_hook("POST", "/initialize", hook.timeout)
        except TimeoutError as error:
            raise StartError(f"{self.name} did not initialise within {hook.timeout} s; see {self._log}") from error
        except aiohttp.ClientError as error:
            raise StartError(f"{self.name} died while initialising{self._process.last_words()}") from error
        if not 200 <= status < 300:
            raise StartError(f"{self.name} refused to initialise: {_reason(body) or f'status {status}'}")

    async def _call_hook(self, method: str, path: str, timeout: int) -> tuple[int, bytes]:
        headers = self.headers(str(uuid.uuid4()), path)
        async with self._session.request(
            method, f"{self.url}{path}", headers=headers, timeout=aiohttp.ClientTimeout(total=timeout)
        ) as response:
            return response.status, await response.read()

    async def _watch(self) -> None:
        failures = 0
        while not self._stopping:
            started = time.monotonic()
            status = await self._process.wait()
            self._ready.clear()
            self._report(f"{self.name} died ({_how(status)}){self._process.last_words()}")
            failures = 0 if time.monotonic() - started > _STEADY_SECONDS else failures
            failures = await self._restart(failures)

    async def _restart(self, failures: int) -> int:
        """Start it again until it is ready; returns the failures so far, each of which doubles the next wait."""
        while not self.ready:
            await asyncio.sleep(min(_LONGEST_BACKOFF_SECONDS, 0.1 * 2**failures))
            failures += 1
            self.restarts += 1
            try:
                await self._become_ready()
            except StartError as error:
                self._report(str(error))
                await self._process.end()
        return failures

    def _report(self, sentence: str) -> None:
        self.last_error = sentence
        _log.warning("%s", sentence)
        report(sentence)


def _reason(body: bytes) -> str:
    """The message of a function's error body, or the text itself when it is something else."""
    try:
        error = json.loads(body)["error"]
        return f"{error['message']} ({error['code']})"
    except (ValueError, KeyError, TypeError):
        return " ".join(body.decode("utf-8", "replace").split())[:300]


def _how(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"

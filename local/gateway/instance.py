"""One instance of a function: started as ``s.yaml`` declares it, watched, restarted when it dies, stopped in order.

It does what Function Compute does around an instance: the health check, ``POST /initialize``, ``GET /pre-stop``, and a
freeze while no request is in progress (if the gateway is asked to). `pool` decides how many instances there are.
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
from local.gateway.health import HealthCheck, UnhealthyError
from local.gateway.process import FunctionProcess
from local.processes import StartError
from local.reporting import report

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.gateway.surroundings import Surroundings
    from ops.deployment import Function

_log = logging.getLogger(__name__)

# Calls that come from no client of an HTTP trigger; no function reads the credentials of others.
_OWN_CALLS: Final = frozenset({"/initialize", "/invoke"})
_LONGEST_BACKOFF_SECONDS: Final = 5.0
# A process that broke off a request because it ends has ended within this time, on a loaded machine too.
_ENDING_SECONDS: Final = 0.3
_STEADY_SECONDS: Final = 30.0  # a process that lived this long is restarted at once when it dies


class Instance:
    """A running function that takes a bounded number of requests at once.

    Args:
        number: 1 for the function's first instance; the others have it in the name of their log.
        changed: called when it becomes ready.

    Attributes:
        restarts: number of restarts.
        last_error: the latest sentence about a failed start or a death; empty if there was none.
        in_flight: requests in progress.
        idle_since: when the last request ended, in seconds of the monotonic clock.
    """

    def __init__(
        self, function: Function, surroundings: Surroundings, *, number: int, changed: Callable[[], None]
    ) -> None:
        self.function = function
        self.number = number
        self.restarts = 0
        self.last_error = ""
        self.in_flight = 0
        self.idle_since = time.monotonic()
        self._surroundings = surroundings
        self._changed = changed
        self._log = surroundings.log(function, number)
        self._account = account(surroundings.environ)
        self._session = surroundings.session
        self._is_ready = False
        self._process = FunctionProcess(function, root=surroundings.root, log=self._log, environ=surroundings.environ)
        self._health = HealthCheck(function, self.port, surroundings.session)
        self._supervising: asyncio.Task[None] | None = None
        self._cause = ""

    @property
    def name(self) -> str:
        """The function's deployed name."""
        return self.function.function_name

    @property
    def title(self) -> str:
        """Its name for people: that of the function, with the number of a further instance."""
        return self.name if self.number == 1 else f"{self.name} (instance {self.number})"

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
        return self._is_ready

    @property
    def has_place(self) -> bool:
        """Whether it takes another request now."""
        return self._is_ready and self.in_flight < self.function.instance_concurrency

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
        self.begin()

    def begin(self) -> None:
        """Start in the background if it does not run, and restart it from then on; failures are reported."""
        self._supervising = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """``GET /pre-stop`` where declared, then end the process."""
        if self._supervising:
            self._supervising.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervising
        hook = self.function.instance_lifecycle_config.pre_stop
        self._process.thaw()
        if hook and self.ready and self.pid:
            with suppress(aiohttp.ClientError, TimeoutError):
                await self._call_hook("GET", "/pre-stop", hook.timeout)
        self._is_ready = False
        await self._process.end()

    def kill(self, cause: str) -> None:
        """End the process at once; ``cause`` goes into the sentence that reports its death."""
        self._is_ready = False
        self._cause = cause
        self._process.kill()

    async def notice_end(self) -> None:
        """Wait a moment for the end of a process that broke off a request, so that no other request meets it."""
        if self._is_ready:
            with suppress(TimeoutError, StartError):
                await asyncio.wait_for(self._process.wait(), _ENDING_SECONDS)
                self._is_ready = False

    def take_place(self) -> None:
        """Count a request in, and thaw the process if it was frozen."""
        if self._surroundings.freeze_idle and not self.in_flight:
            self._process.thaw()
        self.in_flight += 1

    def free_place(self) -> None:
        """Count a request out."""
        self.in_flight -= 1
        self.idle_since = time.monotonic()
        if self._surroundings.freeze_idle and not self.in_flight:
            self._process.freeze()

    def headers(self, request_id: str, control_path: str) -> dict[str, str]:
        """The headers Function Compute adds to a request; credentials of the role only to its own calls."""
        has_credentials = self.function.role and control_path in _OWN_CALLS
        return {
            **(credentials.issue(self._surroundings.environ) if has_credentials else {}),
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
        try:
            await self._health.wait_until_healthy(self._require_alive)
        except UnhealthyError as error:
            raise StartError(f"{self.title} {error}; see {self._log}") from None
        await self._initialize()
        self._is_ready = True
        if self._surroundings.freeze_idle and not self.in_flight:
            self._process.freeze()
        self._changed()

    def _require_alive(self) -> None:
        if not self.pid:
            raise StartError(f"{self.title} ended before it was ready{self._process.last_words()}")

    async def _initialize(self) -> None:
        hook = self.function.instance_lifecycle_config.initializer
        if not hook:
            return
        try:
            status, body = await self._call_hook("POST", "/initialize", hook.timeout)
        except TimeoutError as error:
            raise StartError(f"{self.title} did not initialise within {hook.timeout} s; see {self._log}") from error
        except aiohttp.ClientError as error:
            raise StartError(f"{self.title} died while initialising{self._process.last_words()}") from error
        if not 200 <= status < 300:
            raise StartError(f"{self.title} refused to initialise: {_reason(body) or f'status {status}'}")

    async def _call_hook(self, method: str, path: str, timeout: int) -> tuple[int, bytes]:
        headers = self.headers(str(uuid.uuid4()), path)
        async with self._session.request(
            method, f"{self.url}{path}", headers=headers, timeout=aiohttp.ClientTimeout(total=timeout)
        ) as response:
            return response.status, await response.read()

    async def _supervise(self) -> None:
        """Bring it up where it is not, and again each time it dies."""
        failures = 0
        while True:
            if not self.ready:
                failures = await self._bring_up(failures)
            started = time.monotonic()
            checking = asyncio.create_task(self._end_when_unhealthy())
            try:
                status = await self._process.wait()
            finally:
                checking.cancel()
            self._is_ready = False
            self.restarts += 1
            how = self._cause or f"died ({self._explain(status)})"
            self._cause = ""
            self._report(f"{self.title} {how}; it is started again")
            failures = 0 if time.monotonic() - started > _STEADY_SECONDS else failures
            await asyncio.sleep(min(_LONGEST_BACKOFF_SECONDS, 0.1 * 2**failures))

    async def _end_when_unhealthy(self) -> None:
        await self._health.wait_until_unhealthy(lambda: self.in_flight > 0)
        self.kill("did not answer its health checks and was ended")

    async def _bring_up(self, failures: int) -> int:
        """Start it until it is ready; returns the starts so far, each of which doubles the next wait."""
        while True:
            failures += 1
            try:
                await self._become_ready()
            except StartError as error:
                self._report(str(error))
                await self._process.end()
                self.restarts += 1
                await asyncio.sleep(min(_LONGEST_BACKOFF_SECONDS, 0.1 * 2**failures))
            else:
                return failures

    def _explain(self, status: int) -> str:
        """How it ended; who is killed has no last words, only an unrelated last line."""
        if status < 0:
            return f"signal {signal.Signals(-status).name}; see {self._log}"
        return f"status {status}{self._process.last_words()}"

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

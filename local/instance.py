"""One function as a process: started as ``s.yaml`` declares it, watched, started again when it dies, ended in order.

What Function Compute does around an instance, this does: its variables, its own empty ``/tmp``, the health check,
``POST /initialize``, ``GET /pre-stop``. It runs exactly one instance per function, where the cloud starts more under
load; requests beyond ``instanceConcurrency`` wait here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import shutil
import signal
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp

from local.last_words import last_words
from local.processes import StartError, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.deployment import Function

_log = logging.getLogger(__name__)

CODE: Final = "/code"
"""Where Function Compute unpacks the package; here it stands for the project's root."""

ACCOUNT: Final = "1000000000000000"
"""The account everything runs under when the environment names none; made up, but of the real shape."""

_START_SECONDS: Final = 120.0  # Function Compute's own limit for a custom runtime
_LONGEST_BACKOFF_SECONDS: Final = 5.0
_STEADY_SECONDS: Final = 30.0  # a process that lived this long starts again at once when it dies
_KILL_AFTER_SECONDS: Final = 10.0
# Of our own environment a function sees only what a machine needs to find programs, files and certificates.
_PASSED_ON: Final = re.compile(r"PATH|HOME|LANG|SSL_\w*|\w*_CERT\w*|\w*CA_BUNDLE\w*")
_CREDENTIALS: Final = {
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "local",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "local",
    "ALIBABA_CLOUD_SECURITY_TOKEN": "",
}


class Instance:
    """The running process of one function.

    Attributes:
        port: where it listens, on 127.0.0.1; the same after a restart.
        pid: its process, or 0 while there is none.
        restarts: how often it was started again.
        last_error: the latest sentence about a failed start or a death; empty if there was none.
        in_flight: requests it is working on.
    """

    def __init__(
        self, function: Function, *, root: Path, log: Path, environ: Mapping[str, str], session: aiohttp.ClientSession
    ) -> None:
        self.function = function
        self.port = free_port()
        self.restarts = 0
        self.last_error = ""
        self.in_flight = 0
        self._root = root
        self._log = log
        self._tmp = log.with_suffix(".tmp")
        self._environ = environ
        self._session = session
        self._slots = asyncio.Semaphore(function.instance_concurrency)
        self._ready = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._born_at = 0  # byte of the log: what stands before it was said by an earlier process
        self._watching: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def name(self) -> str:
        """The function's deployed name."""
        return self.function.function_name

    @property
    def url(self) -> str:
        """Where the process answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process's id, 0 while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    @property
    def ready(self) -> bool:
        """Whether it is initialised and takes requests."""
        return self._ready.is_set()

    async def start(self) -> None:
        """Start, wait until healthy, initialise; from then on a process that dies is started again.

        Raises:
            StartError: it did not become healthy in time, ended, or refused to initialise.
        """
        try:
            await self._bring_up()
        except (StartError, asyncio.CancelledError):
            await self._end()
            raise
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """``GET /pre-stop`` where declared, then SIGTERM, then SIGKILL to what is left."""
        self._stopping = True
        if self._watching:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        hook = self.function.instance_lifecycle_config.pre_stop
        if hook and self.ready and self.pid:
            with suppress(aiohttp.ClientError, TimeoutError):
                await self._hook("GET", "/pre-stop", hook.timeout)
        self._ready.clear()
        await self._end()

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
        """The headers Function Compute adds to a request."""
        return {
            "x-fc-request-id": request_id,
            "x-fc-control-path": control_path,
            "x-fc-function-name": self.name,
            "x-fc-function-timeout": str(self.function.timeout),
            "x-fc-function-memory": str(self.function.memory_size),
            "x-fc-region": self.function.region,
            "x-fc-account-id": self._environ.get("ACCOUNT_ID") or ACCOUNT,
        }

    def environment(self) -> dict[str, str]:
        """Everything the process sees: what it needs of ours, what the platform sets, what ``s.yaml`` declares."""
        passed_on = {name: value for name, value in self._environ.items() if _PASSED_ON.fullmatch(name)}
        declared = {name: _local(value, self._root) for name, value in self.function.environment_variables.items()}
        interpreter = str(Path(sys.executable).parent)
        path = os.pathsep.join((interpreter, passed_on.get("PATH") or os.defpath))
        return {**passed_on, **self._platform(), **declared, "PATH": path}

    def _platform(self) -> dict[str, str]:
        credentials = {name: self._environ.get(name) or local for name, local in _CREDENTIALS.items()}
        return {
            **(credentials if self.function.role else {}),
            "FC_FUNCTION_NAME": self.name,
            "FC_REGION": self.function.region,
            "FC_ACCOUNT_ID": self._environ.get("ACCOUNT_ID") or ACCOUNT,
            "FC_FUNCTION_MEMORY_SIZE": str(self.function.memory_size),
            "FC_INSTANCE_ID": f"c-{uuid.uuid4().hex[:8]}-local",
            "FC_CUSTOM_LISTEN_PORT": str(self.port),
            "LISTEN_HOST": "127.0.0.1",
            "TMPDIR": str(self._tmp),
        }

    async def _bring_up(self) -> None:
        runtime = self.function.custom_runtime_config
        # An instance has a /tmp of its own, which ends with it.
        shutil.rmtree(self._tmp, ignore_errors=True)
        self._tmp.mkdir(parents=True)
        with self._log.open("ab") as output:
            self._born_at = output.tell()
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *(_local(part, self._root) for part in (*runtime.command, *runtime.args)),
                    cwd=self._root,
                    env=self.environment(),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    # A group of its own: Ctrl-C in the terminal reaches us alone, and we end it with what it started.
                    start_new_session=True,
                )
            except OSError as error:
                raise StartError(f"{self.name} cannot be started: {runtime.command[0]}: {error.strerror}") from error
        await self._become_healthy()
        await self._initialize()
        self._ready.set()

    async def _become_healthy(self) -> None:
        check = self.function.custom_runtime_config.health_check_config
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.returncode is not None:
                raise StartError(f"{self.name} ended before it was ready{self._last_words()}")
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._session.get(
                    f"{self.url}{(check and check.http_get_url) or '/'}", timeout=aiohttp.ClientTimeout(total=5)
                ) as response:
                    if response.ok or not (check and check.http_get_url):
                        return
            # More often than in the cloud, where a period is at least a second: people wait here.
            await asyncio.sleep(0.05)
        raise StartError(f"{self.name} was not healthy within {_START_SECONDS:.0f} s; see {self._log}")

    async def _initialize(self) -> None:
        hook = self.function.instance_lifecycle_config.initializer
        if not hook:
            return
        try:
            status, body = await self._hook("POST", "/initialize", hook.timeout)
        except TimeoutError as error:
            raise StartError(f"{self.name} did not initialise within {hook.timeout} s; see {self._log}") from error
        except aiohttp.ClientError as error:
            raise StartError(f"{self.name} died while initialising{self._last_words()}") from error
        if not 200 <= status < 300:
            raise StartError(f"{self.name} refused to initialise: {_reason(body) or f'status {status}'}")

    async def _hook(self, method: str, path: str, timeout: int) -> tuple[int, bytes]:
        headers = self.headers(str(uuid.uuid4()), path)
        async with self._session.request(
            method, f"{self.url}{path}", headers=headers, timeout=aiohttp.ClientTimeout(total=timeout)
        ) as response:
            return response.status, await response.read()

    async def _watch(self) -> None:
        failures = 0
        while not self._stopping:
            assert self._process is not None
            born = time.monotonic()
            code = await self._process.wait()
            self._ready.clear()
            self._kill_group()
            self._report(f"{self.name} died ({_how(code)}){self._last_words()}")
            failures = 0 if time.monotonic() - born > _STEADY_SECONDS else failures
            while not self.ready:
                await asyncio.sleep(min(_LONGEST_BACKOFF_SECONDS, 0.1 * 2**failures))
                failures += 1
                self.restarts += 1
                try:
                    await self._bring_up()
                except StartError as error:
                    self._report(str(error))
                    await self._end()

    def _report(self, sentence: str) -> None:
        self.last_error = sentence
        _log.warning("%s", sentence)

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_KILL_AFTER_SECONDS):
                await process.wait()
        except TimeoutError:
            _log.warning("%s did not end within %.0f s and was killed", self.name, _KILL_AFTER_SECONDS)
        self._kill_group()
        await process.wait()

    def _kill_group(self) -> None:
        """End what the process left behind: a killed gunicorn leaves its worker on the port."""
        if self._process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _last_words(self) -> str:
        """Why the process ended, as part of a sentence."""
        words = last_words(self._log, self._born_at)
        return f": {words} (see {self._log})" if words else f" (see {self._log})"


def _local(text: str, root: Path) -> str:
    """``text`` with ``/code`` meaning the project's root."""
    return re.sub(rf"(?<![\w./-]){CODE}(?=/|:|$)", lambda _: str(root), text)


def _reason(body: bytes) -> str:
    """The message of our error body, or the text itself when it is something else."""
    try:
        error = json.loads(body)["error"]
        return f"{error['message']} ({error['code']})"
    except (ValueError, KeyError, TypeError):
        return " ".join(body.decode("utf-8", "replace").split())[:300]


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"

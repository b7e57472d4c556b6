"""The process of one function, with a ``/tmp`` and a process group of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from local.gateway.environment import localize, process_environment
from local.last_words import last_words
from local.processes import StartError, free_port
from shared.runtime.parent import end_with

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ops.deployment import Function

_log = logging.getLogger(__name__)

_KILL_AFTER_SECONDS: Final = 10.0


class FunctionProcess:
    """Starts and ends the command that a function declares.

    Attributes:
        port: where it listens, on 127.0.0.1; the same after a restart.
    """

    def __init__(self, function: Function, *, root: Path, log: Path, environ: Mapping[str, str]) -> None:
        self.port = free_port()
        self._function = function
        self._root = root
        self._log = log
        self._temporary = log.with_suffix(".tmp")
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None
        self._is_frozen = False
        self._log_start = 0  # byte of the log: what precedes it was written by an earlier process

    @property
    def pid(self) -> int:
        """The process's id, 0 while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    async def start(self) -> None:
        """Start the command with an empty ``/tmp``.

        Raises:
            StartError: the command cannot be run.
        """
        runtime = self._function.custom_runtime_config
        self._is_frozen = False
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(parents=True)
        with self._log.open("ab") as output:
            self._log_start = output.tell()
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *(localize(part, self._root) for part in (*runtime.command, *runtime.args)),
                    cwd=self._root,
                    env=self._environment(),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    # A group of its own: Ctrl-C reaches the gateway alone, which ends the process and its children.
                    start_new_session=True,
                    # And a gateway that is killed leaves none. Asyncio starts it in the main thread.
                    preexec_fn=partial(end_with, os.getpid()),
                )
            except OSError as error:
                message = f"{self._function.function_name} cannot be started: {runtime.command[0]}: {error.strerror}"
                raise StartError(message) from error

    async def wait(self) -> int:
        """Wait for its end and return the exit status; what it left running is killed.

        Raises:
            StartError: it was never started.
        """
        if self._process is None:
            raise StartError(f"{self._function.function_name} is not running")
        status = await self._process.wait()
        self._kill_group()
        return status

    async def end(self) -> None:
        """SIGTERM, then SIGKILL to what is left."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.thaw()
        with suppress(ProcessLookupError):
            # Not `terminate`: it polls, and so may take the exit status from the thread that waits for it.
            os.kill(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(_KILL_AFTER_SECONDS):
                await process.wait()
        except TimeoutError:
            name = self._function.function_name
            _log.warning("%s did not end within %.0f s and was killed", name, _KILL_AFTER_SECONDS)
        self._kill_group()
        await process.wait()

    def kill(self) -> None:
        """SIGKILL to the process and its children."""
        if self.pid:
            self._kill_group()

    def freeze(self) -> None:
        """Stop the process and its children until `thaw`."""
        if self.pid and not self._is_frozen:
            self._is_frozen = True
            self._signal_group(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        if self._is_frozen:
            self._is_frozen = False
            self._signal_group(signal.SIGCONT)

    def last_words(self) -> str:
        """Why the process ended, as part of a sentence."""
        words = last_words(self._log, self._log_start)
        return f": {words} (see {self._log})" if words else f" (see {self._log})"

    def _environment(self) -> dict[str, str]:
        return process_environment(
            self._function, self._environ, root=self._root, port=self.port, temporary=self._temporary
        )

    def _kill_group(self) -> None:
        """End the rest of the group: a killed gunicorn leaves its worker on the port."""
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

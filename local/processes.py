"""Child processes with one line when they are ready, a log file, and a certain end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from local.last_words import last_words
from local.ports import free_port
from shared.runtime.parent import end_with

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Process", "StartError", "free_port", "start"]

_ADDRESS = re.compile(r"https?://[^\s,]+")
_END_SECONDS = 20
_LOOK_SECONDS = 0.1


class StartError(Exception):
    """A process did not come up; the message is one sentence, with the process's own reason where it gave one."""


@dataclass(frozen=True)
class Process:
    """A running child.

    Attributes:
        address: the URL it printed.
        log: file that holds what it printed.
    """

    name: str
    popen: subprocess.Popen[bytes]
    address: str
    log: Path

    def stop(self) -> None:
        """Ask it to end, wait, and kill it if it does not."""
        if self.popen.poll() is None:
            self.popen.terminate()
            self.popen.send_signal(signal.SIGCONT)  # one that is stopped takes no other signal
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(_END_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it at once, and all that it started."""
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()


def start(
    name: str,
    module: str,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    log: Path,
    seconds: float,
    report: Callable[[str], object] | None = None,
    ending: threading.Event | None = None,
) -> Process:
    """Run ``python -m module`` and wait for the line that names its address.

    Args:
        report: called with each line of its standard output after that one; see `local.reporting`.
        ending: once it is set, the start is given up.

    Raises:
        StartError: it ended or printed no address within ``seconds``; the message repeats its last words.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        log.replace(log.with_suffix(".previous.log"))
    opened = _STARTER.submit(partial(_open, [sys.executable, "-m", module, *arguments], environ, log))
    try:
        popen = opened.result()
    except BaseException:  # Ctrl-C before it is known: it ends when it is
        opened.add_done_callback(_end)
        raise
    try:
        address = _Output(popen, log, report).await_address(seconds, ending)
    except BaseException:  # Ctrl-C while it starts
        Process(name, popen, "", log).stop()
        raise
    if address is None:
        Process(name, popen, "", log).stop()
        time.sleep(0.1)  # its last output may still be on its way to the log
        raise StartError(f"{name} did not start: {last_words(log) or 'it printed nothing'} (see {log})")
    return Process(name, popen, address, log)


def _open(command: Sequence[str], environ: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    # Both its outputs are appended, or one would overwrite the other.
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=file,
            # Whatever the locale: names of files and addresses are UTF-8, and what they print is read as UTF-8.
            env={**environ, "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,  # Ctrl-C is for the parent to pass on, in order
            preexec_fn=partial(end_with, os.getpid()),
        )  # fmt: skip


def _end(opened: Future[subprocess.Popen[bytes]]) -> None:
    if opened.exception() is None:
        opened.result().kill()


class _Starter:
    """Starts all children in one thread, which lasts as long as this process: the kernel ends a child with its thread.

    An executor's thread is waited for when the process ends: for ever, if a signal interrupted the call that made it.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Future[subprocess.Popen[bytes]], Callable[[], subprocess.Popen[bytes]]]]
        self._waiting = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, open_: Callable[[], subprocess.Popen[bytes]]) -> Future[subprocess.Popen[bytes]]:
        """Have a child started."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="starter", daemon=True)
            self._thread.start()
        opened: Future[subprocess.Popen[bytes]] = Future()
        self._waiting.put((opened, open_))
        return opened

    def _run(self) -> None:
        while True:
            opened, open_ = self._waiting.get()
            try:
                opened.set_result(open_())
            except BaseException as error:  # noqa: BLE001 - raised again where the child was wanted
                opened.set_exception(error)


_STARTER = _Starter()


class _Output:
    """Reads a child's standard output to its end, so that the child never blocks on a full pipe."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path, report: Callable[[str], object] | None) -> None:
        self._popen = popen
        self._log = log
        self._report = report
        self._address: str | None = None
        self._ready = threading.Event()
        threading.Thread(target=self._read, name=f"log-{log.stem}", daemon=True).start()

    def await_address(self, seconds: float, ending: threading.Event | None) -> str | None:
        """The address it printed; ``None`` if it printed none in time, has ended, or is to be given up."""
        end = time.monotonic() + seconds
        while not self._ready.wait(_LOOK_SECONDS) and time.monotonic() < end and not (ending and ending.is_set()):
            pass
        return self._address

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout:
            for line in self._popen.stdout:
                with contextlib.suppress(OSError), self._log.open("ab") as file:  # the disk may be full
                    file.write(line)
                self._take(line.decode("utf-8", "replace").rstrip())
        self._ready.set()

    def _take(self, line: str) -> None:
        if self._address is None:
            match = _ADDRESS.search(line)
            if match:
                self._address = match.group()
                self._ready.set()
        elif self._report and line:
            self._report(line)

"""Keeps the parts of the stack running: one that ends is started again, and the terminal says which one and why."""

from __future__ import annotations

import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local import processes
from local.disk import explain_shortage
from local.function_logs import FunctionLogs
from local.last_words import last_words
from local.processes import StartError
from local.stopped import find_stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from local.processes import Process

_LOOK_SECONDS = 0.2
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.2, 10.0
# A part that ran this long is started at once when it ends.
_STEADY_SECONDS = 60.0
# Starts that fail one after the other before the stack gives up.
_MOST_FAILURES = 6


@dataclass(frozen=True)
class Part:
    """What to start, and how.

    Attributes:
        name: also that of its module in `local` and of its log.
        seconds: how long it may take to start.
        folder: it cannot go on when this folder is removed, nor can the parts started after it.
    """

    name: str
    arguments: tuple[str, ...]
    seconds: float
    folder: Path | None = None


class Supervisor:
    """Starts parts in order, watches them in a thread, and stops them in the reverse order.

    Args:
        environ: variables of all parts.
        data: folder of the logs.
        folders: where a full disk matters.
        report: shows a sentence at the terminal.
        on_interruption: called after anything that may have lost an event.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        data: Path,
        folders: tuple[Path, ...],
        report: Callable[[str], object],
        on_interruption: Callable[[], object],
    ) -> None:
        self.failure = ""
        self._environ = environ
        self._logs = data / "logs"
        self._folders = folders
        self._report = report
        self._on_interruption = on_interruption
        self._parts: dict[str, Part] = {}
        self._running: dict[str, Process] = {}
        self._started: dict[str, float] = {}
        self._waits: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        self._announced: dict[str, Process] = {}
        self._stopped: set[int] = set()
        self._shortage = ""
        self._function_logs = FunctionLogs(self._logs)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, part: Part) -> str:
        """Start a part and return its address.

        Raises:
            StartError: it did not come up.
        """
        log = self._logs / f"{part.name}.log"
        process = processes.start(
            part.name, f"local.{part.name}", part.arguments, self._environ, log, part.seconds, self._report,
            self._ending,
        )  # fmt: skip
        self._parts[part.name], self._running[part.name] = part, process
        self._started[part.name] = time.monotonic()
        return process.address

    @property
    def processes(self) -> tuple[Process, ...]:
        """The running parts, in the order of their start."""
        return tuple(self._running.values())

    def watch(self) -> None:
        """Begin to watch the parts."""
        self._thread.start()

    def stop(self) -> None:
        """End all parts, and a start in progress."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()
        for process in reversed(self.processes):
            process.stop()

    def _watch(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS) and not self.failure:
            self._watch_disk()
            self._watch_folders()
            for name, process in list(self._running.items()):
                status = process.popen.poll()
                if status is not None:
                    self._announce(name, process, status)
                    if not self._restart(name):
                        break  # parts that need this one are started after it
            self._watch_stopped()
            for sentence in self._function_logs.read_deaths():
                self._interrupt(sentence)

    def _watch_disk(self) -> None:
        shortage = explain_shortage(self._folders)
        if shortage and not self._shortage:
            self._report(f"Disk full: {shortage}. Indexing pauses; free some space, and it goes on by itself.")
        if self._shortage and not shortage:
            self._interrupt("The disk has space again; indexing goes on.")
        self._shortage = shortage

    def _watch_folders(self) -> None:
        """Start again what cannot go on without a folder that was removed, and all that was started after it."""
        names = list(self._parts)
        for place, name in enumerate(names):
            folder = self._parts[name].folder
            if folder and not folder.is_dir():
                self._report(f"{folder} was removed: the stack starts again without it.")
                for other in reversed(names[place:]):
                    self._running[other].kill()  # nothing is left that it could keep
                for other in names[place:]:
                    self._restart(other)
                return

    def _watch_stopped(self) -> None:
        found = {pid: name for name, process in self._running.items() for pid in find_stopped(process.popen.pid)}
        for pid in found.keys() - self._stopped:
            self._report(f"{found[pid]}: process {pid} is stopped; `kill -CONT {pid}` lets it go on.")
        for pid in self._stopped - found.keys():
            self._interrupt(f"Process {pid} is no longer stopped.")
        self._stopped = set(found)

    def _announce(self, name: str, process: Process, status: int) -> None:
        if self._announced.get(name) is not process:
            self._announced[name] = process
            self._report(f"{name} ended ({_explain_end(process, status)}) and is started again.")

    def _restart(self, name: str) -> bool:
        """Start a part again after a pause; whether it runs. After many failures the stack ends."""
        if time.monotonic() - self._started[name] > _STEADY_SECONDS:
            self._waits[name] = 0
        waits = self._waits.get(name, 0)
        self._waits[name] = waits + 1
        if self._ending.wait(min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**waits) if waits else 0):
            return False
        try:
            self.start(self._parts[name])
        except (StartError, OSError) as error:
            self._failures[name] = self._failures.get(name, 0) + (not self._shortage)  # on a full disk none can start
            if self._failures[name] >= _MOST_FAILURES:
                self.failure = f"{name} cannot be started again: {error}"
            return False
        self._failures[name] = 0
        self._interrupt(f"{name} runs again.")
        return True

    def _interrupt(self, sentence: str) -> None:
        self._report(sentence)
        self._on_interruption()


def _explain_end(process: Process, status: int) -> str:
    if status < 0:
        return f"signal {signal.Signals(-status).name}"
    words = last_words(process.log)
    return f"status {status}: {words}" if words else f"status {status}"

"""The parser processes that stay ready, because to start one costs more than to read a small file.

They are forked from a server process that has loaded the parsers and nothing else: a fork of the function itself would
inherit locks of gRPC's threads.
https://docs.python.org/3.11/library/multiprocessing.html#contexts-and-start-methods
"""

from __future__ import annotations

import multiprocessing
import os
from functools import cache
from threading import Condition, RLock
from typing import TYPE_CHECKING, Any

from shared.domain.errors import TransientError
from shared.parsing import messages
from shared.parsing.limits import Limits
from shared.parsing.worker import serve
from shared.runtime import workspace

if TYPE_CHECKING:
    from shared.runtime.retrying import Deadline

# Loaded once, by the server; a process forked from it starts in milliseconds.
_PRELOADED = [
    "shared.parsing.worker",
    *(f"shared.parsing.{name}" for name in ("docx", "html", "json", "pdf", "pptx", "xlsx")),
    *("pypdfium2", "selectolax.lexbor"),
]
_MEBIBYTE = 1 << 20
# What the function itself, its libraries and the server of the processes need.
_RESERVED_BYTES = 512 * _MEBIBYTE
_LEAST_BYTES = 128 * _MEBIBYTE
# More at once than documents are: a process is taken only while text of a document waits to be read.
_MOST_PROCESSES = 4
# A new process now and then, so that what libraries leak does not add up.
_MOST_FILES = 100
# A process that has ended reports how at once.
_REPORT_SECONDS = 5.0
# multiprocessing looks at all processes it started whenever it starts one, and must not see one that is being closed.
# The same thread may come twice: an iterator that the garbage collector closes ends its process wherever that happens.
_BOOKKEEPING = RLock()


class Process:
    """A parser process, as the function sees it."""

    def __init__(self, memory: int) -> None:
        context = _context()
        self.memory = memory
        self.files = 0
        self._connection, theirs = context.Pipe()
        self._reports, reporting = context.Pipe(duplex=False)
        self._process = context.Process(target=serve, args=(theirs, reporting, memory), daemon=True)
        with _BOOKKEEPING:
            self._process.start()
            # Of the one that waits for the one that reads; both end together.
            self.pid: int = self._process.pid
        theirs.close()
        reporting.close()

    def is_ready(self) -> bool:
        """Whether it waits for a file: one that has ended, or has something to say unasked, does not."""
        return not self._connection.poll() and not self._reports.poll()

    def request(self, request: messages.Request) -> None:
        """Ask for a file to be read.

        Raises:
            OSError: the process has ended.
        """
        self.files += 1
        self._connection.send_bytes(messages.encode(request))

    def receive(self, deadline: Deadline) -> list[messages.Message]:
        """The next messages of the answer.

        Raises:
            EOFError: the process has ended; `death` says how.
            TransientError: ``deadline_exceeded``.
        """
        if not self._connection.poll(max(0.0, deadline.remaining())):
            raise TransientError("deadline_exceeded", "No time is left to read the document; try again.")
        try:
            return messages.decode_answer(self._connection.recv_bytes())
        except OSError as error:  # it ended in the middle of a message
            raise EOFError from error

    def death(self) -> messages.Death | None:
        """How it ended; ``None`` where the whole of it was killed and nothing is left to say it."""
        try:
            if self._reports.poll(_REPORT_SECONDS):
                return messages.decode_death(self._reports.recv_bytes())
        except (EOFError, OSError):
            pass
        return None

    def end(self) -> None:
        """Kill it; the kernel ends the one that reads with the one that waits."""
        with _BOOKKEEPING:
            self._process.kill()
            self._process.join()
            self._process.close()
        self._connection.close()
        self._reports.close()


class Pool:
    """Parser processes, started when they are needed and kept for the next file."""

    def __init__(self, number: int, memory: int) -> None:
        self._number = number
        self._memory = memory
        self._idle: list[Process] = []
        self._starting = 0
        self._changed = Condition()
        self.taken: list[Process] = []

    @property
    def in_use(self) -> int:
        """Processes that read a file, or are about to."""
        return len(self.taken) + self._starting

    def take(self, deadline: Deadline) -> Process:
        """A process of the caller's own until it is given back or dropped.

        Raises:
            TransientError: ``deadline_exceeded``: all are in use until then.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.in_use < self._number, max(0.0, deadline.remaining())):
                raise TransientError("deadline_exceeded", "No time is left to read the document; try again.")
            self._starting += 1
            process = self._idle.pop() if self._idle else None
        try:
            if process and not process.is_ready():
                process.end()
                process = None
            process = process or Process(self._memory)
        finally:
            with self._changed:
                self._starting -= 1
                self.taken += [process] if process else []
                self._changed.notify()
        return process

    def give_back(self, process: Process) -> None:
        """Keep a process for the next file once its answer is complete, unless it has read enough of them."""
        if process.files >= _MOST_FILES:
            self.drop(process)
            return
        with self._changed:
            self.taken.remove(process)
            self._idle.append(process)
            self._changed.notify()

    def drop(self, process: Process) -> None:
        """End a process that must not read another file."""
        process.end()
        with self._changed:
            self.taken.remove(process)
            self._changed.notify()

    def warm_up(self) -> None:
        """Have one process ready, and with it the server that starts all others."""
        with self._changed:
            if not self._idle and self.in_use < self._number:
                self._idle.append(Process(self._memory))

    def close(self) -> None:
        """End the processes that wait for a file."""
        with self._changed:
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()


@cache
def shared_pool() -> Pool:
    """The pool of this function, sized so that it and the function fit into the instance's memory."""
    return Pool(*size(int(os.environ.get("FC_FUNCTION_MEMORY_SIZE") or 0) * _MEBIBYTE))


def size(instance: int) -> tuple[int, int]:
    """Number of processes and the bytes of memory each may use, on an instance of so many bytes; 0 is a machine."""
    most = Limits().max_memory_bytes
    if not instance:
        return _MOST_PROCESSES, most
    left = max(_LEAST_BYTES, instance - _RESERVED_BYTES)
    number = max(1, min(_MOST_PROCESSES, left // most))
    return number, min(most, left // number)


@cache
def _context() -> Any:
    """How to start processes by the server, which starts with the first of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    # Where the server listens: by default it is a folder with a path that may be too long, and that is never cleared.
    multiprocessing.current_process()._config["tempdir"] = str(workspace.for_sockets())  # type: ignore[attr-defined]  # noqa: SLF001
    return context

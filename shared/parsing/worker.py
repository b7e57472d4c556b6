"""A parser process: reads one file after the other, each within bounds on memory and CPU time.

It is a pair of processes. The one that the function starts only waits for the other, which reads the files, and reports
how that one ended: the kernel tells the memory of a process that was aborted to its parent only.
"""

from __future__ import annotations

import faulthandler
import os
import re
import resource
import sys
import tempfile
from pathlib import Path
from traceback import walk_tb
from typing import IO, TYPE_CHECKING, Any

from shared.domain.errors import DocumentError
from shared.parsing import messages
from shared.parsing.document import parse
from shared.parsing.memory import Memory, peak_bytes
from shared.runtime import parent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

# Exit status after a MemoryError: nothing can be sent when there is no memory to write it with.
OUT_OF_MEMORY = 70
_MEBIBYTE = 1 << 20
# Text in a message: enough that the cost of a message does not count, and that most documents are one message.
_MESSAGE_CHARACTERS = 128 << 10
# What a block adds to a message besides its text, and each label of its table.
_BLOCK_CHARACTERS, _LABEL_CHARACTERS = 64, 32
# A process that held so much more than a new one is replaced, so that the next file finds the memory it may use.
_GROWTH_BYTES = 64 * _MEBIBYTE
# Libraries write to standard error before they abort. It may quote the document, so it goes to a file, not to the log.
_STDERR_BYTES = _MEBIBYTE
_ALLOCATION = re.compile(rb"memory allocation of [0-9]{1,20} bytes failed|bad_alloc")
_PLACE = re.compile(rb'File "([^"\n]{1,500})", line ([0-9]{1,9}) in (\w{1,100})')
_PLACES_SHOWN = 3


def serve(connection: Connection, reports: Connection, memory: int) -> None:
    """Read the files requested over ``connection`` until it closes.

    Args:
        connection: brings requests, takes answers.
        reports: gets one `messages.Death` when the process that reads has ended.
        memory: most bytes of address space, whatever a request allows.
    """
    parent.end_with(os.getppid())
    # A crash must not leave the document's text in a file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    base, waiting = Memory.now(), os.getpid()
    with tempfile.TemporaryFile() as stderr:
        if child := os.fork():
            connection.close()
            reports.send_bytes(messages.encode(_death(child, stderr, base)))
            return
        reports.close()
        os._exit(_run(connection, waiting, stderr, memory))


def _death(child: int, stderr: IO[bytes], base: Memory) -> messages.Death:
    _, status, usage = os.wait4(child, 0)
    written = os.pread(stderr.fileno(), _STDERR_BYTES, 0)
    place = _PLACE.search(written)
    return messages.Death(
        status=os.waitstatus_to_exitcode(status),
        base=base.size,
        grown=peak_bytes(usage) - base.resident,
        has_failed_allocation=_ALLOCATION.search(written) is not None,
        place=_shown(*(group.decode(errors="replace") for group in place.groups())) if place else "",
    )


# -- the process that reads -------------------------------------------------------------------------------------------


def _run(connection: Connection, waiting: int, stderr: IO[bytes], memory: int) -> int:
    """Read files until the connection closes; the exit status."""
    try:
        parent.end_with(waiting)
        # The soft bound only: `TemporaryCopy` lifts it while it writes a file of its own.
        resource.setrlimit(resource.RLIMIT_FSIZE, (_STDERR_BYTES, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        os.dup2(stderr.fileno(), 2)
        faulthandler.enable(stderr)
        _read_files(connection, memory)
    except MemoryError:
        return OUT_OF_MEMORY
    except (EOFError, OSError):  # the function closed the connection
        return 0
    return 0


def _read_files(connection: Connection, memory: int) -> None:
    base = Memory.now()
    while True:
        request = messages.decode_request(connection.recv_bytes())
        for answer in _answers(request, base, memory):
            connection.send_bytes(messages.encode(answer))


def _answers(request: messages.Request, base: Memory, memory: int) -> Iterator[list[messages.Message]]:
    """Messages, as many at once as are ready: a small document is one answer."""
    ready: list[messages.Message] = []
    try:
        path = Path(request.path)
        _bound(path.stat().st_size, request.limits, memory)
        document = parse(path, request.key, request.limits, module=request.module)
        ready.append(messages.Began(document.title, document.format))
        for blocks, is_full in _batches(document.blocks):
            ready.append(messages.Read(blocks))
            if is_full:
                yield ready
                ready = []
        ready.append(messages.Ended(document.warnings, _has_grown(base)))
    except DocumentError as error:
        ready = [messages.Refused(error.code, error.message, _has_grown(base))]
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001 - a panic in Rust code is no Exception
        ready = [_crash(error)]
    yield ready


def _batches(blocks: Iterator[Block]) -> Iterator[tuple[list[Block], bool]]:
    """Blocks for one message each, and whether it is full; the last one is not."""
    gathered: list[Block] = []
    size = 0
    for block in blocks:
        gathered.append(block)
        labels = _LABEL_CHARACTERS * len(block.location.columns)
        picture = len(block.picture.data) if block.picture else 0
        size += len(block.text) + len(block.keys) + labels + picture + _BLOCK_CHARACTERS
        if size >= _MESSAGE_CHARACTERS:
            yield gathered, True
            gathered, size = [], 0
    yield gathered, False


def _bound(size: int, limits: Limits, memory: int) -> None:
    """Bound what reading the next file may take; CPU time counts from the start of the process."""
    allowed = min(limits.max_memory_bytes, memory)
    if sys.platform == "linux":  # macOS refuses a bound on address space
        resource.setrlimit(resource.RLIMIT_AS, (allowed, memory))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime) + 1
    seconds = limits.max_seconds + limits.seconds_per_mebibyte * (size // _MEBIBYTE)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, resource.RLIM_INFINITY))


def _has_grown(base: Memory) -> bool:
    peak = peak_bytes(resource.getrusage(resource.RUSAGE_SELF))
    return max(peak - base.resident, Memory.now().size - base.size) > _GROWTH_BYTES


def _crash(error: BaseException) -> messages.Crashed:
    """The error's class and place; its message may quote the document."""
    frames = [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in walk_tb(error.__traceback__)]
    places = [_shown(*frame) for frame in frames[: -_PLACES_SHOWN - 1 : -1]]
    return messages.Crashed(type(error).__name__, " < ".join(places))


def _shown(file: str, line: Any, function: str) -> str:
    return f"{'/'.join(Path(file).parts[-3:])}:{line} {function}"

"""A parser in a process of its own, so that no file can take the instance with it.

Libraries for PDF, Excel or HTML take no bound on memory or time, and a crash of theirs ends the process; a line of JSON
may unfold to a thousand times its size. Every file is therefore read by a process of `pool`, which sends blocks as it
reads them and waits while they are not taken.
"""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

from shared.domain.disk import FullDiskError, make_full_disk_error
from shared.domain.errors import InternalError, PlatformError, TransientError
from shared.domain.models import Block, ParsedDocument
from shared.parsing import messages
from shared.parsing.pool import shared_pool
from shared.parsing.refusing import refuse, refuse_complex
from shared.parsing.worker import OUT_OF_MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits
    from shared.parsing.pool import Pool, Process
    from shared.runtime.retrying import Deadline

log = logging.getLogger(__name__)

# A process that crashed is taken to have run out of memory when it held this share of what it may: a buffer that could
# not be doubled held a third.
_MUCH = 0.3
# A process that was killed at this share would have reached its own limit next.
_NEARLY_ALL = 0.9
# Codes of the refusals through a limit: the work before may have left the process in any state.
_LIMITS = "too_"
_KILLED = "parser_killed"
# Signals that end a process because the instance ends.
_ENDINGS = frozenset({-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})


def warm_up() -> None:
    """Start a parser process, so that the first document does not wait for it."""
    shared_pool().warm_up()


def parse_bounded(path: Path, key: str, limits: Limits, deadline: Deadline, *, module: str = "") -> ParsedDocument:
    """As `parse`, within ``limits.max_memory_bytes`` and the CPU time that ``limits`` allow a file of this size.

    A small document is read whole at once; of a large one the process waits until its text is taken. The process is
    free again once all blocks are read or the iterator is closed.

    Raises:
        DocumentError: as `parse`, ``too_slow`` and ``too_complex``; at once or while blocks are read.
        InternalError: a parser failed in a way that says nothing about the file.
        TransientError: ``deadline_exceeded``; ``parser_killed``: the machine ended the parser, perhaps for memory.
    """
    warnings: list[str] = []
    answer = _read(messages.Request(str(path), key, limits, module), deadline, warnings)
    began = next(answer)  # a file that is refused at once is refused here
    if not isinstance(began, messages.Began):
        raise TypeError(type(began))
    return ParsedDocument(began.title, _blocks(answer), began.format, warnings)


def _blocks(answer: Iterator[messages.Message]) -> Iterator[Block]:
    for message in answer:
        if isinstance(message, messages.Read):
            yield from message.blocks


def _read(request: messages.Request, deadline: Deadline, warnings: list[str]) -> Iterator[messages.Message]:
    """The messages about a file until its end, which is not among them."""
    pool = shared_pool()
    process, received = _begin(pool, request, deadline)
    is_taken = True
    try:
        while True:
            match received[-1]:
                case messages.Ended(found, has_grown):
                    warnings += found
                    is_taken = False
                    _release(pool, process, is_spent=has_grown)
                case messages.Refused(code, message, has_grown):
                    is_taken = False
                    _release(pool, process, is_spent=has_grown or code.startswith(_LIMITS))
                    raise refuse(code, message)
                case messages.Crashed(error, place):
                    raise _crash(error, place)
            yield from received
            if not is_taken:
                return
            received = _next(process, request, deadline)
    finally:
        if is_taken:
            pool.drop(process)


def _begin(pool: Pool, request: messages.Request, deadline: Deadline) -> tuple[Process, list[messages.Message]]:
    """A process of the pool, and the first messages of its answer.

    One that had read files before and has ended without a word is replaced: the machine may have ended it while it was
    idle, as when an instance was frozen.
    """
    while True:
        process = pool.take(deadline)
        try:
            process.request(request)
            return process, _next(process, request, deadline)
        except BaseException as error:
            is_new = process.files == 1
            pool.drop(process)
            if is_new or not (isinstance(error, OSError) or getattr(error, "code", "") == _KILLED):
                raise


def _next(process: Process, request: messages.Request, deadline: Deadline) -> list[messages.Message]:
    try:
        return process.receive(deadline)
    except EOFError:
        raise _outcome(process, request.limits) from None


def _release(pool: Pool, process: Process, *, is_spent: bool) -> None:
    if is_spent:
        pool.drop(process)
    else:
        pool.give_back(process)


def _outcome(process: Process, limits: Limits) -> PlatformError:
    """What it means for the document that the process has ended."""
    death = process.death()
    if death is None:
        return _killed()
    usable = max(1, min(limits.max_memory_bytes, process.memory) - death.base)
    if death.status == -signal.SIGXCPU:
        return refuse("too_slow", "Reading the file takes longer than a file of its size may; split it.")
    if death.status == -signal.SIGKILL:
        return refuse_complex() if death.grown >= _NEARLY_ALL * usable else _killed()
    if death.status in _ENDINGS:
        return _killed()
    if death.status == OUT_OF_MEMORY or death.has_failed_allocation or death.grown >= _MUCH * usable:
        return refuse_complex()
    return _crash(f"exit {death.status}", death.place)


def _killed() -> TransientError:
    return TransientError(_KILLED, "The machine ended the parser, perhaps for memory; it is tried again.")


def _crash(error: str, place: str) -> TransientError:
    if error == FullDiskError.__name__:
        return make_full_disk_error()
    log.error("parser_crashed", extra={"error": error, "place": place})
    return InternalError("internal_error", f"A parser failed ({error}); the log has the place. It is tried again.")

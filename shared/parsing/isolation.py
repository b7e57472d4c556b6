"""A parser in a process of its own, so that no file can take the instance with it.

Libraries for PDF, Excel or HTML cannot be told how much memory or time they may use, and a crash of theirs ends the
process. What is not plain text is therefore read by a child with a bound on its memory and its CPU time, which sends
blocks back as it reads them. Children are forked from a server process that has loaded the parsers and nothing else:
a fork of the function itself would inherit locks of gRPC's threads.
https://docs.python.org/3.11/library/multiprocessing.html#contexts-and-start-methods
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from shared.domain.errors import DocumentError, PlatformError, TransientError
from shared.domain.models import Block, ParsedDocument
from shared.parsing.document import parse
from shared.parsing.formats import is_streamed
from shared.parsing.refusal import refusal
from shared.runtime import workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from shared.parsing.limits import Limits
    from shared.runtime.retrying import Deadline

# Loaded once, by the server; a child then starts in milliseconds.
_PRELOADED = [
    "shared.parsing.isolation",
    *(f"shared.parsing.{name}" for name in ("docx", "html", "json", "pdf", "pptx", "xlsx")),
    *("pypdfium2", "python_calamine", "selectolax.lexbor"),
]
_BLOCKS_PER_MESSAGE = 64
_MEBIBYTE = 1 << 20


class _Began(msgspec.Struct, tag="began"):
    title: str


class _Read(msgspec.Struct, tag="read"):
    blocks: list[Block]


class _Refused(msgspec.Struct, tag="refused"):
    code: str
    message: str


class _Ended(msgspec.Struct, tag="ended"):
    pass


_Message = _Began | _Read | _Refused | _Ended
_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[_Message] = msgspec.msgpack.Decoder(_Message)


def warm_up() -> None:
    """Start the server and let it load the parsers, so that the first document does not wait for it."""
    _processes().Process(target=_nothing, daemon=True).start()


@cache
def _processes() -> Any:
    """How to start processes by the server, which starts with the first of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    # Where the server listens: by itself it would choose a folder whose path may be too long, and that nobody clears.
    multiprocessing.current_process()._config["tempdir"] = str(workspace.for_sockets())  # type: ignore[attr-defined]  # noqa: SLF001
    return context


def parse_bounded(path: Path, key: str, limits: Limits, deadline: Deadline) -> ParsedDocument:
    """As `parse`, within ``limits.max_memory_bytes`` and the CPU time that ``limits`` allow a file of this size.

    Raises:
        DocumentError: as `parse`, and ``too_slow``; at once or while blocks are read.
        TransientError: ``deadline_exceeded``; ``parser_killed``: the machine ended the parser, perhaps for memory.
    """
    if is_streamed(path, key):
        return parse(path, key, limits)
    messages = _messages(path, key, limits, deadline)
    began = next(messages)  # a file that is refused at once is refused here
    return ParsedDocument(getattr(began, "title", ""), _blocks(messages))


def _blocks(messages: Iterator[_Message]) -> Iterator[Block]:
    for message in messages:
        if isinstance(message, _Read):
            yield from message.blocks


def _messages(path: Path, key: str, limits: Limits, deadline: Deadline) -> Iterator[_Message]:
    """What a child says, until it has said all; it ends with whoever listens."""
    processes = _processes()
    receiving, sending = processes.Pipe(duplex=False)
    child = processes.Process(target=_work, args=(sending, str(path), key, limits), daemon=True)
    child.start()
    sending.close()
    try:
        while not isinstance(message := _received(receiving, child, deadline), _Ended):
            if isinstance(message, _Refused):
                raise refusal(message.code, message.message)
            yield message
    finally:
        child.kill()
        child.join()
        receiving.close()


def _received(receiving: Connection, child: Any, deadline: Deadline) -> _Message:
    if not receiving.poll(max(0.0, deadline.remaining())):
        raise TransientError("deadline_exceeded", "No time is left to read the document; try again.")
    try:
        return _decoder.decode(receiving.recv_bytes())
    except EOFError:
        child.join()
        raise _death(child.exitcode) from None


def _death(exit_code: int) -> PlatformError:
    if exit_code == -signal.SIGXCPU:
        return refusal("too_slow", "The file takes longer to read than a file of its size may.")
    if exit_code == -signal.SIGKILL:
        return TransientError("parser_killed", "The machine ended the parser, perhaps for memory; it is tried again.")
    return refusal("broken_file", "The file is damaged, or needs more memory than it may: its parser crashed.")


# -- in the child -----------------------------------------------------------------------------------------------------


def _nothing() -> None:
    pass


def _work(sending: Connection, path: str, key: str, limits: Limits) -> None:
    _bound(Path(path).stat().st_size, limits)
    try:
        document = parse(Path(path), key, limits)
        sending.send_bytes(_encode(_Began(document.title)))
        while blocks := list(islice(document.blocks, _BLOCKS_PER_MESSAGE)):
            sending.send_bytes(_encode(_Read(blocks)))
        sending.send_bytes(_encode(_Ended()))
    except DocumentError as error:
        sending.send_bytes(_encode(_Refused(error.code, error.message)))


def _bound(size: int, limits: Limits) -> None:
    seconds = limits.max_seconds + limits.seconds_per_mebibyte * (size // _MEBIBYTE)
    resource.setrlimit(resource.RLIMIT_AS, (limits.max_memory_bytes, limits.max_memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    # A crash must not leave the document's text in a file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

"""A format module that does to its process whatever the file says, for `parse`'s argument ``module``."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from shared.domain.disk import FullDiskError
from shared.domain.models import Block, ParsedDocument
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.limits import Limits

MODULE = __name__
SECRET = "mysecretword"
_MEBIBYTE = 1 << 20


class BadFileError(Exception):
    """What this module raises for a bad file."""


BAD_FILE_ERRORS = (BadFileError,)


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """Do what the file says before the first block, or after many where it says ``late``."""
    warnings: list[str] = []
    return ParsedDocument("", _blocks(path.read_text(), limits, warnings), warnings=warnings)


def _blocks(order: str, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    late, _, action = order.rpartition(" ")
    for number in range(2000 if late else 0):
        yield Block(f"Block {number} " + "x" * 1000)
    _ACTIONS[action](limits, warnings)
    yield Block(f"{os.getpid()}")


def _fill(share: float) -> list[bytes]:
    """So much of the memory that this process may use, each page of it touched."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return [b"x" * _MEBIBYTE for _ in range(int(share * (allowed - used)) // _MEBIBYTE)]


def _allocate(_limits: Limits, _warnings: list[str]) -> None:
    held = []
    while True:
        held.append(b"x" * _MEBIBYTE)


def _abort_full(_limits: Limits, _warnings: list[str]) -> None:
    held = _fill(0.8)
    os.abort()
    del held


def _fault_full(_limits: Limits, _warnings: list[str]) -> None:
    held = _fill(0.8)
    os.kill(os.getpid(), signal.SIGSEGV)
    del held


def _kill_full(_limits: Limits, _warnings: list[str]) -> None:
    held = _fill(0.97)
    os.kill(os.getpid(), signal.SIGKILL)
    del held


def _write_and_abort(_limits: Limits, _warnings: list[str]) -> None:
    os.write(2, f"{SECRET}\nmemory allocation of 99999999999 bytes failed\n".encode())
    os.abort()


def _compute(_limits: Limits, _warnings: list[str]) -> None:
    while True:
        pass


def _burn(_limits: Limits, _warnings: list[str]) -> None:
    started = time.process_time()
    while time.process_time() - started < 0.4:
        pass


def _grow(_limits: Limits, _warnings: list[str]) -> None:
    _fill(0.5)


def _raise_type_error(_limits: Limits, _warnings: list[str]) -> None:
    raise TypeError(SECRET)


def _raise_missing(_limits: Limits, _warnings: list[str]) -> None:
    raise ModuleNotFoundError(SECRET)


def _fill_disk(_limits: Limits, _warnings: list[str]) -> None:
    raise FullDiskError


def _panic(_limits: Limits, _warnings: list[str]) -> None:
    class PanicException(BaseException):
        pass

    raise PanicException(SECRET)


def _raise_bad_file(_limits: Limits, _warnings: list[str]) -> None:
    raise BadFileError(SECRET)


def _recurse(limits: Limits, warnings: list[str]) -> None:
    _recurse(limits, warnings)


def _refuse_large(_limits: Limits, _warnings: list[str]) -> None:
    raise refuse("too_large", "The file is too large.")


def _refuse_encrypted(_limits: Limits, _warnings: list[str]) -> None:
    raise refuse("encrypted", "The file is encrypted.")


def _warn(_limits: Limits, warnings: list[str]) -> None:
    warnings.append("A picture was left out.")


_ACTIONS = {
    "allocate": _allocate,
    "abort": lambda *_: os.abort(),
    "abort-full": _abort_full,
    "fault": lambda *_: os.kill(os.getpid(), signal.SIGSEGV),
    "fault-full": _fault_full,
    "kill": lambda *_: os.kill(os.getpid(), signal.SIGKILL),
    "kill-full": _kill_full,
    "terminate": lambda *_: os.kill(os.getpid(), signal.SIGTERM),
    "write-and-abort": _write_and_abort,
    "compute": _compute,
    "burn": _burn,
    "grow": _grow,
    "type-error": _raise_type_error,
    "missing-module": _raise_missing,
    "panic": _panic,
    "full-disk": _fill_disk,
    "exit": lambda *_: os._exit(3),
    "sys-exit": lambda *_: sys.exit(0),
    "bad-file": _raise_bad_file,
    "recurse": _recurse,
    "too-large": _refuse_large,
    "encrypted": _refuse_encrypted,
    "warn": _warn,
    "nothing": lambda *_: None,
}

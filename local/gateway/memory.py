"""The memory that instances hold, so that one above its ``memorySize`` is ended, as Function Compute does."""

from __future__ import annotations

import os
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROC: Final = Path("/proc")
_PSS: Final = re.compile(rb"^Pss:\s{1,20}([0-9]{1,20}) kB", re.MULTILINE)
# Fields of /proc/<pid>/stat after the name in brackets: man 5 proc_pid_stat.
_SESSION, _RESIDENT_PAGES = 3, 21


def is_measurable() -> bool:
    """Whether this system tells what a process holds: Linux does, macOS has no ``/proc``."""
    return (_PROC / "self" / "smaps_rollup").exists()


def measure_excess(limits: Mapping[int, int]) -> dict[int, int]:
    """The sessions that hold more bytes than they may, with what they hold.

    A page that several processes share counts once. That figure takes milliseconds, so it is read only where the sum of
    resident bytes is above the limit.

    Args:
        limits: bytes by session, which is the process id of its leader.
    """
    resident: Counter[int] = Counter()
    members: dict[int, list[int]] = {session: [] for session in limits}
    for pid, session, size in _processes():
        if session in members:
            resident[session] += size
            members[session].append(pid)
    above = [session for session, size in resident.items() if size > limits[session]]
    exact = {session: sum(map(_proportional, members[session])) for session in above}
    return {session: size for session, size in exact.items() if size > limits[session]}


def _processes() -> Iterator[tuple[int, int, int]]:
    """The id, the session and the resident bytes of every process."""
    page = os.sysconf("SC_PAGE_SIZE")
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it has ended meanwhile
                fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
                yield int(folder.name), int(fields[_SESSION]), int(fields[_RESIDENT_PAGES]) * page


def _proportional(pid: int) -> int:
    with suppress(OSError):
        found = _PSS.search((_PROC / str(pid) / "smaps_rollup").read_bytes())
        return int(found[1]) * 1024 if found else 0
    return 0

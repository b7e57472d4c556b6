"""Which processes are stopped by a signal; Linux only, elsewhere none is known."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_STOPPED = frozenset("Tt")  # man 5 proc: by a signal, or by a debugger


def find_stopped(process: int) -> set[int]:
    """The stopped ones among a process and all that descend from it."""
    found: set[int] = set()
    waiting = [process]
    while waiting:
        number = waiting.pop()
        with suppress(OSError, ValueError):
            # The name of the program, in brackets, may hold anything.
            if Path(f"/proc/{number}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] in _STOPPED:
                found.add(number)
            for thread in Path(f"/proc/{number}/task").iterdir():
                waiting += map(int, (thread / "children").read_text("ascii").split())
    return found

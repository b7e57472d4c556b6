"""A process that ends with its parent, however that one ends; Linux only."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1  # man 2 prctl
_LIBC = ctypes.CDLL(None)
HAS_PARENT_DEATH = hasattr(_LIBC, "prctl")


def end_with(parent: int) -> None:
    """Have the kernel kill this process when the thread of ``parent`` that started it ends.

    Calls nothing that allocates or locks, so that it may run between fork and exec.
    """
    if HAS_PARENT_DEATH:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before
        os._exit(1)

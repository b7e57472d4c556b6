"""How much memory this process uses, and how much it used at most."""

from __future__ import annotations

import ctypes
import resource
import sys
from pathlib import Path

from msgspec import Struct


class Memory(Struct, frozen=True):
    """Bytes of address space and of memory that this process uses; the former is 0 where it is not known."""

    size: int
    resident: int

    @classmethod
    def now(cls) -> Memory:
        """What is used now; where the system does not tell, the most that was used."""
        try:
            size, resident, *_ = Path("/proc/self/statm").read_text().split()
        except OSError:  # macOS has no /proc
            return cls(0, peak_bytes(resource.getrusage(resource.RUSAGE_SELF)))
        return cls(int(size) * resource.getpagesize(), int(resident) * resource.getpagesize())


def peak_bytes(usage: resource.struct_rusage) -> int:
    """Most memory held, in bytes; macOS counts bytes, Linux kibibytes."""
    return usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss << 10


def release_memory() -> None:
    """Give memory that was freed back to the system, where the C library can (glibc)."""
    release = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if release is not None:
        release(0)

"""Whether the disk of a folder is full, with a reserve that lets a write that has begun end."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_MEBIBYTE = 1 << 20
_RESERVE_BYTES = 32 * _MEBIBYTE
# A small disk, such as one in memory, is not full while a fiftieth of it is free.
_RESERVE_PARTS = 50


def explain_shortage(folders: Iterable[Path]) -> str:
    """Which folder lies on a disk that is full, in words; empty when none does or it cannot be found out."""
    for folder in folders:
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            continue
        reserve = min(_RESERVE_BYTES, usage.total // _RESERVE_PARTS)
        if usage.free < reserve:
            return f"{usage.free / _MEBIBYTE:.1f} MB are free for {folder}, and {reserve / _MEBIBYTE:.1f} MB are needed"
    return ""

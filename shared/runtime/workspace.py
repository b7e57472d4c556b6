"""The temporary folder that holds an object while it is read: removed with the work or, at the latest, the process.

Function Compute takes an instance's ``/tmp`` with the instance, but a worker that gunicorn replaces leaves what it held
to its successors. So a folder's name holds the process id, and the parent of that process clears what it left.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# The address of a Unix socket has at most 107 bytes (man 7 unix), wherever TMPDIR points.
_SHORT = Path("/tmp")  # noqa: S108
_NAME = "ingest"


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder of this process's, removed with all that is in it at the end."""
    with tempfile.TemporaryDirectory(prefix=_prefix(os.getpid())) as path:
        yield Path(path)


def for_sockets() -> Path:
    """A new folder of this process's for as long as it lives, under a path short enough for the address of a socket."""
    path = tempfile.mkdtemp(prefix=_prefix(os.getpid()), dir=_SHORT)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return Path(path)


def clear(process: int) -> None:
    """Remove what the process of this id left; it must have ended."""
    for root in {Path(tempfile.gettempdir()), _SHORT}:
        for path in root.glob(f"{_prefix(process)}*"):
            shutil.rmtree(path, ignore_errors=True)


def clear_dead() -> None:
    """Remove what processes of this user left that have ended and had no parent to clear it."""
    for root in {Path(tempfile.gettempdir()), _SHORT}:
        for path in root.glob(f"{_NAME}-*"):
            process = path.name.split("-")[1]
            if process.isdecimal() and _is_own(path) and not _is_alive(int(process)):
                shutil.rmtree(path, ignore_errors=True)


def _is_own(path: Path) -> bool:
    with suppress(OSError):
        return path.lstat().st_uid == os.getuid()
    return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _prefix(process: int) -> str:
    return f"{_NAME}-{process}-"

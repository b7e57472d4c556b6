"""Where an object lies while it is read: a folder of its own, gone with the work or, at the latest, with the process.

Function Compute takes an instance's ``/tmp`` with the instance, but a worker that gunicorn replaces leaves what it held
to its successors. So a folder tells whose it is, and whoever sees that process end clears what it left.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder of this process's, removed with all that is in it at the end."""
    with tempfile.TemporaryDirectory(prefix=_prefix(os.getpid())) as path:
        yield Path(path)


def clear(process: int) -> None:
    """Remove what the process of this id left; it must have ended."""
    for path in Path(tempfile.gettempdir()).glob(f"{_prefix(process)}*"):
        shutil.rmtree(path, ignore_errors=True)


def _prefix(process: int) -> str:
    return f"ingest-{process}-"

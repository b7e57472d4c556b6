"""What a process prints for people, on a terminal of any encoding."""

from __future__ import annotations

import io
import sys
from contextlib import suppress


def escape_unprintable() -> None:
    """Let the standard outputs escape what their encoding lacks, such as Chinese in ASCII, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            with suppress(ValueError):  # it is closed
                stream.reconfigure(errors="backslashreplace")

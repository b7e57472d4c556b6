"""Which package a process runs, so that a deployment can be seen to have arrived."""

from __future__ import annotations

from pathlib import Path
from typing import Final

REVISION_FILE: Final = "shared/REVISION"


def read_revision() -> str:
    """The digest of the package's files; empty where the code runs from the project."""
    try:
        return (Path(__file__).parents[2] / REVISION_FILE).read_text("ascii").strip()
    except FileNotFoundError:
        return ""

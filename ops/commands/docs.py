"""Tables in docs/ that come from the code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "bring the tables of settings and errors in docs/ up to date"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    del parser


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the tables."""
    del asked, environ
    from ops import docs

    for page in docs.write(Path.cwd()):
        print(f"{page} was brought up to date")
    return 0

"""Tables in docs/ and files in infrastructure/ that come from the code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "bring the tables in docs/ and the files in infrastructure/ up to date"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    del parser


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the tables."""
    del asked, environ
    from ops import docs
    from ops.infrastructure import files

    for page in (*docs.write(Path.cwd()), *files.write(Path.cwd())):
        print(f"{page} was brought up to date")
    return 0

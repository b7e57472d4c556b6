"""Tables in docs/ and files in infrastructure/ that come from the code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "bring the tables in docs/ and the files in infrastructure/ up to date"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the tables."""
    del environ
    from ops import docs
    from ops.infrastructure import files

    pages = [*docs.write(Path.cwd()), *files.write(Path.cwd())]
    if asked.as_json:
        print_json({"written": list(map(str, pages))})
        return 0
    for page in pages:
        print(f"{page} was brought up to date")
    return 0

"""The package for the registry of Serverless Devs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "build the package from which `s init` copies this project, in build/application"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--output", type=Path, default=Path("build/application"), help="the folder; it is replaced")
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Build the package."""
    del environ
    from ops.application import build

    number = build(Path.cwd(), asked.output)
    if asked.as_json:
        print_json({"folder": str(asked.output), "files": number})
        return 0
    print(f"{asked.output} holds {number} files; publish it there with: s cli registry publish")
    return 0

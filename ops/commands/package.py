"""What is deployed."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ops import packaging
from ops.arguments import add_json
from ops.printing import print_json
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "build what is deployed into build/<function>"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("functions", nargs="*", help="which functions; all of them by default")
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Build the packages and print their sizes."""
    built = packaging.build_for(read_project(environ).deployment, environ, asked.functions)
    if asked.as_json:
        print_json([asdict(package) | {"folder": str(package.folder)} for package in built])
        return 0
    for package in built:
        sizes = f"{package.size / 1e6:.1f} MB, zipped {package.zipped / 1e6:.1f} MB"
        print(f"{package.folder}: {package.files} files, {sizes}")
    return 0

"""The operator's command line: ``python -m ops check``, ``package`` and ``sync``."""

# a command line speaks by printing
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from ops import checks, packaging, syncing
from ops.deployment import DeploymentError, load
from ops.template import environment


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well, 1 when something is wrong, 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="say what is wrong with a deployment before it is deployed")
    check.add_argument("deployment", nargs="?", type=Path, default=Path("s.yaml"))
    package = commands.add_parser("package", help="build what is deployed into build/<function>")
    package.add_argument("functions", nargs="*", help="which functions; all of them by default")
    sync = commands.add_parser("sync", help="bring everything in the bucket into the index, with progress")
    sync.add_argument("--dry-run", action="store_true", help="only say what would be done")
    asked = parser.parse_args(arguments)
    if asked.command == "sync":
        return _sync(dry_run=asked.dry_run)
    return _check(asked.deployment) if asked.command == "check" else _package(asked.functions)


def _sync(*, dry_run: bool) -> int:
    try:
        ingest = load(Path("s.yaml"), os.environ).functions["ingest"]
    except DeploymentError as error:
        print(error)
        return 1
    command = syncing.would_do if dry_run else syncing.sync
    return command(ingest, environment(Path("s.yaml"), os.environ), Console(highlight=False))


def _check(path: Path) -> int:
    try:
        deployment = load(path, os.environ)
    except DeploymentError as error:
        print(error)
        return 1
    problems = checks.problems(deployment)
    for problem in problems:
        print(f"{path}: {problem}")
    if not problems:
        print(f"{path}: {len(deployment.functions)} functions, all is well")
    return 1 if problems else 0


def _package(functions: list[str]) -> int:
    try:
        for package in packaging.build(Path.cwd(), functions):
            print(f"{package.folder}: {package.files} files, {package.size / 1e6:.1f} MB")
    except packaging.PackagingError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

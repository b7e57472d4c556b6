"""The operator's command line: ``python -m ops check`` and ``python -m ops package``."""

# a command line speaks by printing
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ops import checks, packaging
from ops.deployment import DeploymentError, load


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well, 1 when something is wrong, 2 for a wrong command."""
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="say what is wrong with a deployment before it is deployed")
    check.add_argument("deployment", nargs="?", type=Path, default=Path("s.yaml"))
    package = commands.add_parser("package", help="build what is deployed into build/<function>")
    package.add_argument("functions", nargs="*", help="which functions; all of them by default")
    asked = parser.parse_args(arguments)
    return _check(asked.deployment) if asked.command == "check" else _package(asked.functions)


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
        without = packaging.unused(load(Path("s.yaml"), os.environ))
        for package in packaging.build(Path.cwd(), functions, without):
            sizes = f"{package.size / 1e6:.1f} MB, zipped {package.zipped / 1e6:.1f} MB"
            print(f"{package.folder}: {package.files} files, {sizes}")
    except (DeploymentError, packaging.PackagingError) as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

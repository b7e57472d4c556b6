"""Another program under an environment."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SUMMARY = "run a program, such as s deploy, with the variables of an environment"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("program", nargs=argparse.REMAINDER)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Become the program."""
    if not asked.program:
        print("run what? For example: python -m ops --env dev run s deploy")
        return 2
    try:
        os.execvpe(asked.program[0], asked.program, dict(environ))  # noqa: S606 - what the operator asked for
    except OSError as error:
        print(f"{asked.program[0]} cannot be run: {error.strerror}")
        return 1

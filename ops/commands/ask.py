"""One question to the deployment, as its first user."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "the answer to a question; an empty bucket gets the samples first"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("question")


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the best answer and the address."""
    from ops.asking import ask

    project = read_project(environ)
    samples = project.path.resolve().with_name("samples")
    return ask(asked.question, project.deployment, project.environ, samples, functools.partial(print, flush=True))

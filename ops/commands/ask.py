"""One question to the deployment, as its first user."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

from ops.arguments import add_json, not_empty
from ops.printing import print_json
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "the answer to a question; an empty bucket gets the samples first"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("question", type=not_empty)
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the best answer and the address."""
    from ops.asking import ask

    project = read_project(environ)
    samples = project.path.resolve().with_name("samples")
    say = functools.partial(print, flush=True, file=sys.stderr if asked.as_json else sys.stdout)
    answer = ask(asked.question, project.deployment, project.environ, samples, say)
    if answer is not None and asked.as_json:
        print_json(answer)
    return 1 if answer is None else 0

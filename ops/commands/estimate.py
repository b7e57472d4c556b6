"""What indexing costs and takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.arguments import add_json, positive_number
from ops.printing import make_console
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "what indexing costs and takes, before anything is billed"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument(
        "--documents",
        type=positive_number,
        nargs="*",
        default=(),
        help="of so many documents, instead of the bucket; several compare",
    )
    parser.add_argument("--tokens", type=positive_number, default=1_000, help="of each of them; 1000 by default")
    parser.add_argument("--searches", type=positive_number, default=10_000, help="a month; 10000 by default")
    parser.add_argument("--sample", type=positive_number, default=300, help="about how many documents are read; 300")
    parser.add_argument("--megabytes", type=positive_number, default=500, help="of them together; 500 by default")
    parser.add_argument("--seed", type=int, default=1, help="chooses them")
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the estimate."""
    from ops.estimation import command

    project = read_project(environ)
    names = ("tokens", "searches", "sample", "megabytes", "seed", "as_json")
    question = command.Question(tuple(asked.documents), **{name: getattr(asked, name) for name in names})
    return command.run(project.deployment, project.environ, question, make_console(as_json=asked.as_json))

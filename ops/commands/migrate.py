"""Another model, other chunks or another index, while all goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import add_json, positive_number
from ops.printing import make_console
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "change the embedding model while search goes on"

_STEPS = {
    "start": "make a collection of another model, and fill it; continues what was interrupted",
    "status": "where a migration stands",
    "check": "let both collections answer queries from a file, or those that were sampled",
    "switch": "let the new collection answer",
    "back": "let the previous collection answer again",
    "finish": "drop the previous collection, after a switch",
    "cancel": "drop the new collection, before a switch",
}


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for name, summary in _STEPS.items():
        step = steps.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == "start":
            step.add_argument("--model", default="", help="embedding model; the present one by default")
            step.add_argument("--dimension", type=positive_number, default=0, help="the model's default by default")
            step.add_argument(
                "--chunk-tokens", type=positive_number, default=0, help="another size; all documents are read again"
            )
            step.add_argument("--reread", action="store_true", help="read all documents again by this release")
            step.add_argument("--batch", action="store_true", help="by batch tasks, at half the price, within a day")
            step.add_argument("--dry-run", action="store_true", help="only print the estimate")
        if name == "check":
            step.add_argument(
                "queries",
                type=Path,
                nargs="?",
                help="a query a line: text, or JSON with query and relevant keys; sampled queries by default",
            )
            step.add_argument("--differences", type=positive_number, default=20, help="to print; 20 by default")
        if name in ("start", "finish", "cancel"):
            step.add_argument("--yes", action="store_true", help="do not ask")
        add_json(step)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Do one step."""
    from ops import migrating

    project = read_project(environ)
    console = make_console(as_json=asked.as_json)
    return migrating.run(project.deployment.functions["ingest"], project.environ, asked, console)

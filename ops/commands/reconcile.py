"""One comparison of bucket and index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import show
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "compare bucket and index once, or a range of keys, as the timer does"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--after", default="", help="only keys after this one")
    parser.add_argument("--until", default="", help="only keys up to this one")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--in-background", action="store_true", help="do not wait: Function Compute queues it, several side by side"
    )
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run it and print what it found and did."""
    from ops.reconciling import queue, reconcile

    if asked.until and asked.after.encode() >= asked.until.encode():
        print(f"There is no key after {asked.after!r} and up to {asked.until!r}: name the smaller one as --after.")
        return 2
    project = read_project(environ)
    options = {name: getattr(asked, name) for name in ("after", "until", "dry_run") if getattr(asked, name)}
    work = queue if asked.in_background else reconcile
    return show(lambda: work(project.deployment.functions["ingest"], project.environ, options), as_json=asked.as_json)

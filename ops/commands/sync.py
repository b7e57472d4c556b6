"""The whole bucket into the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import make_console, show
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "bring everything in the bucket into the index, with progress"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Sync, or say what a sync would do."""
    from ops import syncing
    from ops.reconciling import reconcile

    project = read_project(environ)
    ingest = project.deployment.functions["ingest"]
    if asked.dry_run:
        return show(lambda: reconcile(ingest, project.environ, {"dry_run": True}), as_json=asked.as_json)
    return syncing.sync(ingest, project.environ, make_console(as_json=asked.as_json), as_json=asked.as_json)

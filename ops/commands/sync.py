"""The whole bucket into the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.printing import make_console
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "bring everything in the bucket into the index, with progress"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Sync, or say what a sync would do."""
    from ops import syncing

    project = read_project(environ)
    work = syncing.would_do if asked.dry_run else syncing.sync
    return work(project.deployment.functions["ingest"], project.environ, make_console())

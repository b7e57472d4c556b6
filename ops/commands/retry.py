"""Another attempt for documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.printing import make_console
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "try documents again that failed, or read them again"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--state", choices=("pending", "failed", "indexed"), help="only documents in this state")
    parser.add_argument("--code", help="only documents that failed with this code, such as broken_file")
    parser.add_argument("--prefix", help="only documents with keys that begin with this")
    parser.add_argument("--id", help="only the document with this id")
    parser.add_argument(
        "--reread", action="store_true", help="also read documents again that an older release has indexed"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list the documents")


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Try the chosen documents again."""
    from ops import retrying

    project = read_project(environ)
    selection = {name: getattr(asked, name) for name in ("state", "code", "prefix", "id", "reread", "dry_run")}
    return retrying.retry(project.deployment.functions["ingest"], project.environ, make_console(), **selection)

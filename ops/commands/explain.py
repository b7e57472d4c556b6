"""All about one document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.arguments import add_json, not_empty
from ops.printing import show
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "all about one document, and why it is found or not"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("key", type=not_empty, help="its name in the bucket")
    parser.add_argument("--query", default="", help="say where this query finds it")
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print what is known of the document."""
    from ops.explaining import explain
    from ops.remote_search import find_search

    project = read_project(environ)
    ingest = project.deployment.functions["ingest"]
    return show(
        lambda: explain(
            asked.key, asked.query, find_search(project.deployment, project.environ), ingest, project.environ
        ),
        as_json=asked.as_json,
    )

"""How the index stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import show
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "how the index stands: documents, failures with advice, cost, queue, quota"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the status."""
    from ops.status import read_status

    project = read_project(environ)
    return show(lambda: read_status(project), as_json=asked.as_json)

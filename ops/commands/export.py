"""The index as files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "write the index as files that another search engine loads"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--format", choices=("elasticsearch",), default="elasticsearch", help="for which one")
    parser.add_argument("--output", type=Path, default=Path("export"), help="a new or empty folder")
    parser.add_argument("--index", default="search", help="name of the index there")
    parser.add_argument("--tenant", default="", help="only documents of this tenant")
    parser.add_argument("--prefix", default="", help="only documents with keys that begin with this")


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the files."""
    from ops.exporting import export

    logging.disable(logging.CRITICAL)  # what goes wrong is a line of ours
    deployment = read_project(environ).deployment
    print(export(deployment, asked.output, asked.index, tenant=asked.tenant, prefix=asked.prefix))
    return 0

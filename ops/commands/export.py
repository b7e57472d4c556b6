"""The index as files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import print_json
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "write the index as files: a backup that import reads, or for Elasticsearch"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--format", choices=("parquet", "elasticsearch"), default="parquet", help="parquet by default")
    parser.add_argument("--output", type=Path, default=Path("export"), help="a new or empty folder; export by default")
    parser.add_argument("--index", default="search", help="name of the index in Elasticsearch")
    parser.add_argument("--tenant", default="", help="only documents of this tenant")
    parser.add_argument("--prefix", default="", help="only documents with keys that begin with this")
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the files and print how much they hold."""
    logging.disable(logging.CRITICAL)  # what goes wrong is a line of ours
    deployment = read_project(environ).deployment
    if asked.format == "parquet":
        from ops.backup import write_backup

        backup = write_backup(deployment, asked.output, tenant=asked.tenant, prefix=asked.prefix)
        written = {"folder": str(asked.output), "chunks": backup.chunks, "documents": backup.documents}
    else:
        from ops.exporting import export

        exported = export(deployment, asked.output, asked.index, tenant=asked.tenant, prefix=asked.prefix)
        written = {"folder": str(asked.output), "chunks": exported.chunks, "files": exported.files}
    if asked.as_json:
        print_json(written)
    else:
        print(f"{written.pop('folder')}: {', '.join(f'{count} {name}' for name, count in written.items())}")
    return 0

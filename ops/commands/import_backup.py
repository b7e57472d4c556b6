"""A backup back into the index."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import print_json
from ops.project import read_project
from shared.language.counting import count_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "write a backup into the index; nothing is embedded again"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("folder", type=Path, help="what export has written")
    parser.add_argument("--over", action="store_true", help="also over an index that holds documents")
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the rows and print how many there were."""
    from ops.backup import read_backup

    logging.disable(logging.CRITICAL)  # what goes wrong is a line of ours
    backup = read_backup(read_project(environ).deployment, asked.folder, over=asked.over)
    if asked.as_json:
        print_json({"chunks": backup.chunks, "documents": backup.documents})
    else:
        written = f"{count_of(backup.chunks, 'chunk')} of {count_of(backup.documents, 'document')}"
        print(f"Written: {written}. ops sync brings what changed since.")
    return 0

"""Another attempt for documents."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import show
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
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Try the chosen documents again."""
    from ops.retrying import Retried, preview, retry

    project = read_project(environ)
    ingest = project.deployment.functions["ingest"]
    names = ("state", "code", "prefix", "id", "reread")
    selection = {name: getattr(asked, name) for name in names if getattr(asked, name)}
    if asked.dry_run:
        return show(lambda: preview(ingest, project.environ, selection), as_json=asked.as_json)
    say = functools.partial(print, flush=True, file=sys.stderr if asked.as_json else sys.stdout)
    done: list[Retried] = []

    def read() -> Retried:
        done.append(retry(ingest, project.environ, selection, say))
        return done[0]

    status = show(read, as_json=asked.as_json)
    return 1 if status or done[0].failed else 0

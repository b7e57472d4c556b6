"""Another attempt for documents."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

from ops.arguments import add_json, document_id
from ops.printing import show
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ops.project import Project

SUMMARY = "try documents again that failed, read them again, or send events again from the failure queue"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--state", choices=("pending", "failed", "indexed"), help="only documents in this state")
    parser.add_argument("--code", help="only documents that failed with this code, such as broken_file")
    parser.add_argument("--prefix", help="only documents with keys that begin with this")
    parser.add_argument("--id", type=document_id, help="only the document with this id")
    parser.add_argument(
        "--reread", action="store_true", help="also read documents again that an older release has indexed"
    )
    parser.add_argument(
        "--queue", action="store_true", help="instead, send the events again that Function Compute gave up"
    )
    parser.add_argument("--records", action="store_true", help="with --queue: events of embed too, which hold records")
    parser.add_argument("--dry-run", action="store_true", help="only list the documents, or count the events")
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Try the chosen documents again, or send events again."""
    from ops.retrying import Retried, preview, retry

    project = read_project(environ)
    if asked.queue or asked.records:
        return _resend(asked, project)
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


def _resend(asked: argparse.Namespace, project: Project) -> int:
    from ops.failure_queue import find_queue
    from ops.resending import resend

    if any((asked.state, asked.code, asked.prefix, asked.id, asked.reread)) or not asked.queue:
        print("--queue takes all events of the queue: of the other options only --records and --dry-run go with it.")
        return 2
    deployment, environ = project.deployment, project.environ
    return show(
        lambda: resend(
            find_queue(deployment, environ), deployment, environ, dry_run=asked.dry_run, records=asked.records
        ),
        as_json=asked.as_json,
    )

"""Documents out of the bucket, and so out of the index."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import confirm, print_json
from ops.project import read_project
from shared.language.counting import count_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "delete documents from the bucket, and with them from the index"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("prefix", help="what their keys begin with")
    parser.add_argument("--dry-run", action="store_true", help="only list them")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Delete after a confirmation, and print how many there were."""
    from ops.deleting import delete, open_bucket, preview

    logging.disable(logging.CRITICAL)  # what goes wrong is a line of ours
    project = read_project(environ)
    bucket = open_bucket(project.deployment, project.environ)
    count, first = preview(bucket, asked.prefix)
    if not asked.as_json:
        for key in first:
            print(key)
        print(f"and {count - len(first)} more" if count > len(first) else count_of(count, "document"))
    is_meant = count and not asked.dry_run
    if is_meant and not asked.yes:
        is_meant = confirm(f"Delete {count_of(count, 'document')} from {bucket.name}?")
    deleted = delete(bucket, asked.prefix) if is_meant else 0
    if asked.as_json:
        print_json({"bucket": bucket.name, "found": count, "first": first, "deleted": deleted})
    elif not count:
        print(f"The bucket holds no document that begins with {asked.prefix}: look at the spelling.")
    elif not is_meant and not asked.dry_run:
        print("0 objects were deleted.")
    elif not asked.dry_run:
        print(f"{deleted} objects were deleted; the index follows within seconds")
    return 0 if is_meant or asked.dry_run else 1

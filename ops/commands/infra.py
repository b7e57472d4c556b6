"""Everything a deployment needs, by one template."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import confirm, print_json
from ops.template import environment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "create network, Milvus, bucket, logs, queue, roles and alarms; states the price and asks first"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--down", action="store_true", help="delete what was created; lists it and asks first")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--template", action="store_true", help="only print the template (ROS)")
    add_json(parser)
    parser.add_argument("--terraform", type=Path, metavar="FOLDER", help="only write the same as a Terraform module")


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Create, delete, or print."""
    from ops.infrastructure import applying, removing, terraform
    from ops.infrastructure.names import load_marked
    from ops.infrastructure.template import make_template

    path = Path("s.yaml").resolve()
    complete = environment(path, environ)
    if asked.template:
        print(json.dumps(make_template(load_marked(path, complete)), indent=2, ensure_ascii=False))
        return 0
    if asked.terraform:
        return terraform.write_module(make_template(load_marked(path, complete)), asked.terraform)
    file = Path(f".env.{asked.env}" if asked.env else ".env")
    ask = functools.partial(_confirm, always=asked.yes)
    work = removing.remove if asked.down else applying.apply
    say = functools.partial(print, flush=True, file=sys.stderr if asked.as_json else sys.stdout)
    status = work(path, complete, file, ask, say)
    if asked.as_json:
        print_json({"status": status})
    return status


def _confirm(question: str, *, always: bool) -> bool:
    return always or confirm(question)

"""The plan, and its execution."""

from __future__ import annotations

import functools
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ops import packaging
from ops.arguments import add_json
from ops.printing import print_json
from ops.template import environment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ops.deployment import Deployment

SUMMARY = "show the plan, deploy all that is wanted, and see that it runs"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Deploy."""
    from ops.deploying import Deployed, deploy

    deployed: dict[str, Deployed] = {}

    def build(deployment: Deployment) -> list[packaging.Package]:
        return list(packaging.build_for(deployment, environ))

    path = Path("s.yaml").resolve()
    say = functools.partial(print, flush=True, file=sys.stderr if asked.as_json else sys.stdout)
    status = deploy(path, environment(path, environ), build, say, deployed.__setitem__)
    if asked.as_json:
        print_json({"status": status, "functions": {name: asdict(found) for name, found in deployed.items()}})
    return status

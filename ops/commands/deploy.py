"""The plan, and its execution."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from ops import packaging
from ops.template import environment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ops.deployment import Deployment

SUMMARY = "show the plan, deploy all that is wanted, and see that it runs"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    del parser


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Deploy."""
    del asked
    from ops.deploying import deploy

    def build(deployment: Deployment) -> list[packaging.Package]:
        return list(packaging.build_for(deployment, environ))

    path = Path("s.yaml").resolve()
    return deploy(path, environment(path, environ), build, functools.partial(print, flush=True))

"""What is wrong with a deployment, without asking the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.arguments import add_deployment
from ops.deployment import load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "what is wrong with a deployment, without asking the cloud"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    add_deployment(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print each problem."""
    from ops import checks

    deployment = load(asked.deployment, environ)
    problems = checks.problems(deployment)
    for problem in problems:
        print(f"{asked.deployment}: {problem}")
    if not problems:
        print(f"{asked.deployment}: {len(deployment.functions)} functions, all is well")
    return 1 if problems else 0

"""What is wrong with a deployment, without asking the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.arguments import add_deployment, add_json
from ops.deployment import load
from ops.printing import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "what is wrong with a deployment, without asking the cloud"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    add_deployment(parser)
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print each problem."""
    from ops import checks

    deployment = load(asked.deployment, environ)
    problems = checks.problems(deployment)
    if asked.as_json:
        print_json({"deployment": str(asked.deployment), "problems": list(map(str, problems))})
        return 1 if problems else 0
    for problem in problems:
        print(f"{asked.deployment}: {problem}")
    if not problems:
        print(f"{asked.deployment}: {len(deployment.functions)} functions, all is well")
    return 1 if problems else 0

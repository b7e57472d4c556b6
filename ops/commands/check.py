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
    """Print each problem, and each file of the project that does not fit."""
    from ops import checks
    from ops.checks.files import find_drift
    from ops.checks.variables import find_oddities

    deployment = load(asked.deployment, environ)
    problems = checks.problems(deployment)
    warnings = [
        *find_oddities(asked.deployment, deployment, environ),
        *checks.find_warnings(deployment),
        *find_drift(asked.deployment.parent),
    ]
    if asked.as_json:
        found = {"problems": list(map(str, problems)), "warnings": warnings}
        print_json({"deployment": str(asked.deployment), **found})
        return 1 if problems else 0
    for problem in problems:
        print(f"{asked.deployment}: {problem}")
    for warning in warnings:
        print(f"warning: {warning}")
    if not problems:
        print(f"{asked.deployment}: {len(deployment.functions)} functions, all is well")
    return 1 if problems else 0

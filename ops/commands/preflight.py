"""Whether what a deployment depends on exists and fits."""

from __future__ import annotations

import logging
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import add_deployment, add_json
from ops.deployment import load
from ops.printing import print_json
from ops.template import variables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "ask DashScope, Milvus and the bucket whether they fit"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    add_deployment(parser)
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print a line for each thing that was looked at."""
    from ops.checks.variables import find_odd_lines
    from ops.findings import Finding, Verdict
    from ops.preflight import findings

    logging.disable(logging.CRITICAL)  # what goes wrong is a line of ours
    file = variables(asked.deployment.parent / ".env") | (variables(Path(f".env.{asked.env}")) if asked.env else {})
    found = []
    odd = (Finding(Verdict.WARNING, "variables", sentence) for sentence in find_odd_lines(asked.deployment, environ))
    for finding in chain(odd, findings(load(asked.deployment, environ), {**file, **environ}, file)):
        if not asked.as_json:
            print(finding, flush=True)
        found.append(finding)
    if asked.as_json:
        print_json([asdict(finding) for finding in found])
    return 1 if any(finding.verdict is Verdict.PROBLEM for finding in found) else 0

"""A bucket into the index by batch tasks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ops.arguments import add_json, amount_of_money, hours_of_a_batch
from ops.printing import make_console
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "index a large bucket at half the price, within a day or more"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--yes", action="store_true", help="do not ask before tasks are created")
    parser.add_argument(
        "--max-cost", type=amount_of_money, default=math.inf, help="CNY that the tasks may cost; no limit"
    )
    parser.add_argument(
        "--hours", type=hours_of_a_batch, default=24, help="within which they must be answered, 24 to 336; 24"
    )
    parser.add_argument("--no-wait", action="store_true", help="end once the tasks are created")
    parser.add_argument("--seed", type=int, default=1, help="chooses the documents that the estimate reads")
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Estimate, ask, plan and collect."""
    from ops import backfilling
    from ops.estimation import command

    project = read_project(environ)
    console = make_console(as_json=asked.as_json)
    question = command.Question((), 0, 1, sample=300, megabytes=500, seed=asked.seed, as_json=False)
    choice = backfilling.Choice(asked.yes, asked.max_cost, asked.hours, not asked.no_wait, asked.as_json)
    return backfilling.backfill(
        project.deployment.functions["ingest"],
        project.environ,
        console,
        choice,
        lambda: command.run(project.deployment, project.environ, question, console) == 0,
    )

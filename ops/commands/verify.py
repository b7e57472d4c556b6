"""Whether the real services behave as this software assumes."""

from __future__ import annotations

import functools
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ops.printing import confirm
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ops.verification.report import Report

SUMMARY = "whether the services behave as assumed, for CNY 0.2 at most"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--services", default="", help="some of dashscope,milvus,oss,fc; all by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write a report to attach, without secrets")
    parser.add_argument("--yes", action="store_true", help="do not ask before it begins")


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Check what is assumed, and print a line for each assumption."""
    from ops.verification import services
    from ops.verification.report import Report, list_secrets
    from ops.verification.running import CAP_CNY, run
    from ops.verification.spending import Spending

    names = [name for name in asked.services.split(",") if name] or list(services.NAMES)
    unknown = [name for name in names if name not in services.NAMES]
    if unknown:
        print(f"There is no service {unknown[0]}; there are {', '.join(services.NAMES)}.")
        return 2
    print("\n".join(services.announce(names)))
    if not asked.yes and not _is_wanted():
        return 2
    logging.disable(logging.CRITICAL)  # what goes wrong is a line of ours
    project = read_project(environ)
    spending = Spending(CAP_CNY)
    private = list_secrets(services.list_private(project.environ))
    report = Report(private, functools.partial(print, flush=True))
    status = run(services.list_openings(names, project, spending), report, spending)
    return _write(report, asked.json) or status if asked.json else status


def _write(report: Report, path: Path) -> int:
    try:
        report.write(path)
    except OSError as error:
        print(f"{path} cannot be written: {error.strerror}")
        return 1
    print(f"{path} is the report for an issue; it holds no keys and no addresses")
    return 0


def _is_wanted() -> bool:
    if not sys.stdin.isatty():
        print("Nothing was done: without a terminal it takes --yes.")
        return False
    return confirm("Begin?")

"""The charts of the logs, as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "draw the charts of requests, errors, latency, cost, queue and failures from log files, as one page"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("--logs", type=Path, default=Path(".local/logs"), help="folder with *.log files")
    parser.add_argument("--output", type=Path, default=Path(".local/dashboard.html"), help="the page")
    add_json(parser)
    parser.add_argument("--language", choices=("en", "zh"), default="en", help="of its titles")


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the page."""
    del environ
    from ops.monitoring.charts import CHARTS
    from ops.monitoring.measuring import measure_charts
    from ops.monitoring.page import render

    if not asked.logs.is_dir():
        print(f"{asked.logs} is not a folder: start the local stack with make demo, or name one with --logs")
        return 1
    measured = measure_charts(CHARTS, asked.logs)
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(render(measured, asked.language, str(asked.logs)), "utf-8")
    drawn = sum(bool(it.columns) for it in measured)
    if asked.as_json:
        print_json({"page": str(asked.output), "charts": len(measured), "with_numbers": drawn})
    else:
        print(f"{asked.output}: {drawn} of {len(measured)} charts have numbers")
    return 0

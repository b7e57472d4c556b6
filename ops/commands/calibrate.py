"""Scores fitted to judged queries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ops.printing import make_console

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "fit the scores to judged queries, and print SCORE_CALIBRATION"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("queries", type=Path, help='lines of JSON: {"query": "...", "documents": ["key", ...]}')
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="where search answers; API_KEY is its key")
    parser.add_argument("--version", default="own", help="name of the calibration, which answers repeat")


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the calibration."""
    del environ
    from ops.calibrating import calibrate

    return calibrate(asked.queries, asked.url, asked.version, make_console(as_json=True))

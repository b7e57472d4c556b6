"""The description of the HTTP functions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "describe the HTTP functions again, in shared/runtime/openapi.json"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    del parser


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the description."""
    del asked, environ
    from ops import openapi
    from shared.runtime.openapi import FILE

    openapi.write(Path.cwd(), FILE)
    return 0

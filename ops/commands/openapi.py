"""The description of the HTTP functions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "describe the HTTP functions again, in shared/runtime/openapi.json"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Write the description."""
    del environ
    from ops import openapi
    from shared.runtime.openapi import FILE

    openapi.write(Path.cwd(), FILE)
    if asked.as_json:
        print_json({"written": [str(FILE)]})
    return 0

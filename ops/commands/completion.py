"""Completion in a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "a script that completes commands and options in a shell"
_NAME = "ossearch"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument("shell", choices=("bash", "zsh"), help='for example: eval "$(ossearch completion bash)"')


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the script."""
    del environ
    import shtab

    from ops.arguments import make_parser

    print(shtab.complete(make_parser(_NAME), shell=asked.shell))
    return 0

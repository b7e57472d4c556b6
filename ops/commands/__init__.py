"""The commands of the operator's command line, a file for each: what it takes, and its work.

A command is a module with a ``SUMMARY``, which ``--help`` shows, ``declare``, which adds its arguments to a parser, and
``run``, which does its work and returns the exit status. Here each is entered in a group. Modules of ``ops`` do the
work; they are imported when their command runs. Start reading at ``status.py``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

# By what the operator wants to do, in the order in which it is wanted.
GROUPS: Final = {
    "Look": ("status", "explain", "ask", "estimate", "dashboard"),
    "Index": ("sync", "backfill", "reconcile", "retry", "delete", "migrate"),
    "Deploy": ("infra", "keys", "roles", "check", "preflight", "verify", "package", "deploy", "run"),
    "Move": ("export", "import"),
    "Maintain": ("calibrate", "completion", "docs", "openapi", "application"),
}

# Names that a module cannot have.
_MODULES: Final = {"import": "import_backup"}


class Command(Protocol):
    """What the module of a command holds."""

    SUMMARY: str

    def declare(self, parser: argparse.ArgumentParser) -> None:
        """Add its arguments."""

    def run(self, asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
        """Do its work; returns the exit status."""


def load_command(name: str) -> Command:
    """The module of a command."""
    return cast("Command", import_module(f"ops.commands.{_MODULES.get(name, name)}"))

"""The operator's command line: what stands between this project and its deployment; ``--help`` lists it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import make_parser
from ops.commands import load_command
from ops.deployment import DeploymentError
from ops.packaging import PackagingError
from ops.template import variables

if TYPE_CHECKING:
    import argparse

# Where `make demo` listens, unless PORT says otherwise.
_LOCAL_PORT = "8000"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well, 1 when something is wrong, 2 for a wrong command."""
    asked = make_parser().parse_args(arguments)
    try:
        return load_command(asked.command).run(asked, _environ(asked))
    except (DeploymentError, PackagingError) as error:
        print(error)
        return 1


def _environ(asked: argparse.Namespace) -> dict[str, str]:
    """The process's variables over those of the environment's file, and the local stack's address over both.

    Raises:
        DeploymentError: there is no such file.
    """
    name = asked.env
    file = Path(f".env.{name}")
    if name and not file.is_file():
        raise DeploymentError(f"there is no environment {name}: {file} does not exist")
    environ = {**(variables(file) | {"ENVIRONMENT": name} if name else {}), **os.environ}
    if asked.local:
        address = f"http://127.0.0.1:{environ.get('PORT') or _LOCAL_PORT}"
        environ |= {"FC_ENDPOINT": address, "SEARCH_URL": address}
    return environ


if __name__ == "__main__":
    sys.exit(main())

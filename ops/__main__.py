"""The operator's command line: what stands between this project and its deployment; ``--help`` lists it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import parse_arguments
from ops.commands import load_command
from ops.credentials import VARIABLES, add_profile
from ops.deployment import DeploymentError
from ops.local_stack import read_settings
from ops.packaging import PackagingError
from ops.template import variables
from ops.terminal import clean_output
from shared.runtime.output import prepare_output
from shared.runtime.proxies import exempt_loopback

if TYPE_CHECKING:
    import argparse

_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns: the exit status: 0 when all is well, 1 when something is wrong, 2 for a wrong command, 130 after Ctrl-C.
    """
    prepare_output()
    exempt_loopback(os.environ)
    asked = parse_arguments(os.environ.get("CALLED_AS") or "python -m ops", arguments)
    with clean_output():
        return _report(asked)


def _report(asked: argparse.Namespace) -> int:
    try:
        return _run(asked)
    except (DeploymentError, PackagingError) as error:
        print(error)
        return 1
    except KeyboardInterrupt:
        print("Stopped.")
        return _INTERRUPTED
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a file or folder that the command was given, or a full disk
        print(f"{error.filename}: {error.strerror}" if error.filename else error)
        return 1


def _run(asked: argparse.Namespace) -> int:
    status = load_command(asked.command).run(asked, _environ(asked))
    sys.stdout.flush()  # here, where a reader that is gone is no error
    return status


def _environ(asked: argparse.Namespace) -> dict[str, str]:
    """The process's variables over those of the environment's file, and the local stack's settings over both.

    The access key is that of the ``aliyun`` profile where no variable names one.

    Raises:
        DeploymentError: there is no such file, or no local stack.
    """
    name = asked.env
    file = Path(f".env.{name}")
    if name and not file.is_file():
        raise DeploymentError(f"there is no environment {name}: {file} does not exist")
    environ = {**(variables(file) | {"ENVIRONMENT": name} if name else {}), **os.environ}
    if asked.local:
        return environ | read_settings(environ)
    has_key = bool(variables(Path(".env")).get(VARIABLES[0]))
    return environ if has_key else add_profile(environ)


if __name__ == "__main__":
    sys.exit(main())

"""The parser of the operator's command line, and arguments that several commands take."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import Final

from ops.commands import GROUPS, load_command

_TITLE: Final = "The operator's command line: what stands between this project and its deployment."
_STATUS: Final = (
    "exit status: 0 when all is well, 1 when something is wrong (a sentence says what), 2 for a wrong command, "
    "130 after Ctrl-C"
)

_SHOWN_CHARACTERS: Final = 40


class _Help(argparse.RawDescriptionHelpFormatter):
    """Leaves the list of commands to the description, which has it by group."""

    def add_argument(self, action: argparse.Action) -> None:
        if action.nargs != argparse.PARSER:
            super().add_argument(action)


def make_parser(name: str) -> argparse.ArgumentParser:
    """Make the parser of the command line.

    Args:
        name: as which it was called.
    """
    parser = argparse.ArgumentParser(
        prog=name,
        usage=f"{name} [--env ENV] [--local] [--json] COMMAND ...",
        description=f"{_TITLE}\n\n{_list_commands()}\n\n`{name} COMMAND --help` says what a command takes.",
        epilog=_STATUS,
        formatter_class=_Help,
    )
    parser.add_argument("--env", default="", help="which environment: dev reads .env.dev before .env")
    parser.add_argument(
        "--local",
        action="store_true",
        help="ask the local stack (make demo; DATA is its folder) instead of the deployment",
    )
    parser.add_argument("--json", action="store_true", dest="as_json", help="print for programs; also after COMMAND")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", prog=name)
    for group in GROUPS.values():
        for command in group:
            module = load_command(command)
            module.declare(commands.add_parser(command, help=module.SUMMARY, description=_as_sentence(module.SUMMARY)))
    return parser


def parse_arguments(name: str, arguments: list[str] | None) -> argparse.Namespace:
    """Parse a command line; one that is wrong ends the process, with what is wrong.

    Args:
        name: as which it was called.
        arguments: those of the process by default.
    """
    parser = make_parser(name)
    asked = parser.parse_args(arguments)
    if asked.as_json and "has_json" not in asked:
        parser.error(
            f"`{asked.command}` prints nothing for programs: `{name} {asked.command} --help` says what it takes"
        )
    return asked


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let a command print for programs."""
    # Without a default, so that one before the command counts.
    parser.add_argument("--json", action="store_true", dest="as_json", default=argparse.SUPPRESS, help="for programs")
    parser.set_defaults(has_json=True)


def add_deployment(parser: argparse.ArgumentParser) -> None:
    """Let a command take another file than ``s.yaml``."""
    parser.add_argument("deployment", nargs="?", type=Path, default=Path("s.yaml"), help="s.yaml by default")


def positive_number(text: str) -> int:
    """A whole number of at least 1."""
    return _read_number(text, 1, None)


def not_empty(argument: str) -> str:
    """Anything but nothing."""
    if not argument.strip():
        raise argparse.ArgumentTypeError("it is empty")
    return argument


def document_id(argument: str) -> str:
    """The id of a document."""
    if not re.fullmatch(r"[0-9a-f]{32}", argument):
        what = "is not an id, which has 32 digits from 0 to f: `explain KEY` shows that of a document"
        raise argparse.ArgumentTypeError(f"{argument[:_SHOWN_CHARACTERS]!r} {what}")
    return argument


def hours_of_a_batch(text: str) -> int:
    """The hours within which Model Studio can be asked to answer a batch task."""
    return _read_number(text, 24, 336)


def amount_of_money(text: str) -> float:
    """An amount of at least 0; ``inf`` for any."""
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not amount >= 0:
        raise argparse.ArgumentTypeError(f"{text[:_SHOWN_CHARACTERS]!r} is not an amount of at least 0")
    return amount


def _read_number(text: str, least: int, most: int | None) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least or (most is not None and number > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise argparse.ArgumentTypeError(f"{text[:_SHOWN_CHARACTERS]!r} is not a whole number {limits}")
    return number


def _list_commands() -> str:
    """The commands by group, a line each."""
    lines = []
    for title, group in GROUPS.items():
        lines.append(f"{title.lower()}:")
        lines += [f"  {command:<12}{load_command(command).SUMMARY}" for command in group]
    return "\n".join(lines)


def _as_sentence(summary: str) -> str:
    return f"{summary[0].upper()}{summary[1:]}."

"""How commands print: for people or for programs."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import contextmanager
from functools import partial
from threading import Timer
from typing import TYPE_CHECKING, Any, Final, Protocol

from ops.cloud import CloudError
from ops.invoking import InvocationError
from ops.remote_search import AskError
from ops.terminal import CleanConsole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

_QUIET_SECONDS: Final = 2.0


class Printable(Protocol):
    """What a command has found out."""

    def describe(self) -> Iterator[str]:
        """The lines that a person reads."""

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""


def make_console(*, as_json: bool = False) -> Console:
    """Where progress and tables go: standard output, or standard error where that is left to JSON."""
    return CleanConsole(highlight=False, stderr=as_json)


def print_json(value: Any) -> None:
    """Print a value for programs."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def confirm(question: str) -> bool:
    """Ask whether something is meant; no answer, as without a terminal, means no."""
    try:
        return input(f"{question} [yes/no] ").strip().lower() in ("yes", "y")
    except EOFError:
        print("There is no terminal to ask at: --yes answers every question.")
        return False


@contextmanager
def show_waiting() -> Iterator[None]:
    """Say that an answer takes a while: a terminal shows it at once, a log gets a line after some seconds."""
    console = CleanConsole(stderr=True)
    if console.is_terminal:
        with console.status("Asking; Ctrl-C ends it"):
            yield
        return
    line = f"No answer after {_QUIET_SECONDS:.0f} s; still waiting."
    timer = Timer(_QUIET_SECONDS, partial(print, line, file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def show(read: Callable[[], Printable], *, as_json: bool) -> int:
    """Print what was read, or why it was not; returns the exit status."""
    logging.disable(logging.CRITICAL)  # what goes wrong is a line of ours
    try:
        with show_waiting():
            found = read()
    except (AskError, CloudError, InvocationError) as error:
        print(error)
        return 1
    if as_json:
        print_json(found.to_json())
    else:
        print("\n".join(found.describe()))
    return 0

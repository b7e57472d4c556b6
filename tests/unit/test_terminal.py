"""Names and texts of others are shown by the operator's commands, and never obeyed by the terminal."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING
from unittest.mock import patch

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ops import __main__ as ops
from ops.printing import make_console, print_json
from ops.terminal import CleanConsole, clean, clean_output, remove_colours

if TYPE_CHECKING:
    import argparse

    import pytest

HOSTILE = "a\x1b]0;title\x07\x1b[2J\x9b1m\u202e.txt"
ESCAPED = r"a\u001b]0;title\u0007\u001b[2J\u009b1m\u202e.txt"


def test_what_a_terminal_would_obey_is_escaped_and_nothing_else() -> None:
    assert clean(HOSTILE) == ESCAPED
    kept = "报告\u3000第1页\tüber\u00a0uns\n👩\u200d🚀 مرحبا"
    assert clean(kept) == kept


def test_colours_of_another_program_are_removed() -> None:
    assert remove_colours("\x1b[1;31mrefused\x1b[0m: \x1b[2J") == "refused: \x1b[2J"


def test_what_is_printed_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with clean_output():
        sys.stdout.write(f"{HOSTILE}\n")
        sys.stderr.write(f"{HOSTILE}\n")
    assert capsys.readouterr() == (f"{ESCAPED}\n", f"{ESCAPED}\n")
    assert sys.stdout is before


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"key": HOSTILE + "".join(map(chr, range(0x300))) + "\u2028"}
    with clean_output():
        print_json(value)
    shown = capsys.readouterr().out
    assert json.loads(shown) == value
    assert clean(shown) == shown


def test_a_console_colours_and_moves_what_it_escapes() -> None:
    file = io.StringIO()
    console = CleanConsole(file=file, force_terminal=True, color_system="standard", width=200)
    table = Table()
    table.add_column("name")
    table.add_row(HOSTILE.replace("[", r"\["))
    with Progress(console=console) as progress:
        progress.add_task(HOSTILE.replace("[", r"\["), total=1)
        console.print(table)
        console.print(f"[red]{HOSTILE.replace('[', chr(92) + '[')}[/red]")
    shown = file.getvalue()
    assert "\x1b[31m" in shown
    assert "\x1b[2K" in shown  # the bar is redrawn
    assert "\x1b]0" not in shown
    assert "\x1b[2J" not in shown
    assert "\x07" not in shown
    assert shown.count(r"\u001b]0;title") >= 3


def test_every_command_prints_so(capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: argparse.Namespace) -> int:
        sys.stdout.write(f"{HOSTILE}\n")
        make_console().print(HOSTILE, markup=False)
        raise FileNotFoundError(2, "No such file or directory", HOSTILE)

    with patch.object(ops, "_run", run):
        assert ops.main(["roles"]) == 1
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert shown.count(r"\u001b]0;title") == 3


def test_no_command_makes_a_console_of_its_own() -> None:
    assert isinstance(make_console(), CleanConsole)
    assert isinstance(make_console(as_json=True), Console)

"""Sentences of the parts arrive at the terminal on one line each, and can always be printed."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from local.reporting import report, show

if TYPE_CHECKING:
    from pathlib import Path

from local.function_logs import FunctionLogs

KILLED = "[2026-01-01 00:00:00 +0000] [7] [ERROR] Worker (pid:42) was sent SIGKILL! Perhaps out of memory?\n"
FAILED = "[2026-01-01 00:00:00 +0000] [7] [ERROR] Worker (pid:43) exited with code 3.\n"
ENDED = "[2026-01-01 00:00:00 +0000] [7] [INFO] Worker exiting (pid: 44)\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("报告 été.pdf", "报告 été.pdf"),
        ("bad\udcff.txt", "bad\\xff.txt"),
        ("half\ud800", "half\\ud800"),
        ("two\nlines\x1b[2J", "two\\nlines\\x1b[2J"),
    ],
)
def test_any_name_can_be_printed_on_one_line(text: str, shown: str) -> None:
    assert show(text) == shown
    show(text).encode()


def test_a_part_goes_on_when_its_terminal_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    report("Milvus runs again.")


def test_the_death_of_a_worker_is_read_from_its_functions_log_once(tmp_path: Path) -> None:
    log = tmp_path / "search.log"
    log.write_text(KILLED)
    logs = FunctionLogs(tmp_path)
    assert list(logs.read_deaths()) == []  # what was there before is of an earlier run
    with log.open("a") as file:
        file.write(ENDED + KILLED + FAILED + KILLED[:50])
    assert list(logs.read_deaths()) == [
        "search: worker process 42 was sent SIGKILL; another one is started.",
        "search: worker process 43 exited with code 3; another one is started.",
    ]
    with log.open("a") as file:
        file.write(KILLED[50:])
    assert len(list(logs.read_deaths())) == 1
    assert list(logs.read_deaths()) == []


def test_a_log_that_is_made_again_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "search.log"
    log.write_text(ENDED * 9)
    logs = FunctionLogs(tmp_path)
    log.write_text(KILLED)
    assert len(list(logs.read_deaths())) == 1

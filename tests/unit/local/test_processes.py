"""Child processes: ready when they print an address, and their own words when they do not."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from local.last_words import last_words
from local.processes import StartError, start

if TYPE_CHECKING:
    from pathlib import Path

CRITICAL = json.dumps({"level": "critical", "event": "startup_refused", "reason": "MILVUS_URI is not set"})
WARNING = json.dumps({"level": "warning", "event": "retrying", "reason": "throttled"})
TRACEBACK = """\
Traceback (most recent call last):
  File "app.py", line 1, in <module>
    import nothing_there
ModuleNotFoundError: No module named 'nothing_there'
"""
CHAINED = f"{TRACEBACK}\nDuring handling of the above exception, another exception occurred:\n\n" + TRACEBACK.replace(
    "ModuleNotFoundError: No module named 'nothing_there'", "builders.Broken"
)
GUNICORN = """\
[2026-01-01 00:00:00 +0000] [2] [INFO] Worker exiting (pid: 2)
[2026-01-01 00:00:00 +0000] [1] [ERROR] Reason: Worker failed to boot.
"""
LAST = "[2026-01-01 00:00:00 +0000] [1] [ERROR] Reason: Worker failed to boot."
MISSING = "ModuleNotFoundError: No module named 'nothing_there'"


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        pytest.param(f"{CRITICAL}\n{TRACEBACK}{GUNICORN}", "MILVUS_URI is not set", id="a critical reason comes first"),
        pytest.param(f"{WARNING}\n{TRACEBACK}{GUNICORN}", MISSING, id="then the exception"),
        pytest.param(f"{CHAINED}{GUNICORN}", "builders.Broken", id="the last of several, whatever its name"),
        pytest.param(f"{WARNING}\n{GUNICORN}", LAST, id="then the last line"),
        pytest.param(
            TRACEBACK + "serving\n" * 50, "serving", id="what was printed long before the end explains nothing"
        ),
        pytest.param("\n \n", "", id="an empty log says nothing"),
        pytest.param("x" * 5_000, "x" * 300, id="a long line is cut"),
    ],
)
def test_the_last_words_are_the_line_that_best_explains_the_end(printed: str, words: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(printed)
    assert last_words(log) == words


def test_the_words_of_an_earlier_process_are_not_the_last_ones(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(f"{CRITICAL}\nnot enough memory\n")
    assert last_words(log, since=len(CRITICAL)) == "not enough memory"
    assert last_words(tmp_path / "absent") == ""


def module(folder: Path, code: str) -> dict[str, str]:
    """The environment in which ``python -m part_module`` runs ``code``."""
    (folder / "part_module.py").write_text(code)
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_a_process_that_does_not_start_is_named_with_its_exception(tmp_path: Path) -> None:
    log = tmp_path / "log"
    environ = module(tmp_path, "import nothing_there")
    with pytest.raises(StartError) as refusal:
        start("part", "part_module", [], environ, log, 60)
    assert str(refusal.value) == f"part did not start: {MISSING} (see {log})"


def test_the_log_keeps_every_line_of_both_outputs(tmp_path: Path) -> None:
    code = """
import pathlib, sys, time
log = pathlib.Path(sys.argv[1])
print("to the one", flush=True)
while "to the one" not in log.read_text():
    time.sleep(0.01)
print("to the other", file=sys.stderr, flush=True)
print("ready on http://127.0.0.1:1", flush=True)
"""
    log = tmp_path / "log"
    process = start("part", "part_module", [str(log)], module(tmp_path, code), log, 60)
    process.stop()
    assert process.address == "http://127.0.0.1:1"
    assert log.read_text().splitlines() == ["to the one", "to the other", "ready on http://127.0.0.1:1"]

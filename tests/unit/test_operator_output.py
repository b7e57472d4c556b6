"""What the operator's commands print while they work, and where --json may stand."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops import printing, syncing
from ops.__main__ import main
from ops.checks import problems
from ops.deployment import load
from ops.findings import Verdict
from ops.preflight import findings
from ops.remote_search import AskError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("arguments", [["--json", "check"], ["check", "--json"], ["--json", "check", "--json"]])
def test_json_may_stand_before_the_command_and_after_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*arguments, str(ROOT / "s.yaml")])
    assert "problems" in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", ["completion", "verify"])
def test_a_command_that_prints_nothing_for_programs_says_so(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--json", name, *(["bash"] if name == "completion" else [])])
    assert ended.value.code == 2
    assert f"`{name}` prints nothing for programs" in capsys.readouterr().err


def test_that_anyone_may_call_is_no_problem_of_the_local_stack() -> None:
    deployment = load(ROOT / "s.yaml", {"ALLOW_ANONYMOUS": "true"})
    assert [problem for problem in problems(deployment) if "anyone may call" in problem]
    assert problems(deployment, is_local=True) == []
    (first, *_) = findings(deployment, {"LOCAL_STACK": ".local"}, {})
    assert (first.verdict, first.subject) == (Verdict.OK, "s.yaml")


def sync(answers: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> str:
    """What a sync shows of its progress at last, where ingest answers so."""
    given = iter(answers)
    monkeypatch.setattr(syncing, "_reconcile", lambda *_, **__: next(given))
    output = io.StringIO()
    console = Console(file=output, width=200, force_terminal=True, color_system=None)
    assert syncing.sync(load(ROOT / "s.yaml", {}).functions["ingest"], {}, console) == 0
    return output.getvalue()


def report(left: int, results: int) -> dict[str, Any]:
    counts = {"results": results, "failures": 0, "waiting": 0, "unfinished": 0}
    return {"left": left, "counts": counts, "results": [], "usage": {"tokens": 1, "cost_cny": 0.1}}


def test_the_progress_of_a_sync_ends_with_the_number_of_its_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = sync([report(0, 0)], monkeypatch)
    assert "0/0 documents" in empty
    assert "0/?" not in empty.splitlines()[-2]
    assert "3/3 documents" in sync([report(3, 0), report(0, 3), report(0, 0)], monkeypatch)


@pytest.mark.parametrize(("seconds", "is_said"), [(0.3, True), (0.0, False)])
def test_without_a_terminal_a_line_says_that_an_answer_takes_a_while(
    seconds: float, is_said: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(printing, "_QUIET_SECONDS", 0.05)

    def read() -> printing.Printable:
        time.sleep(seconds)
        raise AskError("It does not answer.")

    assert printing.show(read, as_json=False) == 1
    printed = capsys.readouterr()
    assert ("still waiting" in printed.err) is is_said
    assert printed.out == "It does not answer.\n"

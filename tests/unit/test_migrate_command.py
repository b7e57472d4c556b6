"""The command `ops migrate`, with an ingest of this process."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console

from ops import backfilling, migrating
from ops.arguments import parse_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from ops.deployment import Function

INGEST = cast("Function", SimpleNamespace(timeout=600))
_USAGE = {"tokens": 10, "cost_cny": 0.5}
_ANSWER = {"hits": [{"key": "a.txt", "start": 0, "text": "a"}], "milliseconds": 5.0, "usage": _USAGE}
_ESTIMATE = {"chunks": 40, "tokens": 4_000, "cost_cny": 2.0, "batch_cny": 1.0, "seconds": 30.0}


class Ingest:
    """Two batch tasks that end with the second look, and a fill."""

    def __init__(self, waiting: int = 0, *, has_samples: bool = True) -> None:
        self.has_samples = has_samples
        self.asked: list[dict[str, Any]] = []
        self.looks = 0
        self.waiting = waiting

    def __call__(self, _: object, event: Mapping[str, Any], __: object) -> dict[str, Any]:
        self.asked.append(dict(event))
        return {"results": [self.answer(event)]}

    def answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        if event["action"] == "backfill":
            self.looks += event["step"] == "collect"
            left = 2 if self.looks < 2 else 0
            plan = {"after": "", "is_done": True, "is_capped": False, "ordered_cny": 1.0}
            return {**plan, "waiting": left, "converged": 1, "usage": _USAGE, "failed": 0, "problem": ""}
        phase = "filling" if self.waiting else "ready"
        if event["step"] == "samples":
            return {"samples": ["one", "two"] if self.has_samples else []}
        if event["step"] == "check":
            return {"answers": [{"query": text, "current": _ANSWER, "other": _ANSWER} for text in event["queries"]]}
        fill = {"left": 0, "unfinished": [], "done": 0, "waiting": self.waiting, "usage": _USAGE}
        return {
            "phase": phase,
            "current": None,
            "other": None,
            "estimate": _ESTIMATE if event.get("dry_run") else None,
            **fill,
        }

    @property
    def steps(self) -> list[str]:
        return [event["step"] for event in self.asked]


def run(monkeypatch: pytest.MonkeyPatch, ingest: Ingest, *arguments: str) -> tuple[int, str]:
    for module in (backfilling, migrating):
        monkeypatch.setattr(module, "invoke", ingest)
    monkeypatch.setattr(backfilling, "_POLL_SECONDS", 0.0)
    output = io.StringIO()
    status = migrating.run(INGEST, {}, parse_arguments("ops", ["migrate", *arguments]), Console(file=output, width=200))
    return status, output.getvalue()


def test_a_migration_by_batch_orders_waits_and_fills_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = Ingest()
    status, output = run(monkeypatch, ingest, "start", "--model", "text-embedding-v3", "--batch", "--yes")
    assert (status, ingest.steps) == (0, ["start", "start", "plan", "collect", "collect", "fill"])
    assert all(event["batch"] for event in ingest.asked if event["step"] == "start")
    assert all(event["migration"] for event in ingest.asked if event["action"] == "backfill")
    assert "CNY 1.0000 by batch tasks" in output


def test_a_migration_by_calls_orders_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = Ingest()
    assert run(monkeypatch, ingest, "start", "--model", "text-embedding-v3", "--yes")[0] == 0
    assert ingest.steps == ["start", "start", "fill"]


def test_documents_that_still_wait_for_tasks_are_a_failure_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    status, output = run(monkeypatch, Ingest(waiting=3), "start", "--yes")
    assert status == 1
    assert "3 documents wait for batch tasks: repeat start with --batch." in output


def test_a_check_without_a_file_asks_the_queries_that_were_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = Ingest()
    status, output = run(monkeypatch, ingest, "check")
    assert (status, ingest.steps, ingest.asked[1]["queries"]) == (0, ["samples", "check"], ["one", "two"])
    assert "2 queries, 0 judged" in output
    status, output = run(monkeypatch, Ingest(has_samples=False), "check")
    assert status == 1
    assert "QUERY_SAMPLE_SHARE" in output


def test_the_end_of_a_migration_needs_an_answer_and_says_that_it_takes_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    ingest = Ingest()
    status, output = run(monkeypatch, ingest, "cancel")
    assert (status, ingest.steps, output) == (1, ["status"], "")
    ingest = Ingest()
    status, output = run(monkeypatch, ingest, "cancel", "--yes")
    assert (status, ingest.steps) == (0, ["status", "cancel"])
    assert "some 15 seconds" in output
    status, output = run(monkeypatch, Ingest(), "start", "--model", "text-embedding-v3")
    assert status == 1
    assert "Making" not in output

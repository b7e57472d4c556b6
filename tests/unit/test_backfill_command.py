"""The command `ops backfill`, with an ingest of this process: it asks before it orders, keeps to the cap, and waits."""

from __future__ import annotations

import io
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console

from ops import backfilling
from ops.backfilling import Choice, backfill

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from ops.deployment import Function

INGEST = cast("Function", SimpleNamespace(timeout=600))


class Ingest:
    """Four tasks of CNY 1 each, of which two end with every look."""

    def __init__(self, problem: str = "") -> None:
        self.asked: list[dict[str, Any]] = []
        self.tasks = self.ordered = 0
        self.problem = problem

    def __call__(self, _: object, event: Mapping[str, Any], __: object) -> dict[str, Any]:
        self.asked.append(dict(event))
        if event["action"] == "reconcile":
            return {"results": [{"counts": {"stale": 40 - 10 * self.ordered}}]}
        report: dict[str, Any] = {"after": "", "is_done": False, "is_capped": False, "ordered_cny": 0.0, "converged": 0}
        if event["step"] == "plan":
            report["is_capped"] = event.get("most_cost", 9) < 1
            if not report["is_capped"]:
                self.tasks, self.ordered = self.tasks + 1, self.ordered + 1
                report |= {"ordered_cny": 1.0, "after": f"{self.ordered}", "is_done": self.ordered == 4}
        if event["step"] == "collect":
            report["converged"], self.tasks = min(2, self.tasks), max(0, self.tasks - 2)
        usage = {"tokens": 10, "cost_cny": 0.5}
        waiting = {"waiting": self.tasks, "waiting_documents": 10 * self.tasks, "waiting_cny": float(self.tasks)}
        return {"results": [{**report, **waiting, "usage": usage, "failed": 0, "problem": self.problem}]}


def run(monkeypatch: pytest.MonkeyPatch, ingest: Ingest, **changes: Any) -> tuple[int, str]:
    monkeypatch.setattr(backfilling, "invoke", ingest)
    monkeypatch.setattr(backfilling, "_POLL_SECONDS", 0.0)
    output = io.StringIO()
    values: dict[str, Any] = {"is_agreed": True, "max_cost": math.inf, "hours": 24, "waits": True}
    choice = Choice(**values | changes)
    status = backfill(INGEST, {}, Console(file=output, width=200), choice, lambda: True)
    return status, output.getvalue()


def test_everything_is_ordered_and_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = Ingest()
    status, output = run(monkeypatch, ingest, hours=48)
    assert (status, ingest.ordered, ingest.tasks) == (0, 4, 0)
    assert [event["after"] for event in ingest.asked if event.get("step") == "plan"] == ["", "1", "2", "3"]
    assert "0 tasks left, 20 tokens in the index, CNY 1.0000" in output
    assert all(
        event["hours"] == 48 and "most_cost" not in event for event in ingest.asked if event.get("step") == "plan"
    )


def test_no_more_is_ordered_than_it_may_cost_with_what_waits_already(monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = Ingest()
    ingest.tasks = ingest.ordered = 1
    status, output = run(monkeypatch, ingest, max_cost=2.5, waits=False)
    assert (status, ingest.ordered) == (1, 2)
    assert "--max-cost" in output


def test_nothing_is_ordered_without_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = Ingest()
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert run(monkeypatch, ingest, is_agreed=False)[0] == 1
    assert ingest.ordered == 0


def test_vectors_that_were_not_used_are_a_failure_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    status, output = run(monkeypatch, Ingest(problem="Their cosine is too small."))
    assert status == 1
    assert "Their cosine is too small." in output


def test_with_nothing_left_to_order_only_tasks_are_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    ingest = Ingest()
    ingest.ordered, ingest.tasks = 4, 3
    assert run(monkeypatch, ingest)[0] == 0
    assert not [event for event in ingest.asked if event.get("step") == "plan"]

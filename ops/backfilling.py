"""Index a large bucket at half the price: by batch tasks of Model Studio, which ingest plans and collects.

Each call of ingest plans one task or collects what others have returned. The command may be stopped and started again
at any time: ingest keeps which documents wait for which task, and orders nothing twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.invoking import InvocationError, invoke
from ops.printing import confirm, print_json
from shared.language.counting import count_of
from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import Console

    from ops.deployment import Function

# Tasks take hours; their end is seen within this. The local stack's take seconds.
_POLL_SECONDS, _LOCAL_POLL_SECONDS = 60.0, 1.0
# Kept of the time of an invocation for uploading what was planned.
_PLAN_SHARE = 0.6
# Exit status after Ctrl-C.
_INTERRUPTED = 130


@dataclass(frozen=True)
class Choice:
    """What the operator wants.

    Attributes:
        is_agreed: whether tasks may be created without a question.
        max_cost: what the tasks may cost, those that are waiting included, in CNY.
        hours: within which they must be answered.
        waits: whether to wait for their end.
        as_json: whether to print the result for programs.
    """

    is_agreed: bool
    max_cost: float
    hours: int
    waits: bool
    as_json: bool = False


def backfill(
    ingest: Function, environ: Mapping[str, str], console: Console, choice: Choice, estimate: Callable[[], bool]
) -> int:
    """Order what the index lacks, and wait for it; the exit status is 0 once all of it is in the index.

    Args:
        estimate: prints what indexing costs; returns whether that was possible.
    """
    run = BatchRun(ingest, environ, console, choice)
    try:
        return run.run(estimate)
    except InvocationError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. Tasks that were created go on, and ingest collects them; backfill again to continue.")
        return _INTERRUPTED


class BatchRun:
    """One run of the command.

    Args:
        is_migration: whether the tasks are for the new collection of a migration.
    """

    def __init__(
        self,
        ingest: Function,
        environ: Mapping[str, str],
        console: Console,
        choice: Choice,
        *,
        is_migration: bool = False,
    ) -> None:
        self._ingest = ingest
        self._environ = environ
        self._console = console
        self._choice = choice
        self._options = {"migration": True} if is_migration else {}
        self._tokens, self._cost = 0, 0.0

    def run(self, estimate: Callable[[], bool]) -> int:
        """Order what the index lacks, and wait for it; returns the exit status."""
        waiting = self._ask("status")
        self._show(waiting)
        to_index = self._count()
        is_capped = False
        if to_index:
            self._console.print(f"{to_index} documents are to be indexed and wait for no task.")
            if not estimate() or not self._is_agreed():
                return 1
            is_capped = self.plan(waiting["waiting_cny"])
        is_complete = self.collect() if self._choice.waits else True
        if self._choice.as_json:
            left = self._ask("status")
            print_json(
                {"waiting": left["waiting"], "waiting_cny": left["waiting_cny"], "is_capped": is_capped}
                | {"tokens": self._tokens, "cost_cny": self._cost, "is_complete": is_complete}
            )
        return 1 if is_capped or not is_complete else 0

    def _count(self) -> int:
        (report,) = invoke(self._ingest, {"action": "reconcile", "dry_run": True}, self._environ)["results"]
        return int(report["counts"]["stale"])

    def _is_agreed(self) -> bool:
        if self._choice.is_agreed:
            return True
        return confirm("Create batch tasks for them, at the price by Batch above?")

    def plan(self, spent: float = 0.0) -> bool:
        """Create tasks until no documents are left or the cost is reached; returns whether it is reached."""
        after = ""
        while True:
            left = max(0.0, self._choice.max_cost - spent)
            options: dict[str, Any] = {} if math.isinf(left) else {"most_cost": left}
            seconds = self._ingest.timeout * _PLAN_SHARE
            report = self._ask("plan", after=after, seconds=seconds, hours=self._choice.hours, **options)
            after, spent = report["after"], spent + report["ordered_cny"]
            self._console.print(f"{report['waiting']} tasks, CNY {spent:.4f} if all of it succeeds")
            if report["is_capped"]:
                self._console.print("The next documents would exceed --max-cost: raise it and backfill again.")
                return True
            if report["is_done"]:
                return False

    def collect(self) -> bool:
        """Wait for the tasks; returns whether all of them were of use and no document failed for now."""
        failed, problems, shown = 0, 0, ""
        is_local = "127.0.0.1" in (self._environ.get("FC_ENDPOINT") or "")
        while True:
            report = self._ask("collect", seconds=self._ingest.timeout * _PLAN_SHARE)
            self._tokens += report["usage"]["tokens"]
            self._cost += report["usage"]["cost_cny"]
            failed, problems = report["failed"], problems + bool(report["problem"])
            if report["problem"]:
                self._console.print(report["problem"], markup=False)
            line = f"{report['waiting']} tasks left, {self._tokens} tokens in the index, CNY {self._cost:.4f}"
            if line != shown:
                self._console.print(line)
                shown = line
            if not report["waiting"]:
                break
            if not report["converged"]:
                clock.sleep(_LOCAL_POLL_SECONDS if is_local else _POLL_SECONDS)
        if failed or problems:
            hint = "." if self._options else ": ops sync indexes them."
            self._console.print(f"Some documents are left to ordinary calls{hint}")
        return not failed and not problems

    def _show(self, report: Mapping[str, Any]) -> None:
        if report["waiting"]:
            documents = count_of(report["waiting_documents"], "document")
            self._console.print(f"Created before: {count_of(report['waiting'], 'task')} for {documents}.")

    def _ask(self, step: str, **options: Any) -> dict[str, Any]:
        (report,) = invoke(
            self._ingest, {"action": "backfill", "step": step, **self._options, **options}, self._environ
        )["results"]
        return dict(report)

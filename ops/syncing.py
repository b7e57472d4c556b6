"""Bring a whole bucket into the index by calling the ingest function until nothing is left.

The first call counts what differs between bucket and index; each further one works on that for a while, several
documents at once, from where the one before has stopped. A sync may be stopped and started again at any time, and costs
nothing twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ops.invoking import InvocationError, invoke
from ops.printing import print_json
from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from ops.deployment import Function

# How often the bar moves.
_ROUND_SECONDS = 20
# Exit status after Ctrl-C.
_INTERRUPTED = 130
_COLUMNS = (TextColumn("Syncing"), BarColumn(), MofNCompleteColumn(), TextColumn("documents"), TimeElapsedColumn())
_FIGURES = (TextColumn("{task.fields[pace]}"), TextColumn("{task.fields[cost]}"))


def sync(ingest: Function, environ: Mapping[str, str], console: Console, *, as_json: bool = False) -> int:
    """Sync, with progress; the exit status is 0 once index and bucket are the same, 1 if something kept them apart.

    Documents that cannot be indexed are named with their reason, and are no failure of the sync.
    """
    try:
        with Progress(*_COLUMNS, TimeRemainingColumn(), *_FIGURES, console=console) as progress:
            spent = _sync(ingest, environ, progress)
    except InvocationError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. What is done stays done; sync again to continue.")
        return _INTERRUPTED
    if as_json:
        print_json(
            {
                "documents": spent.done,
                "failures": spent.failures,
                "tokens": spent.tokens,
                "cost_cny": spent.cost,
                "waiting": spent.waiting,
            }
        )
        return 0
    if spent.waiting:
        console.print(f"{spent.waiting} documents wait for batch tasks: ops backfill shows them.")
    are = "are otherwise the same" if spent.waiting else "are the same"
    console.print(f"Bucket and index {are}. Cost: {spent.tokens} tokens, CNY {spent.cost:.4f}.")
    return 0


def _sync(ingest: Function, environ: Mapping[str, str], progress: Progress) -> _Spent:
    """Call the function until it finds nothing to do; returns what that cost.

    Raises:
        InvocationError: also ``stuck``: a whole round brought no document forward.
    """
    spent = _Spent(progress)
    # A round ends where an earlier run was interrupted, so that only a new count says that nothing is left.
    while left := (counted := _reconcile(ingest, environ, seconds=0))["left"]:
        spent.show(left)
        while left:
            report = _reconcile(ingest, environ, seconds=_ROUND_SECONDS)
            for line in _failures(report):
                progress.console.print(line, markup=False)
            # Documents that another process works on are left too; it will finish them.
            if not report["counts"]["results"] and report["counts"]["unfinished"]:
                raise InvocationError("stuck", _explain_stuck(report))
            left = report["left"]
            spent.add(report)
    spent.show(0)
    spent.waiting = counted["counts"]["waiting"]
    return spent


class _Spent:
    """What a sync has done and spent so far, on the bar of its progress."""

    def __init__(self, progress: Progress) -> None:
        self.tokens = self.done = self.failures = self.waiting = 0
        self.cost = 0.0
        self._progress = progress
        self._began = clock.monotonic()
        self._task = progress.add_task("sync", total=None, pace="", cost="")

    def add(self, report: Mapping[str, Any]) -> None:
        """Add what a round has done."""
        self.tokens += report["usage"]["tokens"]
        self.cost += report["usage"]["cost_cny"]
        self.done += report["counts"]["results"]
        self.failures += report["counts"]["failures"]
        self.show(report["left"] + report["counts"]["unfinished"])

    def show(self, left: int) -> None:
        """Show how far it has come, where so many documents are left."""
        pace = self.done / max(clock.monotonic() - self._began, 1e-3)
        self._progress.update(
            self._task,
            total=self.done + left,
            completed=self.done,
            pace=f"{pace:.1f} documents/s" if self.done else "",
            cost=f"CNY {self.cost:.4f}",
        )


def _reconcile(ingest: Function, environ: Mapping[str, str], **options: Any) -> dict[str, Any]:
    (report,) = invoke(ingest, {"action": "reconcile", **options}, environ)["results"]
    return dict(report)


def _failures(report: Mapping[str, Any]) -> Iterator[str]:
    shown = [result for result in report["results"] if result["failure"]]
    for result in shown:
        yield f"  {result['key']}: {result['failure']['message']}"
    if (more := report["counts"]["failures"] - len(shown)) > 0:
        yield f"  {more} more could not be indexed; GET /documents?state=failed lists them"


def _explain_stuck(report: Mapping[str, Any]) -> str:
    waiting = report["counts"]["unfinished"] + report["left"]
    return (
        f"{waiting} documents wait for something that has not passed yet: GET /documents?state=pending says for what. "
        "Fix it and sync again; what is done stays done."
    )

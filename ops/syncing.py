"""Bring a whole bucket into the index by calling the ingest function until nothing is left.

Each call compares the bucket with the index and works for a while on what differs, several documents at once; the next
call continues. A sync may be stopped and started again at any time, and costs nothing twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ops.invoking import InvocationError, invoke

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from ops.deployment import Function

# How often the bar moves; each round compares bucket and index again.
_ROUND_SECONDS = 20
_COLUMNS = (TextColumn("Syncing"), BarColumn(), MofNCompleteColumn(), TextColumn("documents"), TimeElapsedColumn())


def sync(ingest: Function, environ: Mapping[str, str], console: Console) -> int:
    """Sync, with progress; the exit status is 0 once index and bucket are the same, 1 if something kept them apart.

    Documents that cannot be indexed are named with their reason, and are no failure of the sync.
    """
    try:
        with Progress(*_COLUMNS, TimeRemainingColumn(), console=console) as progress:
            spent = _rounds(ingest, environ, progress)
    except InvocationError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    console.print(f"Bucket and index are the same. Cost: {spent['tokens']} tokens, CNY {spent['cost_cny']:.4f}.")
    return 0


def would_do(ingest: Function, environ: Mapping[str, str], console: Console) -> int:
    """Say what a sync would do."""
    try:
        report = _reconcile(ingest, environ, dry_run=True)
    except InvocationError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    for verb, keys in (("index", report["stale"]), ("remove", report["orphaned"])):
        for key in keys:
            console.print(f"{verb} {key}", markup=False)
    index, remove = len(report["stale"]), len(report["orphaned"])
    console.print(f"{report['listed']} in the bucket, {index} to index, {remove} to remove")
    return 0


def _rounds(ingest: Function, environ: Mapping[str, str], progress: Progress) -> dict[str, float]:
    """Call the function until nothing is left; returns what that cost.

    Raises:
        InvocationError: also ``stuck``: a whole round brought no document forward.
    """
    spent = {"tokens": 0, "cost_cny": 0.0}
    total = _reconcile(ingest, environ, seconds=0)["left"]
    task = progress.add_task("sync", total=total)
    left = total
    while left:
        report = _reconcile(ingest, environ, seconds=_ROUND_SECONDS)
        for line in _failures(report):
            progress.console.print(line, markup=False)
        # Documents that another process works on are left too; it will finish them.
        if not report["results"] and report["unfinished"]:
            raise InvocationError("stuck", _what_keeps(report))
        spent = {name: value + report["usage"][name] for name, value in spent.items()}
        left = report["left"] + len(report["unfinished"])
        progress.update(task, total=max(total, left), completed=max(total, left) - left)
    return spent


def _reconcile(ingest: Function, environ: Mapping[str, str], **options: Any) -> dict[str, Any]:
    (report,) = invoke(ingest, {"action": "reconcile", **options}, environ)["results"]
    return dict(report)


def _failures(report: Mapping[str, Any]) -> Iterator[str]:
    for result in report["results"]:
        if result["failure"]:
            yield f"  {result['key']}: {result['failure']['message']}"


def _what_keeps(report: Mapping[str, Any]) -> str:
    waiting = len(report["unfinished"]) + report["left"]
    return (
        f"{waiting} documents wait for something that has not passed yet: GET /documents?state=pending says for what. "
        "Fix it and sync again; what is done stays done."
    )

"""Try documents again by calling the ingest function: those that failed, or that older parsing code read.

A release that reads a format better heals documents that an older one refused: the reconcile tries each of them once.
This is for the rest: to try now, or to read again what is indexed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.invoking import InvocationError, invoke

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from ops.deployment import Function

# Each call works for so long; the next one continues.
_ROUND_SECONDS = 20


def retry(ingest: Function, environ: Mapping[str, str], console: Console, **selection: Any) -> int:
    """Try the chosen documents again; the exit status is 0 if each of them is indexed or removed now.

    Args:
        selection: the fields of the action, such as ``state``, ``code``, ``prefix``, ``id``, ``reread``, ``dry_run``.
    """
    event = {"action": "retry", **{name: value for name, value in selection.items() if value}}
    try:
        if event.get("dry_run"):
            return _show(_call(ingest, event, environ), console)
        failed = _run(ingest, event, environ, console)
    except InvocationError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    return 1 if failed else 0


def _show(report: Mapping[str, Any], console: Console) -> int:
    for key in report["stale"]:
        console.print(key, markup=False)
    chosen = report["counts"]["stale"]
    if chosen > len(report["stale"]):
        console.print(f"and {chosen - len(report['stale'])} more")
    console.print(f"{chosen} of {report['listed']} documents would be tried again")
    return 0


def _run(ingest: Function, event: dict[str, Any], environ: Mapping[str, str], console: Console) -> int:
    """Call the function until no document is left; the number of those that failed again."""
    tried, failed = 0, 0
    while True:
        report = _call(ingest, {**event, "seconds": _ROUND_SECONDS}, environ)
        event["before"] = report["before"]  # records written since are of documents that were tried
        tried += report["counts"]["results"] + report["counts"]["unfinished"]
        failed += report["counts"]["failures"] + report["counts"]["unfinished"]
        for result in report["results"]:
            if result["failure"]:
                console.print(f"  {result['key']}: {result['failure']['message']}", markup=False)
        for key in report["unfinished"]:
            console.print(f"  {key}: failed for now; GET /documents?state=pending has the reason", markup=False)
        if not report["left"]:
            console.print(f"{tried} documents tried again, {failed} of them failed")
            return int(failed)


def _call(ingest: Function, event: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    (report,) = invoke(ingest, event, environ)["results"]
    return dict(report)

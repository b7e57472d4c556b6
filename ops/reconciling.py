"""One reconcile by the ingest function: of all documents or of a range of keys, waited for or queued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.invoking import invoke, invoke_later

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.deployment import Function


@dataclass(frozen=True)
class Reconciled:
    """What a reconcile reported."""

    report: dict[str, Any]

    def describe(self) -> Iterator[str]:
        """The lines that a person reads."""
        counts, usage = self.report["counts"], self.report["usage"]
        for verb, name in (("index", "stale"), ("remove", "orphaned")):
            yield from (f"{verb} {key}" for key in self.report[name])
            if (more := counts[name] - len(self.report[name])) > 0:
                yield f"{verb} {more} more"
        for result in self.report["results"]:
            if result["failure"]:
                yield f"{result['key']}: {result['failure']['message']}"
        found = f"{self.report['listed']} in the bucket, {counts['stale']} to index, {counts['orphaned']} to remove"
        done = f"{counts['results']} done, {counts['failures']} of them failed, {counts['unfinished']} unfinished"
        yield f"{found}; {done}, {self.report['left']} left; {usage['tokens']} tokens, CNY {usage['cost_cny']:.4f}"

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return self.report


@dataclass(frozen=True)
class Queued:
    """A reconcile that waits in Function Compute's queue."""

    request_id: str

    def describe(self) -> Iterator[str]:
        """The lines that a person reads."""
        yield f"queued as request {self.request_id}; `status` shows what it does"

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {"request_id": self.request_id}


def reconcile(ingest: Function, environ: Mapping[str, str], options: Mapping[str, Any]) -> Reconciled:
    """Run one reconcile and wait for it.

    Args:
        options: fields of the action: ``after``, ``until``, ``dry_run``.

    Raises:
        InvocationError: Function Compute or the function refuses, or neither answers.
    """
    (report,) = invoke(ingest, {"action": "reconcile", **options}, environ)["results"]
    return Reconciled(dict(report))


def queue(ingest: Function, environ: Mapping[str, str], options: Mapping[str, Any]) -> Queued:
    """Hand one reconcile to Function Compute's queue.

    Raises:
        InvocationError: Function Compute refuses, or does not answer.
    """
    return Queued(invoke_later(ingest, {"action": "reconcile", **options}, environ))

"""Try documents again by calling the ingest function: those that failed, or that older parsing code read.

A release that reads a format better heals documents that an older one refused: the reconcile tries each of them once.
This is for the rest: to try now, or to read again what is indexed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ops.invoking import invoke

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ops.deployment import Function

# Each call works for so long; the next one continues.
_ROUND_SECONDS = 20


@dataclass(frozen=True)
class Retried:
    """What came of the documents that were tried again."""

    tried: int
    failed: int

    def describe(self) -> Iterator[str]:
        """The lines that a person reads."""
        yield f"{self.tried} documents tried again, {self.failed} of them failed"

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self)


@dataclass(frozen=True)
class Chosen:
    """Documents that would be tried again.

    Attributes:
        keys: the first of them.
        listed: documents in the registry.
    """

    keys: tuple[str, ...]
    chosen: int
    listed: int

    def describe(self) -> Iterator[str]:
        """The lines that a person reads."""
        yield from self.keys
        if self.chosen > len(self.keys):
            yield f"and {self.chosen - len(self.keys)} more"
        yield f"{self.chosen} of {self.listed} documents would be tried again"

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self)


def preview(ingest: Function, environ: Mapping[str, str], selection: Mapping[str, Any]) -> Chosen:
    """Choose documents and leave them alone.

    Raises:
        InvocationError: Function Compute or the function refuses, or neither answers.
    """
    report = _call(ingest, {"action": "retry", **selection, "dry_run": True}, environ)
    return Chosen(tuple(report["stale"]), report["counts"]["stale"], report["listed"])


def retry(
    ingest: Function, environ: Mapping[str, str], selection: Mapping[str, Any], say: Callable[[str], object]
) -> Retried:
    """Try the chosen documents again until none is left.

    Args:
        selection: fields of the action, such as ``state``, ``code``, ``prefix``, ``id``, ``reread``.
        say: takes a line for each document that failed again.

    Raises:
        InvocationError: Function Compute or the function refuses, or neither answers.
    """
    event = {"action": "retry", **selection, "seconds": _ROUND_SECONDS}
    tried, failed = 0, 0
    while True:
        report = _call(ingest, event, environ)
        event["before"] = report["before"]  # records written since are of documents that were tried
        tried += report["counts"]["results"] + report["counts"]["unfinished"]
        failed += report["counts"]["failures"] + report["counts"]["unfinished"]
        for result in report["results"]:
            if result["failure"]:
                say(f"  {result['key']}: {result['failure']['message']}")
        for key in report["unfinished"]:
            say(f"  {key}: failed for now; GET /documents?state=pending has the reason")
        if not report["left"]:
            return Retried(tried, failed)


def _call(ingest: Function, event: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    (report,) = invoke(ingest, event, environ)["results"]
    return dict(report)

"""How a deployment stands: documents by state, failures by code with advice, and what waits."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from ops.activity import Activity, read_activity
from ops.advice import find_advice
from ops.remote_search import find_search

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ops.project import Project
    from ops.remote_search import Search

_STATES: Final = ("indexed", "pending", "failed")
_NAMED: Final = 3


@dataclass(frozen=True)
class FailureCount:
    """Documents that failed for one reason.

    Attributes:
        keys: a few of them.
        advice: what to do.
    """

    code: str
    documents: int
    keys: tuple[str, ...]
    advice: str


@dataclass(frozen=True)
class Status:
    """How the index stands.

    Attributes:
        documents: their number by state.
        failures: of failed documents, the most frequent first.
        retried: of pending ones, that wait for another attempt.
        oldest_pending_seconds: since the record of a pending document was last written; 0 without one.
        pending_key: that document.
        model: that search embeds with.
        revision: of the package that answers; empty where it has none.
        activity: cost today, queue, quota and last reconcile, from the logs.
    """

    documents: dict[str, int]
    failures: tuple[FailureCount, ...]
    retried: tuple[FailureCount, ...]
    oldest_pending_seconds: float
    pending_key: str
    model: str
    revision: str
    activity: Activity = field(default_factory=Activity)

    def describe(self) -> Iterator[str]:
        """The lines that a person reads."""
        yield ", ".join(f"{count} {state}" for state, count in self.documents.items())
        for failure in self.failures:
            yield f"failed, {failure.code}: {failure.documents} ({', '.join(failure.keys)})"
            if failure.advice:
                yield f"  {failure.advice}"
        for failure in self.retried:
            yield f"tried again, {failure.code}: {failure.documents} ({', '.join(failure.keys)})"
        if self.pending_key:
            yield f"waiting for longest: {self.pending_key}, {self.oldest_pending_seconds:.0f} s"
        yield from self.activity.describe()
        yield f"model {self.model}" + (f", revision {self.revision}" if self.revision else "")

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self)


def read_status(project: Project) -> Status:
    """Ask search for the state of all documents, and the logs for the rest.

    Raises:
        AskError: search does not answer, or refuses.
        InvocationError: Function Compute refuses, or does not answer.
    """
    documents = read_documents(find_search(project.deployment, project.environ))
    activity = read_activity(project.deployment.functions["ingest"], project.environ, time.time())
    return replace(documents, activity=activity)


def read_documents(search: Search) -> Status:
    """Ask search for the state of all documents.

    Raises:
        AskError: it does not answer, or refuses.
    """
    counts = {state: int(search.get("/documents", state=state, limit="1")["total"]) for state in _STATES}
    oldest: dict[str, Any] | None = None

    def list_retried() -> Iterator[dict[str, Any]]:
        """The pending documents that failed before; the oldest of all is noted."""
        nonlocal oldest
        for document in search.list_documents(state="pending"):
            if oldest is None or document["updated"] < oldest["updated"]:
                oldest = document
            if document["failure"]:
                yield document

    retried = _count(list_retried())
    health = search.get("/healthz")
    return Status(
        documents=counts,
        failures=_count(search.list_documents(state="failed")),
        retried=retried,
        oldest_pending_seconds=round(max(0.0, time.time() - oldest["updated"]), 1) if oldest else 0.0,
        pending_key=oldest["key"] if oldest else "",
        model=str(health["embedding"]["model"]),
        revision=str(health.get("revision", "")),
    )


def _count(documents: Iterable[dict[str, Any]]) -> tuple[FailureCount, ...]:
    numbers, keys = Counter[str](), dict[str, list[str]]()
    for document in documents:
        code = document["failure"]["code"]
        numbers[code] += 1
        if len(named := keys.setdefault(code, [])) < _NAMED:
            named.append(document["key"])
    return tuple(FailureCount(code, n, tuple(keys[code]), find_advice(code)) for code, n in numbers.most_common())

"""What came of the work on documents: of one, and of many."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Failure, Usage

# Of names and results in an answer, which may hold 6 MB.
MOST_NAMES = 100


class Outcome(StrEnum):
    """How the work on a document ended."""

    INDEXED = "indexed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    FAILED = "failed"
    IGNORED = "ignored"


class Result(Struct, frozen=True):
    """What happened to one object, and what it cost."""

    key: str
    outcome: Outcome
    chunks: int = 0
    embedded: int = 0
    usage: Usage = Usage()
    failure: Failure | None = None


class Counts(Struct, frozen=True):
    """How many there are of what a report names only the first of.

    Attributes:
        stale: documents to index; of a retry, documents chosen.
        orphaned: documents to remove.
        results: documents about which something was done.
        failures: of these, documents that cannot be indexed as they are.
        unfinished: documents left to the next run because something failed.
    """

    stale: int = 0
    orphaned: int = 0
    results: int = 0
    failures: int = 0
    unfinished: int = 0


class Report(Struct, frozen=True):
    """What a reconcile, or a retry of documents, found and did; of names and results the first `MOST_NAMES`.

    Attributes:
        listed: objects in the bucket; of a retry, documents in the registry.
        stale: keys with content that the index does not hold; of a retry, the documents chosen.
        orphaned: keys the index holds and the bucket does not.
        results: what was done about them, failures first; empty for a dry run.
        unfinished: keys left to the next run because something failed.
        counts: how many there are of each.
        left: how many more were not begun in the time given, those that another process works on among them.
        usage: what the repairs cost altogether.
        before: of a retry, the time it began, seconds since the epoch: the next run goes on with the documents
            of older records.
    """

    listed: int
    stale: tuple[str, ...]
    orphaned: tuple[str, ...]
    results: tuple[Result, ...] = ()
    unfinished: tuple[str, ...] = ()
    counts: Counts = Counts()
    left: int = 0
    usage: Usage = Usage()
    before: float = 0


def add(total: Result, last: Result) -> Result:
    """The last of several results of one object, with the cost of all."""
    failure = last.failure or (total.failure if last.outcome is Outcome.FAILED else None)
    return replace(last, embedded=total.embedded + last.embedded, usage=total.usage + last.usage, failure=failure)


def join_reports(first: Report, second: Report) -> Report:
    """The report of two runs, one after the other."""
    one, other = first.counts, second.counts
    # What failed in the first is not tried again at once.
    unfinished = tuple(sorted({*first.unfinished, *second.unfinished}))
    counts = Counts(
        stale=one.stale + other.stale,
        orphaned=one.orphaned + other.orphaned,
        results=one.results + other.results,
        failures=one.failures + other.failures,
        unfinished=max(one.unfinished, other.unfinished, len(unfinished)),
    )
    return replace(
        second,
        stale=tuple(sorted({*first.stale, *second.stale})[:MOST_NAMES]),
        orphaned=tuple(sorted({*first.orphaned, *second.orphaned})[:MOST_NAMES]),
        results=(*first.results, *second.results)[:MOST_NAMES],
        unfinished=unfinished[:MOST_NAMES],
        counts=counts,
        usage=first.usage + second.usage,
    )

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
        waiting: documents that wait for a batch task; they are not among the stale ones.
    """

    stale: int = 0
    orphaned: int = 0
    results: int = 0
    failures: int = 0
    unfinished: int = 0
    waiting: int = 0


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


class WaitingBatch(Struct, frozen=True):
    """A batch task that has not ended, or of which documents are left.

    Attributes:
        id: DashScope's; empty where it is not known whether it was created.
        state: as DashScope says, such as ``in_progress``; ``starting``; empty where it was not asked.
        cost_cny: what it costs if all texts succeed.
    """

    id: str
    state: str
    documents: int
    texts: int
    tokens: int
    cost_cny: float


class BackfillReport(Struct, frozen=True):
    """What a step of a backfill found and did.

    Attributes:
        batches: the first tasks that are left.
        waiting: number of tasks that are left.
        waiting_documents: documents of them.
        waiting_cny: what they cost, if all succeeds.
        after: of a plan, the key after which the next one continues.
        is_done: of a plan, whether no documents are left to plan.
        is_capped: of a plan, whether the next documents would cost more than allowed.
        ordered_cny: of a plan, what was ordered now, if all succeeds.
        converged: of a collection, documents that were converged.
        refused: of these, documents that cannot be indexed as they are.
        failed: documents that failed for now.
        usage: what they cost, at the price of the task or of calls.
        problem: why vectors of a task were not used; the last one.
    """

    batches: tuple[WaitingBatch, ...] = ()
    waiting: int = 0
    waiting_documents: int = 0
    waiting_cny: float = 0.0
    after: str = ""
    is_done: bool = False
    is_capped: bool = False
    ordered_cny: float = 0.0
    converged: int = 0
    refused: int = 0
    failed: int = 0
    usage: Usage = Usage()
    problem: str = ""


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
        waiting=max(one.waiting, other.waiting),
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

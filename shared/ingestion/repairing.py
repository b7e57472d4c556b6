"""Converges many documents, several at once, and sums up what came of it in bounded memory."""

from __future__ import annotations

import contextvars
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.errors import PlatformError, RequestError, TransientError
from shared.domain.models import Usage
from shared.ingestion.claiming import ClaimedError
from shared.ingestion.results import MOST_NAMES, Result
from shared.runtime import clock
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.domain.models import ObjectKey
    from shared.ingestion.pipeline import Pipeline
    from shared.ingestion.results import Report

    Converge = Callable[[ObjectKey, Deadline], Result]

log = logging.getLogger(__name__)

# Kept of the time of an invocation for saving how far it has come.
_RESERVED_SECONDS = 5.0
# Between two looks at documents that another process works on.
_POLL_SECONDS = 2.0
_SHOWN_NAMES = 20


class Repairs:
    """What one invocation repairs.

    Args:
        concurrency: documents at once.
        begin_by: no document is begun after this.

    Attributes:
        done: documents that were converged.
        refused: of these, documents that cannot be indexed as they are.
        failed: documents that could not be converged.
        left: documents that were not begun, or that another process works on.
        usage: what it cost.
    """

    def __init__(self, converge: Converge, concurrency: int, deadline: Deadline, begin_by: Deadline) -> None:
        self._converge = converge
        self._concurrency = concurrency
        self._deadline = deadline
        self._begin_by = begin_by
        self._failures: list[Result] = []
        self._successes: list[Result] = []
        self._unfinished: list[str] = []
        self.done = self.refused = self.failed = self.left = 0
        self.usage = Usage()

    @property
    def is_over(self) -> bool:
        """Whether no document is begun any more."""
        return self._begin_by.remaining() <= 0

    @property
    def results(self) -> tuple[Result, ...]:
        """What came of the first documents, those with failures first."""
        return tuple([*self._failures, *self._successes][:MOST_NAMES])

    def add_to(self, report: Report, left: int) -> Report:
        """Say in a report what was done, and how many documents are left."""
        counts = replace(report.counts, results=self.done, failures=self.refused, unfinished=self.failed)
        return replace(
            report,
            results=self.results,
            unfinished=tuple(self._unfinished),
            counts=counts,
            left=left,
            usage=self.usage,
        )

    def run(self, keys: Sequence[ObjectKey]) -> int:
        """Converge ``keys``; what another process works on is looked at again until it is free.

        Returns:
            How many of them were tried.
        """
        outcomes: dict[ObjectKey, Result | PlatformError | None] = dict.fromkeys(keys)
        waiting = list(keys)
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="sync") as pool:
            while waiting:
                contexts = [contextvars.copy_context() for _ in waiting]  # log fields, trace and credentials
                found = pool.map(lambda context, key: context.run(self._attempt, key), contexts, waiting)
                outcomes |= zip(waiting, found, strict=True)
                waiting = [key for key in waiting if isinstance(outcomes[key], ClaimedError)]
                if not waiting or self.is_over:
                    break
                clock.sleep(_POLL_SECONDS)
        tried = [self._add(key, outcome) for key, outcome in outcomes.items()]
        return sum(tried)

    def _attempt(self, key: ObjectKey) -> Result | PlatformError | None:
        if self.is_over:
            return None
        try:
            return self._converge(key, self._deadline)
        except PlatformError as error:
            log.warning("repair_failed", extra={"key": key.key, "code": error.code, "reason": error.message})
            return error

    def _add(self, key: ObjectKey, outcome: Result | PlatformError | None) -> bool:
        """Count what came of a document; returns whether it was tried."""
        if outcome is None or isinstance(outcome, ClaimedError):
            self.left += 1
            return False
        if isinstance(outcome, PlatformError):
            self.failed += 1
            if len(self._unfinished) < MOST_NAMES:
                self._unfinished.append(key.key)
            return True
        self.done += 1
        self.refused += outcome.failure is not None
        self.usage += outcome.usage
        kept = self._failures if outcome.failure else self._successes
        if len(kept) < MOST_NAMES:
            kept.append(outcome)
        return True


def make_repairs(pipeline: Pipeline, converge: Converge, deadline: Deadline, seconds: float | None) -> Repairs:
    """Repairs that begin no document after ``seconds``, or shortly before the deadline where there are none."""
    begin_by = deadline.minus(_RESERVED_SECONDS) if seconds is None else Deadline.after(seconds)
    return Repairs(converge, pipeline.settings.sync_concurrency, deadline, begin_by)


def make_unfinished(left: int, total: int) -> TransientError:
    """The error of an invocation that was to repair all and could not."""
    message = f"{left} of {total} documents are left; the next run continues there."
    return TransientError("reconcile_unfinished", message)


def make_too_many(names: Sequence[str], orphaned: int, total: int) -> RequestError:
    """The error of a reconcile that would remove too much.

    Args:
        names: of the first documents that would be removed.
    """
    more = f" and {orphaned - _SHOWN_NAMES} more" if orphaned > _SHOWN_NAMES else ""
    return RequestError(
        "too_many_deletions",
        f"{orphaned} of {total} documents would be removed, more than RECONCILE_MAX_DELETED_SHARE "
        f"allows: {', '.join(names[:_SHOWN_NAMES])}{more}. Raise the share if that is right; "
        '{"action": "reconcile", "dry_run": true} lists what would be done.',
    )

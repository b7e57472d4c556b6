"""Two collections that are kept equal to the bucket: the one that answers, and the one of a migration.

The leader converges first, the follower copies what the leader has. Every document that either of them must look at is
converged in both, so that an event, a reconcile or a retry leaves them equal.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.errors import PlatformError
from shared.ingestion import reconciling, retrying
from shared.ingestion.events import Action, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.domain.models import ObjectKey
    from shared.ingestion.converging import Ingestion
    from shared.ingestion.events import Event
    from shared.ingestion.results import Report, Result
    from shared.runtime.retrying import Deadline


class JointIngestion:
    """Ingestion into two collections: thread-safe.

    Args:
        follower: has the leader's collection as its origin.

    Attributes:
        leader: ingestion into the collection that answers.
        follower: ingestion into the other one.
    """

    def __init__(self, leader: Ingestion, follower: Ingestion) -> None:
        self.leader = leader
        self.follower = follower

    def handle(self, events: Iterable[Event], deadline: Deadline) -> list[Result | Report]:
        """Act on every event in both collections; the results are the leader's.

        Raises:
            PlatformError: the first failure, once all has been tried: the invocation must be repeated.
        """
        events = list(events)
        actions = [event for event in events if isinstance(event, Action)]
        others = [event for event in events if not isinstance(event, Action)]
        results: list[Result | Report] = []
        failures: list[PlatformError] = []
        for ingestion in (self.leader, self.follower):
            try:
                found = ingestion.handle(others, deadline)
                results += found if ingestion is self.leader else []
            except PlatformError as error:
                failures.append(error)
        for action in actions:
            try:
                results += self._act(action, deadline)
            except PlatformError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return results

    def converge(self, key: ObjectKey, deadline: Deadline, *, yields: bool = False, force: bool = False) -> Result:
        """Bring both collections to what the bucket holds under ``key``; the cost is that of both.

        Raises:
            PlatformError: as `Ingestion.converge`; a failure of the leader does not keep the follower from its work.
        """
        try:
            result = self.leader.converge(key, deadline, yields=yields, force=force)
        except PlatformError:
            self.follower.converge(key, deadline, yields=yields, force=force)
            raise
        copied = self.follower.converge(key, deadline, yields=yields, force=force)
        return replace(result, embedded=result.embedded + copied.embedded, usage=result.usage + copied.usage)

    def fill(self, deadline: Deadline, *, dry_run: bool = False, seconds: float | None = None) -> Report:
        """Bring the follower to what the bucket holds; the next run continues where this one is interrupted.

        Raises:
            PlatformError: as `Ingestion.reconcile`.
        """
        converge = partial(self.converge, yields=True)
        return reconciling.reconcile(
            self.follower.pipeline, converge, Span(), deadline, dry_run=dry_run, seconds=seconds
        )

    def _act(self, action: Action, deadline: Deadline) -> Sequence[Report]:
        pipeline, converge = self.leader.pipeline, partial(self.converge, yields=True)
        if action.selection:
            force = partial(converge, force=True)
            return [
                retrying.retry(
                    pipeline, force, action.selection, deadline, dry_run=action.dry_run, seconds=action.seconds
                )
            ]
        report = reconciling.reconcile(
            pipeline, converge, action.span, deadline, dry_run=action.dry_run, seconds=action.seconds
        )
        # The timer's reconcile carries a migration on; an operator's by parts has a time and a result of its own.
        if action == Action(action.name) and not self._is_being_ordered(deadline):
            self.fill(deadline)
        return [report]

    def _is_being_ordered(self, deadline: Deadline) -> bool:
        """Whether the follower's documents are still being ordered: filled by calls they would cost twice as much."""
        plan = self.follower.pipeline.store.plans.read(deadline)
        return bool(plan and plan.is_ordered)

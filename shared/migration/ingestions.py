"""Ingestion into the collections that there are: one, or during a migration two."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.errors import ConfigurationError, PlatformError, RequestError
from shared.ingestion.backfilling import is_by_timer
from shared.ingestion.events import Action, BackfillRequest, ObjectEvent, Step
from shared.ingestion.joint import JointIngestion
from shared.ingestion.origin import Origin
from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Protocol

    from shared.ingestion.backfilling import Backfill, Handler
    from shared.ingestion.converging import Ingestion
    from shared.ingestion.events import AnyEvent
    from shared.ingestion.results import BackfillReport, Report, Result
    from shared.migration.report import MigrationReport
    from shared.runtime.retrying import Deadline
    from shared.store.directory import Member, StoreDirectory
    from shared.store.schema import Space

    class Build(Protocol):
        """Builds the ingestion into one collection."""

        def __call__(self, member: Member, origin: Origin | None, *, is_leader: bool) -> Ingestion:
            """Build it; ``is_leader``: whether its collection is the one that answers."""


_DAY_SECONDS = 86_400


class Ingestions:
    """Finds the ingestion of the collections that there are: thread-safe, one per process.

    Args:
        retention_days: after a switch, until the timer ends the migration; 0 for never.
    """

    def __init__(
        self,
        stores: StoreDirectory,
        build: Build,
        build_backfill: Callable[[Ingestion, Handler, Ingestion | None], Backfill],
        retention_days: int = 0,
    ) -> None:
        self._stores = stores
        self._build = build
        self._build_backfill = build_backfill
        self._retention_seconds = retention_days * _DAY_SECONDS
        # By what an ingestion depends on; it holds the locks of its documents.
        self._single: dict[tuple[Space, int], Ingestion] = {}
        self._joint: dict[tuple[Space, Space, int, bool], JointIngestion] = {}

    def handle(
        self, events: Iterable[AnyEvent], deadline: Deadline, migrate: Callable[[Action, Deadline], MigrationReport]
    ) -> Sequence[Result | Report | BackfillReport | MigrationReport]:
        """Act on every event.

        Args:
            migrate: does a step of a migration.

        Raises:
            PlatformError: the first failure, once all has been tried: the invocation must be repeated.
        """
        events = list(events)
        steps = [event for event in events if isinstance(event, Action) and event.step]
        if any(map(is_by_timer, events)) and self._is_over(deadline):
            steps.append(Action("migrate", step=Step("finish")))
        orders = [event for event in events if isinstance(event, BackfillRequest) and event.is_migration]
        others = [event for event in events if event not in steps and event not in orders]
        results: list[Result | Report | BackfillReport | MigrationReport] = []
        failures: list[PlatformError] = []
        if others:
            try:
                results += self._ingest(others, deadline)
            except PlatformError as error:
                failures.append(error)
        acts = [partial(migrate, action) for action in steps] + [partial(self._order, request) for request in orders]
        for act in acts:
            try:
                results.append(act(deadline))
            except PlatformError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return results

    def join(self, leader: Member, follower: Member) -> JointIngestion:
        """Return the ingestion into two collections."""
        plan = follower.plan
        key = (leader.store.space, follower.store.space, plan.chunk_tokens, plan.rereads)
        if key not in self._joint:
            origin = Origin(leader.store, is_copied=not plan.rereads)
            copier = self._build(follower, origin, is_leader=False)
            self._joint.setdefault(key, JointIngestion(self._find_single(leader), copier))
        return self._joint[key]

    def withdraw(self, leader: Member, follower: Member, deadline: Deadline) -> None:
        """Cancel the batch tasks of a collection that will be dropped."""
        self._find_migration(leader, follower).withdraw(deadline)

    def _find_single(self, member: Member) -> Ingestion:
        key = (member.store.space, member.plan.chunk_tokens)
        if key not in self._single:
            self._single.setdefault(key, self._build(member, None, is_leader=True))
        return self._single[key]

    def _ingest(self, events: list[AnyEvent], deadline: Deadline) -> Sequence[Result | Report | BackfillReport]:
        self._stores.prepare(deadline)  # they may have been dropped since the function started
        members = self._stores.find_members(deadline)
        if len(members) > 1 and any(isinstance(event, BackfillRequest) and event.step == "plan" for event in events):
            # The other collection would not wait for its vectors, and each text would be billed twice.
            raise ConfigurationError("migration_running", "A backfill can be planned when the migration has ended.")
        if len(members) > 1 and any(map(_is_collecting, events)):
            self._find_migration(members[0], members[1]).collect_first(deadline)
        results = self._find(members).handle(events, deadline)
        # A migration that began meanwhile does not look at these documents again: its first listing may be over.
        later = self._stores.find_members(deadline)
        if len(later) > len(members):
            self._find(later).handle([event for event in events if isinstance(event, ObjectEvent)], deadline)
        return results

    def _is_over(self, deadline: Deadline) -> bool:
        """Whether the previous collection has been kept for long enough after a switch."""
        if not self._retention_seconds:
            return False
        leader, *others = self._stores.find_members(deadline)
        switched = leader.plan.switched if others and leader.plan.is_new else 0
        return bool(switched) and clock.time() - switched >= self._retention_seconds

    def _find(self, members: Sequence[Member]) -> Backfill:
        leader = self._find_single(members[0])
        handler = leader if len(members) == 1 else self.join(members[0], members[1])
        return self._build_backfill(leader, handler, None)

    def _find_migration(self, leader: Member, follower: Member) -> Backfill:
        """What orders and collects vectors for the collection that does not answer."""
        joint = self.join(leader, follower)
        return self._build_backfill(joint.follower, joint, joint.leader)

    def _order(self, request: BackfillRequest, deadline: Deadline) -> BackfillReport:
        """Do a step of a backfill for the new collection.

        Raises:
            RequestError: ``migration_missing``.
        """
        members = self._stores.find_members(deadline, fresh=True)
        if len(members) < 2:
            raise RequestError("migration_missing", "No migration is under way: `migrate start` begins one.")
        report = self._find_migration(members[0], members[1]).act(request, deadline)
        plans = members[1].store.plans
        if request.step == "plan" and report.is_done and (plan := plans.read(deadline)) and plan.is_ordered:
            plans.write(replace(plan, is_ordered=False), deadline)
        return report


def _is_collecting(event: AnyEvent) -> bool:
    """Whether batch tasks may have ended, or a timer lets us look."""
    return is_by_timer(event) or (isinstance(event, BackfillRequest) and event.step == "collect")

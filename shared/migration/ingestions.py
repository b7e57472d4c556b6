"""Ingestion into the collections that there are: one, or during a migration two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.errors import ConfigurationError, PlatformError
from shared.ingestion.events import Action, BackfillRequest, ObjectEvent
from shared.ingestion.joint import JointIngestion
from shared.ingestion.origin import Origin

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


class Ingestions:
    """Finds the ingestion of the collections that there are: thread-safe, one per process."""

    def __init__(
        self, stores: StoreDirectory, build: Build, build_backfill: Callable[[Ingestion, Handler], Backfill]
    ) -> None:
        self._stores = stores
        self._build = build
        self._build_backfill = build_backfill
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
        others = [event for event in events if event not in steps]
        results: list[Result | Report | BackfillReport | MigrationReport] = []
        failures: list[PlatformError] = []
        if others:
            try:
                results += self._ingest(others, deadline)
            except PlatformError as error:
                failures.append(error)
        for action in steps:
            try:
                results.append(migrate(action, deadline))
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

    def _find_single(self, member: Member) -> Ingestion:
        key = (member.store.space, member.plan.chunk_tokens)
        if key not in self._single:
            self._single.setdefault(key, self._build(member, None, is_leader=True))
        return self._single[key]

    def _ingest(self, events: list[AnyEvent], deadline: Deadline) -> Sequence[Result | Report | BackfillReport]:
        members = self._stores.find_members(deadline)
        if len(members) > 1 and any(isinstance(event, BackfillRequest) and event.step == "plan" for event in events):
            # The other collection would not wait for its vectors, and each text would be paid twice.
            raise ConfigurationError("migration_running", "A backfill can be planned when the migration has ended.")
        results = self._find(members).handle(events, deadline)
        # A migration that began meanwhile does not look at these documents again: its first listing may be over.
        later = self._stores.find_members(deadline)
        if len(later) > len(members):
            self._find(later).handle([event for event in events if isinstance(event, ObjectEvent)], deadline)
        return results

    def _find(self, members: Sequence[Member]) -> Backfill:
        leader = self._find_single(members[0])
        return self._build_backfill(leader, leader if len(members) == 1 else self.join(members[0], members[1]))

"""What an operator does to replace a collection by one with another model, other chunks or another index.

start   make a new collection, which from then on is kept equal to the present one
fill    copy what it lacks; a timer's reconcile does that too
check   let both answer some queries; samples: the queries that were kept for that
switch  let the new one answer; back: let the previous one answer again
finish  drop the previous one after a switch; cancel: drop the new one before

Each step ends with one write that makes it happen, and may be repeated: a step that is interrupted has either happened
or leaves a collection that nothing uses, which the next step drops.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.catalog import EMBEDDING_MODELS
from shared.domain.errors import PlatformError, RequestError
from shared.domain.models import DocumentState
from shared.embedding import tokens
from shared.migration.report import Collection, Estimate, MigrationReport
from shared.runtime import clock
from shared.store.directory import MAX_AGE_SECONDS, Member
from shared.store.expressions import select_documents
from shared.store.plan import Plan
from shared.store.schema import Space

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.ingestion.events import Action, Step
    from shared.ingestion.joint import JointIngestion
    from shared.migration.comparing import Answers
    from shared.records.copying import RecordCopier
    from shared.runtime.retrying import Deadline
    from shared.store.directory import StoreDirectory
    from shared.store.store import Store

# Every process has read the plans again by then, and requests that began before are over.
_SETTLE_SECONDS = MAX_AGE_SECONDS + 1
_DROP_SECONDS = MAX_AGE_SECONDS + 12
# Chunks of which the tokens are counted for an estimate.
_SAMPLED = 500
# Digits count one token each, four times what the size of a chunk takes them for.
_TOKENS_PER_ESTIMATED = 4
_MOST_EDITIONS = 1_000
_MOST_SAMPLES = 200


class Migration:
    """The steps of a migration: thread-safe, one per process.

    Args:
        chunk_tokens: size of the chunks that the settings name.
        join: finds the ingestion into two collections.
        find_copier: finds what copies the records of events.
        estimate_seconds: the least time for a model's tokens and rows.
        ask: lets two collections answer queries.
        withdraw: cancels the batch tasks of the second of two collections.
    """

    def __init__(
        self,
        stores: StoreDirectory,
        chunk_tokens: int,
        join: Callable[[Member, Member], JointIngestion],
        find_copier: Callable[[Store, Store], RecordCopier],
        estimate_seconds: Callable[[Space, int, int], float],
        ask: Callable[[Store, Store, Sequence[str], Deadline], tuple[Answers, ...]],
        withdraw: Callable[[Member, Member, Deadline], None],
    ) -> None:
        self._stores = stores
        self._chunk_tokens = chunk_tokens
        self._join = join
        self._find_copier = find_copier
        self._estimate_seconds = estimate_seconds
        self._ask = ask
        self._withdraw = withdraw

    def act(self, action: Action, deadline: Deadline) -> MigrationReport:
        """Do one step.

        Raises:
            RequestError: ``migration_running``, ``migration_missing``, ``migration_unfinished`` or
                ``migration_invalid``: the step is not possible now, or not with these values.
            PlatformError: something failed; the step may be repeated.
        """
        step = action.step
        if step is None:
            raise ValueError("the action is no step of a migration")
        members = self._stores.find_members(deadline, fresh=True)
        match step.name:
            case "start":
                return self._start(members, step, deadline, dry_run=action.dry_run)
            case "fill":
                return self._fill(members, deadline, action.seconds)
            case "check":
                leader, follower = _pair(members)
                answers = self._ask(leader.store, follower.store, step.queries, deadline)
                return replace(self._report(members, deadline), answers=answers)
            case "samples":
                texts = [text for member in members for text in member.store.samples.read(deadline)]
                return replace(self._report(members, deadline), samples=tuple(dict.fromkeys(texts))[:_MOST_SAMPLES])
            case "switch" | "back":
                return self._switch(members, deadline, is_new=step.name == "switch")
            case "finish" | "cancel":
                return self._end(members, deadline, is_new=step.name == "finish")
            case _:
                return self._report(members, deadline)

    # -- start --------------------------------------------------------------------------------------------------------

    def _start(self, members: Sequence[Member], step: Step, deadline: Deadline, *, dry_run: bool) -> MigrationReport:
        current = members[0]
        if not current.store.check(deadline):
            raise RequestError("migration_missing", "There is no collection yet: set EMBEDDING_MODEL, and ingest.")
        wanted, plan = self._plan(current, step)
        if len(members) > 1:
            return self._continue(members, wanted, plan, deadline)
        estimate = self._estimate(current.store, wanted, plan, deadline)
        if dry_run:
            return replace(self._report(members, deadline), estimate=estimate)
        previous = self._drop_unused(current, deadline)
        space = self._choose_edition(wanted, deadline)
        current.store.plans.write(replace(previous, unused=space), deadline)
        target = self._stores.open(space)
        target.create(deadline)
        target.plans.write(replace(plan, other=current.store.space, is_new=True), deadline)
        kept = Plan(
            other=space, chunk_tokens=previous.chunk_tokens, rereads=plan.rereads, started=plan.started, unused=None
        )
        current.store.plans.write(kept, deadline)
        clock.sleep(_SETTLE_SECONDS)
        members = self._stores.find_members(deadline, fresh=True)
        return replace(self._report(members, deadline), estimate=estimate)

    def _continue(self, members: Sequence[Member], wanted: Space, plan: Plan, deadline: Deadline) -> MigrationReport:
        """Answer a start that was repeated."""
        new = members[1]
        same = replace(new.store.space, edition=0) == wanted and new.plan.is_new
        if same and (new.plan.chunk_tokens, new.plan.rereads) == (plan.chunk_tokens, plan.rereads):
            if not new.plan.filled and new.plan.is_ordered != plan.is_ordered:
                new.store.plans.write(replace(new.plan, is_ordered=plan.is_ordered), deadline)
            return self._report(members, deadline)
        raise RequestError(
            "migration_running", "Another migration is under way: finish or cancel it first; `migrate status` shows it."
        )

    def _plan(self, current: Member, step: Step) -> tuple[Space, Plan]:
        """The space that is wanted, and how its documents are cut.

        Raises:
            RequestError: ``migration_invalid``.
        """
        name = step.model or current.store.space.model
        model = EMBEDDING_MODELS.get(name)
        if model is None:
            raise RequestError("migration_invalid", f"The model must be one of {', '.join(EMBEDDING_MODELS)}.")
        same = current.store.space.dimension if not step.model else model.default_dimension
        dimension = step.dimension or same
        if dimension not in model.dimensions:
            allowed = ", ".join(map(str, model.dimensions))
            raise RequestError("migration_invalid", f"{name} has the dimensions {allowed}, not {dimension}.")
        present = current.plan.chunk_tokens or self._chunk_tokens
        size = step.chunk_tokens or present
        most = model.tokens_per_row // _TOKENS_PER_ESTIMATED
        if size > most:
            raise RequestError("migration_invalid", f"Chunks have {size} tokens; {name} takes {most}: name a size.")
        rereads = step.reread or size != present
        return Space(name, dimension), Plan(
            chunk_tokens=size, rereads=rereads, started=clock.time(), is_ordered=step.batch
        )

    def _choose_edition(self, wanted: Space, deadline: Deadline) -> Space:
        """The first edition of a space that no collection has."""
        for edition in range(_MOST_EDITIONS):
            space = replace(wanted, edition=edition)
            if not self._stores.exists(space, deadline):
                return space
        raise RequestError("migration_invalid", "There are too many collections of this model and dimension.")

    def _estimate(self, store: Store, wanted: Space, plan: Plan, deadline: Deadline) -> Estimate:
        chunks = store.chunks.count(deadline)
        if wanted.profile == store.space.profile and not plan.rereads:
            return Estimate(0, 0, 0, 0, 0)  # the vectors are copied too
        texts = store.chunks.read_texts("", _SAMPLED, deadline)
        mean = sum(map(tokens.estimate, texts)) / max(1, len(texts))
        total = round(mean * chunks)
        model = EMBEDDING_MODELS[wanted.model]
        seconds = self._estimate_seconds(wanted, total, chunks)
        return Estimate(chunks, total, model.cost(total), model.batch_cost(total), seconds)

    # -- fill ---------------------------------------------------------------------------------------------------------

    def _fill(self, members: Sequence[Member], deadline: Deadline, seconds: float | None) -> MigrationReport:
        leader, follower = _pair(members)
        until = clock.monotonic() + seconds if seconds is not None else None
        # A process with an older plan may still write to one collection only; what it writes is found from then on.
        clock.sleep(min(_SETTLE_SECONDS, max(0.0, leader.plan.started + _SETTLE_SECONDS - clock.time())))
        usage, left = self._find_copier(leader.store, follower.store).fill(deadline, seconds)
        rest = None if until is None else max(0.0, until - clock.monotonic())
        found = self._join(leader, follower).fill(deadline, seconds=rest)
        left += found.left
        is_whole = not (left or found.counts.unfinished or found.counts.waiting)
        if is_whole and not follower.plan.filled:
            follower.store.plans.write(replace(follower.plan, filled=clock.time(), is_ordered=False), deadline)
            members = self._stores.find_members(deadline, fresh=True)
        return replace(
            self._report(members, deadline),
            left=left,
            waiting=found.counts.waiting,
            done=found.counts.results,
            unfinished=found.unfinished,
            usage=usage + found.usage,
        )

    # -- switch, finish -----------------------------------------------------------------------------------------------

    def _switch(self, members: Sequence[Member], deadline: Deadline, *, is_new: bool) -> MigrationReport:
        """Let the new collection answer, or the previous one again."""
        leader, follower = _pair(members)
        if leader.plan.is_new != is_new:
            if is_new and not follower.plan.filled:
                raise RequestError(
                    "migration_unfinished", "The new collection is not filled yet: `migrate start` continues that."
                )
            if is_new:
                follower.store.plans.write(replace(follower.plan, switched=clock.time()), deadline)
            self._stores.switch(follower.store, deadline)
        return self._report(self._stores.find_members(deadline, fresh=True), deadline)

    def _end(self, members: Sequence[Member], deadline: Deadline, *, is_new: bool) -> MigrationReport:
        """Drop the collection that does not answer: the previous one, or the new one before a switch."""
        leader = members[0]
        if len(members) > 1:
            if leader.plan.is_new != is_new:
                hint = "switch first, or cancel" if is_new else "go back first, or finish"
                raise RequestError("migration_unfinished", f"The collection to be dropped is the one in use: {hint}.")
            self._withdraw(leader, members[1], deadline)
            unused = members[1].store.space
            plan = replace(leader.plan, other=None, unused=unused)
            if is_new:
                plan = replace(plan, previous=unused, ended=clock.time())
            leader.store.plans.write(plan, deadline)
            leader = replace(leader, plan=plan)
        self._drop_unused(leader, deadline)
        return self._report(self._stores.find_members(deadline, fresh=True), deadline)

    def _drop_unused(self, member: Member, deadline: Deadline) -> Plan:
        """Drop a collection that an earlier step left; returns the plan without it."""
        unused = member.plan.unused
        if unused is None:
            return member.plan
        clock.sleep(_DROP_SECONDS)
        target = self._stores.open(unused)
        with suppress(PlatformError):  # an order that began before may have noted a task; no notes are in a part
            self._withdraw(member, Member(target), deadline)
        target.drop(deadline)
        plan = replace(member.plan, unused=None)
        member.store.plans.write(plan, deadline)
        return plan

    def _report(self, members: Sequence[Member], deadline: Deadline) -> MigrationReport:
        current, other = members[0], members[1] if len(members) > 1 else None
        phase = "none"
        if other:
            phase = "switched" if current.plan.is_new else "ready" if other.plan.filled else "filling"
        return MigrationReport(
            phase=phase,
            current=self._describe(current.store, deadline),
            other=self._describe(other.store, deadline) if other else None,
            started=current.plan.started if other else 0,
        )

    def _describe(self, store: Store, deadline: Deadline) -> Collection:
        space, documents, chunks = store.space, dict[str, int](), 0
        if store.check(deadline):
            for state in DocumentState:
                documents[state.value] = store.registry.count(select_documents(None, state, ""), deadline)
            chunks = store.chunks.count(deadline)
        return Collection(space.model, space.dimension, space.edition, documents, chunks, space.layout)


def _pair(members: Sequence[Member]) -> tuple[Member, Member]:
    """The collection that answers and the other one.

    Raises:
        RequestError: ``migration_missing``.
    """
    if len(members) < 2:
        plan, hint = members[0].plan, ""
        if plan.previous:
            date = datetime.fromtimestamp(plan.ended, UTC).date()
            hint = f" The previous collection ({plan.previous.profile}) was dropped on {date}, so that none can answer."
        raise RequestError("migration_missing", f"No migration is under way: `migrate start` begins one.{hint}")
    return members[0], members[1]

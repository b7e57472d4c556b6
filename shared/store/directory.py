"""The stores of one deployment: the one that the alias names, and during a migration the other one.

The alias is asked every few seconds. A request uses the store that it was given to its end, so that it sees vectors of
one model only, whatever the alias names meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.errors import ConfigurationError
from shared.runtime import clock
from shared.store.client import Client
from shared.store.plan import Plan
from shared.store.schema import explain_mismatch, read_space
from shared.store.store import Store, read_alias

if TYPE_CHECKING:
    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import MilvusSettings
    from shared.store.schema import Space

# What was read of alias and plans is used for so long.
MAX_AGE_SECONDS = 3.0


class Member(Struct, frozen=True):
    """A store with what is planned for it.

    Attributes:
        plan: without a migration the default one.
    """

    store: Store
    plan: Plan = Plan()


class StoreDirectory:
    """Finds the stores of a deployment: thread-safe, one per process.

    Args:
        space: what the settings name; a new deployment begins with it.

    Attributes:
        page_texts: what models have read on pages.
    """

    def __init__(self, settings: MilvusSettings, space: Space, client: Client | None = None) -> None:
        self.settings = settings
        self._alias = settings.collection
        self._client = client or Client(settings)
        self._space = space
        self._new = self._make(space)
        # Every space has the same.
        self.page_texts = self._new.page_texts
        self._known = {space: self._new}
        self._current: Store | None = None
        self._current_read = self._members_read = 0.0
        self._members: tuple[Member, ...] = ()

    def warm_up(self) -> None:
        """Import the slow client library now."""
        self._client.warm_up()

    def find_current(self, deadline: Deadline, *, fresh: bool = False) -> Store:
        """Return the store that the alias names; of a new deployment one that `Store.check` says is not there.

        Args:
            fresh: ask Milvus, however short ago it was asked.

        Raises:
            ConfigurationError: ``collection_mismatch``: no migration has led to the collection's model or version.
            TransientError, ConfigurationError: Milvus cannot be reached or refuses.
        """
        current = self._current
        if current is None or fresh or clock.monotonic() - self._current_read >= MAX_AGE_SECONDS:
            now = clock.monotonic()
            self._current = current = self._read_current(current, deadline)
            self._current_read = now
        return current or self._new

    @property
    def known_space(self) -> Space:
        """The space of the store that answered last, without asking Milvus; before, that of the settings."""
        return self._current.space if self._current else self._space

    def find_members(self, deadline: Deadline, *, fresh: bool = False) -> tuple[Member, ...]:
        """Return the current store, and during a migration after it the other one; errors as `find_current`."""
        now = clock.monotonic()
        if not self._members or fresh or now - self._members_read >= MAX_AGE_SECONDS:
            self._members, self._members_read = self._read_members(deadline), now
        return self._members

    def open(self, space: Space) -> Store:
        """Return the store of a space of which the collections exist."""
        return self._known.setdefault(space, self._make(space)).take_for_ready()

    def prepare(self, deadline: Deadline) -> None:
        """Create the collections of a new deployment; errors as `find_current`."""
        self.find_current(deadline).prepare(deadline)

    def exists(self, space: Space, deadline: Deadline) -> bool:
        """Return whether the registry of a space exists, and so perhaps its chunks."""
        return bool(self._client.call("has_collection", deadline, self._make(space).registry.name))

    def switch(self, store: Store, deadline: Deadline) -> None:
        """Let the alias name another store."""
        self._client.call("alter_alias", deadline, store.chunks.name, self._alias)

    def _make(self, space: Space) -> Store:
        return Store(self.settings, space, self._client)

    def _read_current(self, current: Store | None, deadline: Deadline) -> Store | None:
        if current and self._is_named(current, deadline):
            return current
        target = read_alias(self._client, self._alias, deadline)
        if target is None:
            self._new.take_for_missing()
            return None
        space = read_space(self._alias, target)
        if space is None or not (self._is_expected(space) or self.open(space).plans.read(deadline)):
            raise ConfigurationError("collection_mismatch", explain_mismatch(self._alias, target, self._space))
        return self.open(space)

    def _is_expected(self, space: Space) -> bool:
        """Whether the settings name a space; an earlier release may have made its collections."""
        return replace(space, layout=self._space.layout) == self._space

    def _is_named(self, store: Store, deadline: Deadline) -> bool:
        """Whether the alias still names a store: one call, where to look for it takes one for each collection."""
        try:
            return self._alias in self._client.call("list_aliases", deadline, store.chunks.name)["aliases"]
        except ConfigurationError:  # it was dropped
            return False

    def _read_members(self, deadline: Deadline) -> tuple[Member, ...]:
        current = self.find_current(deadline, fresh=True)
        plan = current.plans.read(deadline) if self._current else None
        if plan is None or plan.other is None:
            return (Member(current, plan or Plan()),)
        other = self.open(plan.other)
        return Member(current, plan), Member(other, other.plans.read(deadline) or Plan())

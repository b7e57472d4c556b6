"""Search in the collection that answers now: each request keeps one collection and its model to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.retrieval.sampling import Sampler
from shared.runtime.auth import EVERYTHING, Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.retrieval.query import SearchQuery
    from shared.retrieval.result import SearchResult
    from shared.retrieval.searching import Retrieval
    from shared.runtime.retrying import Deadline
    from shared.store.directory import StoreDirectory
    from shared.store.schema import Space
    from shared.store.store import Store


class CurrentRetrieval:
    """Chooses the retrieval for each request: thread-safe, one per process.

    Args:
        build: builds the retrieval from a store.
        sampler: keeps some of the queries.
    """

    def __init__(
        self, stores: StoreDirectory, build: Callable[[Store], Retrieval], sampler: Sampler | None = None
    ) -> None:
        self._stores = stores
        self._build = build
        self._sampler = sampler or Sampler(0)
        self._built: dict[Space, Retrieval] = {}

    def search(self, query: SearchQuery, deadline: Deadline, scope: Scope = EVERYTHING) -> SearchResult:
        """As `Retrieval.search`."""
        store = self._stores.find_current(deadline)
        found = self._find(store).search(query, deadline, scope)
        if not query.offset and found.groups:
            self._sampler.offer(store, query.text)
        return found

    def find_similar(
        self, chunk_id: str, query: SearchQuery, deadline: Deadline, scope: Scope = EVERYTHING
    ) -> SearchResult | None:
        """As `Retrieval.find_similar`."""
        return self._find(self._stores.find_current(deadline)).find_similar(chunk_id, query, deadline, scope)

    def _find(self, store: Store) -> Retrieval:
        if store.space not in self._built:
            self._built.setdefault(store.space, self._build(store))
        return self._built[store.space]

"""What the platform keeps in Milvus: the collection of chunks and the document registry, created together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.domain.errors import ConfigurationError, PlatformError
from shared.store.batch_notes import BatchNotes
from shared.store.chunks import ChunkCollection
from shared.store.client import Client
from shared.store.older_layout import OlderLayout
from shared.store.page_texts import PageTexts
from shared.store.plan import PlanNotes
from shared.store.progress import ProgressNotes
from shared.store.query_samples import QuerySamples
from shared.store.registry import DocumentRegistry
from shared.store.schema import LAYOUT, describe_chunks, describe_documents, explain_mismatch
from shared.store.spans import RegistrySpans
from shared.store.vector_index import VECTOR_INDEXES

if TYPE_CHECKING:
    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import MilvusSettings
    from shared.store.schema import Space

_KEYWORD_VERSION = (2, 5)


class Store:
    """Chunks and registry of one deployment: thread-safe, one per process.

    Attributes:
        chunks: rows of chunks.
        registry: records of documents.
        spans: the registry in parts of bounded size.
        progress: how far reconciles have come.
        batches: which documents wait for batch tasks.
        page_texts: what models have read on pages.
        space: what the vectors are of.
        plans: what a migration makes of it.
        samples: some of the queries that were asked.
    """

    def __init__(self, settings: MilvusSettings, space: Space, client: Client | None = None) -> None:
        self.space = space
        self._alias = settings.collection
        self._settings = settings
        plain = client or Client(settings)
        self._client = plain if space.layout == LAYOUT else OlderLayout(plain, settings)
        self.chunks = ChunkCollection(self._client, settings.collection + space.suffix, space.dimension)
        self.registry = DocumentRegistry(self._client, f"{settings.collection}_documents{space.suffix}")
        self.spans = RegistrySpans(self._client, self.registry.name)
        self.progress = ProgressNotes(self._client, self.registry.name)
        self.batches = BatchNotes(self._client, self.registry.name)
        self.plans = PlanNotes(self._client, self.registry.name)
        self.samples = QuerySamples(self._client, self.registry.name)
        self.page_texts = PageTexts(self._client, f"{settings.collection}_page_texts")
        self._is_ready = False

    def warm_up(self) -> None:
        """Import the slow client library now."""
        self._client.warm_up()

    def check(self, deadline: Deadline) -> bool:
        """Return whether the collections exist.

        Raises:
            ConfigurationError: ``collection_mismatch``: they hold vectors of another model or size.
            TransientError, ConfigurationError: Milvus cannot be reached or refuses.
        """
        if not self._is_ready:
            target = self._read_alias(deadline)
            if target is not None and target != self.chunks.name:
                message = explain_mismatch(self._alias, target, self.space)
                raise ConfigurationError("collection_mismatch", message)
            self._is_ready = target is not None
        return self._is_ready

    def take_for_ready(self) -> Store:
        """Ask no more whether the collections exist: the caller knows that, whatever the alias names."""
        self._is_ready = True
        return self

    def take_for_missing(self) -> None:
        """Ask again whether the collections exist: they were there, and the alias is gone."""
        self._is_ready = False

    def prepare(self, deadline: Deadline) -> None:
        """Create the collections that are missing.

        Raises:
            ConfigurationError, TransientError: as `check`.
        """
        if self.check(deadline):
            return
        self.create(deadline)
        try:
            self._client.call("create_alias", deadline, self.chunks.name, self._alias)
        except PlatformError:
            if not self.check(deadline):  # another instance was faster
                raise

    def create(self, deadline: Deadline) -> None:
        """Create the collections that are missing, without an alias.

        Raises:
            ConfigurationError, TransientError: Milvus cannot be reached or refuses.
        """
        with_keywords = self.server_has_keywords(deadline)
        self._client.create_collection(self.registry.name, describe_documents(with_keywords=with_keywords), deadline)
        schema = describe_chunks(self.space.dimension, self._settings, with_keywords=with_keywords)
        self._client.create_collection(self.chunks.name, schema, deadline)

    def drop(self, deadline: Deadline) -> None:
        """Drop the collections, the registry last: while it exists, a drop that was interrupted can be seen."""
        for name in (self.chunks.name, self.registry.name):
            if self._client.call("has_collection", deadline, name):
                self._client.call("drop_collection", deadline, name)

    def read_server_version(self, deadline: Deadline) -> str:
        """Return the version that the server reports.

        Raises:
            TransientError, ConfigurationError: Milvus cannot be reached or refuses.
        """
        return str(self._client.call("get_server_version", deadline))

    def server_has_keywords(self, deadline: Deadline) -> bool:
        """Return whether the server can search by words; a collection made on one that cannot never will."""
        return self._is_at_least(_KEYWORD_VERSION, deadline)

    def server_has_index(self, kind: str, deadline: Deadline) -> bool:
        """Return whether the server has a kind of index of vectors."""
        return self._is_at_least(VECTOR_INDEXES[kind].since, deadline)

    def has_keywords(self, deadline: Deadline) -> bool:
        """Return whether the collection can be searched by words (BM25); an old server cannot."""
        return self.chunks.has_keywords(deadline)

    def _is_at_least(self, version: tuple[int, int], deadline: Deadline) -> bool:
        number = re.search(r"(\d+)\.(\d+)", self.read_server_version(deadline))
        return number is None or tuple(map(int, number.groups())) >= version

    def _read_alias(self, deadline: Deadline) -> str | None:
        return read_alias(self._client, self._alias, deadline)


def read_alias(client: Client, alias: str, deadline: Deadline) -> str | None:
    """The collection that an alias names; ``None`` where there is no such alias."""
    for _ in range(2):  # one that moved from a collection not yet asked to one asked already is seen by the second look
        names = [name for name in client.call("list_collections", deadline) if name.startswith(f"{alias}__")]
        for name in names:
            if alias in client.call("list_aliases", deadline, name)["aliases"]:
                return str(name)
        if len(names) < 2:
            break
    return None

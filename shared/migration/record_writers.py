"""Records of events written into the collections that there are: one for each name, or during a migration two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.errors import PlatformError
from shared.records.copying import RecordCopier
from shared.records.envelopes import Record
from shared.records.rows import document_id_of
from shared.records.writing import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from shared.domain.tenants import Tenancy
    from shared.embedding.embedder import Embedder
    from shared.records.envelopes import BadRecord
    from shared.records.results import WriteResult
    from shared.runtime.retrying import Deadline
    from shared.store.directory import StoreDirectory
    from shared.store.schema import Space


class RecordWriters:
    """Writes records: thread-safe, one per process.

    Args:
        directories: by the name a record may give; under the empty name the one for records that give none.
        find_embedder: finds the embedder of a space.
    """

    def __init__(
        self,
        directories: Mapping[str, StoreDirectory],
        find_embedder: Callable[[Space], Embedder],
        tenancy: Tenancy,
    ) -> None:
        self._directories = directories
        self._find_embedder = find_embedder
        self._tenancy = tenancy

    def write(self, records: Sequence[Record | BadRecord], deadline: Deadline) -> WriteResult:
        """Write and delete what the records say; errors as `RecordWriter.write`."""
        stores = {name: directory.find_current(deadline) for name, directory in self._directories.items()}
        embedders = {name: self._find_embedder(store.space) for name, store in stores.items()}
        writer = RecordWriter(embedders[""], stores, self._tenancy, embedders)
        try:
            result = writer.write(records, deadline)
        except PlatformError:
            self._copy(records, deadline)
            raise
        self._copy(records, deadline)
        return result

    def _copy(self, records: Sequence[Record | BadRecord], deadline: Deadline) -> None:
        """Bring the other collection of a migration to what was written; asked now, as one may have begun meanwhile."""
        ids: dict[str, set[str]] = {}
        for record in records:
            name = record.collection if isinstance(record, Record) and record.collection in self._directories else ""
            ids.setdefault(name, set()).add(document_id_of(record))
        for name, some in ids.items():
            leader, *others = self._directories[name].find_members(deadline)
            for follower in others:
                embedder = self._find_embedder(follower.store.space)
                copier = RecordCopier(embedder, leader.store, follower.store, self._tenancy)
                copier.copy(sorted(some), deadline)

"""Write the records of an event as chunks, in packed batches: the event-driven use case of the embed function.

A record is one chunk. Its id decides which chunk it replaces; its content, whether anything changes: a replay finds the
same content and costs nothing; its version, whether it is out of date. A bad record is recorded as failed and
acknowledged; it never stops the other records of its event. Nor does one that makes this program fail: it is retried.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import Usage
from shared.domain.tenants import Tenancy
from shared.records.batch import Batch
from shared.records.envelopes import BadRecord, Record
from shared.records.results import Outcome, RecordResult, WriteResult
from shared.records.separating import separate_crashes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.domain.errors import PlatformError
    from shared.embedding.embedder import Embedder
    from shared.runtime.retrying import Deadline
    from shared.store.store import Store

log = logging.getLogger(__name__)

# Records embedded and written together: what an interruption can cost at most.
_BATCH_RECORDS = 200
_NO_TENANTS = Tenancy()


class _Written(Struct):
    """What came of a batch: a result for each record, in order, ``None`` where it was not reached."""

    results: list[RecordResult | None]
    usage: Usage = Usage()
    failure: PlatformError | None = None


class RecordWriter:
    """Writes records into collections: thread-safe, and keeps no state between events.

    Args:
        embedder: makes the vectors.
        stores: by the name a record may give; under the empty name the one for records that give none.
        tenancy: which tenant a record belongs to; its id is used as the key.
        embedders: by the name of the collection, where they differ.
    """

    def __init__(
        self,
        embedder: Embedder,
        stores: Mapping[str, Store],
        tenancy: Tenancy = _NO_TENANTS,
        embedders: Mapping[str, Embedder] | None = None,
    ) -> None:
        self._embedders = embedders or dict.fromkeys(stores, embedder)
        self._stores = stores
        self._tenancy = tenancy

    def write(self, records: Sequence[Record | BadRecord], deadline: Deadline) -> WriteResult:
        """Write and delete what the records say, in batches for each collection.

        Raises:
            TransientError, ConfigurationError: some record could not be written; what was done is kept, and the whole
                event may be delivered again at no cost for that part. ``internal_error``: this program failed at it.
        """
        results: list[RecordResult | None] = [None] * len(records)
        newest = set(_find_newest(records).values())
        for index, record in enumerate(records):
            if index not in newest:
                results[index] = RecordResult(record.id, Outcome.SUPERSEDED)
        usage, failure = Usage(), None
        for name, indices in self._batches(records, newest):
            written = self._write_batch(name, [records[index] for index in indices], deadline)
            usage, failure = usage + written.usage, written.failure or failure
            for index, result in zip(indices, written.results, strict=True):
                results[index] = result
        log.info("records_handled", extra={"records": len(records), "tokens": usage.tokens, "cost_cny": usage.cost_cny})
        if failure:
            raise failure
        return WriteResult(tuple(result for result in results if result), usage)

    def _write_batch(self, name: str, records: Sequence[Record | BadRecord], deadline: Deadline) -> _Written:
        """Write records of one collection together, or apart from those that make this program fail."""
        written = _Written([None] * len(records))
        vectors: dict[str, tuple[float, ...]] = {}

        def write(positions: Sequence[int]) -> PlatformError | None:
            batch = Batch(
                self._embedders[name], self._stores[name], deadline, frozenset(self._stores), self._tenancy, vectors
            )
            try:
                failure = batch.run([records[position] for position in positions])
            finally:
                written.usage += batch.usage
            for position, result in zip(positions, batch.results, strict=True):
                written.results[position] = result
            return failure

        written.failure = separate_crashes(range(len(records)), write, lambda position: records[position].id)
        return written

    def _batches(self, records: Sequence[Record | BadRecord], newest: set[int]) -> Iterator[tuple[str, Sequence[int]]]:
        """Collections, each with the indices of at most so many of its records as one batch holds."""
        by_collection: dict[str, list[int]] = defaultdict(list)
        for index in sorted(newest):
            by_collection[self._destination(records[index])].append(index)
        for name, indices in by_collection.items():
            for start in range(0, len(indices), _BATCH_RECORDS):
                yield name, indices[start : start + _BATCH_RECORDS]

    def _destination(self, record: Record | BadRecord) -> str:
        """The collection a record goes to; a record that cannot be used is recorded in the default one."""
        return record.collection if isinstance(record, Record) and record.collection in self._stores else ""


def _find_newest(records: Sequence[Record | BadRecord]) -> dict[tuple[str, str], int]:
    """The index of the newest record of each id: of the highest version, and of equal versions the last."""
    newest: dict[tuple[str, str], tuple[int, int]] = {}
    for index, record in enumerate(records):
        newest[_name(record)] = max(newest.get(_name(record), (0, 0)), (record.version, index))
    return {name: index for name, (_, index) in newest.items()}


def _name(record: Record | BadRecord) -> tuple[str, str]:
    return (record.collection if isinstance(record, Record) else "", record.id)

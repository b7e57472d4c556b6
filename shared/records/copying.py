"""Records of events copied from one collection to another: what is found there decides, however often it is done.

Rows and marks carry versions of which the highest counts, so that a copy and a writer may work at the same time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.errors import PlatformError, TransientError
from shared.domain.models import Usage
from shared.records.batch import Batch
from shared.records.envelopes import Record
from shared.records.rows import RECORDS
from shared.records.separating import separate_crashes
from shared.runtime import clock
from shared.store.client import split
from shared.store.expressions import select_bucket
from shared.store.progress import Cursor, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.domain.tenants import Tenancy
    from shared.embedding.embedder import Embedder
    from shared.records.versions import Versions
    from shared.runtime.retrying import Deadline
    from shared.store.store import Store

_AT_ONCE = 100
# A record that changes more often than this while it is copied is left to the next copy.
_MOST_ROUNDS = 5
_SCOPE = "records of a migration"


class RecordCopier:
    """Copies records: thread-safe.

    Args:
        embedder: of the target's vectors.
    """

    def __init__(self, embedder: Embedder, source: Store, target: Store, tenancy: Tenancy) -> None:
        self._embedder = embedder
        self._source = source
        self._target = target
        self._tenancy = tenancy

    def copy(self, document_ids: Sequence[str], deadline: Deadline) -> Usage:
        """Bring the target to what the source holds of some records.

        Raises:
            TransientError, ConfigurationError: some could not be copied; what was done is kept.
        """
        usage, failures = Usage(), list[PlatformError]()

        def copy(ids: Sequence[str]) -> None:
            nonlocal usage
            usage += self._copy(ids, deadline)

        for ids in split(document_ids, _AT_ONCE):
            if failure := separate_crashes(ids, copy, str):
                failures.append(failure)
        if failures:
            raise failures[0]
        return usage

    def fill(self, deadline: Deadline, seconds: float | None) -> tuple[Usage, int]:
        """Copy all records; the next run continues where this one is interrupted.

        Args:
            seconds: begin no part after so long.

        Returns:
            What it cost, and how many are left.
        """
        began, usage, found = clock.monotonic(), Usage(), select_bucket(RECORDS)
        progress = self._target.progress.read(_SCOPE, deadline) or Progress()
        after = progress.cursor.after if progress.cursor else ""
        for part in self._source.spans.read(found, after, "", deadline):
            for number, documents in enumerate(split(part.documents, _AT_ONCE)):
                if seconds is not None and clock.monotonic() - began >= seconds:
                    self._save(after, deadline)
                    return usage, len(part.documents) - number * _AT_ONCE
                usage += self.copy([document.id for document in documents], deadline)
                after = documents[-1].key
        self._save("", deadline)
        return usage, 0

    def _save(self, after: str, deadline: Deadline) -> None:
        self._target.progress.write(_SCOPE, Progress(Cursor(after=after, saved=clock.time())), deadline)

    def _copy(self, ids: Sequence[str], deadline: Deadline) -> Usage:
        usage = Usage()
        for _ in range(_MOST_ROUNDS):
            wanted, batch = self._batch(self._source, deadline).look(ids), self._batch(self._target, deadline)
            held = batch.look(ids)
            different = [id_ for id_ in ids if not _is_equal(wanted[id_], held[id_])]
            if not different:
                return usage
            failure = batch.run(self._read(different, wanted, deadline))
            usage += batch.usage
            if failure:
                raise failure
            # After the rows: a mark of a higher version would keep them out.
            self._target.registry.write([mark for id_ in different for mark in wanted[id_].marks], deadline)
            names = {id_: record.key for id_ in different if (record := wanted[id_].document)}
            batch.seen |= batch.look(names)
            batch.settle(names)
        raise TransientError("object_changing", "A record keeps changing; it will be copied again.")

    def _batch(self, store: Store, deadline: Deadline) -> Batch:
        return Batch(self._embedder, store, deadline, frozenset([""]), self._tenancy)

    def _read(self, ids: Sequence[str], wanted: dict[str, Versions], deadline: Deadline) -> list[Record]:
        """The records that are searchable, as they were sent."""
        rows = [row for id_ in ids if (row := wanted[id_].row)]
        hits = self._source.chunks.read_whole([row.id for row in rows], deadline)
        details = self._source.chunks.read_details(list(hits), deadline)
        return [
            Record(hit.key, hit.text, hit.metadata, version=row.version, modified=details[hit.id].modified)
            for row in rows
            if (hit := hits.get(row.id)) and hit.id in details
        ]


def _is_equal(wanted: Versions, held: Versions) -> bool:
    """Whether the target holds a record as the source does; a failure that only the target has is kept."""
    if wanted.document is None and not wanted.rows and not wanted.marks:
        return True
    orders = {(mark.order, mark.failure) for mark in wanted.marks} - {(mark.order, mark.failure) for mark in held.marks}
    digest, other = (seen.row.row_digest if seen.row else "" for seen in (wanted, held))
    is_newer = held.highest > wanted.highest
    return is_newer or (held.is_settled and not orders and (digest == other or _has_failed(held, wanted)))


def _has_failed(held: Versions, wanted: Versions) -> bool:
    """Whether the target's model refused the version that the source holds."""
    return bool(held.failure and wanted.row and not held.row)

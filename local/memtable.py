"""Fast reads of the rows that Milvus Lite has not flushed yet.

For every query Lite turns each such row and vector into Python objects, and takes the rows out of as many pieces as
there were writes: after a few hundred writes that is nine tenths of the time of a read. Here the pieces are joined
once, and only new ones are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class _Joined:
    """The first pieces of a table in memory as one.

    Attributes:
        count: how many pieces it holds.
        last: the last of them, to see that the table was not emptied meanwhile.
        offsets: first row of each piece, and the number of rows.
        rows: all columns but the vector and the partition.
        vectors: one row each; ``None`` where the table has no such column.
    """

    count: int
    last: Any
    offsets: list[int]
    rows: Any
    vectors: Any


def install() -> None:
    """Replace the slow method of the engine; what it cannot do is left to the original."""
    from milvus_lite.storage.memtable import MemTable

    original = MemTable.to_search_snapshot

    def read(self: Any, vector_field: str | None, partition_names: Any = None, include_table: bool = False) -> Any:
        if partition_names is not None or not self._insert_batches or not _is_plain(self, vector_field):
            return original(self, vector_field, partition_names, include_table)
        return _read(self, vector_field, include_table=include_table)

    MemTable.to_search_snapshot = read


def _is_plain(table: Any, vector_field: str | None) -> bool:
    """Whether the vectors are lists of one length, all present."""
    import pyarrow as pa

    if vector_field is None:
        return True
    columns = [batch.column(vector_field) for batch in (table._insert_batches[0], table._insert_batches[-1])]  # noqa: SLF001
    return all(pa.types.is_fixed_size_list(column.type) and not column.null_count for column in columns)


def _read(table: Any, vector_field: str | None, *, include_table: bool) -> tuple[Any, ...]:
    import numpy as np
    import pyarrow as pa

    with table._lock:  # noqa: SLF001
        joined = _join(table, vector_field)
        index = table._pk_index  # noqa: SLF001
        places = [(batch, row) for batch, row, _ in index.values()]
        sequence = np.fromiter((seq for _, _, seq in index.values()), np.uint64, len(index))
        keys = list(index)
    at = np.fromiter((joined.offsets[batch] + row for batch, row in places), np.int64, len(places))
    vectors = joined.vectors[at] if joined.vectors is not None and len(at) else np.zeros((0, 0), np.float32)
    rows = joined.rows.take(pa.array(at)) if include_table else None
    return keys, sequence, vectors, places, rows


def _join(table: Any, vector_field: str | None) -> _Joined:
    import numpy as np
    import pyarrow as pa

    batches = table._insert_batches  # noqa: SLF001
    known: _Joined | None = table.__dict__.get("_joined")
    if known and (known.count > len(batches) or batches[known.count - 1] is not known.last):
        known = None
    if known and known.count == len(batches):
        return known
    fresh = batches[known.count if known else 0 :]
    rows = pa.Table.from_batches(fresh)
    vectors = _vectors(rows, vector_field)
    rows = rows.drop([name for name in ("_partition", vector_field) if name in rows.column_names])
    offsets = list(known.offsets) if known else [0]
    for batch in fresh:
        offsets.append(offsets[-1] + batch.num_rows)
    if known:
        rows = pa.concat_tables([known.rows, rows])
        vectors = None if vectors is None else np.concatenate([known.vectors, vectors])
    joined = _Joined(len(batches), batches[-1], offsets, rows.combine_chunks(), vectors)
    table.__dict__["_joined"] = joined
    return joined


def _vectors(rows: Any, vector_field: str | None) -> Any:
    import numpy as np

    if vector_field is None:
        return None
    column = rows.column(vector_field).combine_chunks()
    return np.asarray(column.flatten(), np.float32).reshape(len(column), -1)

"""Chunks and records as Parquet: the columns, and both ways between them and values of ours. The one file with pyarrow.

Vectors are 32-bit floats, as Milvus keeps them; JSON fields are texts. https://parquet.apache.org/docs/file-format/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from shared.domain.models import Document
from shared.store.client import split
from shared.store.rows import ChunkRow, read_chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

# Rows that are in memory at once.
_ROWS: Final = 1_000
_TEXTS: Final = ("id", "document_id", "tenant", "row_digest", "text", "context", "bucket", "key", "title", "format")
_NUMBERS: Final = ("ordinal", "start", "end", "page", "row", "modified")


def write_chunks(path: Path, rows: Iterable[Mapping[str, Any]], dimension: int) -> int:
    """Write rows of chunks as the store gives them; returns how many there were."""
    import pyarrow as pa

    texts = [pa.field(name, pa.string()) for name in (*_TEXTS, "sheet", "metadata")]
    numbers = [pa.field(name, pa.int64()) for name in _NUMBERS]
    lists = [pa.field(name, pa.list_(pa.string())) for name in ("headings", "columns")]
    schema = pa.schema([*texts, *numbers, *lists, pa.field("vector", pa.list_(pa.float32(), dimension))])
    return _write(path, schema, rows, _flatten)


def write_documents(path: Path, documents: Iterable[Document]) -> int:
    """Write records of documents; returns how many there were."""
    import pyarrow as pa

    schema = pa.schema([pa.field(name, pa.string()) for name in ("id", "bucket", "key", "state", "record")])
    return _write(path, schema, documents, _describe)


def read_chunks(path: Path) -> Iterator[ChunkRow]:
    """Read what `write_chunks` wrote.

    Raises:
        ValueError: the file is not such a file.
    """
    return (_build_row(row) for row in _read(path))


def read_documents(path: Path) -> Iterator[Document]:
    """Read what `write_documents` wrote.

    Raises:
        ValueError: the file is not such a file.
    """
    return (msgspec.json.decode(row["record"], type=Document) for row in _read(path))


def _write(path: Path, schema: Any, values: Iterable[Any], convert: Callable[[Any], dict[str, Any]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in split(map(convert, values), _ROWS):
            writer.write_table(pa.Table.from_pylist(batch, schema))
            count += len(batch)
    return count


def _read(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS):
            yield from batch.to_pylist()


def _flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in (*_TEXTS, *_NUMBERS, "sheet", "vector")}
    headings = {"headings": row["headings"]["titles"], "columns": row["headings"]["columns"]}
    return kept | headings | {"metadata": msgspec.json.encode(row["metadata"]).decode()}


def _describe(document: Document) -> dict[str, Any]:
    names = {"id": document.id, "bucket": document.bucket, "key": document.key, "state": document.state.value}
    return names | {"record": msgspec.json.encode(document).decode()}


def _build_row(row: dict[str, Any]) -> ChunkRow:
    headings = {"titles": row["headings"], "columns": row["columns"]}
    return ChunkRow(
        chunk=read_chunk(row | {"headings": headings}),
        vector=tuple(row["vector"]),
        bucket=row["bucket"],
        key=row["key"],
        title=row["title"],
        format=row["format"],
        modified=row["modified"],
        metadata=msgspec.json.decode(row["metadata"]),
        row_digest=row["row_digest"],
        tenant=row["tenant"],
    )

"""Rows of the collection of chunks: from a chunk to Milvus and back, each value within its field's limit."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from shared.domain.models import Chunk, Location, SearchHit
from shared.store.schema import MAX_BYTES, MAX_JSON_BYTES, check_json, check_text, cut, cut_bytes
from shared.store.words import build_words

# Of one heading; a path of any depth must fit into a JSON field.
_HEADING_BYTES = 1_024
# What is read of a row: for a hit, for an export, for a chunk.
HIT_FIELDS = [
    "document_id", "bucket", "key", "title", "metadata", "tenant", "ordinal", "context",
    "text", "start", "end", "page", "sheet", "row", "headings",
]  # fmt: skip
EXPORTED_FIELDS = ["id", "row_digest", "format", "modified", "vector", *HIT_FIELDS]
CHUNK_FIELDS = ["id", "document_id", "ordinal", "context", "text", "start", "end", "page", "sheet", "row", "headings"]
_INTEGERS = range(-(1 << 63), 1 << 63)


class ChunkRow(Struct, frozen=True):
    """A chunk with its vector and what a hit shows of its document.

    Attributes:
        row_digest: digest of all that the row contains except text and vector; a row is written again when it changes.
    """

    chunk: Chunk
    vector: tuple[float, ...]
    bucket: str
    key: str
    title: str
    format: str
    modified: float
    metadata: dict[str, Any] = {}
    row_digest: str = ""
    tenant: str = ""


def make_row(row: ChunkRow, *, with_words: bool) -> dict[str, Any]:
    """Make the fields of a row; a text too long for its field is cut at a character.

    Args:
        with_words: whether the collection has a field for the words, which only keyword search reads.
    """
    location = row.chunk.location
    words = {"words": build_words(row.chunk, row.key, MAX_BYTES["words"])} if with_words else {}
    return {
        **words,
        "id": row.chunk.id,
        "document_id": row.chunk.document_id,
        "tenant": row.tenant,
        "text": cut(row.chunk.text, "text"),
        "context": cut(row.chunk.context, "context"),
        "bucket": cut(row.bucket, "bucket"),
        "key": cut(row.key, "key"),
        "title": cut(row.title, "title"),
        "format": cut(row.format, "format"),
        "sheet": cut(location.sheet or "", "sheet"),
        "ordinal": row.chunk.ordinal,
        "start": location.start,
        "end": location.end,
        "page": location.page or 0,
        "row": location.row or 0,
        "modified": int(row.modified),
        # A server before 2.4 accepts objects only.
        "headings": {"titles": fit_names(location.headings), "columns": fit_names(location.columns)},
        "metadata": row.metadata,
        "row_digest": row.row_digest,
        "vector": list(row.vector),
    }


def check_row(row: ChunkRow) -> None:
    """Check that Milvus will accept a row, whatever its vector will be: before anything is billed for it.

    Raises:
        ValueError: a field exceeds its limit or cannot be encoded; the message names it and the limit.
    """
    for name, value in make_row(row, with_words=False).items():  # words are cut to their limit
        if isinstance(value, str):
            check_text(name, value)
        elif isinstance(value, dict):
            check_json(name, value)
        elif isinstance(value, int) and value not in _INTEGERS:
            raise ValueError(f"{name} has more than 64 bits")


def fit_names(names: tuple[str, ...]) -> list[str]:
    """Cut headings or columns so that the JSON field holds both; of too many headings the innermost remain."""
    kept = [cut_bytes(name, _HEADING_BYTES) for name in names]
    sizes = [len(msgspec.json.encode(name)) + 1 for name in kept]
    while sum(sizes) > MAX_JSON_BYTES // 3:
        kept, sizes = kept[1:], sizes[1:]
    return kept


def read_hit(id_: str, row: Any, score: float) -> SearchHit:
    """Read a hit from a row with all its fields."""
    return SearchHit(
        id=id_,
        score=float(score),
        text=row["text"],
        document_id=row["document_id"],
        bucket=row["bucket"],
        key=row["key"],
        title=row["title"],
        location=_read_location(row),
        ordinal=row["ordinal"],
        metadata=row["metadata"],
        tenant=row["tenant"],
        context=row["context"],
        words=row.get("words", ""),
    )


class ChunkDetails(Struct, frozen=True):
    """What a search needs of a chunk only to sort and to count.

    Attributes:
        modified: when the document or its metadata was last written, seconds since the epoch.
    """

    format: str
    modified: int


def read_reference(id_: str, row: Any, score: float) -> SearchHit:
    """Read a hit without text from a row of a brief search."""
    return SearchHit(id_, float(score), "", row["document_id"], "", "", "", Location())


def select_fields(field: str, *, brief: bool) -> list[str]:
    """Return the fields that a search in ``field`` reads."""
    if brief:
        return ["document_id"]
    return [*HIT_FIELDS, "words"] if field == "lexical" else HIT_FIELDS


def read_chunk(row: Any) -> Chunk:
    """Read a chunk from a row."""
    return Chunk(row["id"], row["document_id"], row["ordinal"], row["text"], _read_location(row), row["context"])


def _read_location(row: Any) -> Location:
    return Location(
        start=row["start"],
        end=row["end"],
        page=row["page"] or None,
        sheet=row["sheet"] or None,
        row=row["row"] or None,
        headings=tuple(row["headings"]["titles"]),
        columns=tuple(row["headings"]["columns"]),
    )

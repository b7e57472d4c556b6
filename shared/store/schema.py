"""Collections in Milvus: their names, layout version, fields, indexes and byte limits.

``MILVUS_COLLECTION`` names an alias of the collection of chunks. That collection's own name contains the vector space
and the layout version, so that another model or version can never write into it. ``<name>_documents…`` holds the
document registry, one row per document.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from shared.domain.catalog import EMBEDDING_MODELS
from shared.domain.tenants import MOST_BYTES as _TENANT_BYTES
from shared.store.vector_index import VECTOR_INDEXES

if TYPE_CHECKING:
    from shared.runtime.settings import MilvusSettings

# Raised when the shape of the collections or the analysis of words changes, so that old and new rows never mix.
LAYOUT = 8
# Collections of this layout and later ones are used as they are, and `migrate start` fills one of the present layout.
OLDEST_LAYOUT = 7
# Limits of fields, which a server counts in bytes.
MAX_TEXT_BYTES = 65_535
# The bucket name of registry records that only mark versions of records sent as events; no listing shows them.
VERSIONS_BUCKET = "(record versions)"
# That of rows that say how far a reconcile has come.
PROGRESS_BUCKET = "(reconcile progress)"
# That of rows that say which documents wait for a batch task.
BATCHES_BUCKET = "(batch tasks)"
INTERNAL_BUCKETS = (VERSIONS_BUCKET, PROGRESS_BUCKET, BATCHES_BUCKET)
# A JSON field holds at most 65,536 bytes. https://milvus.io/docs/limitations.md
MAX_JSON_BYTES = 65_536
MAX_BYTES = {
    "id": 32,
    "document_id": 32,
    "tenant": _TENANT_BYTES,
    "row_digest": 32,
    "content": 32,
    "text": MAX_TEXT_BYTES,
    "context": 2_048,
    "words": MAX_TEXT_BYTES,
    "bucket": 64,
    "key": 4_096,
    "title": 2_048,
    "format": 16,
    "sheet": 1_024,
    "state": 16,
}
_NAME = re.compile(r"__([A-Za-z0-9]+(?:_[A-Za-z0-9]+)*)__(\d{1,9})__(\d{1,9})(?:e(\d{1,9}))?")
_MODELS = {re.sub(r"[^A-Za-z0-9]", "_", name): name for name in EMBEDDING_MODELS}


class Space(Struct, frozen=True):
    """The vector space of the chunks; spaces of different models never mix.

    Attributes:
        edition: counts the collections of one space that a migration made, for other chunks or another index.
        layout: of the collections.
    """

    model: str
    dimension: int
    edition: int = 0
    layout: int = LAYOUT

    @property
    def suffix(self) -> str:
        """End of a collection's name, in characters that it may have."""
        edition = f"e{self.edition}" if self.edition else ""
        return f"__{re.sub(r'[^A-Za-z0-9]', '_', self.model)}__{self.dimension}__{self.layout}{edition}"

    @property
    def profile(self) -> str:
        """Identity of the vectors, which editions share."""
        return f"{self.model}/{self.dimension}"


class FieldSchema(Struct, frozen=True):
    """A field of a collection.

    Attributes:
        type: name of a pymilvus ``DataType``.
        max_bytes: limit of a text; 0 for other types.
        dimension: of a vector; 0 for other types.
        analyzer: how a text is cut into words for BM25; ``None`` where it is not.
    """

    name: str
    type: str
    max_bytes: int = 0
    dimension: int = 0
    is_primary: bool = False
    is_partition_key: bool = False
    analyzer: dict[str, Any] | None = None


class CollectionSchema(Struct, frozen=True):
    """The shape of a collection.

    Attributes:
        indexes: index parameters by field.
        shards: number of parts that writes are spread over.
        bm25: the text field and the sparse field that Milvus fills from it, or ``None``.
        partitions: number of partitions, where a field is the partition key; else 0.
        is_mapped: whether its data stays on the server's disk and is read from there (mmap).
    """

    fields: tuple[FieldSchema, ...]
    indexes: dict[str, dict[str, Any]]
    bm25: tuple[str, str] | None = None
    partitions: int = 0
    shards: int = 1
    is_mapped: bool = False


def describe_chunks(dimension: int, settings: MilvusSettings, *, with_keywords: bool) -> CollectionSchema:
    """Describe the collection of chunks.

    Args:
        dimension: of the vectors.
        settings: how the server is to keep it.
        with_keywords: whether the server has BM25 (2.5 or later).
    """
    fields = [
        _text("id", is_primary=True),
        _text("document_id"),
        # A server before 2.5 would put replaced rows into the wrong partition, where a search misses them.
        _text("tenant", is_partition_key=with_keywords),
        _text("row_digest"),
        *map(_text, ("text", "context")),
        *map(_text, ("bucket", "key", "title", "format", "sheet")),
        *(FieldSchema(name, "INT64") for name in ("ordinal", "start", "end", "page", "row", "modified")),
        *(FieldSchema(name, "JSON") for name in ("headings", "metadata")),
        FieldSchema("vector", "FLOAT_VECTOR", dimension=dimension),
    ]
    indexes: dict[str, dict[str, Any]] = {
        "vector": {
            "index_type": settings.index,
            "metric_type": "COSINE",
            "params": dict(VECTOR_INDEXES[settings.index].build),
        },
        "document_id": {"index_type": "INVERTED" if with_keywords else "Trie"},
    }
    if not with_keywords:
        return CollectionSchema(tuple(fields), indexes, shards=settings.shards, is_mapped=settings.mmap)
    # The words are analysed before they are written: each Milvus splits them alike, and ranks alike.
    fields += [_text("words", analyzer={"tokenizer": "whitespace"}), FieldSchema("lexical", "SPARSE_FLOAT_VECTOR")]
    indexes["lexical"] = {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "BM25"}
    return CollectionSchema(
        tuple(fields), indexes, ("words", "lexical"), settings.partitions, settings.shards, settings.mmap
    )


def describe_documents(*, with_keywords: bool) -> CollectionSchema:
    """Describe the collection of the document registry.

    Args:
        with_keywords: whether the server has BM25 (2.5 or later), and with it indexes of texts for any filter.
    """
    fields = (
        _text("id", is_primary=True),
        *map(_text, ("bucket", "key", "state", "tenant", "content")),
        FieldSchema("record", "JSON"),
        FieldSchema("unused", "FLOAT_VECTOR", dimension=2),  # Milvus requires a vector in every collection
    )
    indexes = {
        "unused": {"index_type": "FLAT", "metric_type": "COSINE"},
        "content": {"index_type": "INVERTED" if with_keywords else "Trie"},
    }
    return CollectionSchema(fields, indexes)


def read_space(alias: str, target: str) -> Space | None:
    """The space of the collection ``target`` of an alias; ``None`` where this software cannot read it."""
    made = _NAME.fullmatch(target.removeprefix(alias))
    if made is None or not OLDEST_LAYOUT <= int(made[3]) <= LAYOUT or made[1] not in _MODELS:
        return None
    return Space(_MODELS[made[1]], int(made[2]), int(made[4] or 0), int(made[3]))


def explain_mismatch(alias: str, target: str, space: Space) -> str:
    """Say why an alias that points to the collection ``target`` cannot be used with ``space``."""
    made = _NAME.fullmatch(target.removeprefix(alias))
    if made is None:
        return f"The alias {alias!r} belongs to another program's collection: choose another MILVUS_COLLECTION."
    model, dimension, layout, _ = made.groups()
    if int(layout) > LAYOUT:
        return (
            f"The collection {alias!r} was made by a later version of this software (layout {layout}, here {LAYOUT}): "
            "deploy that version, or let it go back with python -m ops migrate back."
        )
    if int(layout) < OLDEST_LAYOUT:
        cause = f"was made by another version of this software (layout {layout}, now {LAYOUT})"
        return f"The collection {alias!r} {cause}: choose another MILVUS_COLLECTION and ingest again."
    return (
        f"The collection {alias!r} holds vectors of {model} with {dimension} dimensions, but the settings "
        f"name {space.model} with {space.dimension}: change EMBEDDING_MODEL and EMBEDDING_DIMENSION "
        "back, then change the model with python -m ops migrate start, or choose another MILVUS_COLLECTION."
    )


def check_text(field: str, value: str) -> None:
    """Check that a text fits into its field.

    Raises:
        ValueError: it is too long or is no Unicode text; the message names the field.
    """
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{field} holds half of a character") from None
    if size > MAX_BYTES[field]:
        raise ValueError(f"{field} has {size} bytes; {MAX_BYTES[field]} are allowed")


def check_json(field: str, value: Any) -> None:
    """Check that a value fits into a JSON field.

    Raises:
        ValueError: it is too large or cannot be encoded; the message names the field.
    """
    try:
        size = len(msgspec.json.encode(value))
    except (TypeError, UnicodeEncodeError, OverflowError):
        raise ValueError(f"{field} cannot be written as JSON") from None
    if size > MAX_JSON_BYTES:
        raise ValueError(f"{field} has {size} bytes of JSON; {MAX_JSON_BYTES} are allowed")


def cut(text: str, field: str) -> str:
    """Cut ``text`` at a character so that it fits into the field."""
    return cut_bytes(text, MAX_BYTES[field])


def cut_bytes(text: str, limit: int) -> str:
    """Cut ``text`` at a character to at most ``limit`` bytes of UTF-8."""
    data = text.encode("utf-8", "replace")  # half of a character, which Milvus refuses, becomes a question mark
    return data[:limit].decode("utf-8", "ignore")


def _text(name: str, **options: Any) -> FieldSchema:
    return FieldSchema(name, "VARCHAR", MAX_BYTES[name], **options)

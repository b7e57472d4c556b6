"""Chunks and the registry of documents in Milvus: the one place that calls it.

Two collections stand behind the name in the settings. ``<name>`` is an alias of the collection of chunks, whose own
name carries the identity of the vector space, so that another model can never write into it. ``<name>_documents`` holds
one row per document. Ids are hashes, so writing twice equals writing once; reads that a decision follows are Strong.
"""

from __future__ import annotations

import logging
import math
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from shared.domain.errors import ConfigurationError, PlatformError, TransientError
from shared.domain.models import Chunk, Document, Location, SearchHit
from shared.domain.tenants import MOST_BYTES as _TENANT_BYTES
from shared.language.stopwords import STOP_WORDS
from shared.runtime import retrying, tracing
from shared.runtime.retrying import RetryPolicy
from shared.store.expressions import all_of, among, any_of, equals, quoted
from shared.store.fingerprints import ChunkPosition, FingerprintBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import MilvusSettings

log = logging.getLogger(__name__)
Result = TypeVar("Result")

# Raised when the collections' shape changes, so that old and new never mix.
_LAYOUT = 5
# A server answers at most this many rows. https://milvus.io/docs/limitations.md
_MOST_ROWS = 16_384
# Far below the server's message limit of 64 MB even with 2,560 dimensions and full texts.
_ROWS_PER_WRITE = 200
_IDS_PER_CALL = 500
MOST_TEXT_BYTES = 65_535
_KEY_BYTES = 4_096
_TITLE_BYTES = 2_048
_SHEET_BYTES = 1_024
_TEXT_FIELDS = {"bucket": 64, "key": _KEY_BYTES, "title": _TITLE_BYTES, "format": 16, "sheet": _SHEET_BYTES}
# Candidates HNSW looks at: 0.997 of the true nearest ten are found, against 0.47 with the default.
_SEARCH_WIDTH = 256
_MADE_BY_US = re.compile(r"__(\w+)__(\d+)__(\d+)")
_RETRY_POLICY = RetryPolicy(attempts=3, first_delay=0.2, max_delay=3)
_CREATE_SECONDS = 60

# How many parts a server of 2.5 or later keeps the tenants in; a search within one tenant reads one of them.
_PARTITIONS = 16
# Documents are listed by key as long as there are no more; of more, the order of their ids costs less to turn pages in.
_MOST_SORTED = 2_000

_SOURCE_FIELDS = ["document_id", "bucket", "key", "title", "metadata", "tenant", "ordinal"]
_PLACE_FIELDS = ["text", "start", "end", "page", "sheet", "row", "headings"]
_CHUNK_FIELDS = [*_SOURCE_FIELDS, *_PLACE_FIELDS]


class Space(Struct, frozen=True):
    """The vector space chunks are written in; spaces of different models must never meet."""

    model: str
    dimension: int

    @property
    def suffix(self) -> str:
        """What tells a collection of this space from others, in characters a collection's name may have."""
        return f"__{re.sub(r'[^A-Za-z0-9]', '_', self.model)}__{self.dimension}__{_LAYOUT}"


class DocumentFingerprint(Struct, frozen=True):
    """What the index holds of a document, in short.

    Attributes:
        key: the document's name in its bucket.
        fingerprint: that of its chunks.
    """

    key: str
    fingerprint: str


class ChunkRow(Struct, frozen=True):
    """A chunk with its vector and what a hit shows of its document."""

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


class Store:
    """A client of Milvus: thread-safe, one per process, connected at first use (gRPC does not survive a fork)."""

    def __init__(self, settings: MilvusSettings, space: Space) -> None:
        self._settings = settings
        self._space = space
        self._alias = settings.collection
        self._chunks = settings.collection + space.suffix
        self._documents = f"{settings.collection}_documents{space.suffix}"
        self._connection: Any = None
        self._connecting = threading.Lock()
        self._ready = False
        self._keywords: bool | None = None

    # -- collections ------------------------------------------------------------------------------------------------

    def check(self, deadline: Deadline) -> bool:
        """Whether the collections exist.

        Raises:
            ConfigurationError: ``collection_mismatch``: they hold vectors of another model or size.
            TransientError, ConfigurationError: Milvus cannot be asked.
        """
        if not self._ready:
            target = self._alias_target(deadline)
            if target is not None and target != self._chunks:
                raise ConfigurationError("collection_mismatch", self._mismatch(target))
            self._ready = target is not None
        return self._ready

    def warm_up(self) -> None:
        """Import the client now. Two slow imports side by side take longer than one after the other."""
        import pymilvus  # noqa: F401 - late: pandas behind it makes this the slowest import of all

    def prepare(self, deadline: Deadline) -> None:
        """Create what is missing.

        Raises:
            ConfigurationError, TransientError: as `check`.
        """
        if self.check(deadline):
            return
        with_keywords = self.server_has_keywords(deadline)
        for name, schema, index in (
            (self._documents, self._document_schema(), self._document_index()),
            (self._chunks, self._chunk_schema(with_keywords), self._chunk_index(with_keywords)),
        ):
            if self._call("has_collection", deadline, name):
                # Somebody's preparation may have broken off here; both steps may be repeated.
                self._call("create_index", deadline, name, index, seconds=_CREATE_SECONDS)
                self._call("load_collection", deadline, name, seconds=_CREATE_SECONDS)
            else:
                # A collection without a partition key takes no number of partitions.
                parted = {"num_partitions": _PARTITIONS} if name == self._chunks and with_keywords else {}
                self._call(
                    "create_collection", deadline, name, seconds=_CREATE_SECONDS,
                    schema=schema, index_params=index, consistency_level="Bounded", **parted,
                )  # fmt: skip
        try:
            self._call("create_alias", deadline, self._chunks, self._alias)
        except PlatformError:
            if not self.check(deadline):  # another instance was faster
                raise

    def version(self, deadline: Deadline) -> str:
        """What the server says its version is.

        Raises:
            TransientError, ConfigurationError: Milvus cannot be asked.
        """
        return str(self._call("get_server_version", deadline))

    def has_keywords(self, deadline: Deadline) -> bool:
        """Whether the collection answers questions by their words (BM25); an old server cannot."""
        if self._keywords is None:
            fields = self._call("describe_collection", deadline, self._chunks)["fields"]
            self._keywords = any(field["name"] == "lexical" for field in fields)
        return self._keywords

    # -- chunks ---------------------------------------------------------------------------------------------------

    def places(self, document_id: str, deadline: Deadline) -> Iterator[tuple[str, ChunkPosition]]:
        """The chunks the index holds of a document, read Strong, by id: in any number, as they come."""
        fields = ["id", "ordinal", "start", "row_digest"]
        for row in self._all(self._chunks, equals("document_id", document_id), fields, deadline):
            yield row["id"], ChunkPosition(row["ordinal"], row["start"], sys.intern(row["row_digest"]))

    def sources(self, ids: Sequence[str], deadline: Deadline) -> dict[str, str]:
        """Row digests of the chunks that exist, by id, read Strong."""
        found: dict[str, str] = {}
        for some in _portions(ids, _IDS_PER_CALL):
            rows = self._query(self._chunks, among("id", some), ["id", "row_digest"], deadline)
            found.update((row["id"], row["row_digest"]) for row in rows)
        return found

    def census(self, bucket: str, deadline: Deadline) -> dict[str, DocumentFingerprint]:
        """What the index holds of each document of a bucket, by the document's id, read Strong."""
        fields = ["id", "document_id", "key", "ordinal", "start", "row_digest"]
        found: dict[str, tuple[str, FingerprintBuilder]] = {}
        for row in self._all(self._chunks, equals("bucket", bucket), fields, deadline):
            _, tally = found.setdefault(row["document_id"], (row["key"], FingerprintBuilder()))
            tally.add(row["id"], ChunkPosition(row["ordinal"], row["start"], row["row_digest"]))
        return {id_: DocumentFingerprint(key, tally.fingerprint) for id_, (key, tally) in found.items()}

    def vectors(self, ids: Sequence[str], deadline: Deadline) -> dict[str, tuple[float, ...]]:
        """The vectors of chunks, by id."""
        found: dict[str, tuple[float, ...]] = {}
        for some in _portions(ids, _IDS_PER_CALL):
            rows = self._query(self._chunks, among("id", some), ["id", "vector"], deadline)
            found.update((row["id"], tuple(map(float, row["vector"]))) for row in rows)
        return found

    def write(self, rows: Sequence[ChunkRow], deadline: Deadline) -> None:
        """Write chunks; one that is there already is replaced.

        Raises:
            ValueError: a vector has another size than the collection's or is not finite: a defect of ours.
        """
        for row in rows:
            if len(row.vector) != self._space.dimension or not all(map(math.isfinite, row.vector)):
                raise ValueError("a vector is not finite or not of the collection's size")
        for some in _portions(rows, _ROWS_PER_WRITE):
            self._call("upsert", deadline, self._chunks, [_row(row) for row in some])

    def delete(self, ids: Iterable[str], deadline: Deadline) -> None:
        """Delete chunks by id; those that are gone already do not matter."""
        for some in _portions(list(ids), _IDS_PER_CALL):
            self._call("delete", deadline, self._chunks, ids=some)

    def nearest(
        self, vector: Sequence[float], limit: int, condition: str, deadline: Deadline, *, brief: bool = False
    ) -> list[SearchHit]:
        """Chunks by the cosine of their vectors, best first; scores lie between -1 and 1.

        Args:
            brief: leave out all but ids and scores; `hits` brings the rest of those that are shown.
        """
        params = {"ef": max(_SEARCH_WIDTH, limit)}
        return self._search("vector", list(vector), "COSINE", params, limit, condition, deadline, brief=brief)

    def matching(
        self, words: str, limit: int, condition: str, deadline: Deadline, *, brief: bool = False
    ) -> list[SearchHit]:
        """Chunks by the words they share with ``words`` (BM25), best first; scores are positive."""
        return self._search("lexical", words, "BM25", {}, limit, condition, deadline, brief=brief)

    def hits(self, brief: Sequence[SearchHit], condition: str, deadline: Deadline) -> dict[str, SearchHit]:
        """The whole of hits that were searched for briefly, by id, as far as they are still there."""
        scores = {hit.id: hit.score for hit in brief}
        rows = self._query(
            self._chunks, all_of(among("id", list(scores)), condition), ["id", *_CHUNK_FIELDS], deadline, "Bounded"
        )
        return {row["id"]: _hit(row["id"], row, scores[row["id"]]) for row in rows}

    def excerpts(self, wanted: Mapping[str, Iterable[int]], condition: str, deadline: Deadline) -> list[Chunk]:
        """Chunks by their places: the ordinals wanted of each document, in order; one call for all of them."""
        places = [
            f"{equals('document_id', id_)} and ordinal in [{', '.join(map(str, sorted(ordinals)))}]"
            for id_, ordinals in wanted.items()
        ]
        return self._excerpts(all_of(any_of(places), condition), deadline) if places else []

    def stretch(
        self, document_id: str, offset: int, limit: int, condition: str, deadline: Deadline
    ) -> tuple[list[Chunk], int]:
        """So many chunks of one document in order, and how many it has."""
        whole = all_of(equals("document_id", document_id), condition)
        part = all_of(whole, f"ordinal >= {offset} and ordinal < {offset + limit}")
        return self._excerpts(part, deadline), self._count(self._chunks, whole, deadline)

    def _excerpts(self, condition: str, deadline: Deadline) -> list[Chunk]:
        fields = ["id", "document_id", "ordinal", *_PLACE_FIELDS]
        rows = self._query(self._chunks, condition, fields, deadline, "Bounded")
        found = [Chunk(row["id"], row["document_id"], row["ordinal"], row["text"], _location(row)) for row in rows]
        return sorted(found, key=lambda excerpt: (excerpt.document_id, excerpt.ordinal, excerpt.id))

    # -- the registry -----------------------------------------------------------------------------------------------

    def document(self, document_id: str, deadline: Deadline, condition: str = "") -> Document | None:
        """The record of a document, read Strong, if it meets ``condition``."""
        rows = self._query(self._documents, all_of(equals("id", document_id), condition), ["record"], deadline)
        return _document(rows[0]) if rows else None

    def document_page(self, condition: str, offset: int, limit: int, deadline: Deadline) -> tuple[list[Document], int]:
        """So many of the records that ``condition`` selects, and how many those are.

        They come by key; of more than 2,000 by id, so that no page takes reading all of them.
        """
        total = self._count(self._documents, condition, deadline)
        if total <= _MOST_SORTED:
            rows = self._query(self._documents, condition, ["id", "key", "bucket"], deadline, "Bounded")
            rows.sort(key=lambda row: (row["key"], row["bucket"]))
            ids = [row["id"] for row in rows[offset : offset + limit]]
        else:
            ids = self._ids(condition, offset, limit, deadline)
        found = self.documents_with(ids, deadline, "Bounded")
        return [found[id_] for id_ in ids if id_ in found], total

    def documents(self, condition: str, deadline: Deadline) -> list[Document]:
        """All records that ``condition`` selects, by key."""
        rows = self._all(self._documents, condition, ["id", "record"], deadline)
        return sorted(map(_document, rows), key=lambda document: (document.key, document.bucket))

    def documents_with(
        self, ids: Sequence[str], deadline: Deadline, consistency: str = "Strong"
    ) -> dict[str, Document]:
        """The records of several documents, by id."""
        found: dict[str, Document] = {}
        for some in _portions(ids, _IDS_PER_CALL):
            rows = self._query(self._documents, among("id", some), ["record"], deadline, consistency)
            found.update((document.id, document) for document in map(_document, rows))
        return found

    def record(self, documents: Sequence[Document], deadline: Deadline) -> None:
        """Write documents' records."""
        for some in _portions(documents, _ROWS_PER_WRITE):
            self._call("upsert", deadline, self._documents, list(map(_record_row, some)))

    def forget(self, document_ids: Iterable[str], deadline: Deadline) -> None:
        """Delete documents' records."""
        for some in _portions(list(document_ids), _IDS_PER_CALL):
            self._call("delete", deadline, self._documents, ids=some)

    # -- Milvus -----------------------------------------------------------------------------------------------------

    def _search(
        self,
        field: str,
        data: Any,
        metric: str,
        params: dict[str, Any],
        limit: int,
        condition: str,
        deadline: Deadline,
        *,
        brief: bool,
    ) -> list[SearchHit]:
        (found,) = self._call(
            "search", deadline, self._chunks, data=[data], anns_field=field, limit=limit, filter=condition,
            output_fields=["document_id"] if brief else _CHUNK_FIELDS,
            search_params={"metric_type": metric, "params": params},
        )  # fmt: skip
        # Milvus Lite gives distances for BM25, a server scores: only the sign differs.
        make = _brief_hit if brief else _hit
        hits = [
            make(row["id"], row["entity"], abs(row["distance"]) if metric == "BM25" else row["distance"])
            for row in found
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))

    def _query(
        self, name: str, condition: str, fields: list[str], deadline: Deadline, consistency: str = "Strong"
    ) -> list[dict[str, Any]]:
        return list(
            self._call(
                "query", deadline, name, filter=condition, output_fields=fields, limit=_MOST_ROWS,
                consistency_level=consistency,
            )
        )  # fmt: skip

    def _count(self, name: str, condition: str, deadline: Deadline) -> int:
        (row,) = self._call(
            "query", deadline, name, filter=condition, output_fields=["count(*)"], consistency_level="Bounded"
        )
        return int(row["count(*)"])

    def _ids(self, condition: str, offset: int, limit: int, deadline: Deadline, prefix: str = "") -> list[str]:
        """So many ids of records in their order: what lies before them is counted in sixteenths, not read."""
        found: list[str] = []
        for digit in "0123456789abcdef":
            within = all_of(condition, _ids_under(prefix + digit))
            count = self._count(self._documents, within, deadline)
            if offset < count and count > _MOST_SORTED:
                found += self._ids(condition, offset, limit - len(found), deadline, prefix + digit)
            elif offset < count:
                rows = self._query(self._documents, within, ["id"], deadline, "Bounded")
                found += sorted(row["id"] for row in rows)[offset : offset + limit - len(found)]
            offset = max(0, offset - count)
            if len(found) == limit:
                break
        return found

    def _all(
        self, name: str, condition: str, fields: list[str], deadline: Deadline, prefix: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Rows in any number: a range of ids that holds more than one answer takes is asked for in sixteen parts."""
        within = _ids_under(prefix)
        both = " and ".join(f"({part})" for part in (condition, within) if part)
        rows = self._query(name, both, fields, deadline)
        if len(rows) < _MOST_ROWS:
            yield from rows
        else:
            for digit in "0123456789abcdef":
                yield from self._all(name, condition, fields, deadline, prefix + digit)

    def _alias_target(self, deadline: Deadline) -> str | None:
        aliases = {
            alias: name
            for name in self._call("list_collections", deadline)
            if name.startswith(f"{self._alias}__")
            for alias in self._call("list_aliases", deadline, name)["aliases"]
        }
        return aliases.get(self._alias)

    def _mismatch(self, target: str) -> str:
        made = _MADE_BY_US.fullmatch(target.removeprefix(self._alias))
        if made is None:
            return f"The alias {self._alias!r} belongs to somebody else's collection: choose another MILVUS_COLLECTION."
        model, dimension, layout = made.groups()
        if int(layout) != _LAYOUT:
            cause = f"was made by another version of this software (layout {layout}, now {_LAYOUT})"
            return f"The collection {self._alias!r} {cause}: choose another MILVUS_COLLECTION and ingest again."
        return (
            f"The collection {self._alias!r} holds vectors of {model} with {dimension} dimensions, but the settings "
            f"say {self._space.model} with {self._space.dimension}: change EMBEDDING_MODEL and EMBEDDING_DIMENSION "
            "back, or choose another MILVUS_COLLECTION and ingest again."
        )

    def server_has_keywords(self, deadline: Deadline) -> bool:
        """Whether the server can search by words; a collection made on one that cannot never will."""
        number = re.search(r"(\d+)\.(\d+)", self.version(deadline))
        return number is None or tuple(map(int, number.groups())) >= (2, 5)

    def _call(self, method: str, deadline: Deadline, *arguments: Any, seconds: float = 0, **options: Any) -> Any:
        most = max(seconds, self._settings.timeout)
        return retrying.call(
            lambda: self._once(method, deadline.timeout(most), *arguments, **options), _RETRY_POLICY, deadline
        )

    def _once(self, method: str, seconds: float, *arguments: Any, **options: Any) -> Any:
        import grpc
        from pymilvus import MilvusException

        started = time.monotonic()
        try:
            with tracing.call("milvus", method):
                # Without a timeout a call to an unavailable server blocks for minutes.
                return getattr(self._client(seconds), method)(*arguments, timeout=seconds, **options)
        except (MilvusException, grpc.RpcError) as error:
            failure = _translate(error, self._settings.uri)
            log.warning(
                "milvus_failed",
                extra={"call": method, "code": failure.code, "seconds": round(time.monotonic() - started, 3)},
            )
            raise failure from None

    def _client(self, seconds: float) -> Any:
        if self._connection is None:
            # Those who wait for the first connection wait no longer than they may for their call.
            if not self._connecting.acquire(timeout=seconds):
                raise _unavailable(self._settings.uri)
            try:
                self._connection = self._connection or self._connect(seconds)
            finally:
                self._connecting.release()
        return self._connection

    def _connect(self, seconds: float) -> Any:
        from pymilvus import MilvusClient

        return MilvusClient(
            uri=self._settings.uri,
            token=self._settings.token.reveal(),
            db_name=self._settings.database,
            timeout=min(seconds, self._settings.timeout),
        )

    def _chunk_schema(self, with_keywords: bool) -> Any:
        from pymilvus import DataType, Function, FunctionType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=32)
        schema.add_field("document_id", DataType.VARCHAR, max_length=32)
        # A server before 2.5 would put rows that are replaced into the wrong part, where a search misses them.
        schema.add_field("tenant", DataType.VARCHAR, max_length=_TENANT_BYTES, is_partition_key=with_keywords)
        schema.add_field("row_digest", DataType.VARCHAR, max_length=32)
        analyzer = {"tokenizer": "jieba", "filter": ["lowercase", {"type": "stop", "stop_words": list(STOP_WORDS)}]}
        text = {"enable_analyzer": True, "analyzer_params": analyzer} if with_keywords else {}
        schema.add_field("text", DataType.VARCHAR, max_length=MOST_TEXT_BYTES, **text)
        for name, size in (
            ("bucket", 64),
            ("key", _KEY_BYTES),
            ("title", _TITLE_BYTES),
            ("format", 16),
            ("sheet", _SHEET_BYTES),
        ):
            schema.add_field(name, DataType.VARCHAR, max_length=size)
        for name in ("ordinal", "start", "end", "page", "row", "modified"):
            schema.add_field(name, DataType.INT64)
        schema.add_field("headings", DataType.JSON)
        schema.add_field("metadata", DataType.JSON)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._space.dimension)
        if with_keywords:
            schema.add_field("lexical", DataType.SPARSE_FLOAT_VECTOR)
            schema.add_function(Function("lexical", FunctionType.BM25, ["text"], ["lexical"]))
        return schema

    def _chunk_index(self, with_keywords: bool) -> Any:
        from pymilvus import MilvusClient

        index = MilvusClient.prepare_index_params()
        index.add_index("vector", index_type="HNSW", metric_type="COSINE", params={"M": 16, "efConstruction": 200})
        if with_keywords:
            index.add_index("lexical", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
        index.add_index("document_id", index_type="INVERTED" if with_keywords else "Trie")
        return index

    def _document_schema(self) -> Any:
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=32)
        schema.add_field("bucket", DataType.VARCHAR, max_length=_TEXT_FIELDS["bucket"])
        schema.add_field("key", DataType.VARCHAR, max_length=_KEY_BYTES)
        schema.add_field("state", DataType.VARCHAR, max_length=16)
        schema.add_field("tenant", DataType.VARCHAR, max_length=_TENANT_BYTES)
        schema.add_field("record", DataType.JSON)
        schema.add_field("unused", DataType.FLOAT_VECTOR, dim=2)
        return schema

    def _document_index(self) -> Any:
        from pymilvus import MilvusClient

        index = MilvusClient.prepare_index_params()
        index.add_index("unused", index_type="FLAT", metric_type="COSINE")
        return index


def _row(row: ChunkRow) -> dict[str, Any]:
    location = row.chunk.location
    return {
        "id": row.chunk.id,
        "document_id": row.chunk.document_id,
        "tenant": row.tenant,
        "text": _cut(row.chunk.text, MOST_TEXT_BYTES),
        "bucket": row.bucket,
        "key": _cut(row.key, _KEY_BYTES),
        "title": _cut(row.title, _TITLE_BYTES),
        "format": row.format,
        "sheet": _cut(location.sheet or "", _SHEET_BYTES),
        "ordinal": row.chunk.ordinal,
        "start": location.start,
        "end": location.end,
        "page": location.page or 0,
        "row": location.row or 0,
        "modified": int(row.modified),
        "headings": {"titles": list(location.headings)},  # a server before 2.4 takes objects only
        "metadata": row.metadata,
        "row_digest": row.row_digest,
        "vector": list(row.vector),
    }


def _hit(id_: str, row: Any, score: float) -> SearchHit:
    source = {name: row[name] for name in _SOURCE_FIELDS}
    return SearchHit(id=id_, score=float(score), text=row["text"], location=_location(row), **source)


def _brief_hit(id_: str, row: Any, score: float) -> SearchHit:
    return SearchHit(id_, float(score), "", row["document_id"], "", "", "", Location())


def _location(row: Any) -> Location:
    return Location(
        start=row["start"],
        end=row["end"],
        page=row["page"] or None,
        sheet=row["sheet"] or None,
        row=row["row"] or None,
        headings=tuple(row["headings"]["titles"]),
    )


def _record_row(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "bucket": document.bucket,
        "key": _cut(document.key, _KEY_BYTES),
        "state": document.state.value,
        "tenant": document.tenant,
        "record": msgspec.to_builtins(document),
        "unused": [0.0, 0.0],  # Milvus wants a vector in every collection
    }


def _document(row: dict[str, Any]) -> Document:
    return msgspec.convert(row["record"], Document)


def _ids_under(prefix: str) -> str:
    # "g" follows "f", the last hexadecimal digit.
    return f"id >= {quoted(prefix)} and id < {quoted(prefix + 'g')}" if prefix else ""


def _portions(items: Sequence[Result], size: int) -> Iterator[list[Result]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _cut(text: str, most_bytes: int) -> str:
    """``text`` within a field's limit, which a server counts in bytes."""
    data = text.encode("utf-8", "replace")
    return text if len(data) <= most_bytes else data[:most_bytes].decode("utf-8", "ignore")


# What no repetition cures: a missing collection, a call or a schema the server does not take.
_FINAL_CODES = frozenset({6, 100, 1100, 65535})


def _translate(error: Exception, uri: str) -> PlatformError:
    status = _grpc_status(error)
    code = getattr(error, "code", None)
    if status in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return ConfigurationError("milvus_forbidden", "Milvus refuses the token: check MILVUS_TOKEN (user:password).")
    if code in _FINAL_CODES:
        return ConfigurationError(
            "milvus_refused", f"Milvus refused a call (code {code}): its version or its collections do not fit."
        )
    if status or code == 2:
        return _unavailable(uri)
    return TransientError("milvus_failed", f"Milvus could not serve a call (code {code}).")


def _unavailable(uri: str) -> TransientError:
    return TransientError("milvus_unavailable", f"Milvus did not answer at {uri}; is MILVUS_URI right?")


def _grpc_status(error: Exception) -> str:
    # A wrong token looks like a dead server except for the cause; one step only, as the chain is a circle.
    for candidate in (error, error.__cause__):
        status = getattr(candidate, "code", None)
        if callable(status):
            return str(getattr(status(), "name", ""))
    return ""

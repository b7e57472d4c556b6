"""The collection of chunks: write, delete, read and search rows.

Ids are hashes, so writing twice equals writing once. Reads that a decision depends on are Strong.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.language.analysis import is_character
from shared.store import rows as row_format
from shared.store.characters import search_characters
from shared.store.client import split
from shared.store.expressions import (
    all_of,
    among,
    equals,
    select_bucket,
    select_document,
    select_ordinal_range,
    select_ordinals,
)
from shared.store.fingerprints import ChunkPosition, FingerprintBuilder, compute_fingerprint
from shared.store.joining import CallJoiner
from shared.store.rows import CHUNK_FIELDS, EXPORTED_FIELDS, HIT_FIELDS, ChunkDetails
from shared.store.vector_index import find_index

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.domain.models import Chunk, SearchHit
    from shared.runtime.retrying import Deadline
    from shared.store.client import Client
    from shared.store.rows import ChunkRow

# Far below the server's message limit of 64 MB even with 2,560 dimensions and full texts.
_ROWS_PER_WRITE = 200
_IDS_PER_CALL = 500
# Documents with chunks that one query reads, and the chunks it reads of them at most.
_DOCUMENTS_PER_READ = 100
_MAX_POSITION_ROWS = 4_000
_POSITION_FIELDS = ["id", "ordinal", "start", "row_digest"]


class DocumentFingerprint(Struct, frozen=True):
    """What the index holds of a document, in short.

    Attributes:
        key: the document's name in its bucket.
        fingerprint: of its chunks, as `FingerprintBuilder` computes it.
    """

    key: str
    fingerprint: str


class ChunkCollection:
    """Rows of chunks in one collection.

    Args:
        name: of the collection, not of its alias.
        dimension: of its vectors.
    """

    def __init__(self, client: Client, name: str, dimension: int) -> None:
        self.name = name
        self._client = client
        self._dimension = dimension
        self._has_keywords: bool | None = None
        self._index_kind = ""
        # What threads ask for one document each is joined into one call.
        self._writes = CallJoiner(self._write_all, _ROWS_PER_WRITE)
        self._deletions = CallJoiner(self._delete_all, _IDS_PER_CALL)
        self._positions = CallJoiner(self._read_positions, _DOCUMENTS_PER_READ)
        self._vectors = CallJoiner(self._read_vectors, _ROWS_PER_WRITE)

    def write(self, rows: Sequence[ChunkRow], deadline: Deadline) -> None:
        """Write rows; a row with the id of an existing one replaces it.

        Raises:
            ValueError: a vector has another size than the collection's or is not finite: an internal error.
        """
        for row in rows:
            if len(row.vector) != self._dimension or not all(map(math.isfinite, row.vector)):
                raise ValueError("a vector is not finite or not of the collection's size")
        if rows:
            self._writes.submit(rows, deadline)

    def delete(self, ids: Iterable[str], deadline: Deadline) -> None:
        """Delete chunks by id; ids that do not exist are ignored."""
        if ids := list(ids):
            self._deletions.submit(ids, deadline)

    def read_positions(self, document_id: str, deadline: Deadline) -> Iterator[tuple[str, ChunkPosition]]:
        """Yield id and position of each chunk of a document, in any number, read Strong."""
        for row in self._positions.submit([document_id], deadline):
            yield row["id"], ChunkPosition(row["ordinal"], row["start"], row["row_digest"])

    def read_ids(self, document_ids: Sequence[str], deadline: Deadline) -> Iterator[tuple[str, str]]:
        """Yield id and document id of each chunk of several documents, in any number, read Strong."""
        for batch in split(document_ids, _IDS_PER_CALL):
            condition = among("document_id", batch)
            for row in self._client.iterate(self.name, condition, ["id", "document_id"], deadline):
                yield row["id"], row["document_id"]

    def read_window(
        self, document_id: str, start: int, end: int, deadline: Deadline
    ) -> list[tuple[Chunk, ChunkPosition]]:
        """Return the chunks of a document with ordinals in a range, in order, with their positions, read Strong."""
        within = all_of(select_document(document_id), select_ordinal_range(start, end))
        rows = self._client.query(self.name, within, [*CHUNK_FIELDS, "row_digest"], deadline)
        found = [
            (row_format.read_chunk(row), ChunkPosition(row["ordinal"], row["start"], row["row_digest"])) for row in rows
        ]
        return sorted(found, key=lambda pair: pair[0].ordinal)

    def compute_fingerprint(self, document_id: str, deadline: Deadline) -> str:
        """Compute the fingerprint of a document's chunks, read Strong."""
        return compute_fingerprint(self.read_positions(document_id, deadline))

    def read_rows_of(self, document_ids: Sequence[str], deadline: Deadline) -> Iterator[tuple[str, str, str]]:
        """Yield id, document id and row digest of the chunks of documents that have few, read Strong."""
        for batch in split(document_ids, _IDS_PER_CALL):
            fields = ["id", "document_id", "row_digest"]
            for row in self._client.query(self.name, among("document_id", batch), fields, deadline):
                yield row["id"], row["document_id"], row["row_digest"]

    def _write_all(self, parts: Sequence[Sequence[ChunkRow]], deadline: Deadline) -> list[None]:
        with_words = self.has_keywords(deadline)
        for batch in split(chain.from_iterable(parts), _ROWS_PER_WRITE):
            made = [row_format.make_row(row, with_words=with_words) for row in batch]
            self._client.call("upsert", deadline, self.name, made)
        return [None] * len(parts)

    def _delete_all(self, parts: Sequence[Sequence[str]], deadline: Deadline) -> list[None]:
        for batch in split(list(chain.from_iterable(parts)), _IDS_PER_CALL):
            self._client.call("delete", deadline, self.name, ids=batch)
        return [None] * len(parts)

    def _read_positions(self, parts: Sequence[Sequence[str]], deadline: Deadline) -> list[Iterable[dict[str, Any]]]:
        """Read the chunks of several documents in one query; where these are too many, of each by itself."""
        ids = [id_ for (id_,) in parts]
        condition = among("document_id", ids) if len(ids) > 1 else select_document(ids[0])
        fields = [*_POSITION_FIELDS, "document_id"]
        rows = self._client.query(self.name, condition, fields, deadline, limit=_MAX_POSITION_ROWS)
        if len(rows) >= _MAX_POSITION_ROWS:
            return [self._client.iterate(self.name, select_document(id_), fields, deadline) for id_ in ids]
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            found.setdefault(row["document_id"], []).append(row)
        return [found.get(id_, []) for id_ in ids]

    def _read_vectors(self, parts: Sequence[Sequence[str]], deadline: Deadline) -> list[dict[str, tuple[float, ...]]]:
        rows = self._read(list(chain.from_iterable(parts)), "vector", deadline)
        found = {row["id"]: tuple(map(float, row["vector"])) for row in rows}
        return [{id_: found[id_] for id_ in ids if id_ in found} for ids in parts]

    def read_whole(self, ids: Sequence[str], deadline: Deadline) -> dict[str, SearchHit]:
        """Return the chunks that exist, by id, with all that a hit has and a score of 0, read Strong."""
        found: dict[str, SearchHit] = {}
        for batch in split(ids, _ROWS_PER_WRITE):
            for row in self._client.query(self.name, among("id", batch), ["id", *HIT_FIELDS], deadline):
                found[row["id"]] = row_format.read_hit(row["id"], row, 0.0)
        return found

    def read_rows(self, condition: str, deadline: Deadline) -> Iterator[dict[str, Any]]:
        """Yield the rows that ``condition`` selects, in any number, with all that others can use: vectors, no words."""
        ids = (row["id"] for row in self._client.iterate(self.name, condition, ["id"], deadline))
        for batch in split(ids, _ROWS_PER_WRITE):
            yield from self._client.query(self.name, among("id", batch), EXPORTED_FIELDS, deadline)

    def read_vectors(self, ids: Sequence[str], deadline: Deadline) -> dict[str, tuple[float, ...]]:
        """Return the vectors of the chunks that exist, by id, read Strong."""
        return self._vectors.submit(ids, deadline) if ids else {}

    def read_fingerprints(
        self, bucket: str, deadline: Deadline, prefix: str = "", within: str = ""
    ) -> dict[str, DocumentFingerprint]:
        """Return the fingerprint of each document of a bucket, by id, read Strong; ``within``: a further condition."""
        fields = [*_POSITION_FIELDS, "document_id", "key"]
        found: dict[str, tuple[str, FingerprintBuilder]] = {}
        condition = all_of(select_bucket(bucket, prefix), within)
        for row in self._client.iterate(self.name, condition, fields, deadline):
            _, builder = found.setdefault(row["document_id"], (row["key"], FingerprintBuilder()))
            builder.add(row["id"], ChunkPosition(row["ordinal"], row["start"], row["row_digest"]))
        return {id_: DocumentFingerprint(key, builder.fingerprint) for id_, (key, builder) in found.items()}

    def search_dense(
        self, vector: Sequence[float], limit: int, condition: str, deadline: Deadline, *, brief: bool = False
    ) -> list[SearchHit]:
        """Return chunks by the cosine of their vectors, best first; scores are between -1 and 1.

        Args:
            brief: leave out all but ids and scores; `read_hits` reads the rest of those that are shown.
        """
        parameters = find_index(self.read_index_kind(deadline)).search_parameters(limit)
        options = {"metric_type": "COSINE", "params": parameters}
        return self._search("vector", list(vector), options, limit, condition, deadline, brief=brief)

    def search_keywords(
        self, tokens: Sequence[str], limit: int, condition: str, deadline: Deadline, *, brief: bool = False
    ) -> list[SearchHit]:
        """Return chunks by the tokens they share with a query's (BM25), best first; scores are positive."""
        if not tokens:
            return []
        if all(map(is_character, tokens)):
            return search_characters(self._client, self.name, tokens, limit, condition, deadline)
        options = {"metric_type": "BM25", "params": {}}
        return self._search("lexical", " ".join(tokens), options, limit, condition, deadline, brief=brief)

    def count(self, deadline: Deadline, condition: str = "") -> int:
        """Return the number of all chunks, or of those that ``condition`` selects."""
        return self._client.count(self.name, condition, deadline)

    def read_index_kind(self, deadline: Deadline) -> str:
        """Return the kind of index that the vectors have, such as ``HNSW``; it is asked for once."""
        if not self._index_kind:
            found = self._client.call("describe_index", deadline, self.name, "vector")
            self._index_kind = str(found["index_type"])
        return self._index_kind

    def has_keywords(self, deadline: Deadline) -> bool:
        """Return whether the collection can be searched by words (BM25); one made by an old server cannot."""
        if self._has_keywords is None:
            fields = self._client.call("describe_collection", deadline, self.name)["fields"]
            self._has_keywords = any(field["name"] == "lexical" for field in fields)
        return self._has_keywords

    def read_hits(self, brief: Sequence[SearchHit], condition: str, deadline: Deadline) -> dict[str, SearchHit]:
        """Return the complete hits of a brief search, by id, as far as they still exist."""
        scores = {hit.id: hit.score for hit in brief}
        within = all_of(among("id", list(scores)), condition)
        rows = self._client.query(self.name, within, ["id", *HIT_FIELDS], deadline, "Bounded")
        return {row["id"]: row_format.read_hit(row["id"], row, scores[row["id"]]) for row in rows}

    def read_details(self, ids: Sequence[str], deadline: Deadline) -> dict[str, ChunkDetails]:
        """Return format and time of the chunks that still exist, by id."""
        if not ids:
            return {}
        fields = ["id", "format", "modified"]
        rows = self._client.query(self.name, among("id", ids), fields, deadline, "Bounded")
        return {row["id"]: ChunkDetails(row["format"], row["modified"]) for row in rows}

    def read_vector(self, id_: str, condition: str, deadline: Deadline) -> tuple[float, ...]:
        """Return the vector of a chunk that ``condition`` selects; empty where there is none."""
        within = all_of(equals("id", id_), condition)
        rows = self._client.query(self.name, within, ["id", "vector"], deadline, "Bounded")
        return tuple(map(float, rows[0]["vector"])) if rows else ()

    def read_texts(self, condition: str, limit: int, deadline: Deadline) -> list[str]:
        """Return titles and texts of up to ``limit`` chunks, whichever Milvus finds first."""
        rows = self._client.query(self.name, condition, ["title", "text"], deadline, "Bounded", limit)
        return [f"{row['title']} {row['text']}" for row in rows]

    def read_neighbours(self, wanted: Mapping[str, Iterable[int]], condition: str, deadline: Deadline) -> list[Chunk]:
        """Return the chunks with the wanted ordinals of each document, in order, with one call."""
        return self._read_chunks(all_of(select_ordinals(wanted), condition), deadline) if wanted else []

    def read_range(
        self, document_id: str, offset: int, limit: int, condition: str, deadline: Deadline
    ) -> tuple[list[Chunk], int]:
        """Return up to ``limit`` chunks of a document in order, from the ordinal ``offset`` on, and their total."""
        whole = all_of(select_document(document_id), condition)
        part = all_of(whole, select_ordinal_range(offset, offset + limit))
        return self._read_chunks(part, deadline), self._client.count(self.name, whole, deadline)

    def _read(self, ids: Sequence[str], field: str, deadline: Deadline) -> Iterator[dict[str, Any]]:
        for batch in split(ids, _IDS_PER_CALL):
            yield from self._client.query(self.name, among("id", batch), ["id", field], deadline)

    def _read_chunks(self, condition: str, deadline: Deadline) -> list[Chunk]:
        rows = self._client.query(self.name, condition, CHUNK_FIELDS, deadline, "Bounded")
        return sorted(map(row_format.read_chunk, rows), key=lambda chunk: (chunk.document_id, chunk.ordinal, chunk.id))

    def _search(
        self,
        field: str,
        data: Any,
        options: dict[str, Any],
        limit: int,
        condition: str,
        deadline: Deadline,
        *,
        brief: bool,
    ) -> list[SearchHit]:
        (found,) = self._client.call(
            "search", deadline, self.name, data=[data], anns_field=field, limit=limit, filter=condition,
            output_fields=row_format.select_fields(field, brief=brief), search_params=options,
        )  # fmt: skip
        read = row_format.read_reference if brief else row_format.read_hit
        # Milvus Lite gives distances for BM25, a server scores: only the sign differs.
        sign = abs if options["metric_type"] == "BM25" else float
        hits = [read(row["id"], row["entity"], sign(row["distance"])) for row in found]
        return sorted(hits, key=lambda hit: (-hit.score, hit.id))

"""The document registry: one record per document, with its processing state, in a collection of its own."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Document, digest
from shared.store.client import split
from shared.store.expressions import all_of, among, differs, equals, round_up, select_after, select_up_to
from shared.store.history import read_history, write_history
from shared.store.joining import CallJoiner
from shared.store.schema import BATCHES_BUCKET, PROGRESS_BUCKET, cut, cut_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.runtime.retrying import Deadline
    from shared.store.client import Client

_RECORDS_PER_WRITE = 200
_IDS_PER_CALL = 500
# Documents of equal content that are looked at: mostly there is one, the one that was renamed or copied.
_MAX_EQUAL = 3
_CONTENTS_PER_CALL = 100
# Documents that a query for several contents reads at most.
_MAX_CONTENT_ROWS = 4_000
# Up to so many keys are read and sorted for a page; of more, a part is chosen by a sample.
_MAX_SORTED = 2_000
# Texts of a record, which must fit into a JSON field of 65,536 bytes: a control character takes six of them.
_MESSAGE_BYTES = 2_048
_TITLE_BYTES = 2_048
_KEY_BYTES = 2_048
_NAME_BYTES = 512
_WARNINGS_BYTES = 12_288
_HEX_DIGITS = "0123456789abcdef"
_SAMPLED = 1_000
_MAX_NARROWINGS = 20
_PLACE_FIELDS = ["id", "key", "bucket"]
# Later than every name of a bucket.
_LAST_BUCKET = "\U0010ffff"


class Place(Struct, frozen=True, array_like=True):
    """The place of a record in the order of key and bucket."""

    key: str
    bucket: str


class DocumentPage(Struct, frozen=True):
    """A page of a listing.

    Attributes:
        total: records on all pages.
        last: the place of its last record; ``None`` when no page follows.
    """

    documents: list[Document] = []
    total: int = 0
    last: Place | None = None


class DocumentRegistry:
    """Records of documents in one collection.

    Args:
        name: of the collection.
    """

    def __init__(self, client: Client, name: str) -> None:
        self.name = name
        self._client = client
        # What threads ask for one document each is joined into one call.
        self._reads = CallJoiner(self._read_each, _RECORDS_PER_WRITE)
        self._writes = CallJoiner(self._write_all, _RECORDS_PER_WRITE)
        self._deletions = CallJoiner(self._delete_all, _IDS_PER_CALL)
        self._contents = CallJoiner(self._find_contents, _CONTENTS_PER_CALL)

    def write(self, documents: Sequence[Document], deadline: Deadline) -> None:
        """Write records; a record of the same document is replaced."""
        if documents:
            self._writes.submit(documents, deadline)

    def delete(self, document_ids: Iterable[str], deadline: Deadline) -> None:
        """Delete records by document id."""
        if ids := list(document_ids):
            self._deletions.submit(ids, deadline)

    def read(self, document_id: str, deadline: Deadline, condition: str = "") -> Document | None:
        """Return the record of a document, read Strong, if it exists and meets ``condition``."""
        if not condition:
            return self._reads.submit([document_id], deadline)
        rows = self._client.query(self.name, all_of(equals("id", document_id), condition), ["record"], deadline)
        return read_document(rows[0]) if rows else None

    def count(self, condition: str, deadline: Deadline) -> int:
        """Return the number of records that ``condition`` selects."""
        return self._client.count(self.name, condition, deadline)

    def read_many(self, ids: Sequence[str], deadline: Deadline) -> dict[str, Document]:
        """Return the records of several documents, by id."""
        rows = self._read_rows(ids, "Strong", deadline)
        return {document.id: document for document in map(read_document, rows)}

    def read_keys(self, bucket: str, keys: Sequence[str], deadline: Deadline) -> list[Document]:
        """Return the records of a bucket with one of ``keys``, read Strong."""
        rows: list[dict[str, Any]] = []
        for batch in split(keys, _IDS_PER_CALL):
            condition = all_of(equals("bucket", bucket), among("key", batch))
            rows += self._client.query(self.name, condition, ["record"], deadline)
        return list(map(read_document, rows))

    def find_content(self, content: str, tenant: str, deadline: Deadline) -> list[str]:
        """Return the ids of a few documents of a tenant with a content that `identify_content` names, read Strong."""
        return self._contents.submit([(content, tenant)], deadline)

    def read_all(self, condition: str, deadline: Deadline) -> list[Document]:
        """Return all records that ``condition`` selects, by key, read Strong."""
        return sorted(self.iterate(condition, deadline), key=lambda document: (document.key, document.bucket))

    def iterate(self, condition: str, deadline: Deadline) -> Iterator[Document]:
        """Yield the records that ``condition`` selects in any number and order, read Strong."""
        condition = all_of(condition, differs("bucket", PROGRESS_BUCKET), differs("bucket", BATCHES_BUCKET))
        return map(read_document, self._client.iterate(self.name, condition, ["id", "record"], deadline))

    def read_page(self, condition: str, after: Place | None, limit: int, deadline: Deadline) -> DocumentPage:
        """Return up to ``limit`` of the records that ``condition`` selects, in the order of key and bucket.

        They come without their histories.

        Args:
            after: the last record of the previous page; documents that come or go between two pages double none.
        """
        total = self.count(condition, deadline)
        rows = self._read_places(condition, after, limit + 1, deadline)
        page = rows[:limit]
        records = map(read_summary, self._read_rows([row["id"] for row in page], "Bounded", deadline))
        found = {document.id: document for document in records}
        last = Place(page[-1]["key"], page[-1]["bucket"]) if len(rows) > limit else None
        return DocumentPage([found[row["id"]] for row in page if row["id"] in found], total, last)

    def _read_rows(self, ids: Sequence[str], consistency: str, deadline: Deadline) -> Iterator[dict[str, Any]]:
        for batch in split(ids, _IDS_PER_CALL):
            yield from self._client.query(self.name, among("id", batch), ["record"], deadline, consistency)

    def _write_all(self, parts: Sequence[Sequence[Document]], deadline: Deadline) -> list[None]:
        for batch in split(list(chain.from_iterable(parts)), _RECORDS_PER_WRITE):
            self._client.call("upsert", deadline, self.name, list(map(make_row, batch)))
        return [None] * len(parts)

    def _delete_all(self, parts: Sequence[Sequence[str]], deadline: Deadline) -> list[None]:
        for batch in split(list(chain.from_iterable(parts)), _IDS_PER_CALL):
            self._client.call("delete", deadline, self.name, ids=batch)
        return [None] * len(parts)

    def _read_each(self, parts: Sequence[Sequence[str]], deadline: Deadline) -> list[Document | None]:
        found = self.read_many([id_ for (id_,) in parts], deadline)
        return [found.get(id_) for (id_,) in parts]

    def _find_contents(self, parts: Sequence[Sequence[tuple[str, str]]], deadline: Deadline) -> list[list[str]]:
        """Look for several contents in one query; where one has too many documents for that, for each by itself."""
        wanted = [pair for (pair,) in parts]
        if len(wanted) > 1:
            condition = all_of(
                among("content", sorted({content for content, _ in wanted})),
                among("tenant", sorted({tenant for _, tenant in wanted})),
            )
            rows = self._client.query(
                self.name, condition, ["id", "content", "tenant"], deadline, limit=_MAX_CONTENT_ROWS
            )
            if len(rows) < _MAX_CONTENT_ROWS:
                found: dict[tuple[str, str], list[str]] = {}
                for row in rows:
                    found.setdefault((row["content"], row["tenant"]), []).append(row["id"])
                return [found.get(pair, [])[:_MAX_EQUAL] for pair in wanted]
        return [self._find_one_content(content, tenant, deadline) for content, tenant in wanted]

    def _find_one_content(self, content: str, tenant: str, deadline: Deadline) -> list[str]:
        condition = all_of(equals("content", content), equals("tenant", tenant))
        return [row["id"] for row in self._client.query(self.name, condition, ["id"], deadline, limit=_MAX_EQUAL)]

    def _read_places(self, condition: str, after: Place | None, limit: int, deadline: Deadline) -> list[dict[str, Any]]:
        """Return the first ``limit`` records after a place. Milvus cannot sort, so counting narrows what is read."""
        found: list[dict[str, Any]] = []
        # The expression for a key with control characters selects some that come before it.
        first = (after.key, after.bucket) if after else ("", "")
        while len(found) < limit:
            within = all_of(condition, select_after(after.key, after.bucket) if after else "")
            upper, is_last = self._find_upper(within, limit - len(found), deadline)
            part = all_of(within, select_up_to(upper) if upper is not None else "")
            rows = self._client.query(self.name, part, _PLACE_FIELDS, deadline, "Bounded")
            found += sorted((row for row in rows if _place(row) > first), key=_place)
            if is_last or (upper is None and not rows):
                break
            after = Place(upper or "", _LAST_BUCKET)
        return found[:limit]

    def _find_upper(self, within: str, limit: int, deadline: Deadline) -> tuple[str | None, bool]:
        """Find a key up to which few enough records are to be read at once, and whether they are the last ones.

        The ids are hashes, so that the first rows Milvus gives are as good as drawn by lot.
        """
        upper: str | None = None
        for _ in range(_MAX_NARROWINGS):
            part = all_of(within, select_up_to(upper) if upper is not None else "")
            count = self._client.count(self.name, part, deadline)
            if count <= _MAX_SORTED:
                return upper, upper is None
            sample = self._client.query(self.name, part, ["key"], deadline, "Bounded", _SAMPLED)
            keys = sorted(row["key"] for row in sample)
            wanted = max(limit, _MAX_SORTED // 2)
            upper = round_up(keys[min(len(keys) - 1, len(keys) * wanted // count)]) if keys else None
        return upper, False


def identify_content(etag: str, profile: str) -> str:
    """A name for the content of an object as an embedding profile sees it; empty for what is no object."""
    return digest(etag, profile) if etag else ""


def _place(row: dict[str, Any]) -> tuple[str, str]:
    return row["key"], row["bucket"]


def make_row(document: Document) -> dict[str, Any]:
    """The row of a record."""
    return {
        "id": document.id,
        "bucket": cut(document.bucket, "bucket"),
        "key": cut(document.key, "key"),
        "state": document.state.value,
        "tenant": cut(document.tenant, "tenant"),
        "content": identify_content(document.etag, document.model),
        "record": {**msgspec.to_builtins(_fit(document)), "history": write_history(document.history)},
        "unused": [0.0, 0.0],
    }


def _fit(document: Document) -> Document:
    """Cut the texts of a record so that the whole fits into a JSON field, however much of it must be escaped."""
    failure = document.failure
    if failure:
        failure = replace(
            failure,
            message=cut_bytes(failure.message, _MESSAGE_BYTES),
            request_id=cut_bytes(failure.request_id, _NAME_BYTES),
        )
    return replace(
        document,
        bucket=cut(document.bucket, "bucket"),
        key=cut_bytes(document.key, _KEY_BYTES),
        title=cut_bytes(document.title, _TITLE_BYTES),
        tenant=cut(document.tenant, "tenant"),
        tenant_from=cut_bytes(document.tenant_from, _NAME_BYTES),
        warnings=_fit_warnings(document.warnings),
        failure=failure,
        history=(),  # fitted where it is written
    )


def _fit_warnings(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """As many warnings as fit; the last one says how many were left out."""
    kept: list[str] = []
    left = _WARNINGS_BYTES
    for warning in warnings:
        left -= len(msgspec.json.encode(cut_bytes(warning, _WARNINGS_BYTES)))
        if left < 0:
            return (*kept, f"{len(warnings) - len(kept)} more warnings were left out.")
        kept.append(cut_bytes(warning, _WARNINGS_BYTES))
    return tuple(kept)


def read_document(row: dict[str, Any]) -> Document:
    """The record that a row holds."""
    # A record of an earlier release has no history.
    history = read_history(row["record"].get("history") or "[]")
    return replace(read_summary(row), history=history) if history else read_summary(row)


def read_summary(row: dict[str, Any]) -> Document:
    """The record that a row holds, without its history."""
    return msgspec.convert({**row["record"], "history": ()}, Document)

"""What a model has read on pages, by the hash of the picture of each: a page is paid for once.

They survive retries, new versions and new names of a document, and a change of the embedding model. Those of a document
that was deleted are kept for a few days, since a new name is a deletion and a new document.
"""

from __future__ import annotations

import base64
import threading
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.domain.errors import ConfigurationError, PlatformError
from shared.runtime import clock
from shared.store.client import split
from shared.store.expressions import equals
from shared.store.schema import MAX_TEXT_BYTES, CollectionSchema, FieldSchema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.runtime.retrying import Deadline
    from shared.store.client import Client

# Raised when the shape of the collection changes.
_LAYOUT = 1
_KEPT_SECONDS = 7 * 86_400
_ROWS_PER_WRITE = 100
_FIELDS = ["id", "document_id", "text", "is_cut", "expires"]
# A model writes about 64 kB; more than this is no page, and cannot be kept.
_MOST_CHARACTERS = 1 << 18


class PageText(Struct, frozen=True):
    """What a model has read in one picture.

    Attributes:
        is_cut: whether the model had more to write than it may.
    """

    text: str
    is_cut: bool = False


class PageTexts:
    """The texts of pages in one collection, which is made with the first of them: thread-safe.

    Args:
        name: of the collection, without its layout version.
    """

    def __init__(self, client: Client, name: str) -> None:
        self.name = f"{name}__{_LAYOUT}"
        self._client = client
        self._is_ready = False
        self._preparing = threading.Lock()

    def read(self, id_: str, document_id: str, deadline: Deadline) -> PageText | None:
        """The text of a picture, read Strong; ``document_id`` uses it from now on, if its owner is deleted."""
        with self._ready(deadline):
            rows = self._client.query(self.name, equals("id", id_), _FIELDS, deadline)
            if not rows:
                return None
            row = rows[0]
            if row["expires"]:
                self._write([{**row, "document_id": document_id, "expires": 0}], deadline)
        return PageText(_unpack(row["text"]), bool(row["is_cut"]))

    def write(self, id_: str, document_id: str, text: PageText, deadline: Deadline) -> None:
        """Keep the text of a picture; one that is too long to be kept is left out."""
        packed = _pack(text.text)
        if len(packed) > MAX_TEXT_BYTES:
            return
        row = {"id": id_, "document_id": document_id, "text": packed, "is_cut": int(text.is_cut), "expires": 0}
        with self._ready(deadline):
            self._write([row], deadline)

    def expire(self, document_id: str, deadline: Deadline) -> None:
        """Keep the texts of a document that was deleted for some days only; drop those for which they are over."""
        if not self._client.call("has_collection", deadline, self.name):
            return
        until = int(clock.time()) + _KEPT_SECONDS
        rows = self._client.iterate(self.name, equals("document_id", document_id), _FIELDS, deadline)
        for batch in split([row for row in rows if not row["expires"]], _ROWS_PER_WRITE):
            self._write([{**row, "expires": until} for row in batch], deadline)
        self._client.call("delete", deadline, self.name, filter=f"expires > 0 and expires < {int(clock.time())}")

    def _write(self, rows: Sequence[dict[str, Any]], deadline: Deadline) -> None:
        self._client.call("upsert", deadline, self.name, [{**row, "unused": [0.0, 0.0]} for row in rows])

    @contextmanager
    def _ready(self, deadline: Deadline) -> Iterator[None]:
        """See to it that the collection exists; if it was dropped since, the next call makes it again."""
        self._prepare(deadline)
        try:
            yield
        except ConfigurationError:
            self._is_ready = False
            raise

    def _prepare(self, deadline: Deadline) -> None:
        if self._is_ready:
            return
        with self._preparing:
            if not self._is_ready:
                self._create(deadline)
                self._is_ready = True

    def _create(self, deadline: Deadline) -> None:
        if self._client.call("has_collection", deadline, self.name):
            try:
                self._client.load_collection(self.name, deadline)
            except PlatformError:  # it has no index yet, as its making was interrupted
                self._client.create_collection(self.name, _SCHEMA, deadline)
            return
        try:
            self._client.create_collection(self.name, _SCHEMA, deadline)
        except PlatformError:
            if not self._client.call("has_collection", deadline, self.name):  # else another instance was faster
                raise
            self._client.load_collection(self.name, deadline)


_SCHEMA = CollectionSchema(
    (
        FieldSchema("id", "VARCHAR", 32, is_primary=True),
        FieldSchema("document_id", "VARCHAR", 32),
        FieldSchema("text", "VARCHAR", MAX_TEXT_BYTES),
        FieldSchema("is_cut", "INT64"),
        FieldSchema("expires", "INT64"),
        FieldSchema("unused", "FLOAT_VECTOR", dimension=2),  # Milvus requires a vector in every collection
    ),
    {"unused": {"index_type": "FLAT", "metric_type": "COSINE"}},
)


def _pack(text: str) -> str:
    return base64.b64encode(zlib.compress(text[:_MOST_CHARACTERS].encode("utf-8", "replace"))).decode()


def _unpack(packed: str) -> str:
    return zlib.decompress(base64.b64decode(packed)).decode()

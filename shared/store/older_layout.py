"""Reads and writes a collection that an earlier release made, with the fields that it has.

A release that raises `LAYOUT` keeps answering from such a collection, until a migration has filled one of its own
layout. What a row lacks is read as empty, and what the collection cannot hold is not written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.store.client import Client
from shared.store.schema import describe_chunks, describe_documents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import MilvusSettings
    from shared.store.schema import CollectionSchema

_COUNT = ["count(*)"]
_EMPTY: dict[str, Any] = {"VARCHAR": "", "INT64": 0}


class OlderLayout(Client):
    """Calls another client for collections of an earlier layout; thread-safe.

    A filter by a field that such a collection lacks is refused, as Milvus refuses it.

    Args:
        client: calls Milvus.
    """

    def __init__(self, client: Client, settings: MilvusSettings) -> None:
        super().__init__(settings)
        self._client = client
        self._empty = _list_empty_values(settings)
        self._fields: dict[str, frozenset[str]] = {}

    def call(self, method: str, deadline: Deadline, *arguments: Any, seconds: float = 0, **options: Any) -> Any:
        """Call a method as `Client.call` does, with the fields that the collection has."""
        if method == "upsert":
            name, rows = arguments
            known = self._read_fields(name, deadline)
            arguments = (name, [{field: row[field] for field in row if field in known} for row in rows])
        wanted = options.get("output_fields", _COUNT)
        if wanted == _COUNT:
            return self._client.call(method, deadline, *arguments, seconds=seconds, **options)
        known = self._read_fields(arguments[0], deadline)
        options["output_fields"] = [field for field in wanted if field in known]
        absent = {field: self._empty[field] for field in wanted if field not in known and field in self._empty}
        found = self._client.call(method, deadline, *arguments, seconds=seconds, **options)
        return _complete(method, found, absent)

    def create_collection(self, name: str, schema: CollectionSchema, deadline: Deadline) -> None:
        """Create a collection as `Client.create_collection` does."""
        self._client.create_collection(name, schema, deadline)

    def load_collection(self, name: str, deadline: Deadline) -> None:
        """Load a collection as `Client.load_collection` does."""
        self._client.load_collection(name, deadline)

    def _read_fields(self, name: str, deadline: Deadline) -> frozenset[str]:
        if name not in self._fields:
            fields = self._client.call("describe_collection", deadline, name)["fields"]
            self._fields[name] = frozenset(field["name"] for field in fields)
        return self._fields[name]


def _list_empty_values(settings: MilvusSettings) -> dict[str, Any]:
    """What a field is read as where a collection lacks it."""
    described = (describe_chunks(2, settings, with_keywords=True), describe_documents(with_keywords=True))
    values = {
        field.name: _EMPTY.get(field.type, {})
        for schema in described
        for field in schema.fields
        if field.type in (*_EMPTY, "JSON")
    }
    return values | {"headings": {"titles": [], "columns": []}}


def _complete(method: str, found: Any, absent: Mapping[str, Any]) -> Any:
    if not absent:
        return found
    if method == "search":
        answers: Sequence[Sequence[dict[str, Any]]] = found
        return [[{**hit, "entity": {**absent, **hit["entity"]}} for hit in hits] for hits in answers]
    return [{**absent, **row} for row in found]

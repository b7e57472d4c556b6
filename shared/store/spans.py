"""The document registry read in parts of bounded size: by ranges of keys in their order, or by ranges of ids.

Milvus cannot sort. A range that holds more records than one part is narrowed by the keys of those it gave, which are
as good as drawn at random: it gives them by their ids, which are hashes. The records come without their histories.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.store.expressions import all_of, select_id_range, select_keys
from shared.store.registry import read_summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.domain.models import Document
    from shared.runtime.retrying import Deadline
    from shared.store.client import Client

# Records of a part at most: 20 MB in memory. A record has about 1 KB as JSON, and its history up to 1 KB more.
MAX_RECORDS = 8_000
_FIELDS = ["id", "key", "record"]


class Part(Struct, frozen=True):
    """The records of a range of keys.

    Attributes:
        documents: in the order of their keys.
        end: the range goes up to this key; empty for the end of all keys.
    """

    documents: list[Document]
    end: str


class RegistrySpans:
    """Reads ranges of the registry, Strong.

    Args:
        name: of the registry's collection.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    def read(self, condition: str, after: str, until: str, deadline: Deadline) -> Iterator[Part]:
        """Yield the records that ``condition`` selects with keys greater than ``after`` and up to ``until``.

        Args:
            condition: of one bucket, so that each key occurs once.
            until: empty for no limit.
        """
        while True:
            rows, end = self._read_part(condition, after, until, deadline)
            inside = (row for row in rows if row["key"] > after and (not end or row["key"] <= end))
            yield Part([read_summary(row) for row in sorted(inside, key=_key)], end)
            if end == until:
                return
            after = end

    def read_ids(self, condition: str, start: str, end: str, deadline: Deadline) -> dict[str, Document]:
        """Return the records that ``condition`` selects with ids in a range, by id."""
        within = all_of(condition, select_id_range("id", start, end))
        rows = self._client.iterate(self._name, within, ["id", "record"], deadline)
        return {document.id: document for document in map(read_summary, rows)}

    def _read_part(
        self, condition: str, after: str, until: str, deadline: Deadline
    ) -> tuple[list[dict[str, Any]], str]:
        """The records up to the first key that leaves few enough, and that key."""
        end, previous = until, ""
        while True:
            within = all_of(condition, select_keys(after, end))
            if within == previous:  # keys that no expression may hold cannot narrow it
                return self._filter(within, after, end, deadline), end
            rows = self._client.query(self._name, within, _FIELDS, deadline, limit=MAX_RECORDS)
            if len(rows) < MAX_RECORDS:
                return rows, end
            total = max(self._client.count(self._name, within, deadline), len(rows))
            keys = sorted(key for row in rows if (key := row["key"]) > after and (not end or key <= end))
            if not keys:
                return self._filter(within, after, end, deadline), end
            end, previous = keys[min(len(keys) - 1, len(keys) * MAX_RECORDS // (2 * total))], within

    def _filter(self, within: str, after: str, end: str, deadline: Deadline) -> list[dict[str, Any]]:
        rows = self._client.iterate(self._name, within, _FIELDS, deadline)
        return [row for row in rows if row["key"] > after and (not end or row["key"] <= end)]


def _key(row: dict[str, Any]) -> str:
    return str(row["key"])

"""A document's history as its record keeps it: one text, because registries are read in parts of thousands of records.

As objects the ten entries take more memory than the rest of the record; a listing does not even decode the text.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import astuple, replace

from shared.domain.history import HistoryEntry
from shared.store.schema import cut_bytes

# Of the text inside the JSON of the record, with all that is escaped.
_HISTORY_BYTES = 4_096
# So that one entry always fits: a control character takes seven bytes there.
_NAME_BYTES = 128
_FIELDS = HistoryEntry.__struct_fields__


def write_history(history: tuple[HistoryEntry, ...]) -> str:
    """The history as a text; where it is too long, the oldest entries are left out."""
    fitting = tuple(map(_fit, history))
    for start in range(len(fitting)):
        text = msgspec.json.encode(list(map(astuple, fitting[start:]))).decode()
        if len(msgspec.json.encode(text)) <= _HISTORY_BYTES:
            return text
    return "[]"


def read_history(text: str) -> tuple[HistoryEntry, ...]:
    """The history that a text holds; what only a later release knows is left out."""
    found = []
    for values in msgspec.json.decode(text, type=list[list[Any]]):
        try:
            found.append(msgspec.convert(dict(zip(_FIELDS, values, strict=False)), HistoryEntry))
        except msgspec.ValidationError:
            continue
    return tuple(found)


def _fit(entry: HistoryEntry) -> HistoryEntry:
    version, code, request_id = (cut_bytes(text, _NAME_BYTES) for text in (entry.version, entry.code, entry.request_id))
    return replace(entry, version=version, code=code, request_id=request_id)

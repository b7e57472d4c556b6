"""Write the index as files that Elasticsearch loads: a mapping, and documents for its bulk API with their vectors.

Each chunk becomes one document with the chunk's id, so that a second load replaces what the first one wrote.
https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ops.backup import open_index
from ops.template import DeploymentError
from shared.domain.errors import PlatformError
from shared.runtime.retrying import Deadline
from shared.store.expressions import all_of, compile_filter, select_tenants

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ops.deployment import Deployment

# Bulk requests of some 10 MB are what Elasticsearch recommends to start with; it refuses more than 100 MB.
_FILE_BYTES: Final = 10_000_000
_MAX_SECONDS: Final = 86_400.0
# 32-bit floats have no more digits.
_DIGITS: Final = 8
# https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create
_INDEX_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,254}")
_INTEGERS: Final = ("ordinal", "start", "end", "page", "row")
_KEYWORDS: Final = ("document_id", "tenant", "bucket", "key", "format", "sheet")
# In Milvus these say that there is none.
_ABSENT: Final = {"page": 0, "row": 0, "sheet": "", "tenant": "", "context": ""}


class Exported(msgspec.Struct, frozen=True):
    """How much was written: chunks, and the bulk files that hold them."""

    chunks: int
    files: int


def export(deployment: Deployment, folder: Path, index: str, *, tenant: str = "", prefix: str = "") -> Exported:
    """Write ``mapping.json`` and ``bulk-00001.ndjson`` and so on to a new or empty folder.

    Args:
        index: name of the Elasticsearch index.
        tenant: only documents of this tenant; empty for all.
        prefix: only documents with keys that begin with this.

    Raises:
        DeploymentError: the settings, the name or the folder cannot be used, or Milvus cannot be read.
    """
    if not _INDEX_NAME.fullmatch(index):
        raise DeploymentError(f"{index!r} is no name of an index: use lower-case letters, digits, '-', '_' and '.'")
    store, space = open_index(deployment)
    condition = all_of(
        select_tenants(frozenset({tenant}) if tenant else None),
        compile_filter({"prefix": {"key": prefix}}) if prefix else "",
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DeploymentError(f"{folder} is not empty: name another folder")
        until = Deadline.after(_MAX_SECONDS)
        rows = store.chunks.read_rows(condition, until) if store.check(until) else iter(())
        (folder / "mapping.json").write_bytes(msgspec.json.format(msgspec.json.encode(make_mapping(space.dimension))))
        chunks, files = _write_files(folder, index, rows)
    except PlatformError as error:
        raise DeploymentError(f"the index cannot be read: {error.message} ({error.code})") from None
    except OSError as error:
        raise DeploymentError(f"{folder} cannot be written: {error.strerror}") from None
    return Exported(chunks, files)


def make_mapping(dimension: int) -> dict[str, Any]:
    """The body that creates the index; metadata is one flattened field because documents give it any types."""
    keyword, number = {"type": "keyword", "ignore_above": 8_191}, {"type": "long"}
    return {
        "mappings": {
            "dynamic": False,
            "properties": {
                "text": {"type": "text"},
                "context": {"type": "text"},
                "title": {"type": "text", "fields": {"keyword": keyword}},
                "headings": {"type": "text"},
                "columns": keyword,
                **dict.fromkeys(_KEYWORDS, keyword),
                **dict.fromkeys(_INTEGERS, number),
                "modified": {"type": "date", "format": "epoch_second"},
                "metadata": {"type": "flattened", "ignore_above": 8_191},
                "vector": {"type": "dense_vector", "dims": dimension, "index": True, "similarity": "cosine"},
            },
        }
    }


def make_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a chunk, without what it does not have."""
    fields = {name: row[name] for name in (*_KEYWORDS, *_INTEGERS, "text", "context", "title", "modified", "metadata")}
    document = {name: value for name, value in fields.items() if value != _ABSENT.get(name, None)}
    headings = row["headings"]
    names = {"headings": headings.get("titles"), "columns": headings.get("columns")}
    vector = [round(float(number), _DIGITS) for number in row["vector"]]
    return {**document, **{name: value for name, value in names.items() if value}, "vector": vector}


def _write_files(folder: Path, index: str, rows: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """Write the documents; how many there were, and in how many files."""
    chunks = files = 0
    for part in _split(_encode(index, rows)):
        files += 1
        with (folder / f"bulk-{files:05}.ndjson").open("xb") as file:
            for pair in part:
                file.write(pair)
                chunks += 1
    return chunks, files


def _encode(index: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The two lines of each document."""
    for row in rows:
        action = {"index": {"_index": index, "_id": row["id"]}}
        yield msgspec.json.encode(action) + b"\n" + msgspec.json.encode(make_document(row)) + b"\n"


def _split(pairs: Iterator[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    size = 0
    for pair in pairs:
        if part and size + len(pair) > _FILE_BYTES:
            yield part
            part, size = [], 0
        part.append(pair)
        size += len(pair)
    if part:
        yield part

"""How a reconcile grows with the number of documents: time and memory where nothing has changed.

A real Milvus with small vectors, and a made-up listing in OSS' protocol. Each size has collections of its own, and each
measurement a process of its own: its memory is compared with that before the reconcile.

    python -m benchmarks.scale --documents 10000 30000 100000
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import listing
from benchmarks.report import Figure, at_most, plain, report
from shared import parsing
from shared.domain.models import Chunk, Document, DocumentState, Location, ObjectKey
from shared.embedding.embedder import Embedder
from shared.ingestion.bucket import Bucket
from shared.ingestion.converging import Ingestion
from shared.runtime.retrying import Deadline
from shared.runtime.settings import (
    BucketSettings,
    DashScopeSettings,
    IngestionSettings,
    MilvusSettings,
    Secret,
)
from shared.store.fingerprints import ChunkPosition, compute_fingerprint
from shared.store.rows import ChunkRow
from shared.store.schema import Space
from shared.store.store import Store
from tests import milvus_server

_SIZES = (10_000, 30_000, 100_000)
_DIMENSION = 64
_MODEL = "text-embedding-v4"
_PORTION = 2_000
_SECONDS = 3_600.0
_MAX_MIB = 256.0
# Of the time for ten times the documents.
_MAX_GROWTH = 11.0
_MIB = 1 << 20


def make_store(uri: str, documents: int) -> Store:
    """The store for a number of documents."""
    settings = MilvusSettings(uri=uri, collection=f"scale_{documents}", timeout=60.0)
    return Store(settings, Space(_MODEL, _DIMENSION))


def fill(store: Store, documents: int) -> None:
    """Write records and chunks, one a document, as if all were indexed."""
    deadline = Deadline.after(_SECONDS)
    store.prepare(deadline)
    vector = (1.0,) + (0.0,) * (_DIMENSION - 1)
    for first in range(0, documents, _PORTION):
        rows, records = [], []
        for number in range(first, min(first + _PORTION, documents)):
            key = ObjectKey(listing.BUCKET, listing.name_document(number))
            chunk = Chunk(f"{number:032x}", key.document_id, 0, "content.", Location(0, 8))
            rows.append(ChunkRow(chunk, vector, key.bucket, key.key, "", "txt", listing.MODIFIED, row_digest="d"))
            fingerprint = compute_fingerprint([(chunk.id, ChunkPosition(0, 0, "d"))])
            records.append(_make_record(key, listing.make_etag(number), fingerprint))
        store.chunks.write(rows, deadline)
        store.registry.write(records, deadline)


def _make_record(key: ObjectKey, etag: str, fingerprint: str) -> Document:
    return Document(
        id=key.document_id,
        bucket=key.bucket,
        key=key.key,
        state=DocumentState.INDEXED,
        version=etag,
        indexed_version=etag,
        etag=etag,
        title="A title of some length",
        format="txt",
        size=9,
        modified=listing.MODIFIED,
        chunks=1,
        fingerprint=fingerprint,
        model=_MODEL,
        parser_revision=parsing.PARSER_REVISION,
        generation=1,
        updated=listing.MODIFIED,
    )


def measure(uri: str, endpoint: str, documents: int) -> dict[str, Any]:
    """Reconcile once, in this process."""
    oss = BucketSettings(
        bucket=listing.BUCKET, endpoint=endpoint, access_key_id="local", access_key_secret=Secret("local")
    )
    store = make_store(uri, documents)
    bucket = Bucket(oss)
    embedder = Embedder(DashScopeSettings(api_key=Secret("sk-local"), requested_dimension=_DIMENSION))
    ingestion = Ingestion(bucket, embedder, store, IngestionSettings())
    deadline = Deadline.after(_SECONDS)
    bucket.warm_up()
    store.check(deadline)
    rest = _read_memory()
    started = time.perf_counter()
    found = ingestion.reconcile(deadline)
    seconds = time.perf_counter() - started
    assert (found.listed, found.counts.stale, found.counts.orphaned) == (documents, 0, 0), found.counts
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "mib": max(0, peak - rest) / _MIB}


def _read_memory() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _measure_apart(uri: str, documents: int) -> dict[str, Any]:
    with listing.running(documents) as endpoint:
        command = [sys.executable, "-m", "benchmarks.scale", "--measure", uri, endpoint, str(documents)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory of a reconcile of unchanged documents.")
    parser.add_argument("--documents", type=int, nargs="+", default=list(_SIZES))
    parser.add_argument("--measure", nargs=3, metavar=("URI", "ENDPOINT", "DOCUMENTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        uri, endpoint, documents = options.measure
        print(json.dumps(measure(uri, endpoint, int(documents))))
        return
    console = Console(stderr=True)
    figures: list[Figure] = []
    seconds: dict[int, float] = {}
    with milvus_server.running(hurried=False) as uri:
        for documents in sorted(options.documents):
            console.print(f"writing {documents:,} documents")
            fill(make_store(uri, documents), documents)
            found = _measure_apart(uri, documents)
            seconds[documents] = found["seconds"]
            figures.append(plain(f"{documents:,} unchanged documents", found["seconds"], "s"))
            figures.append(at_most(f"{documents:,} documents, memory above rest", found["mib"], "MiB", _MAX_MIB))
    least, most = min(seconds), max(seconds)
    if least < most:
        growth = seconds[most] / seconds[least] * 10 * least / most
        figures.append(at_most("time for ten times the documents", growth, "times", _MAX_GROWTH))
    raise SystemExit(report("scale", figures))


if __name__ == "__main__":
    main()

"""A backfill by batch tasks against ordinary calls: what it costs, and whether the index is the same.

The same generated documents are indexed both ways, into two collections, by the code of ingest in this process.

    python -m benchmarks.backfill --documents 2000
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.documents import documents
from benchmarks.pipeline import lite, parts
from benchmarks.report import Figure, at_most, plain, report
from shared import parsing
from shared.domain.catalog import EMBEDDING_MODELS
from shared.domain.tenants import Tenancy
from shared.embedding.batch_tasks import BatchTasks
from shared.embedding.budget import Budget
from shared.ingestion.backfill_parts import BackfillParts
from shared.ingestion.backfilling import Backfill
from shared.ingestion.events import BackfillRequest
from shared.ingestion.locks import DocumentLocks
from shared.ingestion.pipeline import Pipeline
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings

if TYPE_CHECKING:
    from benchmarks.pipeline import Parts
    from shared.store.store import Store

_DOCUMENTS: Final = 2_000
_DIMENSION: Final = 128
_SECONDS: Final = 24 * 3_600.0
_POLL_SECONDS: Final = 0.2
_MODEL: Final = EMBEDDING_MODELS["text-embedding-v4"]
# Half, and a few texts of each task that are embedded both ways.
_MAX_SHARE: Final = 0.505
# Vectors are compared as Milvus keeps them: in single precision.
_DIGITS: Final = 6


def measure(bed: Parts, count: int) -> list[Figure]:
    """Index ``count`` documents both ways."""
    for name, content in documents(count).items():
        bed.put(name, content)
    ordinary, backfilled = bed.store("ordinary", _DIMENSION), bed.store("backfilled", _DIMENSION)
    began = time.perf_counter()
    bed.ingestion(ordinary, _DIMENSION).reconcile(Deadline.after(_SECONDS))
    seconds, tokens = time.perf_counter() - began, bed.usage()["tokens"]
    began = time.perf_counter()
    tasks = _backfill(bed, backfilled)
    usage = bed.usage()
    cost = _MODEL.batch_cost(usage["batch_tokens"]) + _MODEL.cost(usage["tokens"] - tokens)
    compared = _compare(ordinary, backfilled)
    return [
        at_most("cost of a backfill over that of ordinary calls", cost / _MODEL.cost(tokens), "", _MAX_SHARE),
        at_most("price of its tokens", _MODEL.batch_cost(usage["batch_tokens"]) / _MODEL.cost(tokens), "", 0.5),
        at_most("chunks and records that differ in the index", compared, "", 0),
        plain("documents", count, ""),
        plain("batch tasks", tasks, ""),
        plain("backfill: seconds", time.perf_counter() - began, "s"),
        plain("ordinary calls: seconds", seconds, "s"),
    ]


def _backfill(bed: Parts, store: Store) -> int:
    """Plan and collect everything; returns the number of tasks."""
    bucket, embedder, settings = bed.bucket(), bed.embedder(_DIMENSION), IngestionSettings()
    pipeline = Pipeline(bucket, embedder, store, settings, Tenancy(), parsing.parse_bounded, "benchmark")
    tasks = BatchTasks(bed.dashscope_settings(_DIMENSION))
    work = BackfillParts(pipeline, tasks, _MODEL, _DIMENSION, Budget(0), DocumentLocks())
    backfill = Backfill(work, bed.ingestion(store, _DIMENSION))
    after, created = "", 0
    while True:
        planned = backfill.act(BackfillRequest("plan", after=after, seconds=600), Deadline.after(_SECONDS))
        created, after = planned.waiting, planned.after
        if planned.is_done:
            break
    while backfill.act(BackfillRequest("collect"), Deadline.after(_SECONDS)).waiting:
        time.sleep(_POLL_SECONDS)
    return created


def _compare(one: Store, other: Store) -> int:
    """The number of chunks and records that differ."""
    first, second = _read(one), _read(other)
    return sum(first.get(id_) != second.get(id_) for id_ in first.keys() | second.keys())


def _read(store: Store) -> dict[str, object]:
    deadline = Deadline.after(_SECONDS)
    found: dict[str, object] = {}
    for record in store.registry.read_all("", deadline):
        found[record.id] = (record.state, record.version, record.chunks, record.fingerprint)
        places = dict(store.chunks.read_positions(record.id, deadline))
        vectors = store.chunks.read_vectors(list(places), deadline)
        found |= {
            id_: (place, tuple(round(number, _DIGITS) for number in vectors[id_])) for id_, place in places.items()
        }
    return found


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backfill", description=__doc__)
    parser.add_argument("--documents", type=int, default=_DOCUMENTS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with lite(folder) as milvus, parts(folder, milvus) as bed:
            return report("backfill", measure(bed, asked.documents))


if __name__ == "__main__":
    sys.exit(main())

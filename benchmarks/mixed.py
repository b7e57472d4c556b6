"""How long a search takes while ingestion uses up DashScope's quota: the whole stack, with the deployed settings.

The emulator enforces the documented quota and takes 100 ms for each call. Documents for longer than the measurement are
put into the bucket at once; when ingestion is past its slow start, clients ask queries that no cache knows.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from benchmarks.chunks import make_chunks
from benchmarks.documents import questions
from benchmarks.pipeline import fill
from benchmarks.report import Figure, at_least, at_most, plain
from benchmarks.search import Client
from benchmarks.testbed import MeasurementError, Testbed, testbed
from shared.domain.catalog import EMBEDDING_MODELS
from shared.runtime.retrying import Deadline
from shared.runtime.settings import MilvusSettings
from shared.store.schema import Space
from shared.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODEL: Final = EMBEDDING_MODELS["text-embedding-v4"]
_LATENCY: Final = 0.1
_CHUNKS: Final = 1_000
_TOKENS_PER_CHUNK: Final = 300
_CHUNKS_PER_FILE: Final = 50
_WARM_UP_SECONDS: Final = 10
_CLIENTS: Final = 3
_QUERIES_PER_SECOND: Final = 2.0  # of each client
_PREPARE_SECONDS: Final = 120


def measure(seconds: float) -> list[Figure]:
    """Search for so many seconds while ingestion saturates the quota."""
    tokens_per_second = _MODEL.tokens_per_minute / 60
    needed = (seconds + 3 * _WARM_UP_SECONDS) * tokens_per_second / _TOKENS_PER_CHUNK
    with testbed(_LATENCY, quota=True) as bed:
        _fill(bed)
        alone = _ask(bed, seconds / 3)
        bed.drop(_make_files(int(needed)))
        time.sleep(_WARM_UP_SECONDS)
        before, started = bed.usage(), time.monotonic()
        beside = _ask(bed, seconds)
        after, elapsed = bed.usage(), time.monotonic() - started
    share = (after["tokens"] - before["tokens"]) / elapsed / tokens_per_second
    calls = after["calls"] - before["calls"]
    refused = sum(after["rejected"].values()) - sum(before["rejected"].values())
    return [
        at_most("search while ingestion uses up the quota: p99", _p99(beside), "ms", 1_000),
        plain("search while ingestion uses up the quota: p50", median(beside), "ms"),
        plain("search alone under the quota: p99", _p99(alone), "ms"),
        at_least("search and ingestion: share of the ceiling", share, "", 0.9),
        at_most("search and ingestion: rejected calls", 100 * refused / max(1, calls + refused), "%", 5),
        plain("searches measured", len(beside), "queries"),
    ]


def _fill(bed: Testbed) -> None:
    environ = bed.stack.environ
    dimension = int(environ["EMBEDDING_DIMENSION"])
    store = Store(MilvusSettings(uri=environ["MILVUS_URI"], timeout=60.0), Space(_MODEL.name, dimension))
    store.prepare(Deadline.after(_PREPARE_SECONDS))
    fill(store, questions(), _CHUNKS, dimension)
    _wait_for_answers(bed)


def _wait_for_answers(bed: Testbed) -> None:
    """Wait until a search is answered: Milvus Lite is busy for some seconds after so many rows were written."""
    ends = time.monotonic() + _PREPARE_SECONDS
    while True:
        try:
            _ask(bed, 1 / _QUERIES_PER_SECOND)
        except MeasurementError:
            if time.monotonic() > ends:
                raise
        else:
            return


def _make_files(chunks: int) -> dict[str, bytes]:
    texts = make_chunks(chunks, _TOKENS_PER_CHUNK)
    parts = [texts[start : start + _CHUNKS_PER_FILE] for start in range(0, len(texts), _CHUNKS_PER_FILE)]
    return {f"mixed-{number:05}.txt": "\n\n".join(part).encode() for number, part in enumerate(parts)}


def _ask(bed: Testbed, seconds: float) -> list[float]:
    """Milliseconds of each search, asked by several clients at an even pace."""
    port, ends, asked, lock = (
        int(bed.function("search")["port"]),
        time.monotonic() + seconds,
        questions(),
        threading.Lock(),
    )

    def next_query() -> str:
        with lock:
            return f"{next(asked)} {time.monotonic_ns()}"

    def ask(number: int) -> Iterator[float]:
        time.sleep(number / _CLIENTS / _QUERIES_PER_SECOND)
        with closing(Client(port, "hybrid")) as client:
            while (now := time.monotonic()) < ends:
                yield client.ask(next_query()).total
                time.sleep(max(0.0, now + 1 / _QUERIES_PER_SECOND - time.monotonic()))

    with ThreadPoolExecutor(_CLIENTS) as pool:
        return [took for times in pool.map(lambda number: list(ask(number)), range(_CLIENTS)) for took in times]


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98]

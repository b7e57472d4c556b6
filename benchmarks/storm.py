"""A storm of refusals: DashScope throttles every call for a while, with each of its codes, as many documents arrive."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.documents import questions
from shared import parsing
from shared.domain.errors import TransientError
from shared.ingestion import chunking
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.pipeline import Parts

_DIMENSION: Final = 64
_SENTENCES: Final = 20
_CONCURRENCY: Final = 20
_CALM_SECONDS: Final = 2.0
_STORM_SECONDS: Final = 15.0
# What a function has for one event; what is left over comes again.
_EVENT_SECONDS: Final = 10.0
_REDELIVERY_SECONDS: Final = 1.0
_CHECK_SECONDS: Final = 600
# Every call is struck, by one code as often as by another.
_CODES: Final = ("Throttling.RateQuota", "Throttling.AllocationQuota", "Throttling.BurstRate")
_STORM: Final[list[dict[str, Any]]] = [
    {"fault": "status", "code": code, "probability": 1 / (len(_CODES) - place), "seed": place}
    for place, code in enumerate(_CODES)
]


@dataclass(frozen=True)
class Weathered:
    """What was left when the storm was over.

    Attributes:
        exact: documents with exactly the chunks of their text in the index, by a reconcile's comparison.
        billed: rows billed.
        needed: chunks there are, counted apart from the ingestion.
        refused: calls refused, by code.
        redelivered: events that failed and came again.
    """

    documents: int
    exact: int
    billed: int
    needed: int
    refused: dict[str, int]
    redelivered: int
    seconds: float


def weathered(parts: Parts, documents: int, progress: Callable[[int], None]) -> Weathered:
    """Ingest ``documents`` at once while the storm blows, and look at the index at rest."""
    sentences = questions()
    names = [f"storm-{number:04}.txt" for number in range(documents)]
    for name in names:
        parts.put(name, "\n\n".join(next(sentences) for _ in range(_SENTENCES)).encode())
    ingestion = parts.ingestion(parts.store("storm", _DIMENSION), _DIMENSION)
    bucket = parts.bucket()
    before, lock, done, again = parts.usage(), threading.Lock(), [0], [0]

    def deliver(name: str) -> None:
        while True:
            try:
                ingestion.converge(bucket.key(name), Deadline.after(_EVENT_SECONDS))
            except TransientError:
                with lock:
                    again[0] += 1
                time.sleep(_REDELIVERY_SECONDS)
            else:
                with lock:
                    done[0] += 1
                    progress(done[0])
                return

    started = time.perf_counter()
    with _blowing(parts), ThreadPoolExecutor(_CONCURRENCY) as pool:
        list(pool.map(deliver, names))
    seconds = time.perf_counter() - started
    usage = parts.usage()
    found = ingestion.reconcile(Deadline.after(_CHECK_SECONDS), dry_run=True)
    wrong = {*found.stale, *found.orphaned} & set(names)
    needed = sum(_count_chunks(parts.folder / name) for name in names)
    return Weathered(
        documents=documents,
        exact=documents - len(wrong),
        billed=usage["rows"] - before["rows"],
        needed=needed,
        refused=usage["rejected"],
        redelivered=again[0],
        seconds=seconds,
    )


@contextmanager
def _blowing(parts: Parts) -> Iterator[None]:
    """The storm begins a little later and ends by itself."""

    def blow() -> None:
        time.sleep(_CALM_SECONDS)
        parts.strike(_STORM)
        time.sleep(_STORM_SECONDS)
        parts.strike([])

    blowing = threading.Thread(target=blow)
    blowing.start()
    try:
        yield
    finally:
        blowing.join()


def _count_chunks(path: Path) -> int:
    parsed = parsing.parse(path, path.name)
    return sum(1 for _ in chunking.chunk(parsed.blocks, "document", "profile", IngestionSettings().chunk_tokens))

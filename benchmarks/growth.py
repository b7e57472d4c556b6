"""How much longer a document takes into a large index than into a small one.

Both indexes stand on the same Milvus and are asked in turns, so that what else the machine does slows both alike.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.documents import questions
from benchmarks.pipeline import Parts, fill
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.ingestion.converging import Ingestion

_DIMENSION: Final = 256
_SENTENCES: Final = 120
_WARM_UP: Final = 3
_PATIENCE_SECONDS: Final = 300
# A server goes on building its index after the last row.
_SETTLE_SECONDS: Final = 15


@dataclass(frozen=True)
class Growth:
    """Seconds a document took, medians, into the small index and into the large one.

    Attributes:
        new: of documents never seen before.
        edited: of the same documents with one sentence more.
    """

    new: tuple[float, float]
    edited: tuple[float, float]

    @property
    def new_ratio(self) -> float:
        """Large to small."""
        return self.new[1] / self.new[0]

    @property
    def edited_ratio(self) -> float:
        """Large to small."""
        return self.edited[1] / self.edited[0]


def growth(parts: Parts, small: int, large: int, documents: int, say: Callable[[str], None]) -> Growth:
    """Measure ``documents`` of some twenty chunks each, over indexes of so many chunks."""
    sentences = questions()
    ingestions = []
    for rows in (small, large):
        say(f"filling an index with {rows:,} chunks")
        store = parts.store(f"growth_{rows}", _DIMENSION)
        fill(store, sentences, rows, _DIMENSION)
        ingestions.append(parts.ingestion(store, _DIMENSION))
    time.sleep(_SETTLE_SECONDS)
    say(f"{documents} documents into each in turns")
    rounds = [_round(parts, number, sentences, ingestions) for number in range(-_WARM_UP, documents)][_WARM_UP:]
    new, edited = zip(*rounds, strict=True)
    return Growth(_medians(new), _medians(edited))


def _round(
    parts: Parts, number: int, sentences: Iterator[str], ingestions: list[Ingestion]
) -> tuple[tuple[float, float], tuple[float, float]]:
    key = f"document-{number}.txt"
    text = [next(sentences) for _ in range(_SENTENCES)]
    halves = text[: _SENTENCES // 2], text[_SENTENCES // 2 :]
    new = _times(parts, key, text, ingestions, number)
    edited = _times(parts, key, [*halves[0], next(sentences), *halves[1]], ingestions, number)
    return new, edited


def _times(parts: Parts, key: str, text: list[str], ingestions: list[Ingestion], number: int) -> tuple[float, float]:
    parts.put(key, "\n\n".join(text).encode())
    seconds = [0.0, 0.0]
    for place in (0, 1) if number % 2 else (1, 0):
        started = time.perf_counter()
        ingestions[place].converge(parts.bucket().key(key), Deadline.after(_PATIENCE_SECONDS))
        seconds[place] = time.perf_counter() - started
    return seconds[0], seconds[1]


def _medians(rounds: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    return median(small for small, _ in rounds), median(large for _, large in rounds)

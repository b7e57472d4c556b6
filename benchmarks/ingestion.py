"""How long 200 documents take from the bucket into the index, against the waiting for DashScope that nobody can avoid.

Run as ``python -m benchmarks.ingestion``. Every round has a fresh stack, and its documents appear in the bucket at
once. The yardstick is the pure waiting time of the same calls: calls x latency / documents that one instance of ingest
handles at once. What the stack needs to notice files, to load a parser first used and to index passages counts as ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.documents import documents
from benchmarks.report import Figure, at_most, report
from benchmarks.testbed import testbed
from local.stack import PROJECT
from ops import deployment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DOCUMENTS: Final = 200
_LATENCY: Final = 0.15
_ROUNDS: Final = 3
_MOST_RATIO: Final = 1.3
_COLUMNS: Final = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


@dataclass(frozen=True)
class Round:
    """What one round measured.

    Attributes:
        seconds: from the drop until every document was indexed.
        waiting: seconds of pure waiting for the same calls.
        most_calls_at_once: at the DashScope stand-in.
        cpu: seconds of CPU time by part of the stack.
    """

    seconds: float
    waiting: float
    passages: int
    calls: int
    most_calls_at_once: int
    cpu: Mapping[str, float]

    @property
    def ratio(self) -> float:
        """How many times the pure waiting it took."""
        return self.seconds / self.waiting


def main() -> None:
    """Measure each round, report the medians."""
    files = documents(_DOCUMENTS)
    at_once = deployment.load(PROJECT / "s.yaml", {}).functions["ingest"].instance_concurrency
    with Progress(*_COLUMNS, console=Console(stderr=True)) as progress:
        rounds = [_round(files, at_once, progress, f"round {number + 1}") for number in range(_ROUNDS)]
    report("ingestion", _figures(rounds))


def _round(files: Mapping[str, bytes], at_once: int, progress: Progress, name: str) -> Round:
    task = progress.add_task(f"{name}: documents indexed", total=len(files))
    with testbed(_LATENCY) as bed:
        before = bed.cpu_seconds()
        started = bed.drop(files)
        ended = bed.await_indexed(len(files), lambda done: progress.update(task, completed=done))
        after = bed.cpu_seconds()
        usage = bed.usage()
        passages = sum(document["chunks"] for document in bed.documents())
    return Round(
        seconds=ended - started,
        waiting=usage["calls"] * _LATENCY / at_once,
        passages=passages,
        calls=usage["calls"],
        most_calls_at_once=usage["max_concurrent"],
        cpu={part: after[part] - before[part] for part in after},
    )


def _figures(rounds: Sequence[Round]) -> list[Figure]:
    seconds = median(each.seconds for each in rounds)
    last = rounds[-1]
    plain = [
        ("time until all are indexed", seconds, "s"),
        ("pure waiting for DashScope", median(each.waiting for each in rounds), "s"),
        ("documents per second", _DOCUMENTS / seconds, "1/s"),
        ("passages", last.passages, ""),
        ("calls of DashScope", last.calls, ""),
        ("most calls at once", max(each.most_calls_at_once for each in rounds), ""),
        *((f"CPU time of {part}", median(each.cpu[part] for each in rounds), "s") for part in last.cpu),
    ]
    ratio = at_most("time against pure waiting", median(each.ratio for each in rounds), "x", _MOST_RATIO)
    return [ratio, *(Figure(name, value, unit, "", held=True) for name, value, unit in plain)]


if __name__ == "__main__":
    main()

"""How long documents take from the bucket into the index, what an edit costs, and what growth and refusals change.

Run as ``python -m benchmarks.ingestion``, or with the names of some parts only:

``burst``   200 documents at once, in a fresh stack each round, against the pure waiting time of the same calls: calls x
            latency / documents that one instance of ingest handles at once. What the stack needs to warning files, to
            load a parser first used and to index chunks counts as ours.
``edits``   One sentence inserted into a document of 500 chunks: the share embedded again, ours and two peers'.
``growth``  Time of a document into 100,000 chunks against 1,000 on a real Milvus 2.3.5; into 20,000 on Milvus Lite.
``storm``   1,000 documents while every call of DashScope is refused for a while.
``large``   A text file of 1 GB (``--megabytes`` for another size) in one process, by its peak memory, over as many
            deadlines as it takes. It takes long and runs only when named.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import peers
from benchmarks.documents import documents
from benchmarks.edits import bill, edits
from benchmarks.growth import growth
from benchmarks.large import ingested
from benchmarks.pipeline import Parts, lite, parts
from benchmarks.report import Figure, at_least, at_most, plain, report
from benchmarks.storm import weathered
from benchmarks.testbed import testbed
from local.stack import PROJECT
from ops import deployment
from shared.runtime.settings import IngestionSettings
from tests import milvus_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Part = Callable[[argparse.Namespace], list[Figure]]

_DOCUMENTS: Final = 200
_LATENCY: Final = 0.15
_ROUNDS: Final = 3
_MOST_RATIO: Final = 1.3
_CHUNKS: Final = 500
_PLACES: Final = 25
_MOST_AGAIN, _MOST_AGAIN_WORST = 0.5, 3.0
_SMALL, _LARGE, _LARGE_ON_LITE = 1_000, 100_000, 20_000
_INTO_EACH: Final = 15
_MOST_GROWTH: Final = 1.2
_KEYS: Final = 1_000
_ROWS_PER_CALL: Final = 10
_MEGABYTE: Final = 1_000_000
_INSTANCE_MIB: Final = 512
_DEADLINE: Final = 600.0
_COLUMNS: Final = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


@dataclass(frozen=True)
class Round:
    """What one round measured.

    Attributes:
        seconds: from the drop until every document was indexed.
        waiting: seconds of pure waiting for the same calls.
        most_calls_at_once: at the DashScope emulator.
        cpu: seconds of CPU time by part of the stack.
    """

    seconds: float
    waiting: float
    chunks: int
    calls: int
    most_calls_at_once: int
    cpu: Mapping[str, float]

    @property
    def ratio(self) -> float:
        """How many times the pure waiting it took."""
        return self.seconds / self.waiting


def main() -> int:
    """Measure the parts that are asked for, and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingestion", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="what to measure; all but large, if none is named")
    parser.add_argument("--megabytes", type=int, default=1_000, help="size of the large file")
    parser.add_argument("--deadline", type=float, default=_DEADLINE, help="seconds of each of its invocations")
    options = parser.parse_args()
    chosen = options.parts or [name for name in _PARTS if name != "large"]
    if unknown := set(chosen) - _PARTS.keys():
        parser.error(f"{', '.join(sorted(unknown))}: the parts are {', '.join(_PARTS)}")
    figures: list[Figure] = []
    for name in chosen:
        figures += _PARTS[name](options)
    return report("ingestion", figures)


def _burst(_: argparse.Namespace) -> list[Figure]:
    files = documents(_DOCUMENTS)
    at_once = deployment.load(PROJECT / "s.yaml", {}).functions["ingest"].instance_concurrency
    with Progress(*_COLUMNS, console=Console(stderr=True)) as progress:
        rounds = [_round(files, at_once, progress, f"round {number + 1}") for number in range(_ROUNDS)]
    return _figures(rounds)


def _edits(_: argparse.Namespace) -> list[Figure]:
    python = str(peers.installed())
    asked = edits(_CHUNKS, _PLACES, IngestionSettings().chunk_tokens)
    _say(f"one sentence at each of {_PLACES} places, ours")
    ours = bill("ours", asked)
    figures = [
        plain("edited document: chunks", ours.chunks, ""),
        at_most("one sentence inserted: embedded again, mean", ours.mean * 100, "%", _MOST_AGAIN),
        at_most("one sentence inserted: embedded again, worst", ours.worst * 100, "%", _MOST_AGAIN_WORST),
    ]
    for name in ("langchain", "llama-index"):
        _say(f"one sentence at each of {_PLACES} places, {name}")
        theirs = bill(name, asked, python)
        figures += [
            plain(f"{name}: chunks", theirs.chunks, ""),
            plain(f"{name}: embedded again, mean", theirs.mean * 100, "%"),
            plain(f"{name}: embedded again, worst", theirs.worst * 100, "%"),
        ]
    return figures


def _growth(_: argparse.Namespace) -> list[Figure]:
    with _server() as running:
        on_server = growth(running, _SMALL, _LARGE, _INTO_EACH, _say)
    with _lite() as running:
        on_lite = growth(running, _SMALL, _LARGE_ON_LITE, _INTO_EACH, _say)
    figures = []
    for where, found, large in (("Milvus 2.3.5", on_server, _LARGE), ("Milvus Lite", on_lite, _LARGE_ON_LITE)):
        ratios = (("new", found.new, found.new_ratio), ("edited", found.edited, found.edited_ratio))
        for kind, (few, many), ratio in ratios:
            name = f"{where}, {kind} document into {large:,} chunks"
            over = f"{name} over {_SMALL:,}"
            promised = found is on_server
            figures += [
                at_most(over, ratio, "x", _MOST_GROWTH) if promised else plain(over, ratio, "x"),
                plain(f"{where}, {kind} document into {_SMALL:,} chunks", few * 1000, "ms"),
                plain(name, many * 1000, "ms"),
            ]
    return figures


def _storm(_: argparse.Namespace) -> list[Figure]:
    with _server() as running, Progress(*_COLUMNS, console=Console(stderr=True)) as progress:
        task = progress.add_task("storm: documents indexed", total=_KEYS)
        found = weathered(running, _KEYS, lambda done: progress.update(task, completed=done))
    refused = sum(found.refused.values())
    bound = found.needed + refused * _ROWS_PER_CALL
    return [
        at_least("storm: documents exact at rest", found.exact, f"of {_KEYS}", _KEYS),
        at_most("storm: rows billed", found.billed, f"rows, {found.needed} needed", bound),
        plain("storm: rows billed / needed", found.billed / found.needed, "x"),
        *(plain(f"storm: calls refused with {code}", count, "calls") for code, count in found.refused.items()),
        plain("storm: events that came again", found.redelivered, ""),
        plain("storm: time until all are indexed", found.seconds, "s"),
    ]


def _large(options: argparse.Namespace) -> list[Figure]:
    with _server() as running:
        found = ingested(running, options.megabytes * _MEGABYTE, options.deadline, _say)
    last = found.laps[-1]
    name = f"file of {options.megabytes:,} MB"
    return [
        at_least(f"{name}: ingested", float(last.done), "", 1),
        at_most(f"{name}: peak memory of the instance", last.peak / 2**20, "MiB", _INSTANCE_MIB),
        at_most(f"{name}: rows billed / chunks", found.billed[-1] / max(1, last.chunks), "x", 1),
        at_most(f"{name}: most seconds after a deadline", max(lap.overtime for lap in found.laps), "s", 0),
        plain(f"{name}: invocations of {options.deadline:g} s", len(found.laps), ""),
        plain(f"{name}: chunks", last.chunks, ""),
        plain(f"{name}: time", sum(lap.seconds for lap in found.laps), "s"),
    ]


_PARTS: Final[dict[str, Part]] = {
    "burst": _burst,
    "edits": _edits,
    "growth": _growth,
    "storm": _storm,
    "large": _large,
}


@contextmanager
def _server() -> Iterator[Parts]:
    """Emulators beside a real Milvus server that holds nothing."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        milvus_server.running() as milvus,
        parts(Path(folder), milvus) as running,
    ):
        yield running


@contextmanager
def _lite() -> Iterator[Parts]:
    """The same beside Milvus Lite."""
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
        lite(Path(folder)) as milvus,
        parts(Path(folder), milvus) as running,
    ):
        yield running


def _say(what: str) -> None:
    Console(stderr=True).print(what)


def _round(files: Mapping[str, bytes], at_once: int, progress: Progress, name: str) -> Round:
    task = progress.add_task(f"{name}: documents indexed", total=len(files))
    with testbed(_LATENCY) as bed:
        before = bed.cpu_seconds()
        started = bed.drop(files)
        ended = bed.await_indexed(len(files), lambda done: progress.update(task, completed=done))
        after = bed.cpu_seconds()
        usage = bed.usage()
        chunks = sum(document["chunks"] for document in bed.documents())
    return Round(
        seconds=ended - started,
        waiting=usage["calls"] * _LATENCY / at_once,
        chunks=chunks,
        calls=usage["calls"],
        most_calls_at_once=usage["max_concurrent"],
        cpu={part: after[part] - before[part] for part in after},
    )


def _figures(rounds: Sequence[Round]) -> list[Figure]:
    seconds = median(each.seconds for each in rounds)
    last = rounds[-1]
    measured = [
        ("time until all are indexed", seconds, "s"),
        ("pure waiting for DashScope", median(each.waiting for each in rounds), "s"),
        ("documents per second", _DOCUMENTS / seconds, "1/s"),
        ("chunks", last.chunks, ""),
        ("calls of DashScope", last.calls, ""),
        ("most calls at once", max(each.most_calls_at_once for each in rounds), ""),
        *((f"CPU time of {part}", median(each.cpu[part] for each in rounds), "s") for part in last.cpu),
    ]
    ratio = at_most("time against pure waiting", median(each.ratio for each in rounds), "x", _MOST_RATIO)
    return [ratio, *(plain(name, value, unit) for name, value, unit in measured)]


if __name__ == "__main__":
    sys.exit(main())

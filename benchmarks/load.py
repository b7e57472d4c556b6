"""Sixteen clients for a minute against embed and against search: nothing fails, and memory stays what it was.

Run as ``python -m benchmarks.load``; SECONDS says how long. Every text is new, so that no cache answers. Requests go to
the functions' own ports. Memory is the resident memory of a function's processes, looked at ten times a second.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from rich.console import Console

from benchmarks.documents import documents, questions
from benchmarks.report import Figure, at_most, plain, report
from benchmarks.testbed import testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.testbed import Testbed

_CLIENTS: Final = 16
_DOCUMENTS: Final = 50
_LATENCY: Final = 0.02
_LOOK_SECONDS: Final = 0.1
_WARM_UP_SECONDS: Final = 5.0
_MOST_GROWTH_PERCENT: Final = 5.0
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Run:
    """What sixteen clients saw of one function.

    Attributes:
        milliseconds: of every request that succeeded.
        resident: MB, over time.
    """

    milliseconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def tenth(self, which: int) -> float:
        """The median memory in one tenth of the time, counted from 1."""
        size = len(self.resident) // 10
        return median(self.resident[(which - 1) * size : which * size])


def _load(bed: Testbed, function: str, path: str, bodies: Iterator[dict[str, object]], seconds: float) -> Run:
    run, state = Run(), bed.function(function)
    lock, ends = threading.Lock(), time.monotonic() + seconds
    taken = threading.Lock()

    def client() -> None:
        connection = HTTPConnection("127.0.0.1", state["port"], timeout=60)
        while time.monotonic() < ends:
            with taken:
                body = json.dumps(next(bodies))
            started = time.perf_counter()
            try:
                connection.request("POST", path, body)
                answer = connection.getresponse()
                content = answer.read()
                wrong = "" if answer.status == 200 else f"{answer.status} {content[:200]!r}"
            except (OSError, HTTPException) as error:
                wrong = repr(error)
                connection.close()
            with lock:
                if wrong:
                    run.errors.append(wrong)
                else:
                    run.milliseconds.append((time.perf_counter() - started) * 1000)
        connection.close()

    began = time.monotonic()
    clients = [threading.Thread(target=client) for _ in range(_CLIENTS)]
    for each in clients:
        each.start()
    while any(each.is_alive() for each in clients):
        run.resident.append(_resident(state["pid"]))
        time.sleep(_LOOK_SECONDS)
    run.seconds = time.monotonic() - began
    return run


def _resident(leader: int) -> float:
    """MB that a process and its children hold."""
    pages = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            session = int(stat.read_text().rpartition(")")[2].split()[3])
            if session == leader:
                pages += int((stat.parent / "statm").read_text().split()[1])
        except OSError:
            continue  # it ended meanwhile
    return pages * _PAGE / 1e6


def _figures(name: str, run: Run) -> list[Figure]:
    ordered = sorted(run.milliseconds)
    before, after = run.tenth(2), run.tenth(10)
    return [
        at_most(f"{name}: errors", len(run.errors), "", 0),
        plain(f"{name}: requests a second", len(ordered) / run.seconds, "1/s"),
        plain(f"{name}: time of a request, p50", median(ordered), "ms"),
        plain(f"{name}: time of a request, p99", ordered[int(len(ordered) * 0.99)], "ms"),
        plain(f"{name}: memory in the second tenth", before, "MB"),
        plain(f"{name}: memory in the last tenth", after, "MB"),
        at_most(
            f"{name}: growth from the second tenth to the last", (after / before - 1) * 100, "%", _MOST_GROWTH_PERCENT
        ),
    ]


def _measure(bed: Testbed, seconds: float, say: Callable[[str], None]) -> Iterator[Figure]:
    asked = itertools.count()
    texts: Iterator[dict[str, object]] = ({"texts": [f"load {i}, text {j}" for j in range(3)]} for i in asked)
    queries: Iterator[dict[str, object]] = ({"query": question} for question in questions())
    for function, path, bodies in (("embed", "/embed", texts), ("search", "/search", queries)):
        _load(bed, function, path, bodies, _WARM_UP_SECONDS)
        run = _load(bed, function, path, bodies, seconds)
        for error in run.errors[:5]:
            say(error)
        yield from _figures(function, run)


def main() -> int:
    """Measure, and print the report."""
    console = Console(stderr=True)
    seconds = float(os.environ.get("SECONDS") or 60)
    with testbed(_LATENCY) as bed:
        files = documents(_DOCUMENTS)
        with console.status(f"Indexing {len(files)} documents ..."):
            bed.drop(files)
            bed.await_indexed(len(files), lambda _: None)
        with console.status(f"{_CLIENTS} clients for {seconds:g} s, twice ..."):
            figures = list(_measure(bed, seconds, console.print))
    return report("load", figures)


if __name__ == "__main__":
    sys.exit(main())

"""What the search function adds to its own calls of DashScope and Milvus, and how many clients one instance serves.

Run as ``python -m benchmarks.search``, over 1,000 and 20,000 chunks on Milvus Lite and, by vectors alone, 100,000 on
a real Milvus 2.3.5. Chunks are written in bulk, as their number is what counts. Questions go to the function's own
port, past the gateway; each is new, so that no cache answers for DashScope.

An answer says how long its stages took. What the function added is the rest of the time at the client, HTTP and the
fusion of both sides included: the total less its remote calls, of which both sides run at once and the longer counts.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from pymilvus import MilvusClient
from rich.console import Console

from benchmarks.documents import questions
from benchmarks.pipeline import fill
from benchmarks.report import Figure, at_least, at_most, plain, report
from benchmarks.testbed import MeasurementError, Testbed, testbed
from shared.runtime.retrying import Deadline
from shared.runtime.settings import MilvusSettings
from shared.store.schema import Space
from shared.store.store import Store
from tests import milvus_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_LATENCY: Final = 0.15
_WARM_UP: Final = 20
_CLIENTS: Final = 16
_THROUGHPUT_SECONDS: Final = 6.0
_ROUNDS: Final = 3
_MOST_ADDED_MS, _MOST_ADDED_P99_MS = 5.0, 15.0
_LEAST_SPEEDUP: Final = 8.0
_DENSE_SIDE: Final = ("embedding", "dense")
_WORD_SIDE: Final = ("keyword",)
_PREPARE_SECONDS: Final = 120
_INDEX_SECONDS: Final = 600


@dataclass(frozen=True)
class Scene:
    """What is searched.

    Attributes:
        server: on a real Milvus server instead of Lite.
        requests: questions of the one client.
        settle: seconds until Milvus Lite has done with what was written; of a server, how long it must have nothing to
            index, as it merges what it has indexed a minute later and indexes it once more.
    """

    name: str
    chunks: int
    mode: str
    server: bool
    requests: int
    settle: float


_SCENES: Final = (
    Scene("1,000 chunks, Lite", 1_000, "hybrid", server=False, requests=400, settle=3),
    Scene("20,000 chunks, Lite", 20_000, "hybrid", server=False, requests=200, settle=10),
    Scene("100,000 chunks, Milvus 2.3.5", 100_000, "dense", server=True, requests=400, settle=90),
)


@dataclass(frozen=True)
class Answered:
    """One question's times, in milliseconds.

    Attributes:
        total: at the client, from the first byte sent to the last one read.
        stages: as the answer tells them.
    """

    total: float
    stages: dict[str, float]

    @property
    def added(self) -> float:
        """What the function added to its remote calls: meaning and words are searched side by side."""
        return self.total - max(self._sum(*_DENSE_SIDE), self._sum(*_WORD_SIDE))

    def _sum(self, *stages: str) -> float:
        return sum(self.stages.get(stage, 0.0) for stage in stages)


class Client:
    """One client with one kept connection; plain, so that little of its own time is measured."""

    def __init__(self, port: int, mode: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._mode = mode

    def ask(self, question: str) -> Answered:
        """Put one question.

        Raises:
            MeasurementError: it was not answered, or without hits.
        """
        body = json.dumps({"query": question, "mode": self._mode}).encode()
        started = time.perf_counter()
        self._connection.request("POST", "/search", body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        content = response.read()
        total = (time.perf_counter() - started) * 1000
        answer = json.loads(content)
        if response.status != 200 or not answer["hits"]:
            raise MeasurementError(f"{question!r} was answered with {response.status}: {content[:300]!r}")
        return Answered(total, answer["milliseconds"])

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


def main() -> int:
    """Measure each scene and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description="Time of searches of our own.")
    parser.add_argument(
        "--chunks", type=int, nargs="*", choices=[scene.chunks for scene in _SCENES], help="only scenes of so many"
    )
    chosen = parser.parse_args().chunks
    scenes = [scene for scene in _SCENES if not chosen or scene.chunks in chosen]
    console = Console(stderr=True)
    with console.status("Starting ...") as status:
        figures = [figure for scene in scenes for figure in _measured(scene, status.update)]
    return report("search", figures)


def _measured(scene: Scene, say: Callable[[str], None]) -> list[Figure]:
    """One client without latency, then one and many with it."""
    asked = questions()
    with ExitStack() as stack:
        say(f"{scene.name}: starting the stack ...")
        settings = {"MILVUS_URI": stack.enter_context(milvus_server.running(hurried=False))} if scene.server else {}
        bed = stack.enter_context(testbed(0, environ=settings))
        say(f"{scene.name}: writing them ...")
        _fill(bed, scene)
        port = int(bed.function("search")["port"])
        say(f"{scene.name}: one client, no latency ...")
        _ask_all(port, scene.mode, itertools.islice(asked, _WARM_UP))
        answers = _ask_all(port, scene.mode, itertools.islice(asked, scene.requests))
        bed.set_latency(_LATENCY)
        rounds = []
        for number in range(_ROUNDS):
            say(f"{scene.name}: one client and {_CLIENTS}, round {number + 1} of {_ROUNDS} ...")
            one, many = (_throughput(port, scene.mode, clients, asked) for clients in (1, _CLIENTS))
            rounds.append((one, many))
        memory = bed.memory("search") / 2**20
    figures = [*_added(answers), *_scaling(rounds, promised=scene.server), plain("memory", memory, "MiB")]
    return [Figure(f"{scene.name}: {f.name}", f.value, f.unit, f.target, f.held) for f in figures]


def _fill(bed: Testbed, scene: Scene) -> None:
    environ = bed.stack.environ
    settings, dimension = MilvusSettings(uri=environ["MILVUS_URI"], timeout=60.0), int(environ["EMBEDDING_DIMENSION"])
    store = Store(settings, Space("text-embedding-v4", dimension))
    store.prepare(Deadline.after(_PREPARE_SECONDS))
    fill(store, questions(), scene.chunks, dimension)
    if scene.server:
        _index(settings.uri, scene.settle)
    else:
        time.sleep(scene.settle)


def _index(milvus: str, calm: float) -> None:
    """Let a server close, merge and index its segments, as it does in time; until then that takes all its cores."""
    client = MilvusClient(uri=milvus)
    names = client.list_collections()
    for name in names:
        client.flush(name, timeout=_INDEX_SECONDS)
    began = busy = time.monotonic()
    while time.monotonic() - busy < calm:
        if any(_pending(client, name) for name in names):
            busy = time.monotonic()
        if busy - began > _INDEX_SECONDS:
            raise MeasurementError(f"Milvus did not index its collections within {_INDEX_SECONDS} s")
        time.sleep(1)
    client.close()


def _pending(client: MilvusClient, collection: str) -> bool:
    found = (client.describe_index(collection, index) for index in client.list_indexes(collection))
    return any(index["pending_index_rows"] for index in found)


def _ask_all(port: int, mode: str, asked: Iterable[str]) -> list[Answered]:
    with closing(Client(port, mode)) as client:
        return [client.ask(question) for question in asked]


def _throughput(port: int, mode: str, clients: int, asked: Iterator[str]) -> float:
    """Answers per second that so many clients get, each asking again as soon as it was answered."""
    ends = time.perf_counter() + _THROUGHPUT_SECONDS
    next_question = _shared(asked)

    def ask_until_the_end() -> int:
        count = 0
        with closing(Client(port, mode)) as client:
            while time.perf_counter() < ends:
                client.ask(next_question())
                count += 1
        return count

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        counts = [counting.result() for counting in [pool.submit(ask_until_the_end) for _ in range(clients)]]
    return sum(counts) / (time.perf_counter() - started)


def _shared(asked: Iterator[str]) -> Callable[[], str]:
    """The next question, for any thread: a generator serves one at a time."""
    lock = threading.Lock()

    def take() -> str:
        with lock:
            return next(asked)

    return take


def _added(answers: Sequence[Answered]) -> Iterator[Figure]:
    added = [answer.added for answer in answers]
    yield at_most("added to its own calls, p50", median(added), "ms", _MOST_ADDED_MS)
    yield at_most("added to its own calls, p99", _p99(added), "ms", _MOST_ADDED_P99_MS)
    yield plain("whole answer without latency, p50", median(answer.total for answer in answers), "ms")
    yield plain("whole answer without latency, p99", _p99([answer.total for answer in answers]), "ms")
    for stage in answers[0].stages:
        times = [answer.stages.get(stage, 0.0) for answer in answers]
        yield plain(f"stage {stage}, p50", median(times), "ms")
        yield plain(f"stage {stage}, p99", _p99(times), "ms")


def _p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98]


def _scaling(rounds: Sequence[tuple[float, float]], *, promised: bool) -> Iterator[Figure]:
    """Throughput; promised where Milvus is not what it is bound by."""
    speedup, name = median(many / one for one, many in rounds), f"throughput of {_CLIENTS} clients to one"
    yield at_least(name, speedup, "x", _LEAST_SPEEDUP) if promised else plain(name, speedup, "x")
    yield plain("throughput of one client", median(one for one, _ in rounds), "1/s")
    yield plain(f"throughput of {_CLIENTS} clients", median(many for _, many in rounds), "1/s")


if __name__ == "__main__":
    sys.exit(main())

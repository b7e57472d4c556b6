"""What the search function adds to its own calls of DashScope and Milvus, and how many clients one instance serves.

Run as ``python -m benchmarks.search``. Questions go to the function's own port, past the gateway; each is new, so that
no cache answers for DashScope. An answer says how long its stages took: the rest of the time at the client, HTTP and
the fusion of both sides included, is what the function adds.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from rich.console import Console

from benchmarks.documents import documents, questions
from benchmarks.report import Figure, at_least, at_most, report
from benchmarks.testbed import MeasurementError, testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_DOCUMENTS: Final = 125  # about a thousand passages
_LATENCY: Final = 0.15
_WARM_UP: Final = 20
_REQUESTS: Final = 400
_CLIENTS: Final = 16
_THROUGHPUT_SECONDS: Final = 6.0
_ROUNDS: Final = 3
_MOST_ADDED_MS: Final = 5.0
_LEAST_SPEEDUP: Final = 8.0


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
        """What the function added to its remote calls; it searches words beside meaning."""
        meaning = self.stages["embedding"] + self.stages["dense"]
        return self.total - max(meaning, self.stages["keyword"])


class Client:
    """One client with one kept connection; plain, so that little of its own time is measured."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, question: str) -> Answered:
        """Put one question.

        Raises:
            MeasurementError: it was not answered, or without hits.
        """
        body = json.dumps({"query": question}).encode()
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


def main() -> None:
    """Fill an index, measure one client without latency, then one and many with it."""
    console = Console(stderr=True)
    asked = questions()
    with console.status("Starting the stack ...") as status, testbed(0) as bed:
        files = documents(_DOCUMENTS)
        bed.drop(files)
        bed.await_indexed(len(files), lambda done: status.update(f"Indexing: {done} of {len(files)} documents"))
        passages = sum(document["chunks"] for document in bed.documents())
        port = int(bed.function("search")["port"])
        status.update("One client, no latency ...")
        _ask_all(port, itertools.islice(asked, _WARM_UP))
        answers = _ask_all(port, itertools.islice(asked, _REQUESTS))
        bed.set_latency(_LATENCY)
        rounds = []
        for number in range(_ROUNDS):
            status.update(f"One client and {_CLIENTS}, round {number + 1} of {_ROUNDS} ...")
            rounds.append((_throughput(port, 1, asked), _throughput(port, _CLIENTS, asked)))
    report("search", [*_added(answers), *_scaling(rounds), Figure("passages", passages, "", "", held=True)])


def _ask_all(port: int, asked: Iterable[str]) -> list[Answered]:
    with closing(Client(port)) as client:
        return [client.ask(question) for question in asked]


def _throughput(port: int, clients: int, asked: Iterator[str]) -> float:
    """Answers per second that so many clients get, each asking again as soon as it was answered."""
    ends = time.perf_counter() + _THROUGHPUT_SECONDS
    next_question = _shared(asked)

    def ask_until_the_end() -> int:
        count = 0
        with closing(Client(port)) as client:
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
    yield Figure("added to its own calls, p99", quantiles(added, n=100)[98], "ms", "", held=True)
    yield Figure("whole answer without latency, p50", median(answer.total for answer in answers), "ms", "", held=True)
    for stage in answers[0].stages:
        yield Figure(f"stage {stage}, p50", median(answer.stages[stage] for answer in answers), "ms", "", held=True)


def _scaling(rounds: Sequence[tuple[float, float]]) -> Iterator[Figure]:
    speedup = median(many / one for one, many in rounds)
    yield at_least(f"throughput of {_CLIENTS} clients to one", speedup, "x", _LEAST_SPEEDUP)
    yield Figure("throughput of one client", median(one for one, _ in rounds), "1/s", "", held=True)
    yield Figure(f"throughput of {_CLIENTS} clients", median(many for _, many in rounds), "1/s", "", held=True)


if __name__ == "__main__":
    main()

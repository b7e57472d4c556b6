"""A change of the embedding model under load: what searches see of it, what it costs, and whether the index is right.

Clients search all the time but in the first seconds of the fill, so that what it bills is known; then documents are
uploaded, edited and deleted until the end. Each document is one chunk. Another dimension makes a query's vector of the
one model an error in the collection of the other, and each query is a text that only one document holds, so that a
wrong space shows.

    python -m benchmarks.migrate --documents 2000 --clients 16
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final

import requests

from benchmarks.report import Figure, at_most, plain, report
from benchmarks.testbed import MeasurementError, testbed

if TYPE_CHECKING:
    from benchmarks.testbed import Testbed

_DOCUMENTS: Final = 2_000
_CLIENTS: Final = 16
_CALM_SECONDS: Final = 15.0
_SWITCHED_SECONDS: Final = 6.0
_ROUND_SECONDS: Final = 5
_SECTIONS: Final = 6
# Edits, uploads and deletions a second.
_CHANGES_PER_SECOND: Final = 1.0
_PAUSE_SECONDS: Final = 2.0
_MIGRATION: Final = {"model": "text-embedding-v4", "dimension": 256}
_SETTLE_SECONDS: Final = 300
_RETRIES: Final = 300
_IDLE_LOOKS: Final = 5


def write(name: str, edition: int = 0) -> bytes:
    """The text of a document; each section has words that no other one has."""
    texts = [
        f"Section {number} of {name} in edition {edition}. The keeper of store {name}x{number} notes items."
        for number in range(_SECTIONS)
    ]
    return "\n\n".join(texts).encode()


@dataclass
class Clients:
    """Threads that search without a pause to speak of, and keep what they saw by phase.

    Attributes:
        phase: under which answers are kept; empty ones are not.
        is_paused: whether they ask nothing, so that only documents are billed.
    """

    url: str
    names: list[str]
    number: int
    phase: str = ""
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)
    is_paused: bool = False
    _ending: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._threads = [threading.Thread(target=self._run, args=(seed,), daemon=True) for seed in range(self.number)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _run(self, seed: int) -> None:
        chance, session = random.Random(seed), requests.Session()
        while not self._ending.is_set():
            if not self.is_paused:
                name, number = chance.choice(self.names), chance.randrange(_SECTIONS)
                self._ask(session, name, f"the keeper of store {name}x{number} notes items")
            self._ending.wait(_PAUSE_SECONDS)

    def _ask(self, session: requests.Session, name: str, query: str) -> None:
        phase, began = self.phase, time.perf_counter()
        try:
            answer = session.get(f"{self.url}/search", params={"q": query, "top_k": "1"}, timeout=60)
            content = answer.json()
        except (requests.RequestException, ValueError) as error:
            self.wrong.append(f"{phase}: {error}")
            return
        hits = content.get("hits", ())
        if answer.status_code != 200 or content.get("warnings") or not hits or hits[0]["document"]["key"] != name:
            self.wrong.append(f"{phase}: {query}: {answer.status_code} {str(content)[:300]}")
        if phase:
            self.seconds[phase].append(time.perf_counter() - began)


class Changes:
    """Uploads, edits and deletes documents that no client asks for, in a thread."""

    def __init__(self, bed: Testbed, names: list[str]) -> None:
        self.done = 0
        self._bed = bed
        self._names = names
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self) -> None:
        """Start changing."""
        self._thread.start()

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Change nothing more."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        chance = random.Random(1)
        while not self._ending.wait(1 / _CHANGES_PER_SECOND):
            name, self.done = chance.choice(self._names), self.done + 1
            if chance.random() < 0.25:
                (self._bed.bucket / name).unlink(missing_ok=True)
            else:
                self._bed.drop({name: write(name, self.done)})


def migrate(bed: Testbed, step: str, **options: Any) -> dict[str, Any]:
    """One step of the migration, as `ops migrate` asks for it; a refusal that passes is tried again."""
    event = {"action": "migrate", "step": step, **options}
    for _ in range(_RETRIES):
        content = _invoke(bed, event)
        if "results" in content:
            return dict(content["results"][0])
        time.sleep(1)
    raise MeasurementError(f"{step} was refused: {content}")


def _invoke(bed: Testbed, event: dict[str, Any]) -> dict[str, Any]:
    url = f"{bed.stack.url}/2023-03-30/functions/semantic-search-ingest/invocations"
    return dict(requests.post(url, json=event, timeout=900).json())


def measure(documents: int, clients: int) -> list[Figure]:
    """Migrate an index under load."""
    with testbed(0) as bed:
        fixed = [f"d{number:05}.txt" for number in range(documents)]
        changing = [f"e{number:03}.txt" for number in range(max(10, documents // 20))]
        files = {name: write(name) for name in (*fixed, *changing)}
        bed.feed(files, 500, lambda _: None)
        rows = int(bed.usage()["rows"])
        with Changes(bed, changing) as changes, Clients(bed.stack.url, fixed, clients) as asking:
            time.sleep(3)  # the first searches warm up
            asking.phase = "before"
            time.sleep(_CALM_SECONDS)
            migrate(bed, "start", **_MIGRATION)
            asking.phase, asking.is_paused = "during", True
            time.sleep(1)
            billed = int(bed.usage()["rows"])
            found = migrate(bed, "fill", seconds=_ROUND_SECONDS)
            billed = int(bed.usage()["rows"]) - billed
            copied, asking.is_paused = found["done"], False
            changes.begin()
            while found["left"] or found["unfinished"]:
                found = migrate(bed, "fill", seconds=_ROUND_SECONDS)
            for step in ("switch", "back", "switch"):
                asking.phase = step
                migrate(bed, step)
                time.sleep(_SWITCHED_SECONDS)
            asking.phase = ""
            changes.end()
            wrong = _settle(bed)
            migrate(bed, "finish")
            time.sleep(_SWITCHED_SECONDS)
        for line in asking.wrong[:5]:
            print(line, file=sys.stderr)
        before, during = asking.seconds["before"], asking.seconds["during"]
        slowest = max(max(asking.seconds[step], default=0.0) for step in ("switch", "back"))
        return [
            at_most("searches failed, or answered from a mixed space", len(asking.wrong), "", 0),
            at_most("documents wrong afterwards", wrong + _settle(bed), "", 0),
            at_most("rows billed over rows needed", billed / max(1, copied), "", 1),
            at_most("search p99 during the migration over before", _p99(during) / _p99(before), "", 1.2),
            plain("search p99 before", _p99(before) * 1_000, "ms"),
            plain("slowest search while the alias is switched", slowest * 1_000, "ms"),
            plain("rows billed before", rows, ""),
            plain("rows billed by migration and changes", int(bed.usage()["rows"]) - rows, ""),
            plain("searches", sum(map(len, asking.seconds.values())), ""),
            plain("documents", len(files), ""),
            plain("changes meanwhile", changes.done, ""),
        ]


def _settle(bed: Testbed) -> int:
    """Wait until what was sent is done; then the documents in which bucket and index differ."""
    until, idle = time.monotonic() + _SETTLE_SECONDS, 0
    while time.monotonic() < until and idle < _IDLE_LOOKS:  # an event may be on its way
        time.sleep(1)
        ingest = bed.function("ingest")
        idle = 0 if ingest["queued"] or ingest["in_flight"] else idle + 1
    (found,) = _invoke(bed, {"action": "reconcile", "dry_run": True})["results"]
    present = {path.name: path.stat().st_size for path in bed.bucket.iterdir() if not path.name.startswith(".")}
    known = {document["key"]: document["size"] for document in bed.documents() if document["state"] == "indexed"}
    differ = sum(present.get(name) != known.get(name) for name in present.keys() | known.keys())
    return int(found["counts"]["stale"]) + int(found["counts"]["orphaned"]) + differ


def _p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100)[98]


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.migrate", description=__doc__)
    parser.add_argument("--documents", type=int, default=_DOCUMENTS)
    parser.add_argument("--clients", type=int, default=_CLIENTS)
    asked = parser.parse_args()
    return report("migrate", measure(asked.documents, asked.clients))


if __name__ == "__main__":
    sys.exit(main())

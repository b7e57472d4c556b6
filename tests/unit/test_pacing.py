"""Processes that share a quota without knowing of each other, simulated: bulk work uses it up and yields to queries.

The quota is the emulator's own. Every process has several threads that send one call after the other, as `Embedder`
does, and every random choice comes from a seed; time is only a number.
"""

from __future__ import annotations

import heapq
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from msgspec import Struct, field

from local.dashscope import quota as emulated
from local.dashscope.refusal import Refusal
from shared.domain.catalog import EMBEDDING_MODELS
from shared.embedding.embedder import _RETRY_POLICIES
from shared.embedding.pacing import Pacer
from shared.embedding.quota import PACINGS, Priority, Share

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = EMBEDDING_MODELS["text-embedding-v4"]
QUOTA = Share(MODEL.requests_per_second, MODEL.tokens_per_minute / 60)
LATENCY, REFUSED_AFTER = 0.1, 0.01
# What bulk work packs into a call, and a query.
CALL, QUERY = 1_900, 20
WARM_UP = 5.0
THREADS = 8


class Account:
    """The account's quota, on simulated time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(emulated, "time", SimpleNamespace(monotonic=lambda: self.now))
        self._quota = emulated.Quota(QUOTA.requests, QUOTA.tokens * 60)
        self._numbers = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), act))

    def run(self, seconds: float) -> None:
        while self._events and self._events[0][0] <= seconds:
            self.now, _, act = heapq.heappop(self._events)
            act()

    def accepts(self, tokens: int) -> bool:
        try:
            self._quota.spend("key", "model", tokens)
        except Refusal:
            return False
        return True


class Counters(Struct):
    """What became of the calls of some processes."""

    tokens: int = 0
    accepted: int = 0
    refused: int = 0
    waits: list[float] = field(default_factory=list)

    @property
    def refused_share(self) -> float:
        return self.refused / max(1, self.refused + self.accepted)

    def wait(self, share: float) -> float:
        """The time within which this share of the calls was answered."""
        return sorted(self.waits)[int(share * len(self.waits))]


class Process:
    """One process with calls of one priority."""

    def __init__(self, account: Account, priority: Priority, counters: Counters, random: Random, part: float) -> None:
        self._pacing = PACINGS[priority]
        self.pacer = Pacer(self._pacing, account.now)
        self._account, self._counters, self._random = account, counters, random
        self._share = Share(QUOTA.requests * part, QUOTA.tokens * part)
        self._policy = _RETRY_POLICIES[priority]
        self._queue: list[tuple[int, int, float, Callable[[], None]]] = []
        self._is_waiting = False

    def send(self, tokens: int, then: Callable[[], None], attempt: int = 1, asked: float | None = None) -> None:
        """Make a call at its turn."""
        self._queue.append((tokens, attempt, self._account.now if asked is None else asked, then))
        self._serve()

    def _serve(self) -> None:
        while self._queue and not self._is_waiting:
            pause = self.pacer.pause(self._account.now)
            if pause > 0.001:
                self._is_waiting = True
                jitter = self._random.uniform(0, self._pacing.jitter_seconds)
                self._account.after(pause + jitter if pause < 0.5 else 0.5, self._wake)
                return
            call = self._queue.pop(0)
            self.pacer.owed += self._share.seconds(call[0])
            self._call(*call)

    def _wake(self) -> None:
        self._is_waiting = False
        self._serve()

    def _call(self, tokens: int, attempt: int, asked: float, then: Callable[[], None]) -> None:
        if self._account.accepts(tokens):
            self._counters.tokens += tokens
            self._counters.accepted += 1

            def finish() -> None:
                self.pacer.succeed(self._account.now)
                self._counters.waits.append(self._account.now - asked)
                then()

            self._account.after(LATENCY, finish)
            return
        self._counters.refused += 1

        def retry() -> None:
            self.pacer.throttle(self._account.now)
            bound = min(self._policy.max_delay, self._policy.first_delay * 2.0 ** (attempt - 1))
            self._account.after(self._random.uniform(0, bound), lambda: self.send(tokens, then, attempt + 1, asked))

        self._account.after(REFUSED_AFTER, retry)


class Load:
    """Processes on one account."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self.account = Account(monkeypatch)
        self.random = Random(seed)

    def work(
        self,
        processes: int,
        tokens: int = CALL,
        priority: Priority = Priority.BULK,
        part: float = 1,
        until: float = 1e9,
    ) -> Counters:
        """Processes that always have calls to make."""
        counters = Counters()
        for _ in range(processes):
            process = Process(self.account, priority, counters, self.random, part)
            for _ in range(THREADS):
                self._repeat(process, tokens, until)
        return counters

    def _repeat(self, process: Process, tokens: int, until: float) -> None:
        if self.account.now < until:
            size = round(tokens * self.random.uniform(0.9, 1.1))
            process.send(size, lambda: self._repeat(process, tokens, until))

    def ask(self, processes: int, per_second: float) -> Counters:
        """Processes that are asked queries at random moments, once the others run."""
        counters = Counters()
        searching = [Process(self.account, Priority.INTERACTIVE, counters, self.random, 1) for _ in range(processes)]

        def ask() -> None:
            self.account.after(self.random.expovariate(per_second), ask)
            self.random.choice(searching).send(QUERY, lambda: None)

        self.account.after(WARM_UP, ask)
        return counters


SEEDS = range(3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("part", [1, 1 / 8], ids=["whole quota", "an eighth"])
def test_eight_processes_of_bulk_work_use_the_quota_up_and_are_seldom_refused(
    monkeypatch: pytest.MonkeyPatch, seed: int, part: float
) -> None:
    load = Load(monkeypatch, seed)
    bulk = load.work(8, part=part)
    load.account.run(80)
    assert bulk.tokens / (QUOTA.tokens * 80) > 0.9
    assert bulk.refused_share < 0.05


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("processes", "tokens"), [(1, CALL), (2, CALL), (8, CALL), (8, 200), (8, 8_000)])
def test_a_query_waits_less_than_a_second_while_bulk_work_uses_the_quota_up(
    monkeypatch: pytest.MonkeyPatch, seed: int, processes: int, tokens: int
) -> None:
    load = Load(monkeypatch, seed)
    bulk, queries = load.work(processes, tokens), load.ask(2, 6)
    load.account.run(60)
    assert queries.accepted > 200
    assert queries.wait(0.99) < 1
    if tokens == CALL:
        assert bulk.tokens / (QUOTA.tokens * 60) > 0.85


@pytest.mark.parametrize("seed", SEEDS)
def test_queries_alone_may_use_the_whole_quota_at_once(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    load = Load(monkeypatch, seed)
    queries = load.ask(1, QUOTA.requests * 0.8)
    load.account.run(30)
    assert queries.refused == 0
    assert queries.wait(0.99) < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_large_request_gets_most_of_the_quota_from_bulk_work(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    load = Load(monkeypatch, seed)
    load.work(2)
    load.account.run(20)
    request = load.work(1, priority=Priority.REQUEST)
    load.account.run(60)
    assert request.tokens / (QUOTA.tokens * 40) > 0.7


@pytest.mark.parametrize("seed", SEEDS)
def test_bulk_work_takes_back_what_others_leave(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    load = Load(monkeypatch, seed)
    staying = load.work(1)
    load.work(7, until=30)
    load.account.run(100)
    before = staying.tokens
    load.account.run(130)
    assert (staying.tokens - before) / (QUOTA.tokens * 30) > 0.85

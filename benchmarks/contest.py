"""An emulator for DashScope with the account's quota, and clients that embed the same texts through it, one at a time.

The emulator and every client are processes of their own. Clients start together once all of them are ready, so that
imports are not what is measured; the emulator counts from zero for each run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import requests

from benchmarks.client import Job, Outcome
from local.processes import start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_START_SECONDS: Final = 60
_GLANCE_SECONDS: Final = 0.5
# By then the slow start is over.
_SLOW_START_SECONDS: Final = 5.0


class ContestError(RuntimeError):
    """A client could not run; the message is its last line."""


@dataclass(frozen=True)
class Quota:
    """What the emulator allows and how long it takes.

    Attributes:
        requests_per_second: 0 is no limit.
        tokens_per_minute: 0 is no limit.
        latency_ms: of each accepted call.
    """

    requests_per_second: float
    tokens_per_minute: float
    latency_ms: float


@dataclass(frozen=True)
class Result:
    """What one client did, in all its processes, and what it was billed.

    Attributes:
        asked: documents it was given.
        outcomes: one for each process.
        usage: the emulator's counters.
        curve: moments and the rows billed by then.
    """

    asked: int
    outcomes: tuple[Outcome, ...]
    usage: Mapping[str, Any]
    curve: tuple[tuple[float, int], ...]

    @property
    def documents(self) -> int:
        """Documents that came back whole."""
        return sum(outcome.documents for outcome in self.outcomes)

    @property
    def rows(self) -> int:
        """Texts in those documents: the useful ones."""
        return sum(outcome.rows for outcome in self.outcomes)

    @property
    def billed(self) -> int:
        """Texts billed."""
        return int(self.usage["rows"])

    @property
    def tokens_per_row(self) -> float:
        """As the emulator counted them."""
        return float(self.usage["tokens"]) / self.billed

    @property
    def billed_per_useful(self) -> float:
        """Texts billed for each useful one; all that were billed when none was."""
        return self.billed / max(1, self.rows)

    @property
    def rejected(self) -> float:
        """Share of the calls that were refused for the quota."""
        refused = sum(self.usage["rejected"].values())
        return float(refused / (refused + self.usage["calls"]))

    @property
    def seconds(self) -> float:
        """From the first call of the first process to the last answer of the last."""
        return max(each.finished for each in self.outcomes) - min(each.started for each in self.outcomes)

    @property
    def cpu(self) -> float:
        """Seconds of CPU time, user and system, of all processes."""
        return sum(outcome.cpu for outcome in self.outcomes)

    @property
    def rate(self) -> float:
        """Useful rows per second of the whole run."""
        return self.rows / self.seconds

    @cached_property
    def steady_rate(self) -> float:
        """Rows billed per second between the end of the slow start and the moment the first process ran out of work."""
        start = min(each.started for each in self.outcomes) + _SLOW_START_SECONDS
        end = min(each.finished for each in self.outcomes)
        inside = [(moment, rows) for moment, rows in self.curve if start <= moment <= end]
        if len(inside) < 2:
            raise ContestError("the run was over before its slow start was")
        (began, before), (ended, after) = inside[0], inside[-1]
        return (after - before) / (ended - began)


class Contest:
    """The emulator and what it takes to run clients against it."""

    def __init__(self, base_url: str, folder: Path) -> None:
        self._base_url = base_url
        self._folder = folder

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator[Contest]:
        """An emulator, with the encoder that only hashes, for as long as the context lasts."""
        arguments = ("--port", "0", "--model", "hash")
        server = start("dashscope", "local.dashscope", arguments, os.environ, folder / "dashscope.log", _START_SECONDS)
        try:
            yield cls(server.address, folder)
        finally:
            server.stop()

    def run(
        self,
        client: str,
        documents: Sequence[list[str]],
        quota: Quota,
        *,
        python: str = sys.executable,
        processes: int = 1,
        threads: int = 8,
        share: float | None = None,
        faults: Sequence[Mapping[str, Any]] = (),
    ) -> Result:
        """Embed ``documents`` with ``client``, dealt to ``processes``.

        Each is set to ``share`` of the quota, or else to an equal one.

        Raises:
            ContestError: a client could not run.
        """
        self._reset(quota, faults)
        jobs = [Job(list(documents[place::processes]), threads) for place in range(processes)]
        with ExitStack() as stack:
            children = [stack.enter_context(self._child(client, python, share or 1 / processes, quota)) for _ in jobs]
            for child, job in zip(children, jobs, strict=True):
                child.tell(json.dumps(asdict(job)))
            for child in children:
                child.hear()
            with self._watched() as curve:
                for child in children:
                    child.tell("")
                outcomes = tuple(Outcome(**json.loads(child.hear())) for child in children)
        return Result(len(documents), outcomes, self._usage(), tuple(curve))

    def _reset(self, quota: Quota, faults: Sequence[Mapping[str, Any]]) -> None:
        requests.put(self._control("settings"), json=asdict(quota), timeout=10).raise_for_status()
        requests.put(self._control("faults"), json=list(faults), timeout=10).raise_for_status()
        requests.delete(self._control("usage"), timeout=10).raise_for_status()

    @contextmanager
    def _child(self, client: str, python: str, share: float, quota: Quota) -> Iterator[_Child]:
        log = self._folder / f"{client}.log"
        with log.open("a") as errors:
            popen = subprocess.Popen(
                [python, "-m", "benchmarks.client", client],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                env=self._environ(share, quota),
            )  # fmt: skip
        try:
            yield _Child(popen, log)
        finally:
            popen.kill()
            popen.communicate()

    def _environ(self, share: float, quota: Quota) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        unlimited = (
            {}
            if quota.requests_per_second
            else {
                "QUOTA_REQUESTS_PER_SECOND": "100000",
                "QUOTA_TOKENS_PER_MINUTE": "10000000000",
            }
        )
        return {
            **kept,
            **unlimited,
            "DASHSCOPE_API_KEY": "sk-local",
            "DASHSCOPE_BASE_URL": self._base_url,  # ours
            "DASHSCOPE_HTTP_BASE_URL": self._base_url,  # the SDK's
            "QUOTA_SHARE": str(share),
        }

    @contextmanager
    def _watched(self) -> Iterator[list[tuple[float, int]]]:
        curve: list[tuple[float, int]] = []
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_GLANCE_SECONDS):
                rows = int(self._usage()["rows"])
                curve.append((time.monotonic(), rows))

        watching = threading.Thread(target=watch)
        watching.start()
        try:
            yield curve
        finally:
            over.set()
            watching.join()

    def _usage(self) -> dict[str, Any]:
        return dict(requests.get(self._control("usage"), timeout=10).json())

    def _control(self, what: str) -> str:
        return f"{self._base_url.removesuffix('/api/v1')}/control/{what}"


@dataclass(frozen=True)
class _Child:
    """A client's process, spoken to in lines."""

    popen: subprocess.Popen[str]
    log: Path

    def tell(self, line: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()

    def hear(self) -> str:
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line:
            lines = self.log.read_text("utf-8", "replace").strip().splitlines()
            raise ContestError(f"{self.log.stem} ended: {lines[-1] if lines else 'it printed nothing'}")
        return line

"""A local stack of its own for a measurement: fresh folders, free ports, nothing of the caller's settings.

Unless a measurement asks for meaning, the encoder of the DashScope emulator is the one that only hashes, so that
its CPU time is not what is measured.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import requests

from benchmarks.failures import FailedDocument, find_failures
from local import stack
from local.stack import Plan, Ports, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_POLL_SECONDS: Final = 0.1
_STALLED_SECONDS: Final = 180
_DOCUMENTS_PER_PAGE: Final = 1_000
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PREFIX: Final = "semantic-search-"


class MeasurementError(RuntimeError):
    """What was to be measured did not happen; the message says what did."""


@dataclass(frozen=True)
class Testbed:
    """A running stack and its bucket."""

    stack: Stack
    bucket: Path

    def drop(self, files: Mapping[str, bytes]) -> float:
        """Put ``files`` into the bucket at once; the moment (``time.perf_counter``) the first became visible."""
        with TemporaryDirectory(dir=self.bucket.parent) as name:
            beside = Path(name)
            for file, content in files.items():
                (beside / file).write_bytes(content)
            started = time.perf_counter()
            for file in files:
                (beside / file).rename(self.bucket / file)
        return started

    def feed(self, files: Mapping[str, bytes], under_way: int, progress: Callable[[int], None]) -> list[FailedDocument]:
        """Put ``files`` into the bucket, never more than ``under_way`` ahead of what is processed, and wait for all.

        Returns:
            The documents that were not indexed, which real sets hold.

        Raises:
            MeasurementError: none was indexed, or nothing moves any more.
        """
        ingest = self.function("ingest")
        dropped = int(ingest["delivered"]) + int(ingest["failed"])
        for start in range(0, len(files), under_way):
            some = dict(islice(files.items(), start, start + under_way))
            self.drop(some)
            dropped += len(some)
            self._await_processed(dropped, progress)
        failures = find_failures(files, self.documents())
        if files and len(failures) == len(files):
            raise MeasurementError(f"none of {len(files)} documents is indexed: {failures[0].message}")
        return failures

    def await_indexed(self, count: int, progress: Callable[[int], None]) -> float:
        """Wait until ``count`` documents are indexed; the moment (``time.perf_counter``) that was seen.

        Raises:
            MeasurementError: a document failed, or nothing moves any more.
        """
        seen = self._await_processed(count, progress)
        ingest = self.function("ingest")
        if ingest["failed"]:
            raise MeasurementError(f"an event failed: {ingest['last_error']}")
        self._check(count)
        return seen

    def _await_processed(self, count: int, progress: Callable[[int], None]) -> float:
        """Wait until ``count`` events are delivered or given up."""
        done, moved = -1, time.monotonic()
        while time.monotonic() - moved < _STALLED_SECONDS:
            # The gateway's own counters: asking the registry this often would load what is measured.
            ingest = self.function("ingest")
            seen = time.perf_counter()
            processed = int(ingest["delivered"]) + int(ingest["failed"])
            if processed != done:
                done, moved = processed, time.monotonic()
                progress(min(done, count))
            if done >= count and not ingest["queued"] and not ingest["in_flight"]:
                return seen
            time.sleep(_POLL_SECONDS)
        raise MeasurementError(f"after {done} of {count} events nothing moved for {_STALLED_SECONDS} s")

    def documents(self) -> list[dict[str, Any]]:
        """The registry's records."""
        found: list[dict[str, Any]] = []
        after: str | None = ""
        while after is not None:
            page = {"limit": str(_DOCUMENTS_PER_PAGE), "after": after}
            answer = requests.get(f"{self.stack.url}/documents", params=page, timeout=60)
            answer.raise_for_status()
            found += answer.json()["documents"]
            after = answer.json()["next"]
        return found

    def function(self, name: str) -> dict[str, Any]:
        """What the gateway tells of a function: its pid, port and counters."""
        return self._functions()[name]

    def usage(self) -> dict[str, Any]:
        """What the DashScope emulator has counted since it started."""
        return dict(requests.get(self._control("usage"), timeout=10).json())

    def set_latency(self, seconds: float) -> None:
        """How long the DashScope emulator waits with every answer from now on."""
        settings = {"latency_ms": seconds * 1000}
        requests.put(self._control("settings"), json=settings, timeout=10).raise_for_status()

    def cpu_seconds(self) -> dict[str, float]:
        """CPU time used so far by every part of the stack and every function, by name."""
        leaders = {part.popen.pid: part.name for part in self.stack.parts}
        for name, function in self._functions().items():
            leaders |= {instance["pid"]: name for instance in function["instances"]}
        used = dict.fromkeys(leaders.values(), 0.0)
        for _, session, seconds in _processes():
            # Every part leads a session of its own, in which its workers are.
            if session in leaders:
                used[leaders[session]] += seconds
        return used

    def memory(self, name: str) -> int:
        """Bytes a function's instances hold at the moment; a page that several processes share counts once."""
        leaders = {instance["pid"] for instance in self.function(name)["instances"]}
        return sum(_held(pid) for pid, session, _ in _processes() if session in leaders)

    def _functions(self) -> dict[str, dict[str, Any]]:
        status = requests.get(f"{self.stack.url}/gateway/status", timeout=10).json()
        return {function["name"].removeprefix(_PREFIX): function for function in status["functions"]}

    def _control(self, what: str) -> str:
        return self.stack.environ["DASHSCOPE_BASE_URL"].replace("/api/v1", f"/control/{what}")

    def _check(self, count: int) -> None:
        states = [document["state"] for document in self.documents()]
        if states.count("indexed") != count:
            raise MeasurementError(f"{states.count('indexed')} of {count} documents are indexed: {set(states)}")


@contextmanager
def testbed(
    latency: float,
    *,
    model: str = "hash",  # noqa: PT028 - a bed for tests is no test
    environ: Mapping[str, str] | None = None,  # noqa: PT028
    quota: bool = False,  # noqa: PT028
    dashscope_options: Sequence[str] = (),  # noqa: PT028
) -> Iterator[Testbed]:
    """A stack with a DashScope emulator that waits ``latency`` seconds with every answer.

    Args:
        model: the local model of the emulator.
        quota: whether the emulator has the documented quota; else none.
        dashscope_options: further ones of the emulator's command.
        environ: settings beside the stack's own; a DASHSCOPE_API_KEY among them means the real DashScope.
    """
    with TemporaryDirectory(prefix="benchmark-") as name:
        bucket = Path(name, "bucket")
        settings = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        if not quota and not (environ and environ.get("DASHSCOPE_API_KEY")):
            # No quota at the emulator, and ours so high that no call waits for its turn.
            settings |= {"QUOTA_REQUESTS_PER_SECOND": "100000", "QUOTA_TOKENS_PER_MINUTE": "10000000000"}
        plan = Plan(
            data=Path(name, "data"),
            bucket=bucket,
            model=model,
            ports=Ports(0, 0, 0, 0),
            environ={**settings, **(environ or {})},
            quota=quota,
            dashscope_options=("--latency-ms", f"{latency * 1000:g}", *dashscope_options),
        )
        with stack.running(plan) as running:
            yield Testbed(running, bucket)


def _held(pid: int) -> int:
    """The proportional set size of a process; see ``man 5 proc_pid_smaps``."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _processes() -> Iterator[tuple[int, int, float]]:
    """Id, session and CPU seconds of every process of this machine; see ``man 5 proc_pid_stat``."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        session, user, system = int(fields[3]), int(fields[11]), int(fields[12])
        yield int(stat.parent.name), session, (user + system) / _TICKS

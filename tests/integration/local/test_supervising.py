"""The parts of the stack are started again when they end, and end with the stack however it ends."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests

from local import supervising
from local.ports import free_port
from local.supervising import Part, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE_SECONDS = 240


def eventually(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


class Watched:
    """A supervised OSS emulator over a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.reports: list[str] = []
        self.interruptions = 0
        self.bucket = folder / "bucket"
        self.bucket.mkdir()
        self.supervisor = Supervisor(os.environ, folder, (folder,), self.reports.append, self._interrupt)
        arguments = ("--port", str(free_port()), "--bucket", "test-bucket", "--root", str(self.bucket))
        self.address = self.supervisor.start(Part("oss", arguments, PATIENCE_SECONDS))
        self.supervisor.watch()

    def _interrupt(self) -> None:
        self.interruptions += 1

    @property
    def pid(self) -> int:
        return self.supervisor.processes[0].popen.pid

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.address}/healthz", timeout=5).ok
        except requests.RequestException:
            return False


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    watched.supervisor.stop()
    assert not watched.answers()


def test_a_part_that_is_killed_comes_back_at_its_address_and_each_time_is_reported(watched: Watched) -> None:
    for number in (1, 2):
        os.kill(watched.pid, signal.SIGKILL)
        eventually(lambda number=number: watched.interruptions == number)  # type: ignore[misc]
        assert watched.answers()
    restarts = ["oss ended (signal SIGKILL) and is started again.", "oss runs again."]
    assert watched.reports == restarts * 2


@pytest.mark.skipif(sys.platform != "linux", reason="which process is stopped, only Linux tells")
def test_a_part_that_is_stopped_is_reported_with_the_way_out(watched: Watched) -> None:
    os.kill(watched.pid, signal.SIGSTOP)
    eventually(lambda: watched.reports)
    assert f"kill -CONT {watched.pid}" in watched.reports[0]
    os.kill(watched.pid, signal.SIGCONT)
    eventually(lambda: watched.interruptions)
    assert watched.reports[1:] == [f"Process {watched.pid} is no longer stopped."]


def test_a_part_that_cannot_start_any_more_ends_the_stack_with_its_reason(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "_FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(supervising, "_MOST_FAILURES", 2)
    watched.bucket.rename(watched.bucket.with_name("elsewhere"))
    os.kill(watched.pid, signal.SIGKILL)
    eventually(lambda: watched.supervisor.failure)
    assert "oss cannot be started again" in watched.supervisor.failure
    assert "is not a folder" in watched.supervisor.failure


def test_a_full_disk_is_reported_and_its_end_too(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(supervising, "explain_shortage", lambda _: "0 MB are free")
        eventually(lambda: watched.reports)
        assert watched.reports[0].startswith("Disk full: 0 MB are free.")
    eventually(lambda: watched.interruptions)
    assert watched.reports[1:] == ["The disk has space again; indexing goes on."]

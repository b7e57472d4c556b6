"""`make demo` ends with all its processes, however it is ended, and survives what its parts do not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from local import processes, stack
from local.stack import PROJECT, Plan, Ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_SECONDS = 240
PORTS = ("PORT", "MILVUS_PORT", "DASHSCOPE_PORT", "OSS_PORT")

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends processes with their parent")


def eventually(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.1)


def running_over(folder: Path) -> list[int]:
    """The processes with a variable that names ``folder``: all that a demo over it has started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.fsencode(folder) in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


@contextmanager
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    ports = {name: str(processes.free_port()) for name in PORTS}
    folders = {"HOME": str(folder), "DATA": str(folder / "data"), "BUCKET": str(folder / "mine")}
    environ = {"PATH": os.environ["PATH"], **folders, **ports}
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "local.demo"],
        cwd=PROJECT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        # Tests that a script runs in the background inherit that this signal is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@needs_linux
@pytest.mark.parametrize(
    ("number", "part"),
    [
        *((number, "milvus") for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGKILL)),
        *((number, "gateway") for number in (signal.SIGINT, signal.SIGKILL)),
    ],
)
def test_no_process_is_left_of_a_demo_that_ends_while_it_starts(
    tmp_path: Path, number: signal.Signals, part: str
) -> None:
    with demo(tmp_path) as process:
        eventually((tmp_path / "data" / "logs" / f"{part}.log").exists)
        process.send_signal(number)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert "Traceback" not in output
        eventually(lambda: not running_over(tmp_path))


def test_what_is_killed_is_started_again_and_the_index_follows_the_bucket(tmp_path: Path) -> None:
    reports: list[str] = []
    data, bucket = tmp_path / "data", tmp_path / "bucket"
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    plan = Plan(data, bucket, ports=Ports(0, 0, 0, 0), environ=environ, report=reports.append)
    with stack.running(plan) as running:

        def indexed() -> set[str]:
            with suppress(requests.RequestException):
                found = requests.get(f"{running.url}/documents", timeout=10).json().get("documents", [])
                return {document["key"] for document in found if document["state"] == "indexed"}
            return set()

        (bucket / "before.txt").write_text("What was there before.")
        eventually(lambda: indexed() == {"before.txt"})
        for part in ("milvus", "oss", "gateway"):
            process = next(process for process in running.parts if process.name == part)
            process.popen.kill()
            (bucket / f"{part}.txt").write_text(f"What was put while {part} was away.")
        eventually(lambda: indexed() == {"before.txt", "milvus.txt", "oss.txt", "gateway.txt"})
        for part in ("milvus", "oss", "gateway"):
            eventually(lambda part=part: f"{part} runs again." in reports)  # type: ignore[misc]
            assert f"{part} ended (signal SIGKILL) and is started again." in reports
        assert not running.failure
    if sys.platform == "linux":
        eventually(lambda: not running_over(tmp_path))

"""Interruptions of the real local stack, at random: ``make chaos SEEDS=1``, about four minutes a seed.

Hundreds of documents are put, rewritten, renamed and removed while workers, masters, Milvus and the emulators are
killed or stopped and the disk is full for a while. Afterwards the index must equal the bucket, nothing may be left of
the stack, and each interruption must have been reported at the terminal. The same seed plays the same interruptions.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from rich.console import Console

from local import stack
from local.stack import Plan, Ports
from shared.domain.models import DocumentState, ObjectKey
from shared.runtime.retrying import Deadline
from shared.runtime.settings import MilvusSettings
from shared.store.schema import Space
from shared.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.stack import Stack

_BUCKET = "local-documents"
_FUNCTIONS = ("ingest", "search")
_REST_SECONDS = 180.0
_STOPPED_SECONDS = 3.0
_REWRITES = 20

console = Console(highlight=False)


class Chaos:
    """One run: a stack over folders of its own, and what is done to it.

    Args:
        disk: a small disk for the index, which may be filled; without it no disk is full.
    """

    def __init__(self, seed: int, documents: int, folder: Path, disk: Path | None) -> None:
        self._random = random.Random(seed)
        self._documents = documents
        self.data = (disk or folder) / "data"
        self.bucket = folder / "bucket"
        self._disk = disk
        self.reports: list[str] = []
        self.expected: list[str] = []

    def run(self) -> list[str]:
        """Play the run; returns what is wrong afterwards."""
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.bucket.parent)}
        plan = Plan(self.data, self.bucket, ports=Ports(0, 0, 0, 0), environ=environ, report=self.reports.append)
        with stack.running(plan) as running:
            self._play(running)
            wrong = self._await_rest(running)
        return [*wrong, *self._find_silent(), *self._find_left()]

    def _play(self, running: Stack) -> None:
        """Write documents in portions, with an interruption after each."""
        interruptions: list[Callable[[Stack], None]] = [
            *[self._kill_part] * 4,
            *[self._kill_function] * 2,
            *(self._stop_part, self._rename, self._rewrite, self._remove),
            *([self._fill_disk] if self._disk else []),
        ]
        self._random.shuffle(interruptions)
        portion = max(1, self._documents // len(interruptions))
        for number, interrupt in enumerate(interruptions):
            for index in range(portion):
                self._write(f"folder-{number}/document-{index}.txt", self._random.random())
            interrupt(running)
            time.sleep(self._random.uniform(0, 3))

    def _write(self, key: str, version: float) -> None:
        path = self.bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"The document {key} of version {version} tells of subject {version * 1e6:.0f}.\n" * 5, "utf-8")

    # -- interruptions

    def _kill_part(self, running: Stack) -> None:
        process = self._random.choice(running.parts)
        console.print(f"  kill {process.name}")
        self.expected.append(f"{process.name} ended (signal SIGKILL)")
        again = f"{process.name} runs again."
        before = self.reports.count(again)
        process.popen.kill()
        _await(lambda: self.reports.count(again) > before)

    def _kill_function(self, running: Stack) -> None:
        """Kill the master of a function, or its worker alone."""
        name = self._random.choice(_FUNCTIONS)
        master = self._find_master(running, name)
        children = Path(f"/proc/{master}/task/{master}/children").read_text("ascii").split() if master else []
        if not master or not children:
            return
        kill_worker = self._random.random() < 1 / 2
        console.print(f"  kill {'the worker' if kill_worker else 'the instance'} of {name}")
        self.expected.append(f"{name}: worker process {children[0]}" if kill_worker else f"{name} died")
        os.kill(int(children[0]) if kill_worker else master, signal.SIGKILL)

    def _find_master(self, running: Stack, name: str) -> int:
        with suppress(requests.RequestException, ValueError, KeyError):
            functions = requests.get(f"{running.url}/gateway/status", timeout=10).json()["functions"]
            return int(next(found["pid"] for found in functions if found["name"].endswith(name)))
        return 0

    def _stop_part(self, running: Stack) -> None:
        process = self._random.choice(running.parts)
        console.print(f"  stop {process.name} for {_STOPPED_SECONDS:.0f} s")
        self.expected.append(f"{process.name}: process {process.popen.pid} is stopped")
        with suppress(ProcessLookupError):
            os.kill(process.popen.pid, signal.SIGSTOP)
            time.sleep(_STOPPED_SECONDS)
            os.kill(process.popen.pid, signal.SIGCONT)

    def _rename(self, _: Stack) -> None:
        folder = self._random.choice([path for path in sorted(self.bucket.iterdir()) if path.name.startswith("folder")])
        console.print(f"  rename {folder.name}")
        folder.rename(folder.with_name(f"renamed-{folder.name}"))

    def _rewrite(self, _: Stack) -> None:
        console.print(f"  rewrite a document {_REWRITES} times")
        for number in range(_REWRITES):
            self._write("rewritten.txt", number)
            time.sleep(self._random.uniform(0, 0.4))

    def _remove(self, _: Stack) -> None:
        paths = sorted(self.bucket.glob("*/*.txt"))
        console.print(f"  remove {len(paths) // 4} documents")
        for path in self._random.sample(paths, len(paths) // 4):
            path.unlink()

    def _fill_disk(self, _: Stack) -> None:
        assert self._disk is not None
        console.print("  fill the disk")
        filler = self._disk / "filler"
        with suppress(OSError), filler.open("wb", 0) as file:
            while file.write(b"x" * 4096):
                pass
        self.expected.append("Disk full")
        _await(lambda: any(report.startswith("Disk full") for report in self.reports))
        self._write("while-the-disk-was-full.txt", self._random.random())
        time.sleep(_STOPPED_SECONDS)
        filler.unlink()

    # -- what must hold

    def _await_rest(self, running: Stack) -> list[str]:
        end = time.monotonic() + _REST_SECONDS
        wrong = ["nothing was compared"]
        while wrong and time.monotonic() < end and not running.failure:
            time.sleep(1)
            wrong = self._compare(running)
        return [running.failure] if running.failure else wrong

    def _compare(self, running: Stack) -> list[str]:
        """What the index has too much, too little or wrong."""
        store = Store(MilvusSettings(uri=running.environ["MILVUS_URI"]), Space("text-embedding-v4", 512))
        bucket = {path.relative_to(self.bucket).as_posix(): path for path in self.bucket.rglob("*.txt")}
        deadline = Deadline.after(60)
        try:
            store.check(deadline)
            records = {record.key: record for record in store.registry.read_all("", deadline)}
            held = {found.key for found in store.chunks.read_fingerprints(_BUCKET, deadline).values()}
            wrong = [f"{key} is not indexed" for key in bucket if not _is_indexed(records.get(key))]
            wrong += [f"{key} is still in the index" for key in (records.keys() | held) - bucket.keys()]
            for key, path in bucket.items() if not wrong else ():
                chunks, _ = store.chunks.read_range(ObjectKey(_BUCKET, key).document_id, 0, 1, "", deadline)
                if not chunks or chunks[0].text.split(" tells ")[0] != path.read_text("utf-8").split(" tells ")[0]:
                    wrong.append(f"{key} has another version in the index")
        except Exception as error:  # Milvus may still be away
            return [f"the index cannot be read: {error}"]
        return wrong

    def _find_silent(self) -> list[str]:
        return [f"not reported: {text}" for text in self.expected if not any(text in line for line in self.reports)]

    def _find_left(self) -> list[str]:
        """Processes and temporary folders that are left of the stack."""
        end, left = time.monotonic() + 5, ["?"]
        while left and time.monotonic() < end:
            time.sleep(0.1)
            left = [f"process {pid} is left" for pid in _find_processes(self.data)]
        return left


def _is_indexed(record: object) -> bool:
    return getattr(record, "state", None) is DocumentState.INDEXED


def _find_processes(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            started = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            if os.fsencode(folder) in started:
                found.append(process.name)
    return found


def _await(holds: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)


def main() -> int:
    """Play the seeds; 1 when something was wrong after one of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--disk", type=Path, help="an empty folder on a small disk of its own, which is filled")
    options = parser.parse_args()
    failed = 0
    for seed in range(options.seed, options.seed + options.seeds):
        console.print(f"Seed {seed}")
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            chaos = Chaos(seed, options.documents, Path(folder), options.disk)
            wrong = chaos.run()
        for sentence in wrong[:20]:
            console.print(f"  [red]{sentence}[/red]")
        failed += bool(wrong)
        seconds = time.monotonic() - started
        console.print(f"  {len(wrong)} wrong, {len(chaos.expected)} interruptions, {seconds:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""The files and batch tasks of one emulator, and the work on them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
import uuid
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
import msgspec

from local.dashscope.batch import ENDED, InvalidFileError, Line, Task, check_file, read_call, read_lines
from local.dashscope.refusal import Refusal
from local.reporting import report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.dashscope.embedding import EmbeddingCall
    from local.dashscope.faults import BatchFault

# Requests that are worked off in one go, so that others find a turn in between.
_LINES_AT_ONCE = 50
# What is done of a task that a fault lets expire.
_EXPIRED_SHARE = 2
_LOOK_SECONDS = 0.05
_TIMEOUT = aiohttp.ClientTimeout(total=60)


class Worker(Protocol):
    """Works off requests of a file; the emulator."""

    @property
    def batch_seconds(self) -> float:
        """Seconds in which a task is in progress at least."""

    def strike_batch(self) -> BatchFault | None:
        """What happens to the next task by a fault rule."""

    async def embed_offline(self, calls: Sequence[EmbeddingCall], *, shifted: bool) -> list[dict[str, Any] | Refusal]:
        """The answers to requests, each billed at half price unless it is refused."""


@dataclass(frozen=True)
class StoredFile:
    """A file of the account."""

    id: str
    name: str
    purpose: str
    size: int
    created: int
    path: Path

    def describe(self) -> dict[str, Any]:
        """The file as clients see it."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size,
            "created_at": self.created,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        }


class BatchTasks:
    """Files and tasks, newest last; use inside a running event loop.

    Args:
        events: address that hears of each task that ends; empty for none.
    """

    def __init__(self, worker: Worker, events: str) -> None:
        self._worker = worker
        self._events = events
        self._folder = Path(tempfile.mkdtemp(prefix="dashscope-files-"))
        self._running: set[asyncio.Task[None]] = set()
        self.files: dict[str, StoredFile] = {}
        self.tasks: dict[str, Task] = {}

    def close(self) -> None:
        """Give up what is under way, and remove all files."""
        for running in self._running:
            running.cancel()
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_path(self) -> Path:
        """Where the next file may be written."""
        return self._folder / uuid.uuid4().hex

    def add_file(self, path: Path, name: str, purpose: str) -> StoredFile:
        """Take a file that was written to a path of `new_path`."""
        id_ = f"file-batch-{uuid.uuid4().hex[:24]}"
        self.files[id_] = StoredFile(id_, name, purpose, path.stat().st_size, int(time.time()), path)
        return self.files[id_]

    def remove_file(self, id_: str) -> None:
        """Delete a file."""
        self.files.pop(id_).path.unlink(missing_ok=True)

    def begin(self, file: StoredFile, window: str, hours: int, endpoint: str, metadata: dict[str, Any] | None) -> Task:
        """Create a task and begin to work on it."""
        now = int(time.time())
        times = {"created": now, "expires": now + hours * 3600}
        task = Task(f"batch_{uuid.uuid4()}", file.id, endpoint, window, metadata, times)
        self.tasks[task.id] = task
        running = asyncio.create_task(self._run(task, file.path))
        self._running.add(running)  # a task without a reference may be collected
        running.add_done_callback(self._running.discard)
        return task

    def cancel(self, task: Task) -> None:
        """Ask for the end of a task; what was done until then is billed."""
        if task.state not in ENDED:
            self._enter(task, "cancelling")

    async def _run(self, task: Task, path: Path) -> None:
        fault = self._worker.strike_batch()
        try:
            if fault == "batch_fails":
                raise InvalidFileError("The file was refused by a fault rule.")
            task.total = await asyncio.to_thread(check_file, path)
        except InvalidFileError as error:
            task.errors = [{"code": "InvalidFile", "message": str(error), "line": None, "param": None}]
            self._enter(task, "failed")
        else:
            if task.state != "cancelling":
                self._enter(task, "in_progress")
            await self._wait(task)
            await self._work(task, path, fault)
        await self._announce(task)

    async def _wait(self, task: Task) -> None:
        """Let the time of a task pass, which may be changed meanwhile."""
        began = time.monotonic()
        while time.monotonic() - began < self._worker.batch_seconds and task.state != "cancelling":
            await asyncio.sleep(_LOOK_SECONDS)

    async def _work(self, task: Task, path: Path, fault: BatchFault | None) -> None:
        limit = task.total // _EXPIRED_SHARE if fault == "batch_expires" else task.total
        output, errors = self.new_path(), self.new_path()
        lines = read_lines(path)
        with output.open("wb") as done, errors.open("wb") as failed:
            while task.completed + task.failed < limit and task.state != "cancelling":
                wanted = min(_LINES_AT_ONCE, limit - task.completed - task.failed)
                some = list(islice(lines, wanted))
                for line, answer in zip(some, await self._answer(some, fault), strict=True):
                    is_failed = isinstance(answer, Refusal)
                    (failed if is_failed else done).write(msgspec.json.encode(_describe(line, answer)) + b"\n")
                    task.failed += is_failed
                    task.completed += not is_failed
        if task.state != "cancelling":
            self._enter(task, "finalizing")
        task.output_file_id = self._keep(output, f"{task.id}_success.jsonl", task.completed)
        task.error_file_id = self._keep(errors, f"{task.id}_error.jsonl", task.failed)
        if task.state == "cancelling":
            self._enter(task, "cancelled")
        else:
            self._enter(task, "expired" if fault == "batch_expires" else "completed")

    async def _answer(self, lines: Sequence[Line], fault: BatchFault | None) -> list[dict[str, Any] | Refusal]:
        calls: list[EmbeddingCall | Refusal] = []
        for line in lines:
            try:
                calls.append(read_call(line.body))
            except Refusal as refusal:
                calls.append(refusal)
        valid = [call for call in calls if not isinstance(call, Refusal)]
        answers = iter(await self._worker.embed_offline(valid, shifted=fault == "batch_differs"))
        return [call if isinstance(call, Refusal) else next(answers) for call in calls]

    def _keep(self, path: Path, name: str, lines: int) -> str | None:
        """A file of results, if it has any."""
        if lines:
            return self.add_file(path, name, "batch_output").id
        path.unlink()
        return None

    @staticmethod
    def _enter(task: Task, state: Any) -> None:
        task.state = state
        task.times[state] = int(time.time())

    async def _announce(self, task: Task) -> None:
        """Send the event that EventBridge sends when a task ends."""
        if not self._events:
            return
        event = {
            "id": str(uuid.uuid4()),
            "specversion": "1.0",
            "source": "acs.dashscope",
            "type": "dashscope:System:BatchTaskFinish",
            "datacontenttype": "application/json; charset=utf-8",
            "data": {"batch_id": task.id, "status": task.state},
        }
        headers = {"X-Fc-Invocation-Type": "Async"}
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT, headers=headers) as session:
                (await session.post(self._events, json=event)).raise_for_status()
        except (aiohttp.ClientError, TimeoutError) as error:
            report(f"The end of {task.id} could not be announced to {self._events} ({error}).")


def _describe(line: Line, answer: dict[str, Any] | Refusal) -> dict[str, Any]:
    """A line of the file of results or of errors."""
    common = {"id": str(uuid.uuid4()), "custom_id": line.custom_id}
    if isinstance(answer, Refusal):
        error = {"code": answer.code, "message": answer.message}
        return {**common, "response": {"status_code": answer.status, "request_id": "", "body": {}}, "error": error}
    response = {"status_code": 200, "request_id": str(uuid.uuid4()), "body": answer}
    return {**common, "response": response, "error": None}

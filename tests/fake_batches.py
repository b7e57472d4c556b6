"""Batch tasks of a DashScope in memory: the real `BatchTasks` over a session that a `Wire` carries to it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.embedding.batch_tasks import BatchTasks
from shared.runtime.settings import DashScopeSettings, Secret
from tests.fakes import DIMENSION, REFUSED, SPACE, Wire, vector_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shared.store.schema import Space

_RUNNING = "in_progress"
_MISSING = {"error": {"code": "not_found", "message": "There is no such file or task."}}


@dataclass
class ServedTask:
    """A task as DashScope keeps it.

    Attributes:
        lines: ids of texts, and the texts.
        answered: texts that were embedded.
        model: of its vectors.
        dimension: of its vectors.
    """

    id: str
    file_id: str
    lines: dict[str, str]
    model: str = SPACE.model
    dimension: int = DIMENSION
    status: str = _RUNNING
    output_file_id: str | None = None
    error_file_id: str | None = None
    failed: int = 0
    answered: list[str] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status == _RUNNING

    def describe(self) -> dict[str, Any]:
        """The task as clients see it."""
        return {
            "id": self.id,
            "status": self.status,
            "input_file_id": self.file_id,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "request_counts": {"completed": len(self.lines) - self.failed, "failed": self.failed},
        }


@dataclass
class BatchService:
    """The files and tasks of an account.

    Attributes:
        files: by their ids; those that were uploaded have names.
        tasks: in the order of their creation.
        billed: texts that tasks have embedded.
        compared: texts that were embedded at once, to compare their vectors.
        on_create: hears of each task.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    tasks: list[ServedTask] = field(default_factory=list)
    billed: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    on_create: Callable[[ServedTask], None] = lambda _: None
    _count: int = 0

    def end(self, task: ServedTask, status: str, is_answered: Callable[[str], bool] = lambda _: True) -> None:
        """End a task: those of its texts are embedded and billed for which ``is_answered`` says so."""
        task.status = status
        failed, answers = list[dict[str, Any]](), list[dict[str, Any]]()
        for id_, text in task.lines.items() if status != "failed" else ():
            if REFUSED in text or not is_answered(text):
                failed.append({"custom_id": id_, "error": {"code": "DataInspectionFailed", "message": "Refused."}})
                continue
            self.billed[text] += 1
            task.answered.append(text)
            answers.append(
                {
                    "custom_id": id_,
                    "response": {"status_code": 200, "body": _answer([text], task.model, task.dimension)},
                }
            )
        task.failed = len(failed)
        task.output_file_id = self._keep(answers)
        task.error_file_id = self._keep(failed)

    def answer(self, method: str, path: str, options: dict[str, Any]) -> FakeAnswer:
        """Answer a request of the OpenAI-compatible interface."""
        match (method, path.split("/")[1:]):
            case ("POST", ["files"]):
                form = b"".join(options["data"])
                id_ = self._add(form.split(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0])
                self.names[id_] = form.partition(b'filename="')[2].partition(b'"')[0].decode()
                return FakeAnswer({"id": id_})
            case ("GET", ["files"]):
                newest_first = [{"id": id_, "filename": self.names.get(id_, "")} for id_ in reversed(self.files)]
                return FakeAnswer({"data": newest_first, "has_more": False})
            case ("POST", ["batches"]):
                return self._create(options["json"]["input_file_id"])
            case ("GET", ["batches"]):
                newest_first = [task.describe() for task in reversed(self.tasks)]
                return FakeAnswer({"data": newest_first, "has_more": False})
            case (_, ["batches", id_, *rest]):
                return self._describe(id_, is_cancelled=rest == ["cancel"])
            case ("GET", ["files", id_, "content"]):
                return FakeAnswer(self.files[id_]) if id_ in self.files else FakeAnswer(_MISSING, 404)
            case ("DELETE", ["files", id_]):
                return FakeAnswer({"deleted": True}) if self.files.pop(id_, None) else FakeAnswer(_MISSING, 404)
            case ("POST", ["embeddings"]):
                self.compared.update(options["json"]["input"])
                asked = options["json"]
                return FakeAnswer(_answer(asked["input"], asked["model"], asked.get("dimensions") or DIMENSION))
            case _:
                raise AssertionError(f"{method} {path} is not known")

    def _describe(self, id_: str, *, is_cancelled: bool) -> FakeAnswer:
        for task in self.tasks:
            if task.id == id_:
                task.status = "cancelled" if is_cancelled and task.is_running else task.status
                return FakeAnswer(task.describe())
        return FakeAnswer(_MISSING, 404)

    def _create(self, file_id: str) -> FakeAnswer:
        if file_id not in self.files:
            return FakeAnswer(_MISSING, 404)
        lines = [json.loads(line) for line in self.files[file_id].splitlines()]
        texts = {line["custom_id"]: line["body"]["input"][0] for line in lines}
        body = lines[0]["body"]
        name, dimension = f"batch_{len(self.tasks) + 1}", body.get("dimensions") or DIMENSION
        task = ServedTask(name, file_id, texts, body["model"], dimension)
        self.tasks.append(task)
        self.on_create(task)
        return FakeAnswer(task.describe())

    def _keep(self, lines: Sequence[dict[str, Any]]) -> str | None:
        return self._add("".join(json.dumps(line) + "\n" for line in lines).encode()) if lines else None

    def _add(self, content: bytes) -> str:
        self._count += 1
        id_ = f"file-{self._count}"
        self.files[id_] = content
        return id_


class FakeAnswer:
    """An answer as `requests` gives it."""

    def __init__(self, body: dict[str, Any] | bytes, status_code: int = 200) -> None:
        self.content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status_code = status_code
        self.headers: dict[str, str] = {}

    def __enter__(self) -> FakeAnswer:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def iter_content(self) -> Iterator[bytes]:
        """The body in two pieces."""
        middle = len(self.content) // 2
        yield from filter(None, (self.content[:middle], self.content[middle:]))


class _Session:
    """What `BatchTasks` calls of a session of `requests`."""

    def __init__(self, service: BatchService, address: str, wire: Wire) -> None:
        self._service = service
        self._address = address
        self._wire = wire

    def request(self, method: str, url: str, **options: Any) -> FakeAnswer:
        path = url.removeprefix(self._address)
        call = f"batch.{method.lower()} {path.split('/')[1]}{' content' if path.endswith('/content') else ''}"
        return self._wire.carry(call, lambda: self._service.answer(method, path, options))


class FakeBatchTasks(BatchTasks):
    """`BatchTasks` of a service in memory."""

    def __init__(self, service: BatchService, wire: Wire | None = None, space: Space = SPACE) -> None:
        super().__init__(
            DashScopeSettings(api_key=Secret("sk-fake"), model_name=space.model, requested_dimension=space.dimension)
        )
        self._in_memory: Any = _Session(service, self._address, wire or Wire())

    @cached_property
    def _session(self) -> Any:
        return self._in_memory


def _answer(texts: Sequence[str], model: str, dimension: int) -> dict[str, Any]:
    space = "" if model == SPACE.model else model
    rows = [{"index": index, "embedding": vector_of(f"{space}{text}", dimension)} for index, text in enumerate(texts)]
    return {"data": rows, "usage": {"total_tokens": sum(1 + len(text) // 4 for text in texts)}}

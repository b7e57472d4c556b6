"""Batch tasks of Model Studio: files of requests that are answered within a day or more, at half price.

The one file that speaks its protocol, which the SDK lacks: the OpenAI-compatible interface beside the native one.
https://help.aliyun.com/zh/model-studio/batch-interfaces-compatible-with-openai
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from shared.domain.errors import ConfigurationError, PlatformError, TransientError
from shared.embedding.batch_task import EmbeddingAnswer, FileAnswer, FilePage, TaskAnswer, TaskPage, read_task
from shared.embedding.failures import (
    MalformedError,
    RefusedError,
    Rejection,
    ThrottledError,
    UnreachableError,
    interpret,
)
from shared.embedding.multipart import FileForm
from shared.runtime import retrying, tracing
from shared.runtime.retrying import Deadline, RetryPolicy
from shared.runtime.settings.addresses import name_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import requests

    from shared.embedding.batch_task import BatchTask
    from shared.runtime.settings import DashScopeSettings

Answer = TypeVar("Answer")
Page = TypeVar("Page", TaskPage, FilePage)

MOST_FILE_BYTES = 500 * 1000 * 1000
MOST_LINES = 50_000
ENDPOINT = "/v1/embeddings"
_NATIVE, _COMPATIBLE = "/api/v1", "/compatible-mode/v1"
_RETRY_POLICY = RetryPolicy(attempts=4, first_delay=0.3, max_delay=5)
_CONNECT_SECONDS = 3.05
# Files of hundreds of megabytes take longer than a call.
_TRANSFER_SECONDS = 600.0
_CONNECTIONS = 4
_PAGE = 100
# An account runs 1,000 tasks at once, and has 10,000 files.
_MOST_PAGES, _MOST_FILE_PAGES = 20, 100
_MESSAGE_LIMIT = 300


class MissingError(PlatformError):
    """DashScope knows no such file or task."""


class BatchTasks:
    """A client of batch tasks: thread-safe, one per process."""

    def __init__(self, settings: DashScopeSettings) -> None:
        self._settings = settings
        self._address = settings.address.removesuffix("/").removesuffix(_NATIVE) + _COMPATIBLE

    def upload(self, path: Path, name: str, deadline: Deadline) -> str:
        """Upload a file of requests and return its id; an upload that was not finished costs nothing.

        Args:
            name: of no other file: where an answer is lost, the file is looked up by it and not uploaded again.

        Raises:
            TransientError, ConfigurationError: DashScope cannot be reached, or refuses.
        """
        attempts = count()

        def send() -> str:
            if next(attempts) and (found := self.find_files(name, deadline)):
                return found[0]
            with path.open("rb") as file:
                form = FileForm(file, path.stat().st_size, name, {"purpose": "batch"})
                headers = {"Content-Type": form.content_type}
                seconds = deadline.timeout(_TRANSFER_SECONDS)
                return self._ask("POST", "/files", FileAnswer, seconds, data=form, headers=headers).id

        return retrying.call(send, _RETRY_POLICY, deadline)

    def create(self, file_id: str, hours: int, name: str, deadline: Deadline) -> BatchTask:
        """Create the task of a file, once.

        Args:
            hours: within which it must be answered, 24 to 336.

        Raises:
            ThrottledError, ConfigurationError: there is none.
            TransientError: whether there is one now must be looked up by `find`.
        """
        asked = {
            "input_file_id": file_id,
            "endpoint": ENDPOINT,
            "completion_window": f"{hours}h",
            "metadata": {"ds_name": name},
        }

        def send() -> TaskAnswer:
            try:
                seconds = deadline.timeout(self._settings.call_timeout)
                return self._ask("POST", "/batches", TaskAnswer, seconds, json=asked)
            except TransientError as error:
                # Whether a lost answer created a task is looked up later, never tried again: a task is billed.
                error.soon = isinstance(error, ThrottledError)
                raise

        return read_task(retrying.call(send, _RETRY_POLICY, deadline))

    def read(self, task_id: str, deadline: Deadline) -> BatchTask:
        """Ask how a task stands.

        Raises:
            MissingError: there is no such task.
            TransientError, ConfigurationError: as `upload`.
        """
        return read_task(self._call("GET", f"/batches/{task_id}", TaskAnswer, deadline))

    def find(self, file_id: str, deadline: Deadline) -> BatchTask | None:
        """The newest task of a file of requests, if there is one.

        Raises:
            TransientError, ConfigurationError: as `upload`.
        """
        pages = self._list("/batches", TaskPage, _MOST_PAGES, deadline)
        found = next((task for page in pages for task in page.data if task.input_file_id == file_id), None)
        return read_task(found) if found else None

    def find_files(self, name: str, deadline: Deadline) -> list[str]:
        """The ids of the files that were uploaded under a name.

        Raises:
            TransientError, ConfigurationError: as `upload`.
        """
        pages = self._list("/files", FilePage, _MOST_FILE_PAGES, deadline)
        return [file.id for page in pages for file in page.data if file.filename == name]

    def read_lines(self, file_id: str, most_bytes: int, deadline: Deadline) -> Iterator[bytes]:
        """Yield the lines of a file as they arrive.

        Args:
            most_bytes: of a line; a longer one ends the reading.

        Raises:
            MissingError: there is no such file.
            TransientError, ConfigurationError: as `upload`, or the file breaks off.
        """
        seconds = deadline.timeout(_TRANSFER_SECONDS)
        with (
            _interpret_failures(self._address),
            self._send("GET", f"/files/{file_id}/content", seconds, stream=True) as answer,
        ):
            rest = b""
            for piece in answer.iter_content():
                deadline.timeout(_TRANSFER_SECONDS)
                *lines, rest = (rest + piece).split(b"\n")
                yield from filter(None, lines)
                if len(rest) > most_bytes:
                    raise MalformedError(f"a line of it has more than {most_bytes} bytes")
            if rest:
                yield rest

    def cancel(self, task_id: str, deadline: Deadline) -> None:
        """Cancel a task: what it has answered is billed, the rest is not; one that is gone or ended is no failure.

        Raises:
            TransientError, ConfigurationError: as `upload`.
        """
        with suppress(MissingError):
            self._call("POST", f"/batches/{task_id}/cancel", TaskAnswer, deadline)

    def delete_file(self, file_id: str, deadline: Deadline) -> None:
        """Delete a file; one that is gone already is no failure.

        Raises:
            TransientError, ConfigurationError: as `upload`.
        """
        with suppress(MissingError):
            self._call("DELETE", f"/files/{file_id}", dict, deadline)

    def embed(
        self, texts: Sequence[str], model: str, dimension: int | None, deadline: Deadline
    ) -> list[tuple[float, ...]]:
        """Embed a few texts now and at the ordinary price, by the interface that tasks use: to compare vectors.

        Raises:
            TransientError, ConfigurationError: as `upload`.
        """
        asked: dict[str, Any] = {"model": model, "input": list(texts)}
        if dimension is not None:
            asked["dimensions"] = dimension
        rows = sorted(
            self._call("POST", "/embeddings", EmbeddingAnswer, deadline, json=asked).data, key=lambda row: row.index
        )
        if [row.index for row in rows] != list(range(len(texts))):
            raise MalformedError("its rows do not match the texts of the call")
        return [tuple(row.embedding) for row in rows]

    def _call(
        self,
        method: str,
        path: str,
        kind: type[Answer],
        deadline: Deadline,
        **options: Any,
    ) -> Answer:
        def ask() -> Answer:
            return self._ask(method, path, kind, deadline.timeout(self._settings.call_timeout), **options)

        return retrying.call(ask, _RETRY_POLICY, deadline)

    def _list(self, path: str, kind: type[Page], most: int, deadline: Deadline) -> Iterator[Page]:
        after = None
        for _ in range(most):
            page = self._call("GET", path, kind, deadline, params={"limit": _PAGE, "after": after})
            yield page
            if not page.has_more or not page.data:
                break
            after = page.data[-1].id

    def _ask(self, method: str, path: str, kind: type[Answer], seconds: float, **options: Any) -> Answer:
        with _interpret_failures(self._address):
            answer = self._send(method, path, seconds, **options)
            try:
                return msgspec.json.decode(answer.content, type=kind)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                raise MalformedError("its shape is unknown") from None

    def _send(
        self, method: str, path: str, seconds: float, headers: dict[str, str] | None = None, **options: Any
    ) -> requests.Response:
        known = {"Authorization": f"Bearer {self._settings.api_key.reveal()}", **tracing.trace_headers()}
        if self._settings.workspace:
            known["X-DashScope-WorkSpace"] = self._settings.workspace
        with tracing.call("dashscope", "batch"):
            answer = self._session.request(
                method,
                self._address + path,
                headers={**known, **(headers or {})},
                timeout=(min(_CONNECT_SECONDS, seconds), seconds),
                **options,
            )
            if answer.status_code != 200:
                raise self._interpret(answer)
        return answer

    def _interpret(self, answer: requests.Response) -> PlatformError:
        code, message, request_id = _read_error(answer)
        message = message.replace(self._settings.api_key.reveal(), "***")[:_MESSAGE_LIMIT]
        if answer.status_code == 404 and not message:
            # Not of DashScope: believed, it would give up tasks that are paid for.
            return UnreachableError("embedding_unavailable", f"Something else than DashScope answered 404 ({code}).")
        if answer.status_code == 404 and "model" not in code.lower():
            return MissingError("batch_missing", f"DashScope knows no such file or task: {message}")
        error = interpret(Rejection(answer.status_code, code, message, request_id, answer.headers))
        if isinstance(error, RefusedError):
            return ConfigurationError(
                "batch_refused", f"DashScope refused a batch task: {message}", request_id=request_id
            )
        return error

    @cached_property
    def _session(self) -> requests.Session:
        from shared.runtime.connection import bounded_session

        return bounded_session(self._address, _CONNECTIONS, bound_streams=True)


@contextmanager
def _interpret_failures(address: str) -> Iterator[None]:
    """Raise our own errors for those of the HTTP library."""
    import requests

    try:
        yield
    except requests.RequestException as error:
        raise UnreachableError(
            "embedding_unavailable", f"DashScope did not answer at {name_place(address)} ({type(error).__name__})."
        ) from None  # the original may hold the key in its message


def _read_error(answer: requests.Response) -> tuple[str, str, str]:
    """Code, message and request id of an error, in the shape of either interface."""
    try:
        body = msgspec.json.decode(answer.content, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        body = {}
    error = body["error"] if isinstance(body.get("error"), dict) else body
    code = error.get("code") or error.get("type") or f"HTTP{answer.status_code}"
    request_id = body.get("request_id") or answer.headers.get("x-request-id", "")
    return str(code), str(error.get("message") or ""), str(request_id)

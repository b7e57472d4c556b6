"""A batch task, and what the OpenAI-compatible interface answers about it."""

from __future__ import annotations

from msgspec import Struct

_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_MESSAGE_LIMIT = 300


class BatchTask(Struct, frozen=True):
    """A task as DashScope describes it.

    Attributes:
        status: such as ``in_progress``; see `has_ended`.
        output_file_id: its answers; empty where there are none.
        error_file_id: the requests that failed; empty where none did.
        reason: why the whole task failed.
    """

    id: str
    status: str
    input_file_id: str = ""
    output_file_id: str = ""
    error_file_id: str = ""
    completed: int = 0
    failed: int = 0
    reason: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status in _ENDED


class _Counts(Struct):
    completed: int | None = None
    failed: int | None = None


class _Error(Struct):
    code: str | None = None
    message: str | None = None


class _Errors(Struct):
    data: list[_Error] | None = None


class TaskAnswer(Struct):
    """A task, as the interface answers."""

    id: str
    status: str
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    request_counts: _Counts | None = None
    errors: _Errors | None = None


class FileAnswer(Struct):
    """A file, as the interface answers."""

    id: str
    filename: str = ""


class FilePage(Struct):
    """A page of files, as the interface answers."""

    data: list[FileAnswer]
    has_more: bool = False


class TaskPage(Struct):
    """A page of tasks, as the interface answers."""

    data: list[TaskAnswer]
    has_more: bool = False


class _Row(Struct):
    index: int
    embedding: list[float]


class EmbeddingAnswer(Struct):
    """Vectors, as the interface answers."""

    data: list[_Row]


def read_task(task: TaskAnswer) -> BatchTask:
    """The task that an answer describes."""
    counts, errors = task.request_counts or _Counts(), (task.errors.data if task.errors else None) or []
    reason = "; ".join(f"{error.code}: {error.message}" for error in errors)[:_MESSAGE_LIMIT]
    return BatchTask(
        id=task.id,
        status=task.status,
        input_file_id=task.input_file_id or "",
        output_file_id=task.output_file_id or "",
        error_file_id=task.error_file_id or "",
        completed=counts.completed or 0,
        failed=counts.failed or 0,
        reason=reason,
    )

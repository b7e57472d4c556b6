"""Batch tasks: a file of requests that is worked off at half price, as the OpenAI-compatible interface does.

Limits and states are those of https://help.aliyun.com/zh/model-studio/batch-interfaces-compatible-with-openai.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from local.dashscope.body import Body
from local.dashscope.embedding import EmbeddingCall, read_embedding_call
from local.dashscope.refusal import Refusal, invalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_FILE_BYTES = 500 * 1024 * 1024
MOST_LINES = 50_000
ENDPOINT = "/v1/embeddings"
_MOST_LINE_BYTES = 6 * 1024 * 1024
_WINDOW = re.compile(r"([0-9]{1,4})([hd])")
_LEAST_HOURS, _MOST_HOURS = 24, 336

State = Literal["validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"]
ENDED: tuple[State, ...] = ("completed", "failed", "expired", "cancelled")


class InvalidFileError(ValueError):
    """The input of a task is not what the interface takes; the task fails as a whole."""


@dataclass
class Task:
    """A batch task.

    Attributes:
        times: when it reached each state, seconds since the epoch, by the name of the field.
    """

    id: str
    input_file_id: str
    endpoint: str
    window: str
    metadata: dict[str, Any] | None
    times: dict[str, int]
    state: State = "validating"
    errors: list[dict[str, Any]] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0

    def describe(self) -> dict[str, Any]:
        """The task as clients see it."""
        names = ("created", "in_progress", "expires", "finalizing", "completed", "failed", "expired", "cancelled")
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": self.window,
            "status": self.state,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            **{f"{name}_at": self.times.get(name) for name in names},
            "cancelling_at": self.times.get("cancelling"),
            "request_counts": {"total": self.total, "completed": self.completed, "failed": self.failed},
            "metadata": self.metadata,
        }


class Line(msgspec.Struct, frozen=True):
    """One request of a file."""

    custom_id: str
    method: str
    url: str
    body: dict[str, Any]


def read_window(window: object) -> int:
    """The hours of a completion window such as ``24h`` or ``14d``.

    Raises:
        Refusal: it is not between 24 h and 336 h.
    """
    found = _WINDOW.fullmatch(window) if isinstance(window, str) else None
    hours = int(found[1]) * (24 if found[2] == "d" else 1) if found else 0
    if not _LEAST_HOURS <= hours <= _MOST_HOURS:
        raise invalid(f"completion_window should be between {_LEAST_HOURS}h and {_MOST_HOURS}h")
    return hours


def check_file(path: Path) -> int:
    """The number of requests in a file; their bodies are judged one by one later.

    Raises:
        InvalidFileError: it is too large, names several models, or a line is not a request.
    """
    if path.stat().st_size > MOST_FILE_BYTES:
        raise InvalidFileError("The file is larger than 500 MB.")
    names, models = set[str](), set[object]()
    for number, line in enumerate(read_lines(path), 1):
        if number > MOST_LINES:
            raise InvalidFileError(f"The file has more than {MOST_LINES} lines.")
        if line.method != "POST" or line.url != ENDPOINT:
            raise InvalidFileError(f"Line {number}: method and url must be POST and those of the task.")
        if line.custom_id in names:
            raise InvalidFileError(f"Line {number}: its custom_id is used twice.")
        names.add(line.custom_id)
        models.add(line.body.get("model"))
    if len(models) != 1:
        raise InvalidFileError("A file must hold requests of exactly one model.")
    return len(names)


def read_lines(path: Path) -> Iterator[Line]:
    """The requests of a file, one at a time.

    Raises:
        InvalidFileError: a line is not a request.
    """
    with path.open("rb") as file:
        for number, raw in enumerate(iter(lambda: file.readline(_MOST_LINE_BYTES + 1), b""), 1):
            if len(raw) > _MOST_LINE_BYTES:
                raise InvalidFileError(f"Line {number} is larger than 6 MB.")
            if not raw.strip():
                continue
            try:
                yield msgspec.json.decode(raw, type=Line)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                raise InvalidFileError(f"Line {number} is not a request.") from None


def read_call(body: dict[str, Any]) -> EmbeddingCall:
    """The call of an OpenAI-compatible body, which has no ``text_type``: it is that of documents.

    Raises:
        Refusal: the model is unknown, or a parameter is not what it takes.
    """
    texts, dimensions = body.get("input"), body.get("dimensions")
    if not isinstance(body.get("model"), str):
        raise Refusal("InvalidParameter")
    parameters = {} if dimensions is None else {"dimension": dimensions}
    wanted = {"texts": [texts] if isinstance(texts, str) else texts}
    return read_embedding_call(Body(str(body["model"]), wanted, parameters))

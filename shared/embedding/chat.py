"""What goes to a chat model and what comes back, piece by piece."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

# What DashScope writes where it has not finished: https://help.aliyun.com/zh/model-studio/qwen-api-via-dashscope
_UNFINISHED = ("", "null")


class Message(Struct, frozen=True):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Piece(Struct, frozen=True):
    """A part of what a model writes.

    Attributes:
        input_tokens: tokens billed for the whole input.
        output_tokens: tokens billed so far for what was written.
        finish: why the model ended, such as ``stop`` or ``length``; empty before the last piece.
    """

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    finish: str = ""
    request_id: str = ""


def parse_piece(output: Any, usage: Any, request_id: str) -> Piece:
    """Read one event of a stream; models of text alone write a text, others a list of parts.

    Raises:
        KeyError, TypeError, ValueError, AttributeError, IndexError: it has another shape.
    """
    if not output["choices"]:  # the last event of some models holds the usage only
        return Piece("", *_read_usage(usage), request_id=request_id)
    choice = output["choices"][0]
    content = choice["message"].get("content") or ""
    text = content if isinstance(content, str) else "".join(str(part.get("text") or "") for part in content)
    finish = str(choice.get("finish_reason") or "")
    return Piece(text, *_read_usage(usage), "" if finish in _UNFINISHED else finish, request_id)


def _read_usage(usage: Any) -> tuple[int, int]:
    def count(name: str) -> int:
        value = usage.get(name) if isinstance(usage, dict) else None
        return value if isinstance(value, int) and value > 0 else 0

    return count("input_tokens"), count("output_tokens")

"""What is sent to a model that reads pictures, and what comes back."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.domain.models import Picture


class Prompt(Struct, frozen=True):
    """What a model is asked to do with a picture.

    Attributes:
        task: name of a task of DashScope's OCR models; empty for other models.
        text: the request in words; the OCR models have their own for each task.
    """

    task: str = ""
    text: str = ""


class PictureText(Struct, frozen=True):
    """What a model wrote about a picture.

    Attributes:
        text: Markdown, HTML or LaTeX, as the model chose.
        is_cut: whether the model had more to write than it may.
    """

    text: str
    is_cut: bool = False


def as_data_url(picture: Picture) -> str:
    """The picture as an address that holds it, which the SDK cannot take for a file."""
    return f"data:image/jpeg;base64,{base64.b64encode(picture.data).decode()}"


def parse_picture_text(output: Any) -> PictureText:
    """The text of an answer.

    Raises:
        ValueError: it holds none.
    """
    choice, *others = output["choices"] or [None]
    if choice is None or others:
        raise ValueError("it is not one text")
    content = choice["message"]["content"]
    if isinstance(content, str):
        text = content
    else:
        # An answer without a part is how a picture without text is answered.
        text = "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return PictureText(text, choice.get("finish_reason") == "length")


def split_tokens(usage: Mapping[str, Any], total: int) -> tuple[int, int]:
    """The tokens of a picture and of what was written, where an answer tells them apart; else all count as written."""
    counts = [usage.get(name) for name in ("input_tokens", "output_tokens")]
    read, written = (count if isinstance(count, int) and count > 0 else 0 for count in counts)
    return (read, written) if read or written else (0, total)

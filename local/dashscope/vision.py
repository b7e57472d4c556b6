"""Calls to read a picture: read, limited, billed and answered as DashScope does."""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.dashscope.refusal import Refusal, invalid
from shared.domain.catalog import VISION_MODELS, VisionModel

if TYPE_CHECKING:
    from local.dashscope.body import Body
    from local.dashscope.ocr_process import OcrProcess
    from local.dashscope.vocabulary import Vocabulary

TASKS = (
    *("text_recognition", "document_parsing", "table_parsing", "formula_recognition", "multi_lan"),
    *("advanced_recognition", "key_information_extraction"),
)
# Of the picture as it is sent, in base64. https://help.aliyun.com/zh/model-studio/vision
_MOST_URL_BYTES = 10 << 20
_MOST_OUTPUT_TOKENS = 1_000_000


@dataclass(frozen=True)
class VisionCall:
    """A well-formed request to read a picture.

    Attributes:
        prompt: the text of the request; empty for a task of an OCR model.
        task: of ``ocr_options``, or empty.
    """

    model: VisionModel
    picture: bytes
    prompt: str
    task: str
    max_tokens: int

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything a fault may match."""
        return (self.prompt,)

    @property
    def rows(self) -> int:
        """Pictures billed."""
        return 1

    def bill(self, vocabulary: Vocabulary) -> int:
        """Input tokens billed: those of the picture and of the prompt."""
        width, height = _read_size(self.picture)
        return self.model.count_tokens(width, height) + vocabulary.count(self.prompt, _MOST_OUTPUT_TOKENS)

    def answer(self, process: OcrProcess, vocabulary: Vocabulary) -> tuple[dict[str, Any], int]:
        """The output of this call, and how many tokens it has."""
        text = process.read(self.picture)
        if not self.model.has_tasks and not self.task and "Markdown" not in self.prompt:
            width, height = _read_size(self.picture)
            text = f"A picture of {width} x {height} pixels, not looked at by this emulator. Text in it: {text}"
        count = vocabulary.count(text, _MOST_OUTPUT_TOKENS)
        is_cut = count > self.max_tokens
        if is_cut:
            text, count = text[: len(text) * self.max_tokens // count], self.max_tokens
        message = {"role": "assistant", "content": [{"text": text}] if text else []}
        return {"choices": [{"finish_reason": "length" if is_cut else "stop", "message": message}]}, count

    def parameters(self) -> dict[str, Any]:
        """What a test may want to see of this call; not its picture."""
        return {"model": self.model.name, "task": self.task, "bytes": len(self.picture), "max_tokens": self.max_tokens}


def read_vision_call(body: Body) -> VisionCall:
    """The call ``body`` asks for.

    Raises:
        Refusal: the model is unknown, or a parameter is not what it takes.
    """
    model = VISION_MODELS.get(body.model)
    if model is None:
        raise Refusal("ModelNotFound")
    parts = _read_parts(body.input.get("messages"))
    pictures = [part["image"] for part in parts if isinstance(part.get("image"), str)]
    if len(pictures) != 1:
        raise invalid("Value error, exactly one image is expected: input.messages")
    task = (body.parameters.get("ocr_options") or {}).get("task", "")
    if task and (task not in TASKS or not model.has_tasks):
        raise invalid("Value error, task is not supported: parameters.ocr_options.task")
    limit = body.parameters.get("max_tokens", model.output_tokens)
    if type(limit) is not int or not 1 <= limit <= model.output_tokens:
        raise invalid(f"Range of max_tokens should be [1, {model.output_tokens}]")
    prompt = "\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    return VisionCall(model, _read_picture(pictures[0]), prompt, task, limit)


def _read_parts(messages: object) -> list[dict[str, Any]]:
    """The parts of the last message of the user."""
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        raise invalid("Value error, messages should be a non-empty list: input.messages")
    content = messages[-1].get("content")
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise invalid("Value error, content should be a list of parts: input.messages.content")
    return content


def _read_picture(url: str) -> bytes:
    kind, comma, data = url.partition(",")
    if not comma or not kind.startswith("data:image/") or not kind.endswith(";base64"):
        # The emulator fetches nothing.
        raise invalid("Failed to download multimodal content")
    if len(url) > _MOST_URL_BYTES:
        raise invalid("Multimodal file size is too large")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise invalid("The image format is illegal and cannot be opened") from None


def _read_size(data: bytes) -> tuple[int, int]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        raise invalid("The image format is illegal and cannot be opened") from None

"""What is assumed of the models that read pictures: tasks, prompts, answers, bills."""

from __future__ import annotations

import base64
import io
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from ops.verification.assumption import Assumption, expect
from ops.verification.dashscope.wire import MULTIMODAL
from shared.domain.catalog import VISION_MODELS
from shared.embedding.pictures import parse_picture_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.verification.dashscope.wire import Reply, Wire
    from shared.domain.catalog import VisionModel

_NUMBER: Final = "4711"
_SIZE: Final = (480, 96)
_MOST_TOKENS: Final = 128
_PROMPT: Final = "Write down all text of this page as Markdown, in reading order."
_PROMPT_TOKENS: Final = 300


def list_pictures(wire: Wire) -> Iterator[Assumption]:
    """The assumptions about each model of the catalog."""
    for model in VISION_MODELS.values():
        how = "the task document_parsing" if model.has_tasks else "a prompt"
        yield Assumption(
            f"dashscope.picture[{model.name}]",
            f"It reads a picture inside the request by {how}, and says what it bills.",
            partial(_check_text, wire, model),
        )
        if model.has_tasks:
            yield Assumption(
                f"dashscope.picture_task[{model.name}]",
                "A task that it does not have is refused.",
                partial(_check_task, wire, model),
            )


@cache
def draw_text() -> bytes:
    """A picture with a number, which any model that reads can read."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", _SIZE, "white")
    ImageDraw.Draw(image).text((24, 20), f"Invoice {_NUMBER}", "black", ImageFont.load_default(48))
    output = io.BytesIO()
    image.save(output, "JPEG", quality=95)
    return output.getvalue()


def _read(wire: Wire, model: VisionModel, task: str) -> Reply:
    url = f"data:image/jpeg;base64,{base64.b64encode(draw_text()).decode()}"
    part: dict[str, Any] = {"image": url, "min_pixels": model.min_pixels, "max_pixels": model.max_pixels}
    texts = [] if model.has_tasks else [{"text": _PROMPT}]
    options = {"ocr_options": {"task": task}} if model.has_tasks else {"enable_thinking": False}
    body = {
        "model": model.name,
        "input": {"messages": [{"role": "user", "content": [part, *texts]}]},
        "parameters": {"max_tokens": _MOST_TOKENS, **options},
    }
    most = model.price(2 * model.count_tokens(*_SIZE) + _PROMPT_TOKENS, _MOST_TOKENS)
    return wire.send(
        MULTIMODAL, body, most, lambda usage: model.price(int(usage["input_tokens"]), int(usage["output_tokens"]))
    )


def _check_text(wire: Wire, model: VisionModel) -> str:
    reply = _read(wire, model, "document_parsing").require()
    text = parse_picture_text(reply.body["output"]).text
    expect(_NUMBER in text.replace(" ", ""), f"{_NUMBER} is not in what it read ({len(text)} characters)")
    usage = reply.body["usage"]
    expect(usage["input_tokens"] > 0 and usage["output_tokens"] > 0, f"its usage is {usage}")
    assumed = model.count_tokens(*_SIZE)
    return f"tokens {usage['input_tokens']} + {usage['output_tokens']}, {assumed} of them assumed for the picture"


def _check_task(wire: Wire, model: VisionModel) -> str:
    reply = _read(wire, model, "no_such_task")
    expect(reply.status == 400, f"it is answered with {reply.describe()}")
    return ""

"""The emulator reads pictures as DashScope does: protocol, limits and bill, over a real OCR model."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import pytest
from dashscope import MultiModalConversation
from PIL import Image, ImageDraw, ImageFont

from local.dashscope import Settings, running
from shared.domain.catalog import VISION_MODELS
from tests.scans import draw_page, save

if TYPE_CHECKING:
    from collections.abc import Iterator

OCR = VISION_MODELS["qwen-vl-ocr"]
# The model is loaded with the first picture; on a loaded machine that takes a while.
PATIENCE_SECONDS = 300
ROWS = [("Device", "Interval", "Owner"), ("Pump", "weekly", "Ann Lee"), ("Tower", "monthly", "Bo Chen")]


class Client:
    """The SDK pointed at an emulator."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def read(self, picture: bytes, *parts: dict[str, Any], model: str = "qwen-vl-ocr", **options: Any) -> Any:
        url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        return self.send([{"image": url}, *parts], model, **options)

    def send(self, content: Any, model: str = "qwen-vl-ocr", **options: Any) -> Any:
        return MultiModalConversation.call(
            model=model,
            messages=[{"role": "user", "content": content}],
            api_key="sk-local",
            base_address=self._base_url,
            request_timeout=(5, PATIENCE_SECONDS),
            **options,
        )


@pytest.fixture(scope="module")
def real() -> Iterator[Client]:
    with running(Settings(model="hash")) as base_url:
        yield Client(base_url)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """An emulator that names pictures by their bytes, as reading takes seconds."""
    with running(Settings(model="hash", ocr_model="hash")) as base_url:
        yield Client(base_url)


def draw_table() -> Image.Image:
    page = draw_page(["Inspection of devices", "All devices are inspected by the plan below."], (1_000, 700), 30)
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(26)
    for row, cells in enumerate(ROWS):
        for column, cell in enumerate(cells):
            left, top = 80 + 280 * column, 300 + 60 * row
            pen.rectangle((left, top, left + 280, top + 60), outline=0, width=2)
            pen.text((left + 12, top + 14), cell, fill=0, font=font)
    return page


def test_a_page_is_read_with_its_table(real: Client) -> None:
    page = draw_table().rotate(0.5, Image.Resampling.BICUBIC, fillcolor=255)
    response = real.read(save(page, "PNG"), ocr_options={"task": "document_parsing"})
    assert response.status_code == 200, response
    (choice,) = response.output.choices
    text = choice.message.content[0]["text"]
    assert "Inspection of devices" in text
    table = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in ROWS)
    assert f"<table>{table}</table>" in text
    assert response.usage["input_tokens"] == OCR.count_tokens(*page.size)
    assert response.usage["total_tokens"] == response.usage["input_tokens"] + response.usage["output_tokens"]
    # A page without text is an answer without a part.
    blank = real.read(save(Image.new("L", (400, 300), 255), "PNG"), ocr_options={"task": "document_parsing"})
    assert (blank.status_code, blank.output.choices[0].message.content) == (200, [])


def test_a_text_that_is_too_long_is_cut_and_says_so(client: Client) -> None:
    response = client.read(save(draw_page(["x"]), "PNG"), max_tokens=5)
    assert response.output.choices[0].finish_reason == "length"
    assert response.usage["output_tokens"] == 5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text", "list of parts"),
        ([], "one image"),
        ([{"text": "What is this?"}], "one image"),
        ([{"image": "https://example.com/a.png"}], "download"),
        ([{"image": "data:image/png;base64,AAAA"}], "illegal"),
        ([{"image": "data:image/png;base64,*"}], "illegal"),
    ],
)
def test_requests_without_a_picture_are_refused(client: Client, content: Any, words: str) -> None:
    response = client.send(content)
    assert (response.status_code, response.code) == (400, "InvalidParameter")
    assert words in response.message


def test_wrong_models_tasks_and_limits_are_refused(client: Client) -> None:
    picture = save(draw_page(["x"], (100, 100), 20), "PNG")
    assert client.read(picture, model="qwen-vl-none").code == "ModelNotFound"
    for options in ({"ocr_options": {"task": "poetry"}}, {"max_tokens": OCR.output_tokens + 1}, {"max_tokens": 0}):
        assert client.read(picture, **options).code == "InvalidParameter"
    flash = client.read(picture, model="qwen3-vl-flash", ocr_options={"task": "document_parsing"})
    assert flash.code == "InvalidParameter"


def test_a_model_that_describes_says_that_it_does_not_look(client: Client) -> None:
    stream = io.BytesIO()
    draw_page(["x"], (320, 200), 20).save(stream, "PNG")
    response = client.read(stream.getvalue(), {"text": "Describe it."}, model="qwen3-vl-flash")
    assert (
        response.output.choices[0].message.content[0]["text"].startswith("A picture of 320 x 200 pixels, not looked at")
    )

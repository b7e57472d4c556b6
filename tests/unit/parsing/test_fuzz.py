"""The law above all parsers: whatever the bytes, what leaves is text that encodes to UTF-8, or a DocumentError."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

import openpyxl
import pptx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.errors import DocumentError
from shared.parsing import FORMATS, parse
from tests.profile import examples
from tests.unit.parsing.files import pdf_of, saved, write
from tests.unit.parsing.test_formats import HTML, word_file

if TYPE_CHECKING:
    from pathlib import Path


_SETTINGS = settings(
    max_examples=examples(120),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@cache
def valid_files() -> dict[str, bytes]:
    book = openpyxl.Workbook()
    book.active.append(["名称", "b"])
    book.active.append(["值", 2])
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "标题"
    records = [{"text": "正文", "n": [1, {"a": None}]}] * 3
    return {
        "a.txt": "第一段。\n\nSecond.\n".encode("gb18030"),
        "a.md": b"# T\n\n- a\n- b\n\n|a|b|\n|-|-|\n|1|2|\n\n```\nx\n```\n",
        "a.html": HTML.encode("gb18030"),
        "a.pdf": pdf_of([["第一页"], ["page two"]]),
        "a.docx": word_file(),
        "a.pptx": saved(deck.save),
        "a.xlsx": saved(book.save),
        "a.csv": 'a,b\n"1\n2",3\n'.encode("utf-16"),
        "a.json": json.dumps(records).encode(),
        "a.jsonl": "\n".join(map(json.dumps, records)).encode(),
    }


def read_or_refused(folder: Path, key: str, content: bytes) -> None:
    with suppress(DocumentError):
        document = parse(write(folder, "file", content), key)
        document.title.encode()
        for block in document.blocks:
            assert block.text.encode().strip()
            "".join((*block.location.headings, block.location.sheet or "")).encode()


@_SETTINGS
@given(extension=st.sampled_from(sorted(FORMATS)), content=st.binary(max_size=400))
def test_arbitrary_bytes(tmp_path: Path, extension: str, content: bytes) -> None:
    read_or_refused(tmp_path, f"a.{extension}", content)


@_SETTINGS
@given(extension=st.sampled_from(["txt", "md", "html", "csv", "json", "jsonl"]), content=st.text(max_size=400))
def test_arbitrary_text(tmp_path: Path, extension: str, content: str) -> None:
    read_or_refused(tmp_path, f"a.{extension}", content.encode("utf-8", "surrogatepass"))


@_SETTINGS
@given(name=st.sampled_from(sorted(valid_files())), share=st.floats(0, 1))
def test_truncated_files(tmp_path: Path, name: str, share: float) -> None:
    content = valid_files()[name]
    read_or_refused(tmp_path, name, content[: int(len(content) * share)])


@_SETTINGS
@given(
    name=st.sampled_from(sorted(valid_files())),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8),
)
def test_files_with_flipped_bits(tmp_path: Path, name: str, flips: list[tuple[float, int]]) -> None:
    content = bytearray(valid_files()[name])
    for share, mask in flips:
        content[int(len(content) * share)] ^= mask
    read_or_refused(tmp_path, name, bytes(content))

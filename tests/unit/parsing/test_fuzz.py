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
from tests.unit.parsing.files import container_of, pdf_of, saved, write, zipped
from tests.unit.parsing.test_formats import HTML, word_file
from tests.unit.parsing.test_mail import message_streams
from tests.unit.parsing.test_old_office import RTF, WRITTEN, box, cell, ppt_of, slide, table, wide, xlsb_of
from tests.unit.parsing.test_open_formats import TEXT, epub_of, odf_of, ofd_of, row_of, sheet_of

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
        "a.eml": b"Subject: x\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\ntext\n--x\n"
        b"Content-Type: text/html\n\n<p>a\n--x--",
        "a.rtf": RTF,
        "a.odt": odf_of(TEXT),
        "a.ods": odf_of(sheet_of(row_of("a", "b") + row_of("1", "2")), "spreadsheet"),
        "a.epub": epub_of(),
        "a.ofd": ofd_of("<TextObject Boundary='1 1 9 9'><TextCode X='1' Y='1'>text</TextCode></TextObject>"),
        "a.doc": (WRITTEN / "handbook.doc").read_bytes(),
        "a.xls": (WRITTEN / "prices.xls").read_bytes(),
        "a.ppt": ppt_of(slide(box("Title", 0), table([["a", "b"], ["c", "d"]]))),
        "a.msg": container_of(message_streams("subject", "body")),
        "a.xlsb": xlsb_of((0, bytes(4)), (6, cell(0, 0, wide("kept")))),
        "a.zip": zipped({"a.txt": "text", "b.csv": "a,b\n1,2\n"}),
        "a.xml": b"<a><b>text</b><c d='e'/></a>",
        "a.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": ["x"], "outputs": [{"text": "y"}]}]}).encode(),
        "a.srt": b"1\n00:00:01,000 --> 00:00:02,000\ntext\n",
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
@given(
    extension=st.sampled_from(
        ["txt", "md", "html", "csv", "json", "jsonl", "xml", "yaml", "py", "eml", "rtf", "srt", "ipynb", "fods"]
    ),
    content=st.text(max_size=400),
)
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

"""Laws of the parser's own process: bounded in memory and time, and whatever becomes of it is one typed outcome."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import time
import zipfile
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from local.stack import PROJECT
from shared.domain.errors import DocumentError, TransientError
from shared.parsing import Limits, parse, parse_bounded
from shared.runtime.retrying import Deadline
from tests.unit.parsing.files import WORD, docx_of, pdf_of, write, xlsx_of, zipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEBIBYTE = 1 << 20
# A file may take 15 s and one more for each megabyte: of CPU time, which a busy machine stretches.
PATIENCE_SECONDS = 90


def pdf_bomb(page: bytes, times: int) -> bytes:
    """A PDF whose one page draws ``page`` so many times, packed a thousand to one."""
    packer = zlib.compressobj(9)
    packed = [packer.compress(page * 1_000) for _ in range(times // 1_000)]
    stream = b"".join(packed) + packer.flush()
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n"
        b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
        + f"4 0 obj<</Filter/FlateDecode/Length {len(stream)}>>stream\n".encode()
        + stream
        + b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )


def nested_forms(depth: int, fan: int) -> bytes:
    """A PDF whose form draws another form many times, which does the same: 10^n drawings in a few hundred bytes."""
    objects = [
        b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj",
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>endobj",
        b"4 0 obj<</Length 4>>stream\n/X Do\nendstream endobj",
    ]
    for number in range(5, 5 + depth):
        body = b"/X Do " * fan
        inside = f"/Resources<</XObject<</X {number + 1} 0 R>>>>" if number < 4 + depth else ""
        objects.append(
            f"{number} 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 9 9]{inside}/Length {len(body)}>>stream\n".encode()
            + body
            + b"\nendstream endobj"
        )
    return b"%PDF-1.4\n" + b"\n".join(objects) + b"\ntrailer<</Root 1 0 R>>\n%%EOF"


def zip_of_many(count: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as container:
        for number in range(count):
            container.writestr(f"word/{number}.xml", b"")
        container.writestr("word/document.xml", b"")
    return stream.getvalue()


def one_member_of(size: int) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as container,
        container.open("word/document.xml", "w") as part,
    ):
        part.write(f"<w:document {WORD}><w:body>".encode())
        for _ in range(size // (1 << 20)):
            part.write(b"<w:p><w:r><w:t>x</w:t></w:r></w:p>" * (1 << 15))
    return stream.getvalue()


def nested_zip(depth: int) -> bytes:
    content = b"x" * 1_000_000
    for _ in range(depth):
        content = zipped({"word/document.xml": content})
    return content


EVIL: dict[str, Callable[[], bytes]] = {
    "flate-bomb.pdf": lambda: pdf_bomb(b"BT /F 9 Tf (a) Tj ET\n", 15_000_000),
    "long-page.pdf": lambda: pdf_bomb(b"BT /F 9 Tf (abcdefghij) Tj ET\n", 2_000_000),
    "nested-forms.pdf": lambda: nested_forms(12, 12),
    "ring-of-pages.pdf": lambda: (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[2 0 R"
        b" 2 0 R]/Count 99999/Parent 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    ),
    "many-pages.pdf": lambda: (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 100000/Kids["
        + b"3 0 R " * 100_000
        + b"]>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    ),
    "encrypted.pdf": lambda: pdf_of([["secret"]], password="x"),
    "bomb.docx": lambda: one_member_of(400 * MEBIBYTE),
    "many-members.docx": lambda: zip_of_many(70_000),
    "zip-in-zip.docx": lambda: nested_zip(6),
    "entities.docx": lambda: docx_of('<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><d>&b;</d>'),
    "outside.docx": lambda: docx_of('<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><d>&a;</d>'),
    "far-cell.xlsx": lambda: xlsx_of(
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row><row r="1"><c r="A1"/></row>'
    ),
    "deep.html": lambda: b"<div>" * 200_000,
    "attributes.html": lambda: b"<p " + b" ".join(b"a%d=1" % i for i in range(400_000)) + b">x",
    "tags.html": lambda: b"<p><b>x" * 900_000,
    "deep.json": lambda: b"[" * 1_000_000,
    "flat.json": lambda: b"[" + b"[]," * 1_900_000 + b"[]]",
    "really-a-zip.txt": lambda: zip_of_many(70_000),
}
OUTCOMES = {
    "text", "broken_file", "encrypted", "empty_document", "format_mismatch", "needs_ocr", "too_deep", "too_large",
    "too_many_pages", "too_slow",
}  # fmt: skip


def outcome(path: Path, name: str) -> str:
    try:
        characters = sum(len(block.text) for block in parse_bounded(path, name, Limits(), soon()).blocks)
    except DocumentError as error:
        return error.code
    return "text" if characters else "nothing, and no reason"


def soon() -> Deadline:
    return Deadline.after(PATIENCE_SECONDS)


@pytest.mark.parametrize("name", EVIL)
def test_an_evil_file_has_one_typed_outcome_in_bounded_time(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, EVIL[name]())
    started = time.monotonic()
    assert outcome(path, name) in OUTCOMES
    assert time.monotonic() - started < PATIENCE_SECONDS
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("sample", sorted((PROJECT / "samples").iterdir()), ids=lambda path: path.suffix)
def test_apart_a_file_reads_as_it_does_here(sample: Path) -> None:
    here, apart = parse(sample, sample.name), parse_bounded(sample, sample.name, Limits(), soon())
    assert apart.title == here.title
    assert list(apart.blocks) == list(here.blocks)


def test_a_file_that_takes_too_long_is_refused_as_too_slow(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", nested_forms(12, 12))
    started = time.monotonic()
    with pytest.raises(DocumentError) as caught:
        list(parse_bounded(path, "a.pdf", Limits(max_seconds=1), soon()).blocks)
    assert caught.value.code == "too_slow"
    assert time.monotonic() - started < PATIENCE_SECONDS


def test_a_file_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", b"[" + b"[]," * 900_000 + b"[]]")
    with pytest.raises(DocumentError) as caught:
        list(parse_bounded(path, "a.json", Limits(max_memory_bytes=60 * MEBIBYTE), soon()).blocks)
    assert caught.value.code in ("too_large", "broken_file")


def test_a_parser_that_the_machine_kills_is_tried_again(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", pdf_of([["page"] * 40] * 300))
    document = parse_bounded(path, "a.pdf", Limits(), soon())
    (child,) = multiprocessing.active_children()
    os.kill(child.pid or 0, signal.SIGKILL)
    with pytest.raises(TransientError) as caught:
        list(document.blocks)
    assert caught.value.code == "parser_killed"


def test_reading_ends_with_the_deadline(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", nested_forms(12, 12))
    with pytest.raises(TransientError) as caught:
        list(parse_bounded(path, "a.pdf", Limits(), Deadline.after(0.5)).blocks)
    assert caught.value.code == "deadline_exceeded"
    assert not multiprocessing.active_children()


def test_a_reader_who_stops_listening_leaves_no_process_behind(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", pdf_of([["page"] * 40] * 300))
    document = parse_bounded(path, "a.pdf", Limits(), soon())
    next(document.blocks)
    assert multiprocessing.active_children()
    with suppress(AttributeError):
        document.blocks.close()  # type: ignore[attr-defined]
    del document
    assert not multiprocessing.active_children()

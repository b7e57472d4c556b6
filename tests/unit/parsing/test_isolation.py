"""The parser's own process: bounded in memory and time, and whatever becomes of it is one typed outcome."""

from __future__ import annotations

import io
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.stack import PROJECT
from ops import deployment
from shared.domain.errors import DocumentError, InternalError, TransientError
from shared.parsing import Limits, parse, parse_bounded
from shared.parsing.pool import Pool, shared_pool, size
from shared.runtime.retrying import Deadline
from tests.profile import slow
from tests.unit.parsing import misbehaving
from tests.unit.parsing.files import WORD, docx_of, pdf_of, write, xlsx_of, zipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.domain.models import ParsedDocument

MEBIBYTE = 1 << 20
# A file may take 15 s and one more for each megabyte: of CPU time, which a busy machine stretches.
PATIENCE_SECONDS = 90


def pdf_bomb(page: bytes, times: int) -> bytes:
    """A PDF with one page that draws ``page`` so many times, packed a thousand to one."""
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
    """A PDF with a form that draws another form many times, which does the same: 10^n drawings in few bytes."""
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
    "text", "broken_file", "encrypted", "empty_document", "format_mismatch", "needs_ocr", "too_complex", "too_deep",
    "too_large", "too_many_pages", "too_slow",
}  # fmt: skip


def outcome(path: Path, name: str) -> str:
    try:
        characters = sum(len(block.text) for block in parse_bounded(path, name, Limits(), soon()).blocks)
    except DocumentError as error:
        return error.code
    return "text" if characters else "nothing, and no reason"


def soon() -> Deadline:
    return Deadline.after(PATIENCE_SECONDS)


@pytest.fixture(autouse=True)
def _fresh_processes() -> Iterator[None]:
    """Processes of the test's own: none is left idle before, and none in use after."""
    shared_pool().close()
    yield
    assert shared_pool().in_use == 0


def ordered(folder: Path, order: str, limits: Limits | None = None) -> ParsedDocument:
    """A document of the module that does what ``order`` says."""
    path = write(folder, "a.txt", order)
    return parse_bounded(path, "a.txt", limits or Limits(), soon(), module=misbehaving.MODULE)


def code(folder: Path, order: str, limits: Limits | None = None) -> str:
    """The code of the error that ends the document, and whether it refuses it for good."""
    with pytest.raises((DocumentError, TransientError)) as caught:
        list(ordered(folder, order, limits).blocks)
    assert misbehaving.SECRET not in str(caught.value)
    return f"{type(caught.value).__name__} {caught.value.code}"


def reader(folder: Path) -> str:
    """Id of the process that reads the next file."""
    return [block.text for block in ordered(folder, "nothing").blocks][-1]


@slow
@pytest.mark.parametrize("name", EVIL)
def test_an_evil_file_has_one_typed_outcome_in_bounded_time(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, EVIL[name]())
    started = time.monotonic()
    assert outcome(path, name) in OUTCOMES
    assert time.monotonic() - started < PATIENCE_SECONDS


@pytest.mark.parametrize("sample", sorted((PROJECT / "samples").glob("*.*")), ids=lambda path: path.suffix)
def test_apart_a_file_reads_as_it_does_here(sample: Path) -> None:
    here, apart = parse(sample, sample.name), parse_bounded(sample, sample.name, Limits(), soon())
    assert (apart.title, apart.format) == (here.title, here.format)
    assert list(apart.blocks) == list(here.blocks)
    assert apart.warnings == here.warnings


# -- what ends a process, and what it means for the document ----------------------------------------------------------


@slow
@pytest.mark.parametrize("moment", ["", "late "], ids=["at once", "while read"])
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("allocate", "DocumentError too_complex"),
        ("abort-full", "DocumentError too_complex"),
        ("fault-full", "DocumentError too_complex"),
        ("kill-full", "DocumentError too_complex"),
        ("write-and-abort", "DocumentError too_complex"),
        ("compute", "DocumentError too_slow"),
        ("recurse", "DocumentError too_deep"),
        ("bad-file", "DocumentError broken_file"),
        ("kill", "TransientError parser_killed"),
        ("terminate", "TransientError parser_killed"),
        ("full-disk", "TransientError disk_full"),
        ("abort", "InternalError internal_error"),
        ("fault", "InternalError internal_error"),
        ("exit", "InternalError internal_error"),
        ("sys-exit", "InternalError internal_error"),
        ("type-error", "InternalError internal_error"),
        ("missing-module", "InternalError internal_error"),
        ("panic", "InternalError internal_error"),
    ],
)
def test_each_end_of_a_parser_has_its_own_outcome(tmp_path: Path, moment: str, order: str, expected: str) -> None:
    assert code(tmp_path, moment + order, Limits(max_seconds=1)) == expected
    assert reader(tmp_path)  # the next file finds a process that reads


def test_the_log_of_a_crash_has_the_place_and_no_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert code(tmp_path, "type-error") == "InternalError internal_error"
        assert code(tmp_path, "abort") == "InternalError internal_error"
    raised, aborted = (record.__dict__ for record in caplog.records if record.message == "parser_crashed")
    assert raised["error"] == "TypeError"
    assert "unit/parsing/misbehaving.py:" in raised["place"]
    assert "_raise_type_error" in raised["place"]
    assert aborted["error"] == f"exit {-signal.SIGABRT}"
    assert "misbehaving.py:" in aborted["place"]
    assert misbehaving.SECRET not in str((raised, aborted))


def test_a_module_that_is_missing_condemns_no_document(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", "text")
    with pytest.raises(InternalError) as caught:
        parse_bounded(path, "a.txt", Limits(), soon(), module="shared.parsing.missing")
    assert caught.value.code == "internal_error"


def test_warnings_arrive_with_the_last_block(tmp_path: Path) -> None:
    for order in ("warn", "late warn"):
        document = ordered(tmp_path, order)
        list(document.blocks)
        assert document.warnings == ["A picture was left out."]


def test_a_parser_that_the_machine_kills_is_tried_again(tmp_path: Path) -> None:
    document = ordered(tmp_path, "late nothing")
    (process,) = shared_pool().taken
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(TransientError) as caught:
        list(document.blocks)
    assert caught.value.code == "parser_killed"


def test_reading_ends_with_the_deadline(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", "compute")
    with pytest.raises(TransientError) as caught:
        list(parse_bounded(path, "a.txt", Limits(), Deadline.after(0.5), module=misbehaving.MODULE).blocks)
    assert caught.value.code == "deadline_exceeded"


# -- which process reads the next file --------------------------------------------------------------------------------


def test_a_process_reads_several_files(tmp_path: Path) -> None:
    assert reader(tmp_path) == reader(tmp_path) == reader(tmp_path)


def test_a_process_that_refused_a_file_reads_the_next_one(tmp_path: Path) -> None:
    first = reader(tmp_path)
    assert code(tmp_path, "encrypted") == "DocumentError encrypted"
    assert reader(tmp_path) == first


@pytest.mark.parametrize("order", ["too-large", "recurse", "type-error", "late too-large"])
def test_a_process_is_replaced_after_a_limit_or_a_crash(tmp_path: Path, order: str) -> None:
    first = reader(tmp_path)
    assert code(tmp_path, order)
    assert reader(tmp_path) != first


def test_a_process_is_replaced_once_its_memory_grew(tmp_path: Path) -> None:
    first = reader(tmp_path)
    assert [block.text for block in ordered(tmp_path, "grow").blocks] == [first]
    assert reader(tmp_path) != first


def test_a_process_is_replaced_after_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.parsing.pool._MOST_FILES", 2)
    first = reader(tmp_path)
    assert reader(tmp_path) == first
    assert reader(tmp_path) != first


def test_a_process_is_replaced_when_the_rest_of_a_document_is_not_wanted(tmp_path: Path) -> None:
    document = ordered(tmp_path, "late nothing")
    (process,) = shared_pool().taken
    next(document.blocks)
    document.blocks.close()  # type: ignore[attr-defined]
    assert shared_pool().in_use == 0
    assert not is_running(process.pid)


def test_a_document_that_is_forgotten_unread_gives_its_process_back(tmp_path: Path) -> None:
    document = ordered(tmp_path, "late nothing")
    assert shared_pool().in_use == 1
    del document
    assert shared_pool().in_use == 0


def test_a_small_document_holds_no_process_while_its_blocks_are_read(tmp_path: Path) -> None:
    document = ordered(tmp_path, "nothing")
    assert shared_pool().in_use == 0
    assert len(list(document.blocks)) == 1


def test_a_process_that_died_while_idle_is_replaced(tmp_path: Path) -> None:
    """As after an instance was frozen for hours, when the machine may have ended what stood still."""
    os.kill(int(reader(tmp_path)), signal.SIGKILL)
    assert reader(tmp_path)


@slow
def test_cpu_time_is_counted_for_each_file(tmp_path: Path) -> None:
    """The kernel counts it for the life of a process, which has used more than one file may after some files."""
    # Far below the limit each, because time in which a virtual machine is paused counts as its own.
    pids = {block.text for _ in range(18) for block in ordered(tmp_path, "burn", Limits(max_seconds=5)).blocks}
    assert len(pids) == 1


def test_a_limit_smaller_than_before_counts_for_the_next_file(tmp_path: Path) -> None:
    reader(tmp_path)
    path = write(tmp_path, "a.json", b"[" + b"[]," * 900_000 + b"[]]")
    with pytest.raises(DocumentError) as caught:
        parse_bounded(path, "a.json", Limits(max_memory_bytes=60 * MEBIBYTE), soon())
    assert caught.value.code == "too_complex"


# -- the pool ---------------------------------------------------------------------------------------------------------


def test_a_document_waits_for_a_free_process_until_its_deadline(tmp_path: Path) -> None:
    pool = Pool(1, Limits().max_memory_bytes)
    taken = pool.take(soon())
    with pytest.raises(TransientError) as caught:
        pool.take(Deadline.after(0.1))
    assert caught.value.code == "deadline_exceeded"
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(pool.take, soon())
        pool.give_back(taken)
        assert waiting.result() is taken
    pool.drop(taken)


@slow
def test_many_documents_at_once_are_all_read(tmp_path: Path) -> None:
    paths = [write(tmp_path, f"{number}.txt", f"text {number}\n\n" * 20_000) for number in range(8)]

    def read(path: Path) -> set[str]:
        return {block.text for block in parse_bounded(path, path.name, Limits(), soon()).blocks}

    with ThreadPoolExecutor(8) as others:
        assert list(others.map(read, paths)) == [{f"text {number}"} for number in range(8)]


@pytest.mark.parametrize("mebibytes", [512, 1024, 2048, 3072, 8192])
def test_the_processes_and_the_function_fit_into_the_instance(mebibytes: int) -> None:
    number, memory = size(mebibytes * MEBIBYTE)
    assert number >= 1
    assert memory >= 128 * MEBIBYTE
    assert number * memory + 384 * MEBIBYTE <= mebibytes * MEBIBYTE


def test_as_deployed_each_document_finds_a_process() -> None:
    ingest = deployment.load(PROJECT / "s.yaml", {}).functions["ingest"]
    assert size(ingest.memory_size * MEBIBYTE)[0] >= ingest.instance_concurrency


def test_the_processes_end_with_the_function(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", "late nothing")
    script = (
        "import os, sys, pathlib\n"
        "from shared.parsing import Limits, parse_bounded\n"
        "from shared.runtime.retrying import Deadline\n"
        f"path = pathlib.Path({str(path)!r})\n"
        f"document = parse_bounded(path, 'a.txt', Limits(), Deadline.after(60), module={misbehaving.MODULE!r})\n"
        "from shared.parsing.pool import shared_pool\n"
        "print(shared_pool().taken[0].pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as function:
        assert function.stdout
        waiting = int(function.stdout.readline())
        (reading,) = children(waiting)
        function.kill()
    until = time.monotonic() + PATIENCE_SECONDS
    while (is_running(waiting) or is_running(reading)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(waiting)
    assert not is_running(reading)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# -- how much text a file may yield -----------------------------------------------------------------------------------


def test_text_beyond_the_bound_for_the_files_size_is_left_out_with_a_warning(tmp_path: Path) -> None:
    labels = ",".join(f"a rather long label of column {number}" for number in range(100))
    path = write(tmp_path, "a.csv", f"{labels}\n" + ("1," * 99 + "1\n") * 500)
    limits = Limits(characters_per_byte=4, min_characters=1000)
    document = parse_bounded(path, "a.csv", limits, soon())
    blocks = list(document.blocks)
    most = 4 * path.stat().st_size
    assert 0.9 * most < sum(len(block.text) for block in blocks) <= most
    (warning,) = document.warnings
    assert f"{most:,}" in warning
    assert f"row {blocks[-1].location.row + 1}" in warning  # type: ignore[operator]


def test_a_small_file_may_yield_much_more_than_its_size(tmp_path: Path) -> None:
    rows = "".join(
        f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>same</t></is></c></row>' for row in range(1, 9_000)
    )
    document = parse_bounded(write(tmp_path, "a.xlsx", xlsx_of(rows)), "a.xlsx", Limits(), soon())
    assert len(list(document.blocks)) == 8_999
    assert document.warnings == []


def test_a_record_that_unfolds_is_read_within_the_bounds_or_refused(tmp_path: Path) -> None:
    """Each leaf repeats its path: a line of 0.2 MB would be 600 MB of text."""
    inner: object = {f"key{number}": 1 for number in range(6_000)}
    for _ in range(100):
        inner = {"k" * 1_000: inner}
    path = write(tmp_path, "a.jsonl", json.dumps(inner))
    characters = 0
    with suppress(DocumentError):
        characters = sum(len(block.text) for block in parse_bounded(path, "a.jsonl", Limits(), soon()).blocks)
    assert characters <= max(Limits().min_characters, Limits().characters_per_byte * path.stat().st_size)


@slow
def test_large_text_streams_in_constant_memory(tmp_path: Path) -> None:
    """Neither side holds the file: the process waits where its blocks are not taken."""
    path = write(tmp_path, "a.txt", ("A sentence of a paragraph. " * 8 + "\n\n") * 200_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limits = Limits(max_memory_bytes=96 * MEBIBYTE)
    assert sum(1 for _ in parse_bounded(path, "a.txt", limits, soon()).blocks) == 200_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10

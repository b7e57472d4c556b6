"""Bad input gives one DocumentError that says why, in bounded time and memory, and never the document's words."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING

import openpyxl
import pytest

from shared.domain.errors import DocumentError
from shared.parsing import Limits, parse
from tests.profile import slow
from tests.unit.parsing.files import (
    WORD,
    container_of,
    docx_of,
    pdf_of,
    read_blocks,
    saved,
    texts,
    write,
    xlsx_of,
    zipped,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "mysecretword"
FAR_CELLS = '<row r="1"><c r="A1"><v>1</v></c></row><row r="{row}"><c r="{cell}"><v>1</v></c></row>'


def refused(path: Path, key: str = "", limits: Limits | None = None) -> str:
    """The code the document is refused with, at once or while it is read."""
    with pytest.raises(DocumentError) as caught:
        read_blocks(path, key, limits)
    assert caught.value.stage == "parsing"
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.pdf", "a.docx", "a.xlsx", "a.csv", "a.json", "a.jsonl"])
def test_an_empty_file_is_refused_as_empty(tmp_path: Path, name: str) -> None:
    assert refused(write(tmp_path, name, b"")) == "empty_document"


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.csv", "a.json", "a.jsonl"])
def test_a_blank_file_is_refused_as_empty(tmp_path: Path, name: str) -> None:
    assert refused(write(tmp_path, name, "\ufeff \n\u3000\u200b\n\t\n")) == "empty_document"


def test_office_files_without_text_are_refused_as_empty(tmp_path: Path) -> None:
    assert refused(write(tmp_path, "a.docx", docx_of(f"<w:document {WORD}/>"))) == "empty_document"
    assert refused(write(tmp_path, "a.xlsx", xlsx_of(""))) == "empty_document"


@pytest.mark.parametrize("name", ["a.exe", "a", "目录.d/a.mp4", "a.dwg"])
def test_an_unknown_extension_is_refused(tmp_path: Path, name: str) -> None:
    assert refused(write(tmp_path, "x", "text"), name) == "unsupported_format"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", b"just text"),
        ("a.docx", b"just text"),
        ("a.txt", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
        ("a.csv", b"Rar!\x1a\x07\x01\x00"),
        ("a.md", bytes(range(256)) * 8),
        ("a.docx", zipped({"readme": "x"})),
    ],
)
def test_content_that_is_not_what_the_name_says_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    assert refused(write(tmp_path, name, content)) == "format_mismatch"


def test_an_encrypted_pdf_is_named_as_such(tmp_path: Path) -> None:
    assert refused(write(tmp_path, "a.pdf", pdf_of([["text"]], password="x"))) == "encrypted"


def test_a_pdf_that_is_encrypted_for_certificates_is_named_as_such(tmp_path: Path) -> None:
    handler = b"/Encrypt << /Filter /Adobe.PubSec /SubFilter /adbe.pkcs7.s5 /V 4 >>"
    content = pdf_of([["text"]]).replace(b"trailer\n<<", b"trailer\n<<\n" + handler)
    assert refused(write(tmp_path, "a.pdf", content)) == "encrypted"


def test_an_encrypted_office_file_is_named_as_such(tmp_path: Path) -> None:
    container = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1 << 20) + "EncryptedPackage".encode("utf-16-le") + bytes(99)
    )
    assert refused(write(tmp_path, "a.docx", container)) == "broken_file"
    container = container_of({"EncryptedPackage": bytes(9), "EncryptionInfo": bytes(9)})
    assert refused(write(tmp_path, "b.docx", container)) == "encrypted"
    assert refused(write(tmp_path, "c.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(999))) == "broken_file"


def test_an_encrypted_zip_is_named_as_such(tmp_path: Path) -> None:
    data = bytearray(docx_of(f"<w:document {WORD}/>"))
    at = data.index(b"PK\x01\x02")
    while at >= 0:
        data[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 1)
    assert refused(write(tmp_path, "a.docx", bytes(data))) == "encrypted"


def test_a_pdf_of_pictures_needs_ocr(tmp_path: Path) -> None:
    from PIL import Image
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    stream = io.BytesIO()
    canvas = Canvas(stream)
    canvas.drawImage(ImageReader(Image.new("RGB", (40, 40), "red")), 50, 50)
    canvas.showPage()
    canvas.save()
    assert refused(write(tmp_path, "scan.pdf", stream.getvalue())) == "needs_ocr"


def test_a_truncated_pdf_is_read_or_refused_but_never_empty(tmp_path: Path) -> None:
    whole = pdf_of([["first page of the report"], ["second page of the report"]])
    for share in (0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        path = write(tmp_path, "a.pdf", whole[: int(len(whole) * share)])
        with suppress(DocumentError):
            assert texts(path)


def test_a_pdf_whose_page_tree_is_a_ring_ends(tmp_path: Path) -> None:
    ring = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R 2 0 R]/Count 1000000/Parent 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )
    assert refused(write(tmp_path, "a.pdf", ring)) in {"broken_file", "too_many_pages", "needs_ocr", "empty_document"}


def test_too_many_pages_are_refused_before_any_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", pdf_of([["one"], ["two"], ["three"]]))
    with pytest.raises(DocumentError) as caught:
        parse(path, "a.pdf", Limits(max_pages=2))
    assert caught.value.code == "too_many_pages"


@slow
def test_a_docx_that_unpacks_to_a_gigabyte_is_refused_at_once(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as container,
        container.open("word/document.xml", "w") as part,
    ):
        for _ in range(300):
            part.write(b"<a/>" * (1 << 18))
    path = write(tmp_path, "a.docx", stream.getvalue())
    with pytest.raises(DocumentError) as caught:
        parse(path, "a.docx")
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx"])
def test_a_part_larger_than_it_declares_is_refused(tmp_path: Path, name: str) -> None:
    """Readers that trust the declared size, and those that do not, must not see two different files."""
    text = "word " * 200_000
    whole = (
        docx_of(f"<w:document {WORD}><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:document>")
        if name == "a.docx"
        else xlsx_of(f'<row r="1"><c r="A1" t="inlineStr"><is><t>{text}</t></is></c></row>')
    )
    with zipfile.ZipFile(io.BytesIO(whole)) as container:
        declared = max(member.file_size for member in container.infolist())
    lying = whole.replace(declared.to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert refused(write(tmp_path, name, lying)) == "broken_file"


def test_unpacking_is_counted_over_all_parts(tmp_path: Path) -> None:
    path = write(tmp_path, "a.docx", docx_of(f"<w:document {WORD}/>", filler="x" * 4_000_000))
    assert refused(path, limits=Limits(max_unpacked_bytes=3_000_000)) == "too_large"


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>',
        '<!DOCTYPE d [<!ENTITY c SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_xml_that_declares_entities_is_refused(tmp_path: Path, declaration: str) -> None:
    body = f"<w:document {WORD}><w:p><w:r><w:t>&c;</w:t></w:r></w:p></w:document>"
    assert refused(write(tmp_path, "a.docx", docx_of(declaration + body))) == "broken_file"


def test_deep_xml_is_refused(tmp_path: Path) -> None:
    assert refused(write(tmp_path, "a.docx", docx_of(f"<w:document {WORD}>" + "<w:p>" * 100_000))) == "too_deep"


@pytest.mark.parametrize(("row", "cell"), [(1048576, "XFD1048576"), (1048576, "C1048576"), (200, "XFD200")])
def test_two_cells_far_apart_take_no_memory_between_them(tmp_path: Path, row: int, cell: str) -> None:
    found = texts(write(tmp_path, "a.xlsx", xlsx_of(FAR_CELLS.format(row=row, cell=cell))))
    assert [text.strip(" |") for text in found] == ["1", "1"]
    assert max(map(len, found)) < 200


def test_cells_that_do_not_name_their_place_follow_the_one_before(tmp_path: Path) -> None:
    sheet = '<row r="1">' + "<c><v>1</v></c>" * 50 + '</row><row r="99999"><c><v>2</v></c></row>'
    assert texts(write(tmp_path, "a.xlsx", xlsx_of(sheet))) == [" | ".join("1" * 50), "2"]


def test_a_style_at_the_end_of_a_sheet_is_no_cell(tmp_path: Path) -> None:
    sheet = '<row r="1"><c r="A1"><v>5</v></c></row><row r="1048576"><c r="XFD1048576" s="1"/></row>'
    assert texts(write(tmp_path, "a.xlsx", xlsx_of(sheet))) == ["5"]


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 200_000 + "x",
        '<div title="</div>">' * 50_000 + "x",
        "<div><!-- </div> -->" * 50_000 + "x",
        "<div><script></div></script>" * 50_000 + "x",
        "<table><tr><td>" * 50_000 + "x",
        "<span><div></span>" * 50_000 + "x",
        "<b><p>" * 50_000 + "x",
    ],
)
def test_deep_html_is_refused_however_its_end_tags_are_faked(tmp_path: Path, page: str) -> None:
    assert refused(write(tmp_path, "a.html", page)) == "too_deep"


@pytest.mark.parametrize("page", ["<p>word" * 20_000, "<ul>" + "<li>word" * 20_000, "<br>word<hr>" * 20_000])
def test_html_that_leaves_end_tags_out_is_not_deep(tmp_path: Path, page: str) -> None:
    assert "".join(texts(write(tmp_path, "a.html", page))).count("word") == 20_000


@pytest.mark.parametrize("text", ["[" * 200_000, "[" * 500 + "]" * 500, '{"a":' * 500 + "1" + "}" * 500])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_deep_json_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert refused(write(tmp_path, name, text)) == "too_deep"


def test_json_of_too_many_values_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    assert refused(write(tmp_path, "a.json", "[" + "[]," * 2_000_000 + "[]]")) == "too_large"


def test_jsonl_that_was_cut_off_is_read_without_its_last_line(tmp_path: Path) -> None:
    lines = ['{"text": "fine"}'] * 11 + ['{"text": "' + SECRET]
    document = parse(write(tmp_path, "a.jsonl", "\n".join(lines)), "a.jsonl")
    assert [block.location.row for block in document.blocks] == [*range(1, 12)]
    (warning,) = document.warnings
    assert "its end is missing" in warning


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (['{"a": 1', '{"a": 2}'], "1 (line 1)."),
        (['{"a": 1}', "garbage", "", '{"a": 2}', ""], "1 (line 2)."),
        (["garbage", '{"a": 1}'] * 500, "500 (line 1, 3, 5, 7, 9, 11, 13, 15, 17, 19 and others)."),
    ],
)
def test_jsonl_without_its_broken_lines_is_read_with_a_warning(tmp_path: Path, lines: list[str], named: str) -> None:
    document = parse(write(tmp_path, "a.jsonl", "\n".join(lines)), "a.jsonl")
    rows = [row for row, line in enumerate(lines, start=1) if line.endswith("}")]
    assert [block.location.row for block in document.blocks] == rows
    assert document.warnings == [f"Lines that are not valid JSON were left out: {named}"]


@pytest.mark.parametrize("broken", [2, 61, 5_000])
@pytest.mark.parametrize("end", ["", '\n{"text": "fine"}'])
def test_jsonl_with_more_broken_lines_than_records_is_refused(tmp_path: Path, broken: int, end: str) -> None:
    path = write(tmp_path, "a.jsonl", "\n".join(['{"text": "fine"', *[SECRET] * (broken - 1)]) + end)
    with pytest.raises(DocumentError, match="Line 1 ") as caught:
        list(parse(path, "a.jsonl").blocks)
    assert caught.value.code == "broken_file"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("text", ['[\n{"a": 1},\n{"a": 2}\n]\n', '{"a": 1},\r\n\r\n{"a": 2},', '[{"a": 1},\n{"a": 2}]'])
def test_a_list_with_one_item_on_each_line_is_jsonl(tmp_path: Path, text: str) -> None:
    document = parse(write(tmp_path, "a.jsonl", text), "a.jsonl")
    assert [block.text for block in document.blocks] == ["a: 1", "a: 2"]
    assert not document.warnings


@pytest.mark.parametrize("rows", [3, 900, 4000])
def test_a_quotation_that_never_ends_is_read_as_text(tmp_path: Path, rows: int) -> None:
    path = write(tmp_path, "a.csv", 'sku,size\nD1,"5 inch\n' + "D2,7 inch\n" * rows)
    document = parse(path, "a.csv", Limits(max_line_characters=10_000))
    blocks = [block.text for block in document.blocks]
    assert blocks == ['sku: D1; size: "5 inch', *["sku: D2; size: 7 inch"] * rows]
    assert len(document.warnings) == 1


@slow
def test_a_50_mb_line_comes_in_bounded_pieces_that_lose_nothing(tmp_path: Path) -> None:
    sentence = "这是没有换行的一句话。"
    count = 50_000_000 // len(sentence.encode())
    path = write(tmp_path, "a.txt", sentence * count)
    limit = Limits().max_block_characters
    length = 0
    for block in parse(path, "a.txt").blocks:
        assert len(block.text) <= limit
        assert block.text.endswith("。")
        length += len(block.text)
    assert length == count * len(sentence)


def long_workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["sku", "name", "text"])
    book.active.append(["D1", "Gasket", SENTENCES])
    return saved(book.save)


SENTENCES = "Tighten the bolt. " * 1800
RECORD = f"sku: D1; name: Gasket; text: {SENTENCES.strip()}"


@pytest.mark.parametrize(
    ("name", "make", "expected"),
    [
        ("a.csv", lambda: f"sku,name,text\nD1,Gasket,{SENTENCES}\n".encode(), RECORD),
        ("a.xlsx", long_workbook, RECORD),
        ("a.jsonl", lambda: json.dumps({"sku": "D1", "memo": SENTENCES}).encode(), None),
        ("a.json", lambda: json.dumps([{"sku": "D1", "memo": SENTENCES}, {"sku": "D2"}]).encode(), None),
    ],
)
def test_a_row_or_record_stays_whole_beyond_the_length_of_a_block(
    tmp_path: Path, name: str, make: Callable[[], bytes], expected: str | None
) -> None:
    block = next(iter(parse(write(tmp_path, name, make()), name).blocks))
    assert len(block.text) > Limits().max_block_characters
    assert block.text == (expected or f"sku: D1\nmemo: {SENTENCES.strip()}")
    assert "D1" in block.keys


def test_a_field_of_a_table_may_be_as_long_as_a_line(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", f"sku,text\nD1,{SENTENCES * 10}\nD2,x\n")
    assert [text[:8] for text in texts(path)] == ["sku: D1;", "sku: D2;"]


def test_a_row_longer_than_a_line_may_be_is_cut_and_loses_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "a.json", json.dumps([{"sku": "D1", "memo": SENTENCES}, {"sku": "D2"}]))
    blocks = list(parse(path, "a.json", Limits(max_line_characters=20_000)).blocks)
    assert all(len(block.text) <= 20_000 for block in blocks)
    assert "".join("".join(block.text for block in blocks).split()) == f"sku:D1memo:{''.join(SENTENCES.split())}sku:D2"


def test_a_line_too_long_for_a_record_is_refused(tmp_path: Path) -> None:
    for name in ("a.csv", "a.jsonl"):
        assert refused(write(tmp_path, name, "a" * 6_000_000)) == "too_large"


@pytest.mark.parametrize(("name", "content"), [("a.txt", "text\n\n" * 999), ("a.csv", "a,b\n" + "1,2\n" * 999)])
def test_size_rows_and_characters_are_bounded(tmp_path: Path, name: str, content: str) -> None:
    path = write(tmp_path, name, content)
    assert refused(path, limits=Limits(max_bytes=100)) == "too_large"
    assert refused(path, limits=Limits(max_characters=100)) == "too_large"
    if name == "a.csv":
        assert refused(path, limits=Limits(max_rows=100)) == "too_large"


def test_html_that_must_stand_in_memory_is_bounded(tmp_path: Path) -> None:
    assert refused(write(tmp_path, "a.html", "<p>x" * 1000), limits=Limits(max_whole_bytes=3000)) == "too_large"


def test_a_missing_file_is_the_callers_error_and_no_documents(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        parse(tmp_path / "missing", "a.txt")


def test_the_original_error_with_the_documents_words_is_not_carried_along(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        texts(write(tmp_path, "a.json", '{"a": ' + SECRET))
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_html_of_too_many_tags_is_refused_before_it_is_a_tree(tmp_path: Path) -> None:
    assert refused(write(tmp_path, "a.html", "<p>x" * 101), limits=Limits(max_tags=100)) == "too_large"

"""Which format a file is in, by its name, its first bytes and, for a zip package, its relations and content types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from shared.parsing import FORMATS, HEAD_BYTES, Limits, decide, parse
from tests.unit.parsing.files import WORD, write, zipped

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_BODY = f"<w:document {WORD}><w:body><w:p><w:r><w:t>text</w:t></w:r></w:p></w:body></w:document>"


def refused(key: str, head: bytes, size: int = 2 << 30, limits: Limits | None = None) -> DocumentError:
    limits = limits or Limits(max_bytes=4 << 30)
    with pytest.raises(DocumentError) as caught:
        decide(key, size, head[:HEAD_BYTES], limits)
    assert caught.value.message.endswith(".")
    return caught.value


FOREIGN = {
    "video.mp4": b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00",
    "video.mov": b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00",
    "video.mkv": b"\x1aE\xdf\xa3\x9f\x42\x86",
    "video.avi": b"RIFF\x00\x01\x00\x00AVI LIST",
    "sound.mp3": b"ID3\x04\x00\x00\x00\x00",
    "plain.mp3": b"\xff\xfb\x90\x64\x00",
    "sound.wav": b"RIFF\x24\x00\x00\x00WAVEfmt ",
    "sound.flac": b"fLaC\x00\x00\x00\x22",
    "sound.m4a": b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00",
    "image.png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "image.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "image.gif": b"GIF89a\x01\x00\x01\x00",
    "image.webp": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "image.tiff": b"II*\x00\x08\x00\x00\x00",
    "image.bmp": b"BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36\x00",
    "image.heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00",
    "image.psd": b"8BPS\x00\x01\x00\x00",
    "a.rar": b"Rar!\x1a\x07\x01\x00",
    "a.7z": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "a.gz": b"\x1f\x8b\x08\x00\x00",
    "a.xz": b"\xfd7zXZ\x00\x00\x04",
    "a.bz2": b"BZh91AY&SY\x00",
    "a.tar": b"file.txt" + bytes(249) + b"ustar\x0000" + bytes(200),
    "a.exe": b"MZ\x90\x00\x03\x00\x00\x00\x04",
    "a.so": b"\x7fELF\x02\x01\x01\x00",
    "a.dylib": b"\xcf\xfa\xed\xfe\x07\x00\x00\x01",
    "A.class": b"\xca\xfe\xba\xbe\x00\x00\x00\x34",
    "a.wasm": b"\x00asm\x01\x00\x00\x00",
    "a.sqlite": b"SQLite format 3\x00\x10\x00",
    "a.parquet": b"PAR1\x15\x04\x15\x00",
    "a.dwg": b"AC1027\x00\x00",
    "a.doc": b"\xdb\xa5\x2d\x00" + bytes(999),
    "a.odg": zipped({"mimetype": "application/vnd.oasis.opendocument.graphics", "content.xml": "<x/>"}),
    "a.xps": zipped({"FixedDocSeq.fdseq": "<x/>"}),
    "a.pages": zipped({"Index/Document.iwa": "x"}),
    "a.jar": zipped({"META-INF/MANIFEST.MF": "x"}),
}


PICTURES = ("image.png", "image.jpg", "image.gif", "image.webp", "image.tiff", "image.bmp")


@pytest.mark.parametrize("name", FOREIGN)
def test_a_kind_that_is_not_read_is_refused_by_its_first_bytes_with_advice(name: str) -> None:
    error = refused(name, FOREIGN[name])
    special = {"a.doc": "format_mismatch", **dict.fromkeys(PICTURES, "needs_ocr")}
    assert error.code == special.get(name, "unsupported_format")
    assert "This kind of file is not supported" not in error.message


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_a_kind_that_is_not_read_is_refused_whatever_its_name(name: str, tmp_path: Path) -> None:
    for key in ("a.txt", "a.csv", "a.pdf", "a.docx", "a"):
        with pytest.raises(DocumentError) as caught:
            parse(write(tmp_path, "file", FOREIGN[name]), key)
        expected = "needs_ocr" if name in PICTURES and key == "a" else ("format_mismatch", "unsupported_format")
        if name == "a.gz" and key != "a":
            expected = "broken_file"  # what is inside is read, and this has lost it
        assert caught.value.code in expected, key


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_read_by_its_first_bytes_where_a_model_may(name: str) -> None:
    limits = Limits(ocr="auto")
    assert decide(name, 99, FOREIGN[name], limits) == decide("none", 99, FOREIGN[name], limits) == "image"
    # Pictures are saved under the name of another kind all the time.
    assert decide("other.jpeg", 99, FOREIGN[name], limits) == "image"
    assert refused("a.pdf", FOREIGN[name], 99, limits).code == "format_mismatch"
    assert refused(name, b"any text", 99, limits).code == "format_mismatch"


@pytest.mark.parametrize("name", ["a.mp4", "a.iso", "a.rar", "a.pst", "a.dwg", "a.unknown", "none"])
def test_an_extension_that_is_not_read_is_refused_whatever_the_first_bytes(name: str) -> None:
    assert refused(name, b"any text").code == "unsupported_format"


@pytest.mark.parametrize(
    "text",
    ["BM is short for bookmark", "MZ wrote this", "PAR1 is a file format", "ID3 tags", "AC10 is a class", "8BPS"],
)
@pytest.mark.parametrize("key", ["a.txt", "a.md", "a.csv"])
def test_text_that_begins_like_another_kind_is_text(key: str, text: str) -> None:
    assert decide(key, len(text), text.encode()) == FORMATS[key.partition(".")[2]]


@pytest.mark.parametrize("extension", FORMATS)
def test_names_of_one_family_decide_one_format(extension: str) -> None:
    head = zipped({"[Content_Types].xml": "", "word/document.xml": ""})
    heads = {"pdf": b"%PDF-1.7\n", "rtf": b"{\\rtf1 text}", "image": FOREIGN["image.png"]}
    heads["tnef"] = b"\x78\x9f\x3e\x22" + bytes(99)
    heads |= dict.fromkeys(("docx", "pptx", "xlsx", "xlsb", "odt", "ods", "odp", "epub", "ofd"), head)
    heads |= dict.fromkeys(("doc", "xls", "ppt", "msg"), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99))
    format_ = FORMATS[extension]
    if extension == "zip":
        assert decide("a.zip", 9, zipped({"readme": "text"})) == ""  # it may be any document in a zip archive
    else:
        head = heads.get(format_, b"text")
        assert decide(f"folder/NAME.{extension.upper()}", 9, head, Limits(ocr="auto")) == format_


def test_the_size_is_decided_first() -> None:
    assert refused("a.txt", b"text", size=11, limits=Limits(max_bytes=10)).code == "too_large"
    assert refused("a.txt", b"", size=0).code == "empty_document"


def test_what_only_the_whole_file_tells_is_left_open() -> None:
    assert decide("a.txt", 99, zipped({"[Content_Types].xml": "", "word/document.xml": _BODY})) == ""
    assert decide("a", 99, zipped({"_rels/.rels": "", "word/document.xml": _BODY})) == ""
    assert decide("a.xlsx", 99, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99)) == ""


def types(part: str, type_: str) -> str:
    return f'<Types xmlns="{_PACKAGE}/content-types"><Override PartName="/{part}" ContentType="{type_}"/></Types>'


def relations(target: str) -> str:
    relation = f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="{target}"/>'
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{relation}</Relationships>'


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
ROOTS = {"docx": "<w:document xmlns:w='w'/>", "pptx": "<presentation/>", "xlsx": "<x:workbook xmlns:x='x'/>"}
PACKAGES = {
    "another name of the main part": ("docx", "word/document2.xml", DOCX),
    "another folder": ("docx", "body.xml", DOCX),
    "macros": ("docx", "word/document.xml", "application/vnd.ms-word.document.macroEnabled.main+xml"),
    "a template": ("docx", "w.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml"),
    "a template with macros": ("docx", "w.xml", "application/vnd.ms-word.template.macroEnabledTemplate.main+xml"),
    "a workbook elsewhere": (
        "xlsx",
        "book.xml",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
    ),
    "a workbook with macros": ("xlsx", "xl/w.xml", "application/vnd.ms-excel.sheet.macroEnabled.main+xml"),
    "a slide show": (
        "pptx",
        "p.xml",
        "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
    ),
    "slides with macros": ("pptx", "p.xml", "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml"),
    "no content type": ("xlsx", "xl/workbook.xml", ""),
}


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("spelling", ["{}", "/{}", "backslashes"])
def test_a_package_is_known_by_the_part_that_its_relations_name(tmp_path: Path, name: str, spelling: str) -> None:
    from shared.parsing.formats import find_format

    format_, part, type_ = PACKAGES[name]
    entry = part.replace("/", "\\") if spelling == "backslashes" else spelling.format(part)
    package = {"[Content_Types].xml": types(part, type_), "_rels/.rels": relations(part), entry: ROOTS[format_]}
    assert find_format(write(tmp_path, "a", zipped(package)), "a.docx") == format_


@pytest.mark.parametrize("missing", ["[Content_Types].xml", "_rels/.rels"])
@pytest.mark.parametrize("part", ["word/document2.xml", "Word/Document.XML", "body.xml"])
def test_a_package_without_its_relations_or_its_types_is_still_known(tmp_path: Path, part: str, missing: str) -> None:
    from shared.parsing.formats import find_format

    package = {"[Content_Types].xml": types(part, DOCX), "_rels/.rels": relations(part), part: ROOTS["docx"]}
    del package[missing]
    assert find_format(write(tmp_path, "a", zipped(package)), "a.docx") == "docx"


def test_wrong_content_types_do_not_decide(tmp_path: Path) -> None:
    from shared.parsing.formats import find_format

    package = {"[Content_Types].xml": types("w.xml", DOCX), "_rels/.rels": relations("w.xml"), "w.xml": ROOTS["xlsx"]}
    assert find_format(write(tmp_path, "a", zipped(package)), "a.docx") == "xlsx"


def test_a_workbook_inside_a_document_does_not_make_it_a_workbook(tmp_path: Path) -> None:
    from shared.parsing.formats import find_format

    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    both = types("word/document.xml", DOCX).replace(
        "<Override", f'<Default Extension="xlsx" ContentType="{sheet}"/><Override'
    )
    package = {"[Content_Types].xml": both, "_rels/.rels": relations("word/document.xml"), "word/document.xml": _BODY}
    package |= {"word/embeddings/book.xlsx": "x"}
    assert find_format(write(tmp_path, "a", zipped(package)), "a.docx") == "docx"


CONTENTS = {
    "rtf": b"{\\rtf1\\ansi text}",
    "odt": zipped(
        {"mimetype": "application/vnd.oasis.opendocument.text-template", "content.xml": "<x><p>text</p></x>"}
    ),
    "ods": zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": "<x><table><table-row><table-cell><p>text</p></table-cell></table-row></table></x>",
        }
    ),
    "epub": zipped({"mimetype": "application/epub+zip", "a.html": "<p>text</p>"}),
    "html": b"<?xml version='1.0'?>\n<!DOCTYPE html><html><p>text</p></html>",
}


@pytest.mark.parametrize("format_", CONTENTS)
@pytest.mark.parametrize("key", ["a.txt", "a.docx", "a.doc", "a"])
def test_the_content_decides_whatever_the_name(tmp_path: Path, format_: str, key: str) -> None:
    assert parse(write(tmp_path, "file", CONTENTS[format_]), key).format == format_


@pytest.mark.parametrize(
    ("key", "content", "format_"),
    [
        ("a.xls", b"<table><tr><td>a</td><td>b</td></tr></table>", "html"),
        ("a.doc", b"<html xmlns:o='urn:x'><body><p>text</p></body></html>", "html"),
        ("a.doc", b"MIME-Version: 1.0\nContent-Type: text/html\n\n<p>text</p>", "eml"),
        ("a.msg", b"Delivered-To: jo@example.com\nSubject: Plan\n\ntext", "eml"),
        ("a.msg", b"From jo@example.com Mon Jan  5 2026\nX-Mailer: m\n\ntext", "eml"),
        ("a.xls", b"<?xml version='1.0'?><a><b>text</b></a>", "xml"),
        ("a.fodt", b"<?xml version='1.0'?><document><p>text</p></document>", "odt"),
        ("a.ts", b"const a = 1;\n", "code"),
    ],
)
def test_what_programs_write_under_the_names_of_office_is_read(
    tmp_path: Path, key: str, content: bytes, format_: str
) -> None:
    assert parse(write(tmp_path, "file", content), key).format == format_


@pytest.mark.parametrize(
    "key", ["a.doc", "a.xls", "a.ppt", "a.msg", "a.odt", "a.epub", "a.ofd", "a.zip", "a.rtf", "a.xlsb"]
)
def test_text_under_a_name_of_something_else_is_a_mismatch(key: str) -> None:
    assert refused(key, b"just some text, nothing else").code == "format_mismatch"


def test_a_document_has_the_format_of_its_content(tmp_path: Path) -> None:
    path = write(
        tmp_path, "a", zipped({"[Content_Types].xml": types("word/document.xml", DOCX), "word/document.xml": _BODY})
    )
    assert parse(path, "a.txt").format == "docx"
    assert parse(write(tmp_path, "b", b"<!doctype html><p>text"), "a.txt").format == "html"
    assert parse(write(tmp_path, "c", b"text"), "a.log").format == "txt"

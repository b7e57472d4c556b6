"""What is left of a damaged file is read, and what is missing is named."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pptx
import pytest

from shared.domain.errors import DocumentError
from shared.parsing import Limits, parse
from shared.parsing.archive import Archive
from tests.unit.parsing.files import WORD, docx_of, saved, write, xlsx_of
from tests.unit.parsing.test_open_formats import TEXT, epub_of, odf_of, ofd_of, text_object

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BODY = f"<w:document {WORD}><w:body><w:p><w:r><w:t>body</w:t></w:r></w:p></w:body></w:document>"
FOOTER = f"<w:ftr {WORD}><w:p><w:r><w:t>before</w:t></w:r></w:p><w:p><w:r><w:t>with"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
FOOTER_RELATION = (
    f'<Relationships><Relationship Id="r1" Type="{_RELATIONS}/footer" Target="footer1.xml"/>'
    f'<Relationship Id="r2" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>'
)


def alter(package: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The package with parts as ``change`` returns them; without those it returns nothing for."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as given, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name in given.namelist():
            if (content := change(name, given.read(name))) is not None:
                made.writestr(name, content)
    return stream.getvalue()


def halve(part: str) -> Callable[[str, bytes], bytes]:
    return lambda name, content: content[: len(content) // 2] if name.endswith(part) else content


def leave_out(part: str) -> Callable[[str, bytes], bytes | None]:
    return lambda name, content: None if name.endswith(part) else content


def flip_byte(package: bytes, part: str) -> bytes:
    """The package with one byte of a part's packed content changed."""
    with zipfile.ZipFile(io.BytesIO(package)) as given:
        member = next(member for member in given.infolist() if member.filename.endswith(part))
    at = member.header_offset + 30 + len(member.filename.encode()) + member.compress_size // 2
    return package[:at] + bytes([package[at] ^ 0x55]) + package[at + 1 :]


def read(folder: Path, name: str, content: bytes, limits: Limits = Limits()) -> tuple[list[str], list[str]]:  # noqa: B008 - frozen
    """The texts and the warnings of a document."""
    document = parse(write(folder, name, content), name, limits)
    return [block.text for block in document.blocks], document.warnings


def name_damage(part: str) -> str:
    return f"The file is damaged: what could not be read of its part {part} was left out."


@pytest.mark.parametrize("styles", ["<w:styles", "", '<!DOCTYPE a [<!ENTITY b "boom">]><w:styles>&b;</w:styles>'])
def test_a_document_is_read_without_its_damaged_parts(tmp_path: Path, styles: str) -> None:
    parts = {
        "word/_rels/document.xml.rels": FOOTER_RELATION,
        "word/styles.xml": styles,
        "word/footer1.xml": FOOTER,
        "docProps/core.xml": "<coreProperties><title>Name</title>",
    }
    texts, warnings = read(tmp_path, "a.docx", docx_of(BODY, **parts))
    assert texts == ["body", "before", "with"]
    named = ["docProps/core.xml", "word/styles.xml", "word/footer1.xml"]
    assert warnings == [name_damage(part) for part in named]


def test_a_document_with_damaged_relations_is_read_without_what_they_name(tmp_path: Path) -> None:
    content = docx_of(BODY, **{"word/_rels/document.xml.rels": "<Relationships><Rel"})
    assert read(tmp_path, "a.docx", content) == (["body"], [name_damage("word/_rels/document.xml.rels")])


def test_a_damaged_main_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, "a.docx", docx_of(BODY[:-30]))
    assert caught.value.code == "broken_file"


@pytest.mark.parametrize("damage", [halve, leave_out])
def test_a_presentation_is_read_without_a_damaged_slide(
    tmp_path: Path, damage: Callable[[str], Callable[[str, bytes], bytes | None]]
) -> None:
    deck = pptx.Presentation()
    for title in ("first", "second"):
        deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = title
    whole = saved(deck.save)
    texts, warnings = read(tmp_path, "a.pptx", alter(whole, damage("slides/slide1.xml")))
    assert texts[-1] == "second"
    assert "first" not in texts
    assert warnings == [name_damage("ppt/slides/slide1.xml")]


def test_a_presentation_whose_slides_are_all_missing_is_broken_and_not_empty(tmp_path: Path) -> None:
    deck = pptx.Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "only"
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, "a.pptx", alter(saved(deck.save), leave_out("slides/slide1.xml")))
    assert caught.value.code == "broken_file"


def test_the_rows_before_the_damage_of_a_sheet_are_read(tmp_path: Path) -> None:
    rows = "".join(f"<row r='{n}'><c t='inlineStr'><is><t>row {n}</t></is></c></row>" for n in range(1, 400))
    texts, warnings = read(tmp_path, "a.xlsx", alter(xlsx_of(rows), halve("sheet1.xml")))
    assert texts[:2] == ["row 1", "row 2"]
    assert 180 < len(texts) < 220
    assert warnings == [name_damage("xl/worksheets/sheet1.xml")]


def test_a_workbook_without_its_only_sheet_is_broken_and_not_empty(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, "a.xlsx", alter(xlsx_of("<row r='1'><c><v>1</v></c></row>"), leave_out("sheet1.xml")))
    assert caught.value.code == "broken_file"


def test_a_text_is_read_without_its_damaged_properties(tmp_path: Path) -> None:
    whole, none = read(tmp_path, "a.odt", odf_of(TEXT))
    assert not none
    content = odf_of(TEXT, **{"meta.xml": "<m><title>x</m>"})
    assert read(tmp_path, "b.odt", content) == (whole, [name_damage("meta.xml")])


def test_a_book_and_a_page_are_read_up_to_their_damage(tmp_path: Path) -> None:
    texts, warnings = read(tmp_path, "a.epub", flip_byte(epub_of(), "two.xhtml"))
    assert "正文。" in texts
    assert warnings == [name_damage("OEBPS/two.xhtml")]
    page = text_object(10, 40, "first") + text_object(10, 60, "second") * 20
    texts, warnings = read(tmp_path, "a.ofd", alter(ofd_of(page), halve("Pages/p.xml")))
    assert "first" in texts[2]
    assert warnings == [name_damage("Doc_0/Pages/p.xml")]


CUT = "The file is damaged: its end is missing, and with it whatever stood there; upload it again."


def packed(*parts: tuple[str, str, int], is_streamed: bool = False) -> bytes:
    """A package with entries packed by the given methods; a streamed one has their sizes after them."""
    stream = io.BytesIO()
    if is_streamed:
        stream.seekable = lambda: False  # type: ignore[method-assign]
    with zipfile.ZipFile(stream, "w") as made:
        for name, content, method in parts:
            made.writestr(name, content, method)
    return stream.getvalue()


def cut_at(package: bytes, part: str, length: int) -> bytes:
    """The package up to so many bytes after the header of a part."""
    with zipfile.ZipFile(io.BytesIO(package)) as given:
        return package[: given.getinfo(part).header_offset + 30 + len(part) + length]


@pytest.mark.parametrize(
    ("method", "is_streamed"),
    [(zipfile.ZIP_STORED, False), (zipfile.ZIP_DEFLATED, False), (zipfile.ZIP_DEFLATED, True)],
)
def test_a_package_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, method: int, is_streamed: bool) -> None:
    noise = "".join(f"<w:p><w:r><w:t>note {n * n}</w:t></w:r></w:p>" for n in range(900))
    parts = (("word/document.xml", BODY), ("word/footnotes.xml", f"<w:f {WORD}>{noise}</w:f>"), ("z.xml", "<z/>"))
    whole = packed(*((name, content, method) for name, content in parts), is_streamed=is_streamed)
    middle = len(noise) // 2 if method == zipfile.ZIP_STORED else 1_500
    texts, warnings = read(tmp_path, "a.docx", cut_at(whole, "word/footnotes.xml", middle))
    assert texts[:3] == ["body", "note 0", "note 1"]
    assert 100 < len(texts) < 900
    assert warnings == [CUT, name_damage("word/footnotes.xml")]
    texts, warnings = read(tmp_path, "b.docx", cut_at(whole, "z.xml", -30))
    assert len(texts) == 901
    assert warnings == [CUT]


def test_a_package_cut_before_its_text_is_broken(tmp_path: Path) -> None:
    whole = packed(("word/styles.xml", "<s/>", 8), ("word/document.xml", BODY, 8))
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, "a.docx", cut_at(whole, "word/document.xml", -9))
    assert caught.value.code == "broken_file"


def test_a_file_inside_a_package_that_was_cut_off_is_not_taken_for_it(tmp_path: Path) -> None:
    inner = docx_of(BODY.replace("body", "inner"))
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w") as made:
        made.writestr("word/document.xml", BODY)
        made.writestr("word/embeddings/inner.docx", inner)
    texts, warnings = read(tmp_path, "a.docx", outer.getvalue()[: outer.getvalue().rindex(inner) + len(inner)])
    assert (texts, warnings) == (["body"], [CUT])


def test_a_program_that_unpacks_itself_is_read_as_a_whole_archive(tmp_path: Path) -> None:
    path = write(tmp_path, "a.zip", b"MZ" + bytes(98) + packed(("a.txt", "text", 8)))
    with Archive(path, Limits()) as archive:
        assert archive.names == {"a.txt"}
        assert archive.warnings == []


@pytest.mark.parametrize("limits", [Limits(max_unpacked_bytes=100_000), Limits(max_members=2)])
def test_what_is_salvaged_is_bounded(tmp_path: Path, limits: Limits) -> None:
    whole = packed(*((f"{n}.txt", str(n) * 90_000, 8) for n in range(3)))
    path = write(tmp_path, "a.zip", whole[: whole.rindex(b"PK\x01\x02")])
    with Archive(path, limits) as archive:
        assert len(archive.names) <= 2
        assert archive.warnings == [CUT]

"""Parts with text that a package names and does not hold are warned about."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from tests.unit.parsing.files import docx_of, xlsx_of, zipped
from tests.unit.parsing.test_damage import BODY, alter, leave_out, name_damage, read
from tests.unit.parsing.test_open_formats import TEXT, odf_of

if TYPE_CHECKING:
    from pathlib import Path

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
CELLS = "<row r='1'><c t='s'><v>0</v></c><c t='inlineStr'><is><t>kept</t></is></c></row>"
STRINGS = "xl/sharedStrings.xml"


def relation(kind: str, target: str) -> str:
    return f'<Relationships><Relationship Id="r9" Type="{OFFICE}/{kind}" Target="{target}"/></Relationships>'


def add_part(package: bytes, name: str, content: str, relation_to_it: str = "") -> bytes:
    def change(part: str, given: bytes) -> bytes:
        if part.endswith("workbook.xml.rels"):
            return given.replace(b"</Relationships>", relation_to_it.encode() + b"</Relationships>")
        return given

    with zipfile.ZipFile(io.BytesIO(alter(package, change))) as made:
        return zipped({part: made.read(part) for part in made.namelist()} | ({name: content} if content else {}))


@pytest.mark.parametrize(
    ("strings", "shown"),
    [("", "kept"), ("<sst/>", "kept"), ("<sst><si><t>shared</t></si><si><t", "shared | kept")],
    ids=["missing", "too few", "damaged"],
)
def test_a_workbook_that_lost_shared_texts_says_so(tmp_path: Path, strings: str, shown: str) -> None:
    named = f'<Relationship Id="r2" Type="{OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
    content = add_part(xlsx_of(CELLS), STRINGS, strings, named)
    assert read(tmp_path, "a.xlsx", content) == ([shown], [name_damage(STRINGS)])


def test_a_workbook_whose_relations_name_no_shared_texts_says_so_where_cells_refer_to_them(tmp_path: Path) -> None:
    assert read(tmp_path, "a.xlsx", xlsx_of(CELLS)) == (["kept"], [name_damage(STRINGS)])
    only = "<row r='1'><c t='s'><v>0</v></c></row>"
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, "b.xlsx", xlsx_of(only))
    assert caught.value.code == "broken_file"


@pytest.mark.parametrize("kind", ["header", "footnotes", "comments", "numbering", "chart"])
def test_a_document_that_names_a_part_it_does_not_hold_says_so(tmp_path: Path, kind: str) -> None:
    relations = {"word/_rels/document.xml.rels": relation(kind, f"{kind}1.xml")}
    assert read(tmp_path, "a.docx", docx_of(BODY, **relations)) == (["body"], [name_damage(f"word/{kind}1.xml")])


def test_pictures_and_settings_may_be_missing(tmp_path: Path) -> None:
    for kind in ("image", "settings", "printerSettings"):
        relations = {"word/_rels/document.xml.rels": relation(kind, "NULL")}
        assert read(tmp_path, "a.docx", docx_of(BODY, **relations)) == (["body"], [])


def test_a_package_without_its_main_part_is_broken(tmp_path: Path) -> None:
    named = relation("officeDocument", "word/document.xml")
    content = alter(docx_of(BODY, **{"_rels/.rels": named}), leave_out("document.xml"))
    for name, package in (("a.docx", content), ("a.odt", alter(odf_of(TEXT), leave_out("content.xml")))):
        with pytest.raises(DocumentError) as caught:
            read(tmp_path, name, package)
        assert caught.value.code == "broken_file"


def test_a_text_that_names_a_part_it_does_not_hold_says_so(tmp_path: Path) -> None:
    entries = "".join(f'<m:file-entry m:full-path="{name}"/>' for name in ("/", "content.xml", "styles.xml", "a.png"))
    manifest = f'<m:manifest xmlns:m="m">{entries}</m:manifest>'
    _, warnings = read(tmp_path, "a.odt", odf_of(TEXT, **{"META-INF/manifest.xml": manifest}))
    assert warnings == [name_damage("styles.xml")]

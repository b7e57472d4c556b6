"""Workbooks, csv and JSON: what people see in them, wherever the file keeps it."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.styles import Font

from shared.domain.errors import DocumentError
from shared.domain.models import BlockKind
from shared.parsing import Limits, parse
from tests.unit.parsing.files import saved, texts, write, xlsx_of, zipped

if TYPE_CHECKING:
    from pathlib import Path

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def relations(**targets: str) -> str:
    links = "".join(
        f'<Relationship Id="{kind}" Type="{_OFFICE}/{kind}" Target="{target}"/>' for kind, target in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}">{links}</Relationships>'


def workbook(*rows: list[object], merge: tuple[str, ...] = ()) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for area in merge:
        book.active.merge_cells(area)
    return book


def test_merged_cells_label_columns_and_count_for_each_row(tmp_path: Path) -> None:
    book = workbook(
        ["Area", "2025", None, "2026", None],
        [None, "Units", "Sum", "Units", "Sum"],
        ["East", 1, 10, 2, 20],
        [None, 3, 30, 4, 40],
        merge=("A1:A2", "B1:C1", "D1:E1", "A3:A4"),
    )
    assert texts(write(tmp_path, "a.xlsx", saved(book.save))) == [
        "Area: East; 2025 Units: 1; 2025 Sum: 10; 2026 Units: 2; 2026 Sum: 20",
        "Area: East; 2025 Units: 3; 2025 Sum: 30; 2026 Units: 4; 2026 Sum: 40",
    ]


def test_cells_are_read_as_they_show(tmp_path: Path) -> None:
    book = workbook(["Item", "Value"], ["Margin", 0.256], ["Part", 417], ["Total", "=SUM(B2:B3)"])
    book.active["B2"].number_format, book.active["B3"].number_format = "0.0%", "00000"
    assert texts(write(tmp_path, "a.xlsx", saved(book.save))) == [
        *("Item: Margin; Value: 25.6%", "Item: Part; Value: 00417", "Item: Total; Value: =SUM(B2:B3)"),
    ]


def test_the_format_of_a_text_adds_to_it(tmp_path: Path) -> None:
    book = workbook(["Item", "Value"], ["Order", "SO-7"], ["Bolt", 12])
    book.active["B2"].number_format = '"Ref. "@'
    assert texts(write(tmp_path, "a.xlsx", saved(book.save)))[0] == "Item: Order; Value: Ref. SO-7"


def test_a_bold_row_is_a_header_whatever_its_words(tmp_path: Path) -> None:
    book = workbook(["Blick", "Wabe"], ["Traum", "Baum"], ["Schaum", "Raum"])
    for cell in book.active[1]:
        cell.font = Font(bold=True)
    assert texts(write(tmp_path, "a.xlsx", saved(book.save))) == [
        "Blick: Traum; Wabe: Baum",
        "Blick: Schaum; Wabe: Raum",
    ]


def test_comments_follow_their_row_and_say_which_it_is(tmp_path: Path) -> None:
    book = workbook(["Part", "Stock"], ["Gasket", 12], ["Seal", 3])
    book.active["A2"].comment = Comment("Ends in June", "Ida")
    assert texts(write(tmp_path, "a.xlsx", saved(book.save))) == [
        *("Part: Gasket; Stock: 12", "Part: Gasket\nA2: Ends in June", "Part: Seal; Stock: 3"),
    ]


@pytest.mark.parametrize("folder", ["xl/", "book/", "/xl/", "xl\\"])
def test_parts_are_found_wherever_they_are(tmp_path: Path, folder: str) -> None:
    slash = "\\" if "\\" in folder else "/"
    base = folder.strip("/\\")
    sheet = f'<worksheet xmlns="{_MAIN}"><sheetData><row><c><v>7</v></c></row></sheetData></worksheet>'
    book = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="S" r:id="worksheet"/></sheets></workbook>'
    )
    path = zipped(
        {
            f"_rels{slash}.rels": relations(officeDocument=f"{base}/workbook.xml"),
            f"{folder}workbook.xml": book,
            f"{folder}_rels{slash}workbook.xml.rels": relations(worksheet="one.xml"),
            f"{folder}one.xml": sheet,
        }
    )
    assert texts(write(tmp_path, "a.xlsx", path)) == ["7"]


def test_readings_of_characters_are_left_out_and_escaped_characters_read(tmp_path: Path) -> None:
    cell = (
        '<row><c t="inlineStr"><is><r><t>東京_x000D_x</t></r><rPh sb="0" eb="2"><t>とうきょう</t></rPh></is></c></row>'
    )
    assert texts(write(tmp_path, "a.xlsx", xlsx_of(cell))) == ["東京 x"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('"id","note"\n"1","Say \\"a, b\\" now"\n"2",\\N\n', ['id: 1; note: Say "a, b" now', "id: 2"]),
        ('Code,Name\n="00123",Bolt\n="00124",Nut\n', ["Code: 00123; Name: Bolt", "Code: 00124; Name: Nut"]),
        ('sep=;\nName;Price\nSeal;1,5\nNut;2,5\n', ["Name: Seal; Price: 1,5", "Name: Nut; Price: 2,5"]),
        ('Name,Path\na,"C:\\temp\\"\nb,"D:\\new"\n', ["Name: a; Path: C:\\temp\\", "Name: b; Path: D:\\new"]),
        ('Name,Size\npipe,5" wide\nrod,"7"" wide"\n', ['Name: pipe; Size: 5" wide', 'Name: rod; Size: 7" wide']),
        ("# a\n# b\n# c\nName;Price\n# fruit\nPear;3\n", ["# a", "# b", "# c", "# fruit", "Name: Pear; Price: 3"]),
        ("库存\n全\n千\n限\n名,价\n梨,3\n桃,4\n", ["库存", "全", "千", "限", "名: 梨; 价: 3", "名: 桃; 价: 4"]),
    ],
)  # fmt: skip
def test_csv_is_read_as_its_program_wrote_it(tmp_path: Path, content: str, expected: list[str]) -> None:
    assert texts(write(tmp_path, "a.csv", content)) == expected


@pytest.mark.parametrize(
    "content",
    [
        '{"name": "Otter"}\n{"name": "Beaver"}\n',
        '{"name": "Otter"}{"name": "Beaver"}',
        '[{"name": "Otter", "x": NaN}, {"name": "Beaver"}]',
        '[{"name": "Otter"}, // a comment\n {"name": "Beaver"},]',
    ],
)
def test_json_beyond_the_standard_is_read(tmp_path: Path, content: str) -> None:
    assert texts(write(tmp_path, "a.json", content)) == ["name: Otter", "name: Beaver"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_vectors_are_left_out_with_a_warning(tmp_path: Path, name: str) -> None:
    record = json.dumps({"text": "closed on Sundays", "embedding": [0.125] * 200, "scores": [1, 2]})
    parser = import_module(f"shared.parsing.{name.removeprefix('a.')}")
    document = parser.parse(write(tmp_path, name, record), Limits())
    assert "\n".join(block.text for block in document.blocks if block.text) == "closed on Sundays\nscores: 1, 2"
    assert any("embeddings" in warning for warning in document.warnings)


def test_records_are_rows_that_know_what_identifies_them(tmp_path: Path) -> None:
    record = {"stock": 4, "sku": "D1", "商品名称": "密封圈", "note": "x" * 500}
    (block,) = parse(write(tmp_path, "a.jsonl", json.dumps(record)), "a.jsonl").blocks
    assert block.kind is BlockKind.ROW
    assert block.keys == "sku: D1; 商品名称: 密封圈"


def test_deep_names_do_not_multiply_the_text(tmp_path: Path) -> None:
    value: object = {str(number): number for number in range(1000)}
    for _ in range(100):
        value = {"n" * 1000: value}
    content = json.dumps(value)
    text = "".join(texts(write(tmp_path, "a.jsonl", content), limits=Limits(max_nesting=200)))
    assert len(text) < 2 * len(content)
    assert text.count(": 999") == 1


def test_cells_that_share_a_formula_without_values_show_it_as_it_reads_in_each(tmp_path: Path) -> None:
    cells = [
        '<c r="A1"><v>2</v></c>'
        '<c r="B1"><f t="shared" ref="B1:B3" si="0">A1*$A$1&amp;"A1"+\'A1 x\'!C$1+LOG10(A1)</f></c>',
        '<c r="A2"><v>3</v></c><c r="B2"><f t="shared" si="0"/></c>',
        '<c r="A3"><v>4</v></c><c r="B3"><f t="shared" si="0"/><v>9</v></c>',
        '<c r="A4"><v>4</v></c><c r="C4"><f t="shared" si="0"/></c><c r="D4"><f t="shared" si="7"/></c>',
    ]
    sheet = "".join(f'<row r="{number}">{row}</row>' for number, row in enumerate(cells, start=1))
    assert texts(write(tmp_path, "a.xlsx", xlsx_of(sheet))) == [
        """2 | =A1*$A$1&"A1"+'A1 x'!C$1+LOG10(A1)""",
        """3 | =A2*$A$1&"A1"+'A1 x'!C$1+LOG10(A2)""",
        "4 | 9",
        """4 |  | =B4*$A$1&"A1"+'A1 x'!D$1+LOG10(B4)""",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_a_table_in_text_named_as_a_workbook_is_read(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "a.xls", "姓名\t城市\r\n贾思远\t杭州\r\n".encode(encoding))
    assert texts(path) == ["姓名: 贾思远; 城市: 杭州"]


@pytest.mark.parametrize("content", [b'{"error": "gone"}\n', b"no\ttable\nat all\n", b"a\tb\nc\td\x00\x01\n"])
def test_other_text_named_as_a_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        texts(write(tmp_path, "a.xls", content))
    assert caught.value.code == "format_mismatch"

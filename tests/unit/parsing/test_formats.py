"""Laws of each format: what a small file says, exactly, and where it says it."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import docx
import openpyxl
import pptx
import pytest

from shared.domain.models import Location
from shared.parsing import FORMATS, is_supported, parse
from tests.unit.parsing.files import WORD, docx_of, pdf_of, read_blocks, saved, texts, write, zipped

if TYPE_CHECKING:
    from pathlib import Path


def under(*headings: str) -> Location:
    return Location(headings=headings)


class TestText:
    def test_hard_wrapped_english_is_joined_with_spaces_and_hyphens_close(self, tmp_path: Path) -> None:
        text = "The platform reads a file and splits\nit into chunks that can be under-\nstood alone.\n\nNext one.\n"
        assert texts(write(tmp_path, "a.txt", text)) == [
            "The platform reads a file and splits it into chunks that can be understood alone.",
            "Next one.",
        ]

    def test_hard_wrapped_chinese_is_joined_without_spaces(self, tmp_path: Path) -> None:
        text = "平台读取文件并把它分成可以单独理解的\n段落，每一段都带有它在原文里的位置，\n便于查找。\r\n\r\n下一段。"
        assert texts(write(tmp_path, "a.txt", text)) == [
            "平台读取文件并把它分成可以单独理解的段落，每一段都带有它在原文里的位置，便于查找。",
            "下一段。",
        ]

    def test_paragraphs_told_by_an_ideographic_indent_stay_apart(self, tmp_path: Path) -> None:
        text = "　　第一段从这里开始，说一件事。\n　　第二段说另一件事，长短差不多。\n"
        assert texts(write(tmp_path, "a.txt", text)) == [
            "第一段从这里开始，说一件事。",
            "第二段说另一件事，长短差不多。",
        ]

    def test_long_lines_are_paragraphs_of_their_own(self, tmp_path: Path) -> None:
        first, second = "一句很长的话没有换行。" * 12, "另一句很长的话。" * 20
        assert texts(write(tmp_path, "a.txt", f"{first}\n{second}\n")) == [first, second]

    def test_short_lines_keep_their_breaks(self, tmp_path: Path) -> None:
        text = "Shopping list for the whole week ahead\n- milk\n- bread\n"
        assert texts(write(tmp_path, "a.txt", text)) == ["Shopping list for the whole week ahead", "- milk", "- bread"]

    def test_the_title_is_the_stem_of_the_key(self, tmp_path: Path) -> None:
        assert parse(write(tmp_path, "x", "text"), "合同/2024 年度.报告.txt").title == "2024 年度.报告"


def test_markdown_keeps_sections_code_lists_and_table_rows(tmp_path: Path) -> None:
    text = """---
title: Front
---
# Guide *one* #
See [the docs](http://x.y) and `code`
for more.

安装
----
```sh
# not a heading

run
```
1. first
   goes on
2. second

| 名称 | 值 |
|---|---|
| a | 1 |

#nospace
"""
    assert read_blocks(write(tmp_path, "a.md", text)) == [
        ("Front", under("Front")),
        ("Guide one", under("Guide one")),
        ("See the docs and code for more.", under("Guide one")),
        ("安装", under("Guide one", "安装")),
        ("# not a heading\n\nrun", under("Guide one", "安装")),
        ("1. first goes on", under("Guide one", "安装")),
        ("2. second", under("Guide one", "安装")),
        ("名称: a; 值: 1", Location(headings=("Guide one", "安装"), columns=("名称", "值"))),
        ("#nospace", under("Guide one", "安装")),
    ]


def test_markdown_without_a_heading_is_called_by_its_front_matter(tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", '---\nauthor: x\ntitle: "季度 报告"\n---\n正文\n')
    assert parse(path, "a.md").title == "季度 报告"
    assert texts(path) == ["季度 报告", "author: x", "正文"]


HTML = """<!DOCTYPE html><html><head><meta charset="gb2312"><title>页面 题目</title><style>p{}</style></head><body>
<nav>导航</nav><script>if (a<b) "</p><h1>"</script><h1>第一<b>章</b></h1><p title="a>b">甲&amp;乙&lt;丙<br>第二行</p>
<!-- <p>hidden</p> --><noscript>no</noscript><template>tpl</template><ul><li>one<ul><li>two</li></ul></li></ul>
<h2>节</h2><table><tr><th>名称<th>值<tr><td>a<td><p>1</p><p>2</p></table><pre>x
  y</pre><p>中文
换行</p><footer>页脚</footer></body></html>"""


def test_html_gives_headings_rows_and_items_without_scripts_and_navigation(tmp_path: Path) -> None:
    path = write(tmp_path, "a.html", HTML.encode("gb18030"))
    assert read_blocks(path) == [
        ("第一章", under("第一章")),
        ("甲&乙<丙\n第二行", under("第一章")),
        ("one\n  two", under("第一章")),
        ("节", under("第一章", "节")),
        ("名称: a; 值: 1 2", Location(headings=("第一章", "节"), columns=("名称", "值"))),
        ("x\n  y", under("第一章", "节")),
        ("中文换行", under("第一章", "节")),
    ]


def test_html_that_is_all_navigation_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path, "a.html", "<title>T</title><nav><a href=x>Only links</a></nav>")
    assert texts(path) == ["Only links"]
    assert parse(path, "a.html").title == "T"


def test_html_with_a_wrong_charset_label_is_read_as_what_it_is(tmp_path: Path) -> None:
    assert texts(write(tmp_path, "a.html", '<meta charset="gbk"><p>员工每年享有十五天带薪年假</p>')) == [
        "员工每年享有十五天带薪年假"
    ]


def test_pdf_paragraphs_carry_their_page(tmp_path: Path) -> None:
    pages = [
        [
            "年度报告",
            "本公司在过去一年里完成了全部生产任务，并且",
            "在安全方面取得了明显的进步。",
            "第二段另起一行，说明下一年的计划和目标任务",
        ],
        ["The second page is written in English and it", "wraps onto another line of the same", "page."],
    ]
    path = write(tmp_path, "a.pdf", pdf_of(pages, title="报告标题"))
    assert parse(path, "a.pdf").title == "报告标题"
    assert read_blocks(path) == [
        ("年度报告", Location(page=1)),
        ("本公司在过去一年里完成了全部生产任务，并且在安全方面取得了明显的进步。", Location(page=1)),
        ("第二段另起一行，说明下一年的计划和目标任务", Location(page=1)),
        ("The second page is written in English and it wraps onto another line of the same page.", Location(page=2)),
    ]


def word_file() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Property"
    document.add_heading("员工手册", 1)
    document.add_paragraph("第一段。")
    document.add_heading("Leave", 2)
    document.add_paragraph("Fifteen days\tper year.")
    table = document.add_table(2, 2)
    for cell, text in zip(table.rows[0].cells + table.rows[1].cells, ["名称", "值", "a", "1"], strict=True):
        cell.text = text
    document.add_heading("附录", 1)
    return saved(document.save)


def test_docx_gives_headings_by_style_and_tables_row_by_row(tmp_path: Path) -> None:
    path = write(tmp_path, "a.docx", word_file())
    assert parse(path, "a.docx").title == "员工手册"
    assert read_blocks(path) == [
        ("员工手册", under("员工手册")),
        ("第一段。", under("员工手册")),
        ("Leave", under("员工手册", "Leave")),
        ("Fifteen days\tper year.", under("员工手册", "Leave")),
        ("名称: a; 值: 1", Location(headings=("员工手册", "Leave"), columns=("名称", "值"))),
        ("附录", under("附录")),
    ]


def test_pptx_gives_the_title_first_then_shapes_tables_and_notes(tmp_path: Path) -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "季度总结"
    slide.placeholders[1].text = "收入增长\n成本下降"
    slide.notes_slide.notes_text_frame.text = "Speak slowly."
    second = deck.slides.add_slide(deck.slide_layouts[6])
    table = second.shapes.add_table(1, 2, 0, 0, 999_999, 99_999).table
    table.cell(0, 0).text, table.cell(0, 1).text = "左", "right"
    first_page = Location(page=1, headings=("季度总结",))
    path = write(tmp_path, "a.pptx", saved(deck.save))
    assert parse(path, "a.pptx").title == "季度总结"
    assert read_blocks(path) == [
        ("季度总结", first_page),
        ("收入增长\n成本下降", first_page),
        ("Speak slowly.", first_page),
        ("左 | right", Location(page=2)),
    ]


def test_xlsx_rows_repeat_the_header_and_know_sheet_and_row(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "库存"
    for row in (["2024 年库存"], [], ["名称", "数量", "单价", "日期", "有效"]):
        book.active.append(row)
    book.active.append(["螺丝", 20, 1.5, dt.datetime(2024, 3, 1), True])  # noqa: DTZ001 - Excel knows no zones
    book.active.append(["Nut", None, 2, dt.datetime(2024, 3, 1, 8, 30), False])  # noqa: DTZ001
    other = book.create_sheet("Plain")
    other.append([1, 2])
    other.append([3, 4])
    columns = ("名称", "数量", "单价", "日期", "有效")
    assert read_blocks(write(tmp_path, "a.xlsx", saved(book.save))) == [
        ("2024 年库存", Location(sheet="库存", row=1)),
        (
            "名称: 螺丝; 数量: 20; 单价: 1.5; 日期: 2024-03-01; 有效: TRUE",
            Location(sheet="库存", row=4, columns=columns),
        ),
        (
            "名称: Nut; 单价: 2; 日期: 2024-03-01 8:30:00; 有效: FALSE",
            Location(sheet="库存", row=5, columns=columns),
        ),
        ("1 | 2", Location(sheet="Plain", row=1)),
        ("3 | 4", Location(sheet="Plain", row=2)),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", '名称,说明\n螺丝,"长, 硬"\nNut,"two\nlines"\n'),
        ("a.tsv", '名称\t说明\n螺丝\t长, 硬\nNut\t"two\nlines"\n'),
        ("b.csv", '名称;说明\r\n螺丝;长, 硬\r\nNut;"two\r\nlines"\r\n'),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_csv_records_repeat_the_header_whatever_delimits_them(
    tmp_path: Path, name: str, text: str, encoding: str
) -> None:
    assert read_blocks(write(tmp_path, name, text.encode(encoding))) == [
        ("名称: 螺丝; 说明: 长, 硬", Location(row=2, columns=("名称", "说明"))),
        ("名称: Nut; 说明: two lines", Location(row=3, columns=("名称", "说明"))),
    ]


def test_csv_without_a_header_loses_no_record(tmp_path: Path) -> None:
    assert texts(write(tmp_path, "a.csv", "1,张三\n2,李四\n")) == ["1 | 张三", "2 | 李四"]


def test_json_lists_are_records_with_their_prose_first(tmp_path: Path) -> None:
    records = [
        {"id": 7, "content": "正文", "title": "题", "tags": ["a", "b"], "meta": {"by": [{"name": "X"}]}},
        {"id": 8},
    ]
    assert read_blocks(write(tmp_path, "a.json", json.dumps(records))) == [
        ("题\n正文\nid: 7\ntags: a, b\nmeta.by[1].name: X", Location(row=1)),
        ("id: 8", Location(row=2)),
    ]


def test_a_record_may_have_a_field_without_a_name(tmp_path: Path) -> None:
    records = [{"": "first", "content": "body", "id": 1}, {"": "second"}]
    assert texts(write(tmp_path, "a.json", json.dumps(records))) == ["body\nfirst\nid: 1", "second"]


def test_json_objects_are_read_field_by_field(tmp_path: Path) -> None:
    value = {"title": "T", "open": True, "items": [{"text": "one"}, {"text": "two"}], "size": {"w": 1, "h": None}}
    assert read_blocks(write(tmp_path, "a.json", json.dumps(value))) == [
        ("T\nopen: true", Location()),
        ("one", Location(row=1, headings=("items",))),
        ("two", Location(row=2, headings=("items",))),
        ("size.w: 1", Location()),
    ]


PARAGRAPH = "<w:p><w:r><w:t>The text.</w:t></w:r></w:p>"


@pytest.mark.parametrize(("kind", "expected"), [("template", ["Describe the purpose."]), ("document", [])])
def test_only_of_a_template_are_placeholders_read(tmp_path: Path, kind: str, expected: list[str]) -> None:
    type_ = f"application/vnd.openxmlformats-officedocument.wordprocessingml.{kind}.main+xml"
    control = "<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent>{}</w:sdtContent></w:sdt>"
    body = control.format("<w:p><w:r><w:t>Describe the purpose.</w:t></w:r></w:p>")
    parts = {
        "[Content_Types].xml": f'<Types><Override PartName="/word/document.xml" ContentType="{type_}"/></Types>',
        "word/document.xml": f"<w:document {WORD}><w:body>{body}{PARAGRAPH}</w:body></w:document>",
    }
    assert texts(write(tmp_path, "a.dotx", zipped(parts))) == [*expected, "The text."]


def test_damaged_properties_do_not_cost_a_document(tmp_path: Path) -> None:
    body = f"<w:document {WORD}><w:body>{PARAGRAPH}</w:body></w:document>"
    word = write(tmp_path, "a.docx", docx_of(body, **{"docProps/core.xml": "<title>x"}))
    space = "urn:oasis:names:tc:opendocument:xmlns"
    content = f'<o:d xmlns:o="{space}:office:1.0" xmlns:t="{space}:text:1.0"><o:body>{{}}</o:body></o:d>'
    content = content.format("<o:text><t:p>The text.</t:p></o:text>")
    parts = {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content, "meta.xml": "<title>x"}
    for path in (word, write(tmp_path, "b.odt", zipped(parts))):
        assert texts(path) == ["The text."]
        assert parse(path, path.name).title == path.stem


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85"])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "a.ipynb"])
def test_other_line_breaks_inside_a_value_do_not_end_a_record(tmp_path: Path, name: str, mark: str) -> None:
    """JavaScript writes them into JSON as they are."""
    value = f"first{mark}second"
    records = [{"name": "one", "note": value}, {"name": "two", "note": "plain"}]
    written = {
        "a.json": json.dumps(records, ensure_ascii=False),
        "a.jsonl": "\n".join(json.dumps(record, ensure_ascii=False) for record in records),
        "a.csv": f"name,note\none,{value}\ntwo,plain\n",
        "a.ipynb": json.dumps({"cells": [{"cell_type": "markdown", "source": value}]}, ensure_ascii=False),
    }
    document = parse(write(tmp_path, name, written[name]), name)
    found = [" ".join(block.text.split()) for block in document.blocks]
    assert any("first second" in text for text in found)
    assert len(found) == (1 if name == "a.ipynb" else 2)
    assert document.warnings == []


def test_json_with_line_breaks_and_tabs_in_strings_is_read(tmp_path: Path) -> None:
    assert texts(write(tmp_path, "a.json", '{"note": "first line\nsecond\tline", "id": 7}')) == [
        "note: first line second line\nid: 7"
    ]


def test_jsonl_records_are_numbered_by_line(tmp_path: Path) -> None:
    text = '{"question": "年假几天？", "answer": "十五天", "id": 1}\n\n{"text": "b"}\n'
    assert read_blocks(write(tmp_path, "a.jsonl", text.encode("gb18030"))) == [
        ("年假几天？\n十五天\nid: 1", Location(row=1)),
        ("b", Location(row=3)),
    ]


def test_headings_are_marked_and_end_their_own_path(tmp_path: Path) -> None:
    for path in (write(tmp_path, "a.docx", word_file()), write(tmp_path, "a.html", HTML.encode("gb18030"))):
        headings = [block for block in parse(path, path.name).blocks if block.heading]
        assert len(headings) >= 2
        assert all(block.location.headings[-1] == block.text for block in headings)


def test_every_listed_extension_is_supported_in_any_case() -> None:
    assert all(is_supported(f"目录/a.{extension.upper()}") for extension in FORMATS)
    assert not is_supported("a.exe")
    assert not is_supported("pdf")


def test_content_decides_when_the_name_disagrees(tmp_path: Path) -> None:
    pdf = pdf_of([["页面上的文字内容"]])
    assert texts(write(tmp_path, "a", pdf), "a.txt") == ["页面上的文字内容"]
    assert texts(write(tmp_path, "b", word_file()), "a.pdf")[0] == "员工手册"
    assert texts(write(tmp_path, "c", "<!doctype html><p>page</p>"), "a.xlsx") == ["page"]


def test_a_second_document_in_the_same_process_equals_the_first(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", pdf_of([["第一页的文字"], ["第二页的文字"]]))
    half_read = parse(path, "a.pdf").blocks
    assert next(half_read).text == "第一页的文字"
    assert texts(path) == texts(path) == ["第一页的文字", "第二页的文字"]
    assert [block.text for block in half_read] == ["第二页的文字"]


def test_docx_reads_localised_and_inherited_styles_text_boxes_and_footnotes_once(tmp_path: Path) -> None:
    styles = (
        f'<w:styles {WORD}><w:style w:styleId="a1"><w:name w:val="标题 1"/></w:style>'
        '<w:style w:styleId="x"><w:name w:val="Mine"/><w:basedOn w:val="a1"/></w:style>'
        '<w:style w:styleId="o"><w:name w:val="Other"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style></w:styles>'
    )
    box = "<w:txbxContent><w:p><w:r><w:t>框内</w:t></w:r></w:p></w:txbxContent>"
    body = (
        f'<w:document {WORD}><w:body><w:p><w:pPr><w:pStyle w:val="x"/></w:pPr><w:r><w:t>章</w:t></w:r></w:p>'
        '<w:p><w:pPr><w:pStyle w:val="o"/></w:pPr><w:r><w:t>节</w:t></w:r></w:p>'
        f"<w:p><w:r><w:t>外</w:t><w:AlternateContent><w:Choice>{box}</w:Choice><w:Fallback>{box}</w:Fallback>"
        "</w:AlternateContent><w:t>文</w:t><w:delText>gone</w:delText></w:r></w:p></w:body></w:document>"
    )
    notes = f"<w:footnotes {WORD}><w:footnote><w:p><w:r><w:t>脚注</w:t></w:r></w:p></w:footnote></w:footnotes>"
    parts = {"word/styles.xml": styles, "word/footnotes.xml": notes}
    assert read_blocks(write(tmp_path, "a.docx", docx_of(body, **parts))) == [
        ("章", under("章")),
        ("节", under("章", "节")),
        ("框内", under("章", "节")),
        ("外文", under("章", "节")),
        ("脚注", under("章", "节")),
    ]

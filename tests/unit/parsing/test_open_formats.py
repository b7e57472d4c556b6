"""OpenDocument, EPUB and OFD: packages of XML parts."""

# ruff: noqa: E501 - markup
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from shared.domain.models import Location
from shared.parsing import Limits, parse
from tests.unit.parsing.files import read_blocks, texts, write, zipped

if TYPE_CHECKING:
    from pathlib import Path

SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "table", "style", "draw", "presentation", "meta")
)
STYLES = """<office:automatic-styles><style:style style:name="P1" style:parent-style-name="Title"/>
<style:style style:name="T1"><style:text-properties text:display="none"/></style:style>
<text:list-style style:name="L1"><text:list-level-style-number text:level="1" style:num-suffix="." style:num-format="1"/>
<text:list-level-style-number text:level="2" style:num-suffix=")" style:num-format="a" text:display-levels="1"/>
</text:list-style></office:automatic-styles>"""
TEXT = """<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>
<text:p text:style-name="P1">员工手册</text:p><text:h text:outline-level="1">第一章</text:h>
<text:p>One<text:s text:c="2"/>two<text:span text:style-name="T1">hidden</text:span><text:note><text:note-citation>1
</text:note-citation><text:note-body><text:p>The note.</text:p></text:note-body></text:note>
  <text:line-break/>three</text:p>
<text:list text:style-name="L1"><text:list-item><text:p>first</text:p><text:list><text:list-item><text:p>inner</text:p>
</text:list-item></text:list></text:list-item><text:list-item><text:p>second</text:p></text:list-item></text:list>
<table:table><table:table-row><table:table-cell table:number-rows-spanned="2"><text:p>Region</text:p></table:table-cell>
<table:table-cell table:number-columns-spanned="2"><text:p>Quarter</text:p></table:table-cell><table:covered-table-cell/>
</table:table-row><table:table-row><table:covered-table-cell/><table:table-cell><text:p>In</text:p></table:table-cell>
<table:table-cell><text:p>Out</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell><text:p>East</text:p></table:table-cell><table:table-cell><text:p>10</text:p>
</table:table-cell><table:table-cell><text:p>20</text:p></table:table-cell></table:table-row></table:table>"""
MARGINS = """<office:master-styles><style:master-page><style:header><text:p>Company</text:p></style:header>
<style:footer><text:p>Address</text:p></style:footer></style:master-page></office:master-styles>"""


def content_of(body: str, kind: str = "text") -> str:
    return f"<office:d {SPACES}>{STYLES}<office:body><office:{kind}>{body}</office:{kind}></office:body></office:d>"


def odf_of(body: str, kind: str = "text", **parts: str) -> bytes:
    type_ = f"application/vnd.oasis.opendocument.{kind}"
    return zipped({"mimetype": type_, "content.xml": content_of(body, kind), **parts})


EXPECTED = [
    "员工手册",
    "第一章",
    "One  two \nthree",
    "The note.",
    "1. first",
    "a) inner",
    "2. second",
    "Region: East; Quarter In: 10; Quarter Out: 20",
]


def test_a_cell_merged_over_rows_of_an_odt_counts_for_each_of_them(tmp_path: Path) -> None:
    def cell(text: str, rows: int = 1) -> str:
        return f'<table:table-cell table:number-rows-spanned="{rows}"><text:p>{text}</text:p></table:table-cell>'

    rows = [
        cell("Area") + cell("Town"),
        cell("Coast", 3) + cell("Ostend"),
        "<table:covered-table-cell/>" + cell("Bruges"),
        "<table:covered-table-cell/>" + cell("Knokke"),
        cell("Inland", 2) + cell("Namur"),
        "<table:covered-table-cell/>" + cell("Mons"),
        cell("Border") + cell("Arlon"),
    ]
    table = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    path = write(tmp_path, "a.odt", odf_of(f"<table:table>{table}</table:table>"))
    assert texts(path) == [
        *(f"Area: Coast; Town: {town}" for town in ("Ostend", "Bruges", "Knokke")),
        *(f"Area: Inland; Town: {town}" for town in ("Namur", "Mons")),
        "Area: Border; Town: Arlon",
    ]


def test_a_text_has_headings_lists_tables_notes_and_margins(tmp_path: Path) -> None:
    styles = f"<office:d {SPACES}>{MARGINS}</office:d>"
    path = write(tmp_path, "a.odt", odf_of(TEXT, **{"styles.xml": styles}))
    assert texts(path) == ["Company", *EXPECTED, "Address"]
    assert parse(path, "a.odt").title == "员工手册"
    assert read_blocks(path)[-2][1].headings == ("第一章",)


def test_a_flat_text_is_read_as_a_packed_one(tmp_path: Path) -> None:
    flat = f"<?xml version='1.0'?>{content_of(TEXT)}"
    assert texts(write(tmp_path, "a.fodt", flat)) == EXPECTED


def test_an_encrypted_text_is_refused(tmp_path: Path) -> None:
    manifest = "<m><file-entry><encryption-data/></file-entry></m>"
    with pytest.raises(DocumentError) as caught:
        parse(write(tmp_path, "a.odt", odf_of("", **{"META-INF/manifest.xml": manifest})), "a.odt")
    assert caught.value.code == "encrypted"


def sheet_of(rows: str) -> str:
    return f'<table:table table:name="价格">{rows}</table:table>'


def row_of(*cells: str) -> str:
    shown = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in cells)
    return f"<table:table-row>{shown}</table:table-row>"


def test_rows_of_a_sheet_have_labels_numbers_and_comments(tmp_path: Path) -> None:
    comment = "<office:annotation><text:p>sold out</text:p></office:annotation>"
    rows = (
        row_of("Name", "Price", "Date")
        + "<table:table-row table:number-rows-repeated='3'><table:table-cell/></table:table-row>"
    )
    rows = row_of("Name", "Price", "Date") + row_of("Tea", "3.00", "2026-05-08") + row_of("Milk", f"4.00{comment}", "x")
    rows += "<table:table-row table:number-rows-repeated='1048570'><table:table-cell table:number-columns-repeated='16384'/>"
    rows += "</table:table-row>"
    found = read_blocks(write(tmp_path, "a.ods", odf_of(sheet_of(rows), "spreadsheet")))
    assert [(text, place.sheet, place.row) for text, place in found] == [
        ("Name: Tea; Price: 3.00; Date: 2026-05-08", "价格", 2),
        ("Name: Milk; Price: 4.00; Date: x", "价格", 3),
        ("Name: Milk\nsold out", "价格", 3),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        "<table:table-row table:number-rows-repeated='999999999'><table:table-cell table:number-columns-repeated='99999999'>"
        "<text:p>x</text:p></table:table-cell></table:table-row>",
        "<table:table-row><table:table-cell table:number-columns-spanned='99999999' table:number-rows-spanned='99999999'>"
        "<text:p>x</text:p></table:table-cell></table:table-row>" + row_of("a") * 3,
    ],
)
def test_huge_counts_in_a_sheet_cost_little(tmp_path: Path, rows: str) -> None:
    assert sum(map(len, texts(write(tmp_path, "a.ods", odf_of(sheet_of(rows), "spreadsheet"))))) < 5_000_000


def test_slides_have_numbers_titles_and_notes(tmp_path: Path) -> None:
    body = """<draw:page draw:name="p1"><draw:frame><draw:text-box><text:p>body</text:p></draw:text-box></draw:frame>
    <draw:frame presentation:class="title"><draw:text-box><text:p>标题</text:p></draw:text-box></draw:frame>
    <presentation:notes><draw:frame><draw:text-box><text:p>notes</text:p></draw:text-box></draw:frame></presentation:notes>
    </draw:page><draw:page/><draw:page><draw:frame><draw:text-box><text:p>third</text:p></draw:text-box></draw:frame></draw:page>"""
    found = read_blocks(write(tmp_path, "a.odp", odf_of(body, "presentation")))
    assert [(text, place.page) for text, place in found] == [("标题", 1), ("body", 1), ("notes", 1), ("third", 3)]
    assert found[1][1].headings == ("标题",)


def test_shapes_of_a_slide_are_read_from_top_to_bottom_where_they_were_drawn_otherwise(tmp_path: Path) -> None:
    def placed(text: str, left: str, top: str) -> str:
        place = f'xmlns:svg="s" svg:x="{left}" svg:y="{top}" svg:width="8cm" svg:height="20mm"'
        return f"<draw:frame {place}><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"

    shapes = placed("c", "5cm", "9cm") + placed("a", "0.1in", "1cm") + "<draw:frame/>" + placed("b", "10cm", "12mm")
    notes = "<presentation:notes><text:p>notes</text:p></presentation:notes>"
    body = f"<draw:page>{shapes}{notes}</draw:page>"
    assert texts(write(tmp_path, "a.odp", odf_of(body, "presentation"))) == ["a", "b", "c", "notes"]


@pytest.mark.parametrize("key", ["a.odt", "a.ods", "a.odp"])
def test_deep_or_malformed_parts_are_refused(tmp_path: Path, key: str) -> None:
    kind = {"a.odt": "text", "a.ods": "spreadsheet", "a.odp": "presentation"}[key]
    for body, code in (("<text:p>" * 5_000, "too_deep"), ("<text:p>x", "broken_file"), ("", "empty_document")):
        with pytest.raises(DocumentError) as caught:
            texts(write(tmp_path, key, odf_of(body, kind)))
        assert caught.value.code == code


# -- epub -------------------------------------------------------------------------------------------------------------

CONTAINER = "<c><rootfiles><rootfile full-path='OEBPS/book.opf'/></rootfiles></c>"


def epub_of(spine: str = "<itemref idref='b'/><itemref idref='a'/>", **parts: str) -> bytes:
    package = f"""<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>红楼梦</dc:title></metadata>
    <manifest><item id="a" href="two.xhtml" media-type="application/xhtml+xml"/>
    <item id="b" href="text/%E4%B8%80.xhtml" media-type="application/xhtml+xml"/></manifest><spine>{spine}</spine></package>"""
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OEBPS/book.opf": package,
            "OEBPS/text/一.xhtml": "<html><body><h1>第一回</h1><p>正文。</p></body></html>",
            "OEBPS/two.xhtml": "<html><body><h1>第二回</h1><p>后文。</p></body></html>",
            **parts,
        }
    )


def test_the_chapters_of_a_book_come_in_reading_order(tmp_path: Path) -> None:
    path = write(tmp_path, "a.epub", epub_of())
    assert texts(path) == ["红楼梦", "第一回", "正文。", "第二回", "后文。"]
    assert parse(path, "a.epub").title == "红楼梦"


def test_a_book_without_a_spine_is_read_by_names_and_missing_chapters_are_named(tmp_path: Path) -> None:
    assert "正文。" in texts(write(tmp_path, "a.epub", epub_of(spine="")))
    broken = epub_of().replace(b"OEBPS/two.xhtml", b"OEBPS/xxx.xhtml")
    document = parse(write(tmp_path, "b.epub", broken), "b.epub")
    list(document.blocks)
    assert document.warnings == ["Chapters that the book names but does not hold: 1."]


def test_a_protected_book_is_refused_and_one_with_hidden_fonts_is_not(tmp_path: Path) -> None:
    method = "<e><EncryptionMethod Algorithm='{}'/></e>"
    fonts = epub_of(**{"META-INF/encryption.xml": method.format("http://www.idpf.org/2008/embedding")})
    assert "正文。" in texts(write(tmp_path, "a.epub", fonts))
    with pytest.raises(DocumentError) as caught:
        parse(write(tmp_path, "b.epub", epub_of(**{"META-INF/encryption.xml": method.format("aes128")})), "b.epub")
    assert caught.value.code == "encrypted"


# -- ofd --------------------------------------------------------------------------------------------------------------


def text_object(x: float, y: float, text: str, **given: str) -> str:
    more = "".join(f' {name}="{value}"' for name, value in given.items())
    return f'<TextObject Boundary="{x} {y} 90 5" Size="4"{more}><TextCode X="0" Y="4">{text}</TextCode></TextObject>'


def ofd_of(page: str, **parts: str) -> bytes:
    return zipped(
        {
            "OFD.xml": "<OFD><DocBody><DocInfo><Title>发票</Title></DocInfo><DocRoot>Doc_0/Document.xml</DocRoot></DocBody></OFD>",
            "Doc_0/Document.xml": '<D><CommonData><TemplatePage ID="9" BaseLoc="Tpls/t.xml"/></CommonData>'
            '<Pages><Page ID="1" BaseLoc="Pages/p.xml"/></Pages><Annotations>Annots/a.xml</Annotations></D>',
            "Doc_0/Tpls/t.xml": f"<P>{text_object(10, 10, '电子发票')}{text_object(10, 20, '发票号码：')}</P>",
            "Doc_0/Pages/p.xml": f'<P><Template TemplateID="9"/>{page}</P>',
            **parts,
        }
    )


def test_the_lines_of_an_ofd_page_join_its_template_and_itself(tmp_path: Path) -> None:
    page = text_object(100, 20, "购买方") + text_object(31, 20, "12345678") + text_object(10, 60, "合计 ¥500.00")
    note = '<A><Appearance Boundary="10 80 9 9">' + text_object(0, 0, "盖章") + "</Appearance></A>"
    annotations = '<A><Page PageID="1"><FileLoc>Page_0/n.xml</FileLoc></Page></A>'
    parts = {"Doc_0/Annots/a.xml": annotations, "Doc_0/Annots/Page_0/n.xml": note}
    path = write(tmp_path, "a.ofd", ofd_of(page, **parts))
    assert parse(path, "a.ofd").title == "发票"
    assert read_blocks(path) == [
        ("电子发票", Location(page=1)),
        ("发票号码：12345678  购买方", Location(page=1)),
        ("合计 ¥500.00", Location(page=1)),
        ("盖章", Location(page=1)),
    ]


def test_text_in_a_drawing_that_an_ofd_page_places_is_read(tmp_path: Path) -> None:
    unit = '<CompositeGraphicUnit ID="{}"><Content>{}</Content></CompositeGraphicUnit>'
    inner = unit.format(7, text_object(0, 0, "单价"))
    outer = unit.format(8, '<CompositeObject ResourceID="7" Boundary="40 0 9 9"/>' + text_object(0, 0, "名称"))
    use = '<CompositeObject ResourceID="8" CTM="0.5 0 0 0.5 0 0" Boundary="10 {} 90 90"/>'
    document = '<D><CommonData><PublicRes>P.xml</PublicRes><DocumentRes>R.xml</DocumentRes></CommonData><Page ID="1" BaseLoc="p.xml"/></D>'
    parts = {"Doc_0/Document.xml": document, "Doc_0/P.xml": "<Res/>", "Doc_0/R.xml": f"<Res>{inner}{outer}</Res>"}
    page = use.format(40) + use.format(80) + '<CompositeObject ResourceID="none" Boundary="1 1 1 1"/>'
    path = write(tmp_path, "a.ofd", ofd_of("", **parts, **{"Doc_0/p.xml": f"<P>{page}</P>"}))
    assert read_blocks(path) == [("名称  单价", Location(page=1)), ("名称  单价", Location(page=1))]


def test_a_drawing_that_multiplies_itself_is_refused(tmp_path: Path) -> None:
    units = f'<CompositeGraphicUnit ID="0">{text_object(0, 0, "x") * 100}</CompositeGraphicUnit>'
    for number in range(1, 9):
        uses = f'<CompositeObject ResourceID="{number - 1}" Boundary="0 0 9 9"/>' * 100
        units += f'<CompositeGraphicUnit ID="{number}">{uses}</CompositeGraphicUnit>'
    document = '<D><DocumentRes>R.xml</DocumentRes><Page ID="1" BaseLoc="p.xml"/></D>'
    page = '<P><CompositeObject ResourceID="8" Boundary="0 0 9 9"/></P>'
    parts = {"Doc_0/Document.xml": document, "Doc_0/R.xml": f"<Res>{units}</Res>", "Doc_0/p.xml": page}
    with pytest.raises(DocumentError) as caught:
        texts(write(tmp_path, "a.ofd", ofd_of("", **parts)))
    assert caught.value.code == "too_large"


def test_an_ofd_of_pictures_needs_ocr_and_too_many_pages_are_refused(tmp_path: Path) -> None:
    empty = ofd_of("").replace(b"Tpls/t.xml", b"Tpls/u.xml", 0)
    page = "<P><ImageObject ResourceID='1'/></P>"
    pictures = zipped(
        {"OFD.xml": "<O><DocRoot>d.xml</DocRoot></O>", "d.xml": "<D><Page ID='1' BaseLoc='p.xml'/></D>", "p.xml": page}
    )
    for content, limits, code in (
        (pictures, Limits(), "needs_ocr"),
        (empty, Limits(max_pages=0), "too_many_pages"),
    ):
        with pytest.raises(DocumentError) as caught:
            texts(write(tmp_path, "a.ofd", content), limits=limits)
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ('office:value-type="float" office:value="12.5"', "12.5"),
        ('office:value-type="percentage" office:value="0.256"', "25.6%"),
        ('office:value-type="percentage" office:value="0.25"', "25%"),
        ('office:value-type="currency" office:currency="CNY" office:value="30"', "30 CNY"),
        ('office:value-type="date" office:date-value="2026-05-08T00:00:00"', "2026-05-08"),
        ('office:value-type="date" office:date-value="2026-05-08T09:30:00"', "2026-05-08 09:30:00"),
        ('office:value-type="time" office:time-value="PT31H05M00S"', "31:05:00"),
        ('office:value-type="boolean" office:boolean-value="true"', "TRUE"),
    ],
)
def test_a_value_without_a_text_beside_it_is_read(tmp_path: Path, given: str, shown: str) -> None:
    row = f"<table:table-row><table:table-cell {given}/></table:table-row>"
    assert texts(write(tmp_path, "a.ods", odf_of(sheet_of(row), "spreadsheet"))) == [shown]


CHART = """<office:document-content xmlns:office="o" xmlns:chart="c" xmlns:text="t" xmlns:table="b"><office:body><office:chart>
<chart:chart><chart:title><text:p>Sales by month</text:p></chart:title><chart:plot-area><chart:axis><chart:title><text:p>EUR</text:p>
</chart:title></chart:axis><chart:series/></chart:plot-area><table:table table:name="local-table">
<table:table-header-rows><table:table-row><table:table-cell><text:p/></table:table-cell><table:table-cell><text:p>North</text:p>
</table:table-cell></table:table-row></table:table-header-rows><table:table-row><table:table-cell><text:p>May</text:p>
</table:table-cell><table:table-cell><text:p>12.5</text:p></table:table-cell></table:table-row></table:table>
</chart:chart></office:chart></office:body></office:document-content>"""
MATH = """<math:math xmlns:math="m"><math:semantics><math:mrow><math:mi>E</math:mi><math:mo>=</math:mo><math:mi>m</math:mi>
<math:msup><math:mi>c</math:mi><math:mn>2</math:mn></math:msup></math:mrow><math:annotation>E = m c^2</math:annotation>
</math:semantics></math:math>"""
OLD_MATH = f'<!DOCTYPE math:math PUBLIC "-//OpenOffice.org//DTD" "math.dtd">{MATH}'


def frame_of(href: str) -> str:
    given = f' xlink:href="{href}"' if href else ""
    inside = "" if href else MATH
    return f'<draw:frame xmlns:draw="d" xmlns:xlink="x"><draw:object{given}>{inside}</draw:object></draw:frame>'


def test_charts_and_formulas_of_a_text_are_read(tmp_path: Path) -> None:
    body = f"<text:p>So {frame_of('./Object 1')} holds.</text:p><text:p>See {frame_of('Object 2')}</text:p><text:p>End</text:p>"
    parts = {"Object 1/content.xml": OLD_MATH, "Object 2/content.xml": CHART}
    assert texts(write(tmp_path, "a.odt", odf_of(body, **parts))) == [
        "So  E = mc^2  holds.",
        "See",
        "Sales by month",
        "EUR",
        "May; North: 12.5",
        "End",
    ]
    slide = f'<draw:page xmlns:draw="d">{frame_of("Object 2")}</draw:page>'
    found = texts(write(tmp_path, "a.odp", odf_of(slide, "presentation", **parts)))
    assert found == ["Sales by month", "EUR", "May; North: 12.5"]
    flat = content_of(f"<text:p>{frame_of('')}</text:p>").replace("document-content", "document")
    assert texts(write(tmp_path, "a.fodt", f'<?xml version="1.0"?>{flat}')) == ["E = mc^2"]


def test_an_object_that_shows_itself_ends(tmp_path: Path) -> None:
    inner = content_of(f"<text:p>inner {frame_of('Object 1')}</text:p>")
    body = f"<text:p>outer {frame_of('Object 1')} {frame_of('Object 1')}</text:p>"
    found = texts(write(tmp_path, "a.odt", odf_of(body, **{"Object 1/content.xml": inner})))
    assert found == ["outer", "inner"]

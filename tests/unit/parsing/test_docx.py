"""What people see in a Word document is what is read: numbers, tables, notes, controls, embedded documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from shared.domain.models import Block, BlockKind, ParsedDocument
from shared.parsing import Limits, parse_bounded
from shared.parsing.docx import parse
from shared.runtime.retrying import Deadline
from tests.profile import slow
from tests.unit.parsing.files import WORD, docx_of, write, zipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
NAMES = (
    f'{WORD} xmlns:r="{OFFICE}" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
)


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def p(*content: str, style: str = "", properties: str = "") -> str:
    """A paragraph of runs; plain text becomes a run."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    runs = "".join(part if part.startswith("<") else run(part) for part in content)
    return f"<w:p><w:pPr>{named}{properties}</w:pPr>{runs}</w:p>"


def listed(text: str, number: int | str, level: int = 0, style: str = "") -> str:
    return p(text, style=style, properties=f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>')


def tc(*content: str, properties: str = "") -> str:
    inner = "".join(part if part.startswith("<") else p(part) for part in content) or "<w:p/>"
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{inner}</w:tc>"


def tr(*cells: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(c if c.startswith('<') else tc(c) for c in cells)}</w:tr>"


def tbl(*rows: str, columns: int = 0) -> str:
    return f"<w:tbl><w:tblGrid>{'<w:gridCol/>' * columns}</w:tblGrid>{''.join(rows)}</w:tbl>"


def relations(*targets: tuple[str, str]) -> str:
    """Relations r1, r2... of (kind, target)."""
    inner = "".join(
        f'<Relationship Id="r{number}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{PACKAGE}">{inner}</Relationships>'


def part(name: str, *content: str) -> str:
    return f"<w:{name} {NAMES}>{''.join(content)}</w:{name}>"


def word(*body: str, **parts: str | bytes) -> bytes:
    """A document; the keyword ``numbering`` means the part word/numbering.xml, any other name is a name of a part."""
    named = {f"word/{name}.xml" if name in ("numbering", "styles") else name: text for name, text in parts.items()}
    return docx_of(f"<w:document {NAMES}><w:body>{''.join(body)}</w:body></w:document>", **named)


def read(folder: Path, content: bytes, limits: Limits | None = None) -> tuple[list[Block], ParsedDocument]:
    document = parse(write(folder, "a.docx", content), limits or Limits())
    return list(document.blocks), document


def texts(folder: Path, *body: str, **parts: str | bytes) -> list[str]:
    return [block.text for block in read(folder, word(*body, **parts))[0]]


def level(place: int, form: str, text: str, more: str = "") -> str:
    counter = f'<w:start w:val="1"/><w:numFmt w:val="{form}"/>'
    return f'<w:lvl w:ilvl="{place}">{counter}{more}<w:lvlText w:val="{text}"/></w:lvl>'


def abstract(key: int, *levels: str) -> str:
    return f'<w:abstractNum w:abstractNumId="{key}">{"".join(levels)}</w:abstractNum>'


def num(key: int, definition: int, more: str = "") -> str:
    return f'<w:num w:numId="{key}"><w:abstractNumId w:val="{definition}"/>{more}</w:num>'


class TestNumbers:
    def test_levels_count_and_restart_below_a_higher_one(self, tmp_path: Path) -> None:
        numbering = part(
            "numbering", num(1, 0), abstract(0, level(0, "decimal", "%1."), level(1, "lowerLetter", "(%2)"))
        )
        body = [listed("a", 1), listed("b", 1, 1), listed("c", 1, 1), listed("d", 1), listed("e", 1, 1)]
        assert texts(tmp_path, *body, numbering=numbering) == ["1. a", "(a) b", "(b) c", "2. d", "(a) e"]

    def test_list_paragraphs_are_items_and_numbered_headings_keep_their_number(self, tmp_path: Path) -> None:
        styles = part(
            "styles",
            '<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/>'
            "</w:numPr></w:pPr></w:style>",
            '<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/><w:pPr><w:numPr><w:ilvl w:val="1"/>'
            '<w:numId w:val="1"/></w:numPr></w:pPr></w:style>',
            '<w:style w:type="paragraph" w:styleId="Mine"><w:name w:val="Mine"/><w:basedOn w:val="H2"/></w:style>',
        )
        numbering = part(
            "numbering",
            abstract(
                0,
                level(0, "decimal", "%1", '<w:pStyle w:val="H1"/>'),
                level(1, "decimal", "%1.%2", '<w:pStyle w:val="H2"/>'),
                level(2, "bullet", "\uf0b7", "<w:rPr><w:rFonts w:ascii='Symbol'/></w:rPr>"),
            ),
            num(1, 0),
        )
        body = [
            p("Scope", style="H1"),
            p("Applies to", style="H2"),
            p("Text"),
            listed("item", 1, 2),
            p("More", style="Mine"),
        ]
        blocks, _ = read(tmp_path, word(*body, numbering=numbering, styles=styles))
        assert [(block.text, block.kind, block.location.headings) for block in blocks] == [
            ("1 Scope", BlockKind.TEXT, ("1 Scope",)),
            ("1.1 Applies to", BlockKind.TEXT, ("1 Scope", "1.1 Applies to")),
            ("Text", BlockKind.TEXT, ("1 Scope", "1.1 Applies to")),
            ("• item", BlockKind.ITEM, ("1 Scope", "1.1 Applies to")),
            ("1.2 More", BlockKind.TEXT, ("1 Scope", "1.2 More")),
        ]

    @pytest.mark.parametrize(
        ("form", "text", "more", "third"),
        [
            ("chineseCountingThousand", "第%1条", "", "第三条 x"),
            ("chineseCounting", "%1、", '<w:suff w:val="nothing"/>', "三、x"),
            ("ideographTraditional", "%1.", "", "丙. x"),
            ("japaneseCounting", "（%1）", '<w:suff w:val="nothing"/>', "（三）x"),
            ("decimalEnclosedCircle", "%1", '<w:suff w:val="space"/>', "③ x"),
            ("upperRoman", "Article %1", "", "Article III x"),
            ("decimalZero", "%1", "", "03 x"),
            ("lowerLetter", "（%1）", '<w:suff w:val="nothing"/>', "（c）x"),
            ("none", "Note:", "", "Note: x"),
            ("none", "", "", "x"),
            ("bullet", "o", "", "o x"),
        ],
    )
    def test_formats_of_numbers(self, tmp_path: Path, form: str, text: str, more: str, third: str) -> None:
        numbering = part("numbering", abstract(0, level(0, form, text, more)), num(1, 0))
        assert texts(tmp_path, *[listed("x", 1)] * 3, numbering=numbering)[2] == third

    def test_legal_levels_are_decimal_and_levels_not_reached_show_their_start(self, tmp_path: Path) -> None:
        numbering = part(
            "numbering",
            abstract(0, level(0, "upperRoman", "%1"), level(1, "decimal", "%1.%2", "<w:isLgl/>")),
            num(1, 0),
        )
        body = [listed("a", 1, 1), listed("b", 1), listed("c", 1, 1)]
        assert texts(tmp_path, *body, numbering=numbering) == ["1.1 a", "I b", "1.1 c"]

    def test_lists_of_one_definition_count_on_unless_a_list_starts_anew(self, tmp_path: Path) -> None:
        start = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride>'
        numbering = part("numbering", abstract(0, level(0, "decimal", "%1.")), num(1, 0), num(2, 0), num(3, 0, start))
        body = [listed("a", 1), listed("b", 2), listed("c", 3), listed("d", 3), listed("e", 0), p("f")]
        assert texts(tmp_path, *body, numbering=numbering) == ["1. a", "2. b", "5. c", "6. d", "e", "f"]

    def test_a_level_can_be_overridden_and_can_go_on_counting(self, tmp_path: Path) -> None:
        own = f'<w:lvlOverride w:ilvl="0">{level(0, "upperLetter", "%1)")}</w:lvlOverride>'
        numbering = part(
            "numbering",
            abstract(0, level(0, "decimal", "%1."), level(1, "decimal", "§%2", '<w:lvlRestart w:val="0"/>')),
            num(1, 0),
            num(2, 0, own),
        )
        body = [listed("a", 1), listed("b", 1, 1), listed("c", 1), listed("d", 1, 1), listed("e", 2)]
        assert texts(tmp_path, *body, numbering=numbering) == ["1. a", "§1 b", "2. c", "§2 d", "C) e"]

    def test_a_definition_linked_to_a_style_of_numbering_is_followed(self, tmp_path: Path) -> None:
        styles = part(
            "styles",
            '<w:style w:type="numbering" w:styleId="Clauses"><w:name w:val="Clauses"/><w:pPr><w:numPr>'
            '<w:numId w:val="1"/></w:numPr></w:pPr></w:style>',
        )
        numbering = part(
            "numbering",
            '<w:abstractNum w:abstractNumId="0"><w:styleLink w:val="Clauses"/>',
            level(0, "chineseCountingThousand", "第%1章"),
            '</w:abstractNum><w:abstractNum w:abstractNumId="1"><w:numStyleLink w:val="Clauses"/></w:abstractNum>',
            num(1, 0),
            num(2, 1),
        )
        body = [listed("总则", 2), listed("附则", 2)]
        assert texts(tmp_path, *body, numbering=numbering, styles=styles) == ["第一章 总则", "第二章 附则"]

    def test_an_unknown_list_and_a_hostile_start_do_no_harm(self, tmp_path: Path) -> None:
        numbering = part(
            "numbering", abstract(0, level(0, "lowerRoman", "%1.")).replace('"1"/>', f'"{10**30}"/>', 1), num(1, 0)
        )
        assert texts(tmp_path, listed("a", 7), listed("b", 1), numbering=numbering) == ["a", "i. b"]


class TestTables:
    def test_empty_cells_stay_in_their_columns(self, tmp_path: Path) -> None:
        table = tbl(tr("Van", "Diesel", "Petrol"), tr("A-1", "", "7"), tr("A-2", "9", ""), columns=3)
        assert texts(tmp_path, table) == ["Van: A-1; Petrol: 7", "Van: A-2; Diesel: 9"]

    def test_a_cell_merged_over_rows_counts_for_each(self, tmp_path: Path) -> None:
        first, next_ = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
        table = tbl(
            tr("地区", "城市", "销量"),
            tr(tc("华东", properties=first), "杭州", "120"),
            tr(tc(properties=next_), "苏州", "95"),
            tr("华北", "天津", "70"),
            columns=3,
        )
        assert texts(tmp_path, table) == [
            "地区: 华东; 城市: 杭州; 销量: 120",
            "地区: 华东; 城市: 苏州; 销量: 95",
            "地区: 华北; 城市: 天津; 销量: 70",
        ]

    def test_cells_left_out_before_a_row_and_merged_over_columns_keep_the_rest_in_place(self, tmp_path: Path) -> None:
        table = tbl(
            tr("Item", "Size", "Price"),
            tr("1", "2", properties='<w:gridBefore w:val="1"/>'),
            tr(tc("both", properties='<w:gridSpan w:val="2"/>'), "3"),
            columns=3,
        )
        assert texts(tmp_path, table) == ["Size: 1; Price: 2", "Item: both; Price: 3"]

    def test_a_marked_header_row_labels_even_numbers(self, tmp_path: Path) -> None:
        table = tbl(tr("Name", "2024", "2025", properties="<w:tblHeader/>"), tr("Sales", "5", "6"), columns=3)
        assert texts(tmp_path, table) == ["Name: Sales; 2024: 5; 2025: 6"]

    @pytest.mark.parametrize("columns", [0, 1])
    def test_a_one_cell_table_of_any_length_is_read_as_what_it_frames(self, tmp_path: Path, columns: int) -> None:
        articles = [f"第{number}条 " + "仓库每日检查温度两次并记录。" * 30 for number in range(1, 61)]
        inner = tbl(tr("Part", "Stock"), tr("K-1", "4"), columns=2)
        assert texts(tmp_path, tbl(tr(tc(*articles, inner, "<w:p/>")), columns=columns)) == [
            *articles,
            "Part: K-1; Stock: 4",
        ]

    def test_headings_and_items_in_a_frame_stay_what_they_are(self, tmp_path: Path) -> None:
        numbering = part("numbering", abstract(0, level(0, "decimal", "%1.")), num(1, 0))
        heading = p("Duties", properties='<w:outlineLvl w:val="0"/>')
        content = word(tbl(tr(tc(heading, listed("count keys", 1)))), p("after"), numbering=numbering)
        blocks, _ = read(tmp_path, content)
        assert [(block.text, block.heading, block.kind, block.location.headings) for block in blocks] == [
            ("Duties", True, BlockKind.TEXT, ("Duties",)),
            ("1. count keys", False, BlockKind.ITEM, ("Duties",)),
            ("after", False, BlockKind.TEXT, ("Duties",)),
        ]

    def test_side_by_side_columns_of_text_are_read_one_after_the_other(self, tmp_path: Path) -> None:
        table = tbl(tr(tc("left 1", "left 2"), tc("right 1", "right 2")), columns=2)
        assert texts(tmp_path, table) == ["left 1", "left 2", "right 1", "right 2"]

    def test_a_table_inside_a_cell_follows_the_row_it_is_in(self, tmp_path: Path) -> None:
        inner = tbl(tr("Day", "Hours"), tr("Mon", "8"), columns=2)
        table = tbl(tr("Room", "Open"), tr("East", tc(inner, "<w:p/>")), tr("West", "never"), columns=2)
        assert texts(tmp_path, table) == ["Room: East", "Day: Mon; Hours: 8", "Room: West; Open: never"]

    def test_a_huge_row_of_several_cells_loses_nothing(self, tmp_path: Path) -> None:
        long = ["word " * 2000 for _ in range(4)]
        table = tbl(tr("Name", "Text"), tr("a", tc(*long)), tr("b", "short"), columns=2)
        found = texts(tmp_path, table)
        assert sum(text.count("word") for text in found) == 8000
        assert found[-1] == "Name: b; Text: short"

    def test_a_row_that_was_deleted_is_left_out_and_numbers_fill_a_column(self, tmp_path: Path) -> None:
        numbering = part("numbering", abstract(0, level(0, "decimal", "%1")), num(1, 0))
        number = tc(listed("", 1).replace(run(""), ""))
        table = tbl(
            tr("No.", "Name"), tr(number, "x"), tr("gone", "gone", properties="<w:del/>"), tr(number, "y"), columns=2
        )
        assert texts(tmp_path, table, numbering=numbering) == ["No.: 1; Name: x", "No.: 2; Name: y"]


class TestText:
    def test_symbols_are_characters(self, tmp_path: Path) -> None:
        def sym(font: str, code: str) -> str:
            return f'<w:r><w:sym w:font="{font}" w:char="{code}"/></w:r>'

        signs = [sym("Symbol", "F0B1"), sym("Wingdings", "F0FE"), sym("Wingdings", "A8"), sym("Wingdings 2", "F052")]
        signs += [sym("MS Gothic", "2612"), sym("Symbol", "F061"), sym("Wingdings", "F0E0"), sym("Symbol", "zz")]
        assert texts(tmp_path, p(*signs, run("\uf0a7", '<w:rFonts w:ascii="Wingdings"/>'))) == ["±☑☐☑☒α→▪"]

    def test_a_large_first_letter_is_part_of_its_word(self, tmp_path: Path) -> None:
        drop = '<w:framePr w:dropCap="drop" w:lines="3"/>'
        frame = '<w:framePr w:w="2000" w:hAnchor="page"/>'
        content = [p(run("D"), properties=drop), p(run("rop cap.")), p(run("Note"), properties=frame), p(run("Text"))]
        assert texts(tmp_path, *content) == ["Drop cap.", "Note", "Text"]

    def test_a_paragraph_without_an_end_that_nothing_follows_is_not_lost(self, tmp_path: Path) -> None:
        assert texts(tmp_path, p(run("last"), properties="<w:rPr><w:del/></w:rPr>")) == ["last"]

    def test_hidden_and_deleted_text_is_left_out_and_moved_text_comes_once(self, tmp_path: Path) -> None:
        styles = part(
            "styles",
            '<w:style w:type="character" w:styleId="Hid"><w:rPr><w:vanish/></w:rPr></w:style>',
            '<w:style w:type="paragraph" w:styleId="Gone"><w:rPr><w:vanish/></w:rPr></w:style>',
        )
        body = [
            p(
                run("a"),
                run("b", "<w:vanish/>"),
                run("c", '<w:rStyle w:val="Hid"/>'),
                run("d", '<w:vanish w:val="0"/>'),
            ),
            p("not shown", style="Gone"),
            p(f"<w:del>{run('x')}</w:del>", f"<w:ins>{run('kept')}</w:ins>"),
            p(f"<w:moveFrom>{run('moved')}</w:moveFrom>"),
            p(f"<w:moveTo>{run('moved')}</w:moveTo>"),
            p("first, ", properties="<w:rPr><w:del/></w:rPr>"),
            p("second"),
        ]
        assert texts(tmp_path, *body, styles=styles) == ["ad", "kept", "moved", "first, second"]

    def test_fields_show_their_results(self, tmp_path: Path) -> None:
        def mark(kind: str, inner: str = "") -> str:
            return f'<w:r><w:fldChar w:fldCharType="{kind}">{inner}</w:fldChar></w:r>'

        def instruction(text: str) -> str:
            return f"<w:r><w:instrText>{text}</w:instrText></w:r>"

        nested = [mark("begin"), instruction("IF "), mark("begin"), instruction("X"), mark("separate"), run("hidden")]
        nested += [mark("end"), instruction(' = "a"'), mark("separate"), run("shown"), mark("end")]
        box = mark("begin", "<w:ffData><w:checkBox><w:default w:val='0'/><w:checked/></w:checkBox></w:ffData>")
        choices = "<w:result w:val='1'/><w:listEntry w:val='A'/><w:listEntry w:val='B'/>"
        chosen = f"<w:ffData><w:ddList>{choices}</w:ddList></w:ffData>"
        boxes = [box, instruction("FORMCHECKBOX"), mark("end"), " paid ", mark("begin", chosen), mark("end")]
        assert texts(tmp_path, p(*nested), p(*boxes)) == ["shown", "☑ paid B"]

    def test_a_field_that_never_ends_hides_no_other_paragraph(self, tmp_path: Path) -> None:
        begin = '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>REF x</w:instrText></w:r>'
        assert texts(tmp_path, p("before", begin), p("after")) == ["before", "after"]

    def test_gaps_and_hyphens(self, tmp_path: Path) -> None:
        marks = zip("abcde", ("tab", "ptab", "softHyphen", "noBreakHyphen", "lastRenderedPageBreak"), strict=True)
        gaps = f"<w:r>{''.join(f'<w:t>{text}</w:t><w:{mark}/>' for text, mark in marks)}</w:r>"
        assert texts(tmp_path, p(gaps, properties='<w:tabs><w:tab w:val="left"/></w:tabs>')) == ["a\tb\tcd-e"]

    def test_content_controls(self, tmp_path: Path) -> None:
        def sdt(properties: str, content: str) -> str:
            return f"<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"

        box = "<w14:checkbox><w14:checked w14:val='{}'/></w14:checkbox>"
        body = [
            p("Remarks: ", sdt("<w:showingPlcHdr/>", run("Click here"))),
            p("Priority: ", sdt("<w:dropDownList/>", run("Urgent"))),
            p(sdt(box.format(1), run("☒")), " yes ", sdt(box.format(0), run("☐")), " no"),
            sdt("<w:showingPlcHdr/>", p("Type the abstract here")),
            tbl(
                sdt("", tr("Owner", sdt("<w:showingPlcHdr/>", tc("Name")), sdt("", tc("Sommer")))),
                tr("a", "b", "c"),
                columns=3,
            ),
        ]
        assert texts(tmp_path, *body) == [
            "Remarks:",
            "Priority: Urgent",
            "☑ yes ☐ no",
            "Owner |  | Sommer",
            "a | b | c",
        ]

    def test_equations_can_be_read(self, tmp_path: Path) -> None:
        def m(name: str, *inner: str) -> str:
            return f"<m:{name}>{''.join(inner)}</m:{name}>"

        def t(text: str) -> str:
            return m("r", m("t", text))

        power = m("sSup", m("e", t("h")), m("sup", t("3")))
        root = m("rad", m("deg"), m("e", m("sSup", m("e", t("b")), m("sup", t("2"))), t("-4ac")))
        total = m(
            "nary", "<m:naryPr><m:chr m:val='∑'/></m:naryPr>", m("sub", t("i=1")), m("sup", t("n")), m("e", t("i"))
        )
        rows = m("m", m("mr", m("e", t("1")), m("e", t("0"))), m("mr", m("e", t("0")), m("e", t("1"))))
        limit = m("func", m("fName", m("limLow", m("e", t("lim")), m("lim", t("x→0")))), m("e", m("d", m("e", t("x")))))
        body = [
            p("I", m("oMath", t("="), m("f", m("num", t("b"), power), m("den", t("12"))))),
            p(m("oMath", root)),
            p(m("oMathPara", m("oMath", total))),
            p(m("oMath", m("d", m("e", rows)))),
            p(m("oMath", limit)),
        ]
        assert texts(tmp_path, *body) == [
            "I=(bh^3)/12",
            "sqrt(b^2-4ac)",
            "∑_(i=1)^n i",
            "(1, 0; 0, 1)",
            "lim_(x→0)(x)",
        ]

    def test_a_picture_is_known_by_its_description_and_not_by_its_file(self, tmp_path: Path) -> None:
        body = [p("<w:r><w:drawing><wp:docPr descr='Pump with seal ring'/></w:drawing></w:r>")]
        body += [p("<w:r><w:drawing><wp:docPr descr='logo.png'/></w:drawing></w:r>")]
        body += [p("<w:r><w:pict><v:shape alt='Old drawing'/></w:pict></w:r>")]
        assert texts(tmp_path, *body) == ["Pump with seal ring", "Old drawing"]


class TestParts:
    def test_headers_and_footers_come_once_without_page_numbers(self, tmp_path: Path) -> None:
        def field(name: str) -> str:
            return f'<w:fldSimple w:instr=" {name} "><w:r><w:t>3</w:t></w:r></w:fldSimple>'

        header = part("hdr", p("Document QM-1"), p("第", field("PAGE"), "页 共", field("NUMPAGES"), "页"))
        footer = part("ftr", tbl(tr("Approved by Vos", tc(p("Page ", field("PAGE")))), columns=2))
        targets = relations(("header", "h1.xml"), ("header", "h2.xml"), ("footer", "f.xml"))
        parts = {"word/h1.xml": header, "word/h2.xml": header, "word/f.xml": footer}
        found = texts(tmp_path, p("Body"), **{"word/_rels/document.xml.rels": targets, **parts})
        assert found == ["Document QM-1", "Body", "Approved by Vos"]

    def test_notes_and_comments_belong_to_the_section_that_refers_to_them(self, tmp_path: Path) -> None:
        heading = '<w:outlineLvl w:val="0"/>'
        body = [
            p("One", properties=heading),
            p("text", '<w:r><w:footnoteReference w:id="2"/></w:r>', '<w:r><w:commentReference w:id="0"/></w:r>'),
            p("Two", properties=heading),
        ]
        parts = {
            "word/footnotes.xml": part("footnotes", f'<w:footnote w:id="2">{p("a note")}</w:footnote>'),
            "word/comments.xml": part("comments", f'<w:comment w:id="0" w:author="Y">{p("check this")}</w:comment>'),
        }
        blocks, _ = read(tmp_path, word(*body, **parts))
        assert [(block.text, block.location.headings) for block in blocks[-2:]] == [
            ("a note", ("One",)),
            ("check this", ("One",)),
        ]

    @pytest.mark.parametrize(
        ("name", "content", "expected"),
        [
            (
                "chunk.html",
                b"<html><body><h1>Audit</h1><p>Three pallets.</p></body></html>",
                ["Audit", "Three pallets."],
            ),
            (
                "chunk.mht",
                b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n"
                b"Content-Type: text/html; charset=gb2312\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                b"PGh0bWw+PGJvZHk+PHA+1tDOxDwvcD48L2JvZHk+PC9odG1sPg==\r\n--b--\r\n",
                ["中文"],
            ),
            ("chunk.txt", "Plain 文字".encode(), ["Plain 文字"]),
            ("chunk.docx", word(p("inner")), ["inner"]),
        ],
    )
    def test_embedded_documents_are_read_in_place(
        self, tmp_path: Path, name: str, content: bytes, expected: list[str]
    ) -> None:
        parts: dict[str, str | bytes] = {f"word/{name}": content}
        parts["word/_rels/document.xml.rels"] = relations(("aFChunk", name))
        blocks, document = read(tmp_path, word(p("before"), '<w:altChunk r:id="r1"/>', p("after"), **parts))
        assert [block.text for block in blocks] == ["before", *expected, "after"]
        assert document.warnings == []

    @slow
    def test_a_large_embedded_document_is_read_by_a_parser_process(self, tmp_path: Path) -> None:
        parts = {"word/_rels/document.xml.rels": relations(("aFChunk", "c.txt")), "word/c.txt": "A line.\n\n" * 300_000}
        path = write(tmp_path, "a.docx", word(p("before"), '<w:altChunk r:id="r1"/>', **parts))
        limits = Limits(characters_per_byte=10_000)
        assert sum(1 for _ in parse_bounded(path, "a.docx", limits, Deadline.after(60)).blocks) == 300_001

    def test_an_embedded_document_that_cannot_be_read_is_reported(self, tmp_path: Path) -> None:
        parts = {"word/_rels/document.xml.rels": relations(("aFChunk", "c.rtf")), "word/c.rtf": r"{\rtf1 text}"}
        blocks, document = read(tmp_path, word(p("before"), '<w:altChunk r:id="r1"/>', **parts))
        assert [block.text for block in blocks] == ["before"]
        assert len(document.warnings) == 1
        assert "rtf" in document.warnings[0]

    def test_a_document_that_embeds_itself_deeper_and_deeper_ends(self, tmp_path: Path) -> None:
        content = word(p("core"))
        for _ in range(10):
            parts: dict[str, str | bytes] = {"word/c.docx": content}
            parts["word/_rels/document.xml.rels"] = relations(("aFChunk", "c.docx"))
            content = word(p("shell"), '<w:altChunk r:id="r1"/>', **parts)
        blocks, document = read(tmp_path, content)
        assert [block.text for block in blocks] == ["shell"] * 4
        assert len(document.warnings) == 1

    def test_charts_and_diagrams_are_read_where_they_stand(self, tmp_path: Path) -> None:
        def points(*values: str) -> str:
            return "".join(f'<c:pt idx="{place}"><c:v>{value}</c:v></c:pt>' for place, value in enumerate(values))

        chart = (
            f"<c:chartSpace {NAMES}><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Deliveries</a:t></a:r></a:p>"
            "</c:rich></c:tx></c:title><c:plotArea><c:barChart><c:ser><c:tx><c:strRef><c:strCache>"
            f"{points('Ulm')}</c:strCache></c:strRef></c:tx><c:cat><c:strLit>{points('Q1', 'Q2')}</c:strLit></c:cat>"
            "<c:val><c:numRef><c:numCache><c:formatCode>0%</c:formatCode>"
            f"{points('0.41', '0.5')}</c:numCache></c:numRef></c:val></c:ser></c:barChart></c:plotArea></c:chart>"
            "</c:chartSpace>"
        )
        diagram = (
            f'<dgm:dataModel {NAMES}><dgm:ptLst><dgm:pt modelId="2"><dgm:t><a:p><a:r><a:t>second</a:t></a:r></a:p>'
            '</dgm:t></dgm:pt><dgm:pt modelId="1"><dgm:t><a:p><a:r><a:t>first</a:t></a:r></a:p></dgm:t></dgm:pt>'
            '<dgm:pt modelId="0" type="doc"/></dgm:ptLst><dgm:cxnLst><dgm:cxn srcId="0" destId="2" srcOrd="1"/>'
            '<dgm:cxn srcId="0" destId="1" srcOrd="0"/></dgm:cxnLst></dgm:dataModel>'
        )
        parts = {
            "word/_rels/document.xml.rels": relations(("chart", "charts/c.xml"), ("diagramData", "diagrams/d.xml")),
            "word/charts/c.xml": chart,
            "word/diagrams/d.xml": diagram,
        }
        body = [
            p("See:", '<w:r><w:drawing><c:chart r:id="r1"/></w:drawing></w:r>'),
            p('<w:r><dgm:relIds r:dm="r2"/></w:r>'),
        ]
        assert texts(tmp_path, *body, **parts) == [
            "See:",
            "Deliveries",
            "Q1; Ulm: 41%",
            "Q2; Ulm: 50%",
            "first",
            "second",
        ]

    def test_strict_documents_are_read(self, tmp_path: Path) -> None:
        transitional = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
        document = f"<w:document {NAMES}><w:body>{p('strict')}</w:body></w:document>"
        content = docx_of(document.replace(transitional, "http://purl.oclc.org/ooxml/wordprocessingml/main"))
        assert [block.text for block in read(tmp_path, content)[0]] == ["strict"]


class TestNames:
    @pytest.mark.parametrize("spell", [lambda n: n, lambda n: f"/{n}", lambda n: n.replace("/", "\\"), str.upper])
    @pytest.mark.parametrize("main", ["word/document.xml", "word/document2.xml", "content/Main.xml"])
    def test_parts_are_found_however_their_names_are_spelled(
        self, tmp_path: Path, spell: Callable[[str], str], main: str
    ) -> None:
        folder, _, file = main.rpartition("/")
        parts = {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": relations(("officeDocument", main)),
            main: f"<w:document {NAMES}><w:body>{p('pier nineteen')}</w:body></w:document>",
            f"{folder}/_rels/{file}.rels": relations(("footnotes", "Notes.xml")),
            f"{folder}/notes.xml": part("footnotes", f"<w:footnote>{p('a note')}</w:footnote>"),
        }
        content = zipped({spell(name): text for name, text in parts.items()})
        from shared.parsing import parse as parse_any

        document = parse_any(write(tmp_path, "a.docm", content), "a.docm")
        assert [block.text for block in document.blocks] == ["pier nineteen", "a note"]


def test_a_row_beyond_any_bound_is_refused_and_not_cut(tmp_path: Path) -> None:
    content = word(tbl(tr("a", tc(*["word " * 100] * 10)), tr("b", "c"), columns=2))
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, content, Limits(max_line_characters=1000))
    assert caught.value.code == "too_large"

from __future__ import annotations

import io
import textwrap
from typing import TYPE_CHECKING

import pytest
from reportlab.lib import colors
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table

from shared.domain.errors import DocumentError
from shared.domain.models import BlockKind
from shared.parsing import pdf
from shared.parsing.limits import Limits
from shared.parsing.pdf_glyphs import guess_shift, normalize, unshift
from shared.parsing.pdf_paragraphs import join
from tests.unit.parsing.files import CHINESE_FONT, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from shared.domain.models import Block

_SENTENCE = "The committee met in the hall to look at the accounts, and it found no reason to object to any of them."


def blocks_of(folder: Path, content: bytes) -> list[Block]:
    return list(pdf.parse(write(folder, "a.pdf", content), Limits()).blocks)


def texts_of(folder: Path, content: bytes) -> list[str]:
    return [block.text for block in blocks_of(folder, content)]


def drawn(*pages: Callable[[Canvas], object]) -> bytes:
    """A PDF with one page for each function, which draws it."""
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE_FONT))
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=(595, 842))
    for page in pages:
        canvas.setFont("Helvetica", 11)
        page(canvas)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def lines_at(left: float, top: float, lines: Sequence[str], font: str = "Helvetica") -> Callable[[Canvas], object]:
    def draw(canvas: Canvas) -> None:
        canvas.setFont(font, 11)
        for number, line in enumerate(lines):
            canvas.drawString(left, top - 15 * number, line)

    return draw


def objects_of(content: str, *objects: str, page: str = "", catalog: str = "") -> bytes:
    """A PDF of one page: its content, then objects from number 5 on, of which 5 is the font."""
    bodies = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        f"/Resources << /Font << /F1 5 0 R >> >> {page} >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        *objects,
    ]
    file = b"%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(file))
        file += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    tail = f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(bodies) + 1} /Root 1 0 R >>"
    return file + f"{tail}\nstartxref\n{len(file)}\n%%EOF\n".encode()


_HELVETICA = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def named_font(encoding: str, ordering: str, more: str = "") -> tuple[str, str, str]:
    """Objects 5 to 7: a font of the Adobe collection ``ordering`` that is not embedded."""
    return (
        f"<< /Type /Font /Subtype /Type0 /BaseFont /Away /Encoding /{encoding} /DescendantFonts [6 0 R] {more} >>",
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Away /DW 1000 /FontDescriptor 7 0 R "
        f"/CIDSystemInfo << /Registry (Adobe) /Ordering ({ordering}) /Supplement 2 >> >>",
        "<< /Type /FontDescriptor /FontName /Away /Flags 6 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 859 "
        "/Descent -140 /CapHeight 700 /StemV 80 >>",
    )


@pytest.mark.parametrize(
    ("encoding", "ordering", "codec", "text"),
    [
        ("UniGB-UCS2-H", "GB1", "utf-16-be", "电子发票"),
        ("GBK-EUC-H", "GB1", "gbk", "仓库温度"),
        ("UniGB-UTF16-H", "GB1", "utf-16-be", "合同编号"),
        ("UniCNS-UCS2-H", "CNS1", "utf-16-be", "倉庫溫度"),
        ("ETen-B5-H", "CNS1", "big5", "倉庫溫度"),
        ("90ms-RKSJ-H", "Japan1", "cp932", "温度の記録"),
        ("UniJIS-UCS2-H", "Japan1", "utf-16-be", "倉庫です"),
        ("KSCms-UHC-H", "Korea1", "cp949", "창고온도"),
        ("UniKS-UCS2-H", "Korea1", "utf-16-be", "창고온도"),
    ],
)
def test_single_characters_of_fonts_that_are_not_embedded_are_read(
    tmp_path: Path, encoding: str, ordering: str, codec: str, text: str
) -> None:
    shown = (f"BT /F1 14 Tf {60 + 14 * n} 700 Td <{c.encode(codec).hex()}> Tj ET" for n, c in enumerate(text))
    content = objects_of("\n".join(shown), *named_font(encoding, ordering))
    assert texts_of(tmp_path, content) == [text]


@pytest.mark.parametrize("encoding", ["UniGB-UCS2-V", "UniGB-UTF16-V"])
def test_vertical_lines_are_read_from_right_to_left(tmp_path: Path, encoding: str) -> None:
    first, second = ("本店概不赊账".encode("utf-16-be").hex(), "敬请谅解各位".encode("utf-16-be").hex())
    content = f"BT /F1 14 Tf 1 0 0 1 460 700 Tm <{second}> Tj 1 0 0 1 500 700 Tm <{first}> Tj ET"
    text = "".join(texts_of(tmp_path, objects_of(content, *named_font(encoding, "GB1"))))
    assert text == "本店概不赊账敬请谅解各位"


_VERTICAL_LINES = ("本店概不赊账敬请谅解", "各位老顾客如有疑问", "请到柜台询问掌柜的")
_NEXT_TIER = ("第二条规定进货时须", "经三人签字并且在三", "日之内入账不得延误")


def draw_characters(canvas: Canvas, places: Sequence[tuple[str, float, float]]) -> None:
    canvas.setFont(CHINESE_FONT, 12)
    for character, left, bottom in places:
        canvas.drawString(left, bottom, character)


@pytest.mark.parametrize("by_row", [False, True])
def test_vertical_lines_drawn_character_by_character_are_read_tier_by_tier(tmp_path: Path, by_row: bool) -> None:
    places = [
        (character, 500 - 22 * column, top - 12 * row)
        for top, lines in ((760, _VERTICAL_LINES), (600, _NEXT_TIER))
        for column, line in enumerate(lines)
        for row, character in enumerate(line)
    ]
    if by_row:
        places.sort(key=lambda place: (-place[2], place[1]))
    text = "".join(texts_of(tmp_path, drawn(lambda canvas: draw_characters(canvas, places))))
    assert text == "".join(_VERTICAL_LINES + _NEXT_TIER)


@pytest.mark.parametrize("pitch", [14, 18])
def test_characters_set_apart_on_horizontal_lines_stay_on_their_lines(tmp_path: Path, pitch: int) -> None:
    places = [
        (character, 80 + 13 * column, 760 - pitch * row)
        for row, line in enumerate(_VERTICAL_LINES + _NEXT_TIER)
        for column, character in enumerate(line)
    ]
    text = "".join(texts_of(tmp_path, drawn(lambda canvas: draw_characters(canvas, places)))).replace(" ", "")
    assert text == "".join(_VERTICAL_LINES + _NEXT_TIER)


def test_a_font_with_a_unicode_map_is_read_though_it_is_not_embedded(tmp_path: Path) -> None:
    table = "1 begincodespacerange <0000> <FFFF> endcodespacerange 2 beginbfchar <0024> <7ad6> <0025> <6392> endbfchar"
    stream = f"/CIDInit /ProcSet findresource begin 12 dict begin begincmap {table} endcmap end end"
    mapped = f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"
    fonts = named_font("Identity-V", "Identity", "/ToUnicode 8 0 R")
    assert texts_of(tmp_path, objects_of("BT /F1 14 Tf 500 700 Td <00240025> Tj ET", *fonts, mapped)) == ["竖排"]


def test_a_line_from_right_to_left_is_one_text_with_its_ligatures_in_order(tmp_path: Path) -> None:
    # One glyph for lam and alef; lines are drawn as they are seen, so that their last letter is the first glyph.
    table = (
        "1 begincodespacerange <0000> <FFFF> endcodespacerange 2 beginbfchar <0001> <0643> <0002> <06440627> endbfchar"
    )
    stream = f"/CIDInit /ProcSet findresource begin 12 dict begin begincmap {table} endcmap end end"
    mapped = f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream"
    fonts = named_font("Identity-H", "Identity", "/ToUnicode 8 0 R")
    words = "".join(f"1 0 0 1 {left} 700 Tm <00020001> Tj " for left in (430, 390, 350))
    assert texts_of(tmp_path, objects_of(f"BT /F1 14 Tf {words} ET", *fonts, mapped)) == ["كلا كلا كلا"]


def glyph_numbers(shown: str) -> bytes:
    return objects_of(shown, *named_font("Identity-H", "Identity"))


def test_glyph_numbers_that_are_shifted_codes_are_read(tmp_path: Path) -> None:
    codes = "".join(f"{ord(character) - 29:04x}" for character in "The miller opens the gate")
    assert texts_of(tmp_path, glyph_numbers(f"BT /F1 12 Tf 60 700 Td <{codes}> Tj ET")) == ["The miller opens the gate"]


def test_a_document_of_glyph_numbers_is_refused_with_the_reason(tmp_path: Path) -> None:
    codes = "".join(f"{0x200 + 37 * number % 911:04x}" for number in range(60))
    with pytest.raises(DocumentError, match="which characters their glyphs are") as refused:
        texts_of(tmp_path, glyph_numbers(f"BT /F1 12 Tf 60 700 Td <{codes}> Tj ET"))
    assert refused.value.code == "needs_ocr"


def widget(kind: str, value: str, top: int, more: str = "") -> str:
    place = f"/T (f{top}) /Rect [160 {top - 20} 420 {top}] /F 4"
    return f"<< /Type /Annot /Subtype /Widget /FT /{kind} {place} {value} {more} >>"


def form_of(content: str, *fields: str) -> bytes:
    numbers = " ".join(f"{number} 0 R" for number in range(6, 6 + len(fields)))
    fonts = "/DA (/F1 12 Tf 0 g) /DR << /Font << /F1 5 0 R >> >>"
    return objects_of(
        content,
        _HELVETICA,
        *fields,
        page=f"/Annots [{numbers}]",
        catalog=f"/AcroForm << /Fields [{numbers}] {fonts} >>",
    )


def test_values_of_fields_follow_their_labels(tmp_path: Path) -> None:
    labels = "BT /F1 12 Tf 60 705 Td (Tenant:) Tj 0 -40 Td (City:) Tj 0 -40 Td (Pets allowed) Tj ET"
    fields = (
        widget("Ch", "/V (b) /Opt [[(a) (Lyon)] [(b) (Graz)]] /Ff 131072", 680),
        widget("Tx", "/V <FEFF6B27963382E55170>", 720),
        widget("Btn", "/V /Yes /AS /Yes /AP << /N << /Yes 5 0 R >> >>", 640),
    )
    assert texts_of(tmp_path, form_of(labels, *fields)) == ["Tenant: 欧阳若兰", "City: Graz", "Pets allowed ☑"]


def test_a_value_below_its_label_follows_it(tmp_path: Path) -> None:
    labels = "BT /F1 12 Tf 165 725 Td (Tenant) Tj 0 -60 Td (City) Tj ET"
    fields = (widget("Tx", "/V (Ottilie Brandt)", 720), widget("Tx", "/V (Graz)", 660))
    assert texts_of(tmp_path, form_of(labels, *fields)) == ["Tenant Ottilie Brandt", "City Graz"]


def test_fields_beside_one_another_follow_their_own_labels(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        form = canvas.acroForm
        for left, label, value in ((60, "Street", "Mill Lane 7"), (300, "Town", "Graz")):
            canvas.drawString(left, 740, label)
            form.textfield(name=label, x=left, y=712, width=200, height=20, value=value)
            canvas.drawString(left, 680, f"{label} again:")
            form.textfield(name=f"{label}2", x=left + 90, y=674, width=100, height=20, value=value)
        for left, label, checked in ((60, "Diesel", True), (160, "Petrol", False)):
            form.checkbox(name=label, x=left, y=640, size=14, checked=checked)
            canvas.drawString(left + 20, 643, label)

    assert texts_of(tmp_path, drawn(page)) == [
        "Street Mill Lane 7",
        "Street again: Mill Lane 7",
        "Town Graz",
        "Town again: Graz",
        "☑ Diesel ☐ Petrol",
    ]


def test_a_page_of_fields_only_is_read_and_one_of_empty_fields_is_no_scan(tmp_path: Path) -> None:
    assert texts_of(tmp_path, form_of("", widget("Tx", "/V (Sabbatical)", 700))) == ["Sabbatical"]
    with pytest.raises(DocumentError) as refused:
        texts_of(tmp_path, form_of("", widget("Tx", "", 700)))
    assert refused.value.code == "empty_document"


def test_a_password_field_and_a_hidden_one_are_not_read(tmp_path: Path) -> None:
    fields = (widget("Tx", "/V (secret) /Ff 8192", 700), widget("Tx", "/V (unseen)", 660).replace("/F 4", "/F 2"))
    assert texts_of(tmp_path, form_of("BT /F1 12 Tf 60 600 Td (Login) Tj ET", *fields)) == ["Login"]


def test_text_boxes_and_notes_are_read(tmp_path: Path) -> None:
    box = "<< /Type /Annot /Subtype /FreeText /Rect [200 690 420 710] /Contents (Anton, 22:40) /F 4 /DA (/F1 12 Tf) >>"
    note = "<< /Type /Annot /Subtype /Text /Rect [450 750 470 770] /Contents (Ask for a copy) /F 4 >>"
    content = objects_of(
        "BT /F1 12 Tf 60 695 Td (Valve closed by:) Tj ET", _HELVETICA, box, note, page="/Annots [6 0 R 7 0 R]"
    )
    assert texts_of(tmp_path, content) == ["Valve closed by: Anton, 22:40", "Ask for a copy"]


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (("the cartridge XR-", "2000 fits"), "the cartridge XR-2000 fits"),
        (("a plug of USB-", "C type"), "a plug of USB-C type"),
        (("state-of-the-", "art filters"), "state-of-the-art filters"),
        (("open file-", "name.txt now"), "open file-name.txt now"),
        (("further infor-", "mation here"), "further information here"),
        (("Kunden- und", "Lieferanten"), "Kunden- und Lieferanten"),
        (("Ein-", "und Ausgang"), "Ein- und Ausgang"),
        (("a long-", "term plan"), "a long-term plan"),
        (("合同自签字之日", "起生效"), "合同自签字之日起生效"),
    ],
)
def test_a_hyphen_at_the_end_of_a_line_stays_where_it_belongs_to_the_word(lines: tuple[str, str], joined: str) -> None:
    assert join(lines, {"long-term"}) == joined


def test_a_word_that_is_cut_at_the_end_of_a_line_is_joined(tmp_path: Path) -> None:
    assert texts_of(tmp_path, drawn(lines_at(60, 700, ["Read the infor-", "mation on part A-", "7 first."]))) == [
        "Read the information on part A-7 first."
    ]


@pytest.mark.parametrize("shift", [0, 4])
@pytest.mark.parametrize("count", [2, 3])
def test_columns_drawn_row_by_row_are_read_one_after_the_other(tmp_path: Path, count: int, shift: int) -> None:
    columns = [textwrap.wrap(f"Part {letter}. {_SENTENCE} {_SENTENCE}", 84 // count) for letter in "ABC"[:count]]

    def page(canvas: Canvas) -> None:
        canvas.drawCentredString(
            297, 780, "Minutes of the yearly meeting in the great hall of the old mill by the river"
        )
        for number in range(max(map(len, columns))):
            for place, lines in enumerate(columns):
                if number < len(lines):
                    canvas.drawString(50 + 500 / count * place, 740 - 14 * number - shift * place, lines[number])

    read = texts_of(tmp_path, drawn(page))
    assert read[1:] == [f"Part {letter}. {_SENTENCE} {_SENTENCE}" for letter in "ABC"[:count]]


def test_a_table_below_columns_is_read_after_them(tmp_path: Path) -> None:
    columns = [textwrap.wrap(f"Part {letter}. {_SENTENCE}", 42) for letter in "AB"]

    def page(canvas: Canvas) -> None:
        for number, lines in enumerate(zip(*columns, strict=True)):
            for place, line in enumerate(lines):
                canvas.drawString(50 + 260 * place, 740 - 14 * number, line)
        for number, row in enumerate([["Pier", "Length", "State"], ["North", "40 m", "new"], ["South", "", "old"]]):
            for place, cell in enumerate(row):
                canvas.drawString(50 + 170 * place, 640 - 15 * number, cell)

    assert texts_of(tmp_path, drawn(page)) == [
        f"Part A. {_SENTENCE}",
        f"Part B. {_SENTENCE}",
        "Pier: North; Length: 40 m; State: new",
        "Pier: South; State: old",
    ]


@pytest.mark.parametrize("pages", [2, 3, 7])
def test_running_headers_stand_once_and_page_numbers_never(tmp_path: Path, pages: int) -> None:
    def page(number: int) -> Callable[[Canvas], object]:
        def draw(canvas: Canvas) -> None:
            canvas.drawString(60, 810, "Rules of the harbour")
            canvas.drawRightString(540, 810, "Internal")
            canvas.drawCentredString(297, 30, f"Page {number} of {pages}")
            lines_at(60, 740, [f"Rule {'abcdefgh'[number]} is read on this page and on no other one."])(canvas)

        return draw

    text = "\n".join(texts_of(tmp_path, drawn(*(page(number) for number in range(1, pages + 1)))))
    assert (text.count("Rules of the harbour"), text.count("Internal"), text.count("Page")) == (1, 1, 0)
    assert text.count("is read on this page") == pages


def test_text_that_counts_like_the_pages_is_kept_below_a_header(tmp_path: Path) -> None:
    def page(number: int) -> Callable[[Canvas], object]:
        def draw(canvas: Canvas) -> None:
            canvas.drawString(60, 810, "Rules of the harbour")
            lines_at(60, 740, [f"Rule {line} of part {number}." for line in range(4)])(canvas)

        return draw

    text = "\n".join(texts_of(tmp_path, drawn(*map(page, range(1, 5)))))
    assert (text.count("Rules of the harbour"), text.count("of part")) == (1, 16)


@pytest.mark.parametrize(("size", "height"), [(11, 740), (20, 800)])
def test_titles_with_the_number_of_the_page_are_no_header(tmp_path: Path, size: int, height: int) -> None:
    def page(number: int) -> Callable[[Canvas], object]:
        def draw(canvas: Canvas) -> None:
            canvas.setFont("Helvetica", size)
            canvas.drawString(60, height, f"Lesson {number}")
            lines_at(
                60, 600, [f"This is about the {word} of the boat." for word in ("keel", "mast", "oars")[number - 1 :]]
            )(canvas)

        return draw

    found = texts_of(tmp_path, drawn(*map(page, (1, 2, 3))))
    assert {"Lesson 1", "Lesson 2", "Lesson 3"} <= set(found)


def test_forms_with_the_same_labels_on_each_page_keep_them(tmp_path: Path) -> None:
    page = [lines_at(60, 800, ["Invoice", f"Customer: {name}", "Total: 40.00"]) for name in ("Ana", "Ben")]
    assert texts_of(tmp_path, drawn(*page)) == [
        "Invoice",
        "Customer: Ana",
        "Total: 40.00",
        "Invoice",
        "Customer: Ben",
        "Total: 40.00",
    ]


def test_short_lines_of_equal_width_stay_lines(tmp_path: Path) -> None:
    notice = ["关于开展安全检查的通知", "各科室各车间各班组人员", "检查时间为本月二十八日"]
    assert texts_of(tmp_path, drawn(lines_at(60, 700, notice, CHINESE_FONT))) == notice
    address = ["Muehlenhof GmbH & Co", "Attn. Lisa Kranzler", "Hafenstrasse 112 B", "20457 Hamburg DE"]
    assert texts_of(tmp_path, drawn(lines_at(60, 700, address))) == address


def test_wrapped_chinese_lines_are_joined_without_a_space(tmp_path: Path) -> None:
    text = (
        "本合同自双方签字盖章之日起生效，有效期为三年，期满前三十日内任何一方未提出书面异议的，本合同自动续展一年。" * 2
    )
    lines = [text[start : start + 42] for start in range(0, len(text), 42)]
    assert texts_of(tmp_path, drawn(lines_at(60, 700, lines, CHINESE_FONT))) == [text]


def test_text_drawn_twice_for_a_shadow_is_read_once(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        for shift in (0, 1):
            canvas.drawString(60 + shift, 700 - shift, "Winter sale of boats and oars")

    assert texts_of(tmp_path, drawn(page)) == ["Winter sale of boats and oars"]


_ROWS = [["Article", "Size", "Stock", "Price"], ["Frost", "", "12", "89.00"], ["Polar", "225", "", "99.50"]]


@pytest.mark.parametrize("style", [[], [("GRID", (0, 0), (-1, -1), 0.5, colors.black)]])
def test_cells_of_a_table_keep_their_columns(tmp_path: Path, style: list[tuple[object, ...]]) -> None:
    stream = io.BytesIO()
    SimpleDocTemplate(stream).build([Table(_ROWS, colWidths=90, style=style)])
    found = blocks_of(tmp_path, stream.getvalue())
    assert [block.text for block in found] == [
        "Article: Frost; Stock: 12; Price: 89.00",
        "Article: Polar; Size: 225; Price: 99.50",
    ]
    assert {(block.kind, block.location.columns) for block in found} == {(BlockKind.ROW, tuple(_ROWS[0]))}


def test_wrapped_and_merged_cells_of_a_ruled_table_stay_whole(tmp_path: Path) -> None:
    body = getSampleStyleSheet()["BodyText"]
    long = Paragraph("studded, for ice and for snow above one thousand metres", body)
    rows = [["Group", "Article", "Use"], ["Winter", "Frost", "wet roads"], ["", "Polar", long]]
    style = [("GRID", (0, 0), (-1, -1), 0.5, colors.black), ("SPAN", (0, 1), (0, 2))]
    stream = io.BytesIO()
    SimpleDocTemplate(stream).build([Table(rows, colWidths=110, style=style)])
    assert texts_of(tmp_path, stream.getvalue()) == [
        "Group: Winter; Article: Frost; Use: wet roads",
        "Group: Winter; Article: Polar; Use: studded, for ice and for snow above one thousand metres",
    ]


def test_headings_are_found_by_their_font_and_give_the_path(tmp_path: Path) -> None:
    styles = getSampleStyleSheet()
    parts = [("Title", "Handbook"), ("Heading1", "1. Grain"), ("BodyText", _SENTENCE), ("Heading2", "1.1 Storage")]
    parts += [("BodyText", 2 * _SENTENCE), ("Heading1", "2. Water"), ("BodyText", 3 * _SENTENCE)]
    stream = io.BytesIO()
    SimpleDocTemplate(stream).build([Paragraph(text, styles[style]) for style, text in parts])
    found = blocks_of(tmp_path, stream.getvalue())
    assert [block.text for block in found if block.heading] == ["Handbook", "1. Grain", "1.1 Storage", "2. Water"]
    assert found[4].location.headings[-2:] == ("1. Grain", "1.1 Storage")
    assert found[4].location.page == 1


def test_the_outline_of_the_file_makes_headings_of_plain_lines(tmp_path: Path) -> None:
    def page(canvas: Canvas) -> None:
        canvas.bookmarkPage("a")
        canvas.addOutlineEntry("Care of oars", "a", level=0)
        canvas.drawString(60, 700, "Care of oars")
        lines_at(60, 660, [_SENTENCE])(canvas)

    first = blocks_of(tmp_path, drawn(page))[0]
    assert (first.text, first.heading) == ("Care of oars", True)


@pytest.mark.parametrize("bullet", ["•", "1."])
def test_list_items_stand_alone(tmp_path: Path, bullet: str) -> None:
    lines = [f"{bullet} Wear gloves", f"{bullet} Close valve V-12"]
    found = blocks_of(tmp_path, drawn(lines_at(60, 700, lines)))
    assert [(block.text, block.kind) for block in found] == [(line, BlockKind.ITEM) for line in lines]


@pytest.mark.parametrize(
    ("drawn_as", "shown"),
    [
        ("⽤⼾⼿册", "用户手册"),
        ("⻓沙⻋⻔", "长沙车门"),
        ("豈更", "豈更"),
        ("ﬁne oﬀer", "fine offer"),
        ("\uf0b7", "•"),
        ("\uf06e", "•"),
        ("infor\u00admation", "information"),
        ("XR\u00ad2000", "XR-2000"),
    ],
)
def test_characters_become_ordinary_ones(drawn_as: str, shown: str) -> None:
    assert normalize(drawn_as) == shown


def test_words_are_kept_apart_from_glyph_numbers() -> None:
    assert guess_shift("The miller opens") == 0
    assert guess_shift("ĀĐŁĦŊŦŽŹ") is None
    assert unshift("7KH", 29) == "The"


PROSE = (
    "Prima di usare la pompa leggete le istruzioni e tenete la valvola chiusa, perche la guarnizione si rompe entro "
)
PROSE += "dieci secondi quando non scorre acqua nel tubo."


@pytest.mark.parametrize("shift", [-8, -1, 0, 1, 4, 7, 29, 31])
def test_a_long_text_in_glyph_numbers_of_any_shift_is_read(shift: int) -> None:
    glyphs = "".join(chr(ord(character) - shift) for character in PROSE)
    assert guess_shift(glyphs) == shift
    assert unshift(glyphs, shift) == PROSE


def test_a_few_glyphs_without_a_character_do_not_cost_the_others() -> None:
    glyphs = PROSE.replace("perche", "perch\x03").replace("si rompe", "s\x01interrompe")
    assert guess_shift(glyphs) == 0
    assert unshift(glyphs, 0) == glyphs.replace("\x03", "").replace("\x01", "")
    assert unshift("perché", 0) == "perché"


@pytest.mark.parametrize("glyphs", ["l" * 300, "xqzw vkjb " * 20, "\x01\x02\x03abc" * 40])
def test_glyph_numbers_that_make_no_words_are_no_text(glyphs: str) -> None:
    assert guess_shift(glyphs) is None


def test_attached_files_and_pages_of_pictures_are_named_in_warnings(tmp_path: Path) -> None:
    from PIL import Image
    from reportlab.lib.utils import ImageReader

    picture = ImageReader(Image.new("RGB", (4, 4)))
    content = drawn(lines_at(60, 700, [_SENTENCE]), lambda canvas: canvas.drawImage(picture, 60, 60, 200, 200))
    document = pdf.parse(write(tmp_path, "a.pdf", content), Limits())
    assert len(list(document.blocks)) > 0
    assert document.warnings == ["Page 2 holds pictures but no text; they need OCR (OCR=auto)."]


def test_the_font_for_missing_fonts_is_small() -> None:
    from shared.parsing.pdf_fonts import build_box_font

    assert len(build_box_font()) < 1000
    assert build_box_font()[:4] == b"\x00\x01\x00\x00"


def test_pages_on_which_nothing_is_drawn_are_blank_and_no_pictures_of_text(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="blank") as caught:
        blocks_of(tmp_path, drawn(lambda _: None, lambda _: None))
    assert caught.value.code == "empty_document"


def test_lines_that_may_be_letters_are_no_blank_page(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="OCR") as caught:
        blocks_of(tmp_path, drawn(lambda canvas: canvas.line(80, 700, 200, 700)))
    assert caught.value.code == "needs_ocr"

"""Tables of a PDF: those that go on on the next page, narrow ones, headers of two rows, and columns without rules."""

from __future__ import annotations

import ctypes
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pypdfium2.raw import FS_RECTF
from reportlab.lib import colors
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, SimpleDocTemplate, Table

from shared.parsing import pdf
from shared.parsing.limits import Limits
from shared.parsing.pdf_turn import Turn
from shared.parsing.pdf_words import Reader
from tests.unit.parsing.files import write

if TYPE_CHECKING:
    from collections.abc import Sequence

_GRID: tuple[object, ...] = ("GRID", (0, 0), (-1, -1), 0.5, colors.black)
_BODY = [[f"C-{number}", f"Part {number}", f"{number}.50"] for number in range(60)]
_LABELS = ["Code", "Name", "Price"]


def texts_of(folder: Path, *parts: Any) -> list[str]:
    stream = io.BytesIO()
    SimpleDocTemplate(stream).build(list(parts))
    return read(folder, stream.getvalue())


def read(folder: Path, content: bytes) -> list[str]:
    return [block.text for block in pdf.parse(write(folder, "a.pdf", content), Limits()).blocks]


@pytest.mark.parametrize("style", [[_GRID], []])
@pytest.mark.parametrize("repeated", [0, 1])
def test_each_row_of_a_table_over_several_pages_has_its_labels(
    tmp_path: Path, style: list[tuple[object, ...]], repeated: int
) -> None:
    table = Table([_LABELS, *_BODY], colWidths=90, style=style, repeatRows=repeated)
    assert texts_of(tmp_path, table) == [f"Code: {code}; Name: {name}; Price: {price}" for code, name, price in _BODY]


def test_a_table_with_a_header_of_its_own_on_the_next_page_is_another_one(tmp_path: Path) -> None:
    towns = [["Town", "River", "Depth"], ["Ulm", "Danube", "3"], ["Bonn", "Rhine", "5"]]
    tables = [Table(rows, colWidths=90, style=[_GRID]) for rows in ([_LABELS, *_BODY[:5]], towns)]
    found = texts_of(tmp_path, tables[0], PageBreak(), tables[1])
    assert found[-2:] == ["Town: Ulm; River: Danube; Depth: 3", "Town: Bonn; River: Rhine; Depth: 5"]


def test_a_table_with_other_columns_on_the_next_page_gets_no_labels_of_the_first(tmp_path: Path) -> None:
    tables = [Table(rows, colWidths=width, style=[_GRID]) for rows, width in (([_LABELS, *_BODY[:5]], 90), (_BODY, 60))]
    assert texts_of(tmp_path, tables[0], PageBreak(), tables[1])[5] == "C-0 | Part 0 | 0.50"


def test_rules_part_cells_that_are_hardly_apart(tmp_path: Path) -> None:
    rows = [["Code", "Bolt", "Size"], ["AB1", "M612", "1210"], ["AB2", "M816", "1445"]]
    assert texts_of(tmp_path, Table(rows, style=[_GRID, ("FONTSIZE", (0, 0), (-1, -1), 12)])) == [
        "Code: AB1; Bolt: M612; Size: 1210",
        "Code: AB2; Bolt: M816; Size: 1445",
    ]


def test_merged_labels_above_labels_become_part_of_them(tmp_path: Path) -> None:
    rows = [["Site", "2025", "", "2026", ""], ["", "Units", "EUR", "Units", "EUR"], ["Ulm", *"1234"], ["Graz", *"5678"]]
    merged = [("SPAN", (1, 0), (2, 0)), ("SPAN", (3, 0), (4, 0)), ("SPAN", (0, 0), (0, 1))]
    assert texts_of(tmp_path, Table(rows, style=[_GRID, *merged])) == [
        "Site: Ulm; 2025 Units: 1; 2025 EUR: 2; 2026 Units: 3; 2026 EUR: 4",
        "Site: Graz; 2025 Units: 5; 2025 EUR: 6; 2026 Units: 7; 2026 EUR: 8",
    ]


def test_two_columns_without_rules_are_a_table_where_figures_have_a_label(tmp_path: Path) -> None:
    rows = [["Part", "Torque"], ["M6", "9"], ["M8", "22"], ["M10", "44"]]
    assert texts_of(tmp_path, Table(rows, colWidths=100)) == [f"Part: {one}; Torque: {two}" for one, two in rows[1:]]


def test_lines_with_a_gap_at_the_same_place_stay_lines(tmp_path: Path) -> None:
    rows = [["goes up", "with the tide"], ["goes down", "with the moon"], ["stays there", "without wind"]]
    assert texts_of(tmp_path, Table(rows, colWidths=150)) == [" ".join(row) for row in rows]


_SALES = [["Town", "2023", "2024", "2025"], ["Ulm", "1,210", "1,445", "1,502"], ["Bonn", "980", "1,003", "997"]]
_SALES += [["Trier", "310", "305", "328"], ["Worms", "77", "81", "90"]]
_SALES_ROWS = ["; ".join(f"{label}: {cell}" for label, cell in zip(_SALES[0], row, strict=True)) for row in _SALES[1:]]


def test_a_table_drawn_column_by_column_is_read_by_row(tmp_path: Path) -> None:
    stream = io.BytesIO()
    canvas = Canvas(stream)
    for row, cells in enumerate(_SALES[:1]):
        for column, cell in enumerate(cells):
            canvas.drawString(80 + 90 * column, 700 - 16 * row, cell)
    for column in range(4):
        for row, cells in enumerate(_SALES[1:], 1):
            canvas.drawString(80 + 90 * column, 700 - 16 * row, cells[column])
    canvas.save()
    assert read(tmp_path, stream.getvalue()) == _SALES_ROWS


def test_two_columns_of_prose_stay_columns(tmp_path: Path) -> None:
    lines = [
        "the committee met in the hall and",
        "looked at the accounts of all the",
        "houses, of which it found 24 that",
    ]
    stream = io.BytesIO()
    canvas = Canvas(stream)
    for left in (60, 320):
        for row, line in enumerate(lines):
            canvas.drawString(left, 700 - 14 * row, line)
    canvas.save()
    assert read(tmp_path, stream.getvalue()) == [" ".join(lines)] * 2


def draw_rules(outer: Sequence[int]) -> list[tuple[object, ...]]:
    """Lines around the header and below the table, and between columns, with the given ones of the outer edges."""
    lines: list[tuple[object, ...]] = [("LINEABOVE", (0, row), (-1, row), 0.5, colors.black) for row in (0, 1)]
    lines.append(("LINEBELOW", (0, -1), (-1, -1), 0.5, colors.black))
    inner = [("LINEAFTER", (column, 0), (column, -1), 0.5, colors.black) for column in range(3)]
    sides = [("LINEAFTER" if edge else "LINEBEFORE", (edge, 0), (edge, -1), 0.5, colors.black) for edge in outer]
    return [*lines, *inner, *sides]


@pytest.mark.parametrize("outer", [(0, -1), (), (0,)])
def test_rules_between_columns_alone_make_no_single_row(tmp_path: Path, outer: tuple[int, ...]) -> None:
    """With its sides drawn or open."""
    assert texts_of(tmp_path, Table(_SALES, colWidths=90, style=draw_rules(outer))) == _SALES_ROWS


@pytest.mark.parametrize("reaching", [[1], [1, 2, 3, 4, 5]])
def test_labels_beside_a_ruled_table_belong_to_its_rows(tmp_path: Path, reaching: list[int]) -> None:
    """Their column has no line at its outer side, and not all lines go over it."""
    style: list[tuple[object, ...]] = [("GRID", (1, 0), (-1, -1), 0.5, colors.black)]
    style += [("LINEABOVE", (0, row), (0, row), 0.5, colors.black) for row in reaching]
    rows = [["", *_SALES[0][1:]], *_SALES[1:]]
    found = texts_of(tmp_path, Table(rows, colWidths=90, style=style))
    assert [[cell in text for cell in row].count(True) for row, text in zip(_SALES[1:], found, strict=True)] == [4] * 4


def test_text_beside_a_ruled_table_is_no_column_of_it(tmp_path: Path) -> None:
    stream = io.BytesIO()
    canvas = Canvas(stream)
    canvas.drawString(60, 700, "See the table")
    table = Table(_SALES, colWidths=80, style=[_GRID])
    table.wrapOn(canvas, 320, 400)
    table.drawOn(canvas, 220, 640)
    canvas.save()
    assert read(tmp_path, stream.getvalue())[-4:] == _SALES_ROWS


def draw_turned(direction: int, rotation: int, style: list[tuple[object, ...]]) -> bytes:
    """A page with a table of lines that run in ``direction``, shown after ``rotation``, both in degrees."""
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=(400, 400))
    canvas.setPageRotation(rotation)
    canvas.translate(200, 200)
    canvas.rotate(direction)
    canvas.drawString(-120, 60, "Sales of all towns by year in thousands")
    table = Table(_SALES, colWidths=60, style=style)
    table.wrapOn(canvas, 300, 300)
    table.drawOn(canvas, -120, -50)
    canvas.save()
    return stream.getvalue()


@pytest.mark.parametrize("style", [[_GRID], []])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("direction", [90, 270])
def test_a_table_along_the_long_side_of_the_page_is_read_as_one(
    tmp_path: Path, direction: int, rotation: int, style: list[tuple[object, ...]]
) -> None:
    found = read(tmp_path, draw_turned(direction, rotation, style))
    assert found == ["Sales of all towns by year in thousands", *_SALES_ROWS]


def test_a_page_that_is_shown_upside_up_is_read_from_its_top(tmp_path: Path) -> None:
    found = read(tmp_path, draw_turned(180, 180, [_GRID]))
    assert found == ["Sales of all towns by year in thousands", *_SALES_ROWS]


_NOTES = [["Town", "Plan\nnumber", "Remark"], ["Ulm", "A 1\nand 2", "open at\nthe side\nin May"]]
_NOTES += [["Bonn", "B 7\nand 8", "closed in\nwinter"], ["Trier", "C 4", "has no\nroof but\na door"]]
_NOTES_ROWS = [
    "Town: Ulm; Plan number: A 1 and 2; Remark: open at the side in May",
    "Town: Bonn; Plan number: B 7 and 8; Remark: closed in winter",
    "Town: Trier; Plan number: C 4; Remark: has no roof but a door",
]


def draw_coloured(inset: float, style: list[tuple[object, ...]], header: float = 0.0) -> bytes:
    """A table with surfaces of its cells, so far within them, of their lines and, of this height, of its header."""
    stream = io.BytesIO()
    canvas = Canvas(stream)
    canvas.setFillColor("lightyellow")
    for column in range(3):
        for row in range(4):
            left, bottom = 50 + 80 * column, 100 + 40 * row
            canvas.rect(left + inset, bottom + inset, 80 - 2 * inset, 40 - 2 * inset, stroke=0, fill=1)
            for line in range(3 if style else 0):
                canvas.rect(left + 6, bottom + 5 + 10 * line, 68, 10, stroke=0, fill=1)
    canvas.setFillColor("orange")
    if header:
        canvas.rect(50, 260 - header, 240, header, stroke=0, fill=1)
    canvas.setFillColor("black")
    table = Table(_NOTES, colWidths=80, rowHeights=40, style=[*style, ("VALIGN", (0, 0), (-1, -1), "MIDDLE")])
    table.wrapOn(canvas, 300, 300)
    table.drawOn(canvas, 50, 100)
    canvas.save()
    return stream.getvalue()


@pytest.mark.parametrize("inset", [0.0, 1.0, 3.0, 4.5])
def test_surfaces_inside_ruled_cells_are_no_cells(tmp_path: Path, inset: float) -> None:
    assert read(tmp_path, draw_coloured(inset, [_GRID])) == _NOTES_ROWS


def test_surfaces_without_lines_are_cells(tmp_path: Path) -> None:
    assert read(tmp_path, draw_coloured(0.5, [])) == _NOTES_ROWS


def test_a_coloured_header_without_a_line_below_it_is_a_row(tmp_path: Path) -> None:
    box = ("BOX", (0, 0), (-1, -1), 0.5, colors.black)
    lines = [("INNERGRID", (0, 1), (-1, -1), 0.5, colors.black), ("LINEAFTER", (0, 0), (-1, 0), 0.5, colors.black)]
    assert read(tmp_path, draw_coloured(4.0, [box, *lines], header=40)) == _NOTES_ROWS


def test_a_label_merged_over_many_rows_belongs_to_each(tmp_path: Path) -> None:
    towns = ["Ulm", "Bonn", "Trier", "Worms", "Mainz", "Jena", "Gera", "Hof"]
    rows = [["Region", "Plan", "Town", "Members"]]
    rows += [["South and west", "Health plan of towns", town, f"{place + 1},280"] for place, town in enumerate(towns)]
    merged = [("SPAN", (0, 1), (0, -1)), ("SPAN", (1, 1), (1, -1))]
    assert texts_of(tmp_path, Table(rows, style=[_GRID, *merged])) == [
        f"Region: South and west; Plan: Health plan of towns; Town: {town}; Members: {place + 1},280"
        for place, town in enumerate(towns)
    ]


def test_a_number_that_a_narrow_cell_cuts_is_one(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "b.pdf"))
    canvas.setFont("Courier", 10)  # each character is 6 points wide
    left, right, top = 100, 170, 700
    for x in (40, left, right):
        canvas.line(x, top, x, top - 150)
    for row in range(5):
        canvas.line(40, top - 30 * row, right, top - 30 * row)
    canvas.line(40, top - 150, right, top - 150)
    lines = [("Name", ["Phone"]), ("Ove", ["1380001000", "1"]), ("Una", ["13800", "77"]), ("Ida", ["Gate", "7"])]
    lines.append(("Eva", ["0571660010", "0571660011"]))
    for row, (name, phone) in enumerate(lines):
        canvas.drawString(44, top - 12 - 30 * row, name)
        for line, text in enumerate(phone):
            canvas.drawString(left + 4, top - 12 - 30 * row - 12 * line, text)
    canvas.save()
    found = read(tmp_path, (tmp_path / "b.pdf").read_bytes())
    assert found == [
        "Name: Ove; Phone: 13800010001",
        "Name: Una; Phone: 13800 77",
        "Name: Ida; Phone: Gate 7",
        "Name: Eva; Phone: 0571660010 0571660011",
    ]


class _Layer:
    """pdfium's API for a page with the characters of one word, each at a place, 10 points high and wide."""

    FS_RECTF = FS_RECTF
    text = "欧阳兰"

    def __init__(self, *places: tuple[float, float]) -> None:
        self.places = places

    def FPDFText_CountChars(self, _: object) -> int:  # noqa: N802
        return len(self.text)

    def FPDFText_GetText(self, _: object, start: int, count: int, buffer: Any) -> None:  # noqa: N802
        ctypes.memmove(buffer, self.text[start : start + count].encode("utf-16-le"), 2 * count)

    def FPDFText_GetLooseCharBox(self, _: object, index: int, box: Any) -> None:  # noqa: N802
        left, bottom = self.places[index]
        edges = box._obj
        edges.left, edges.bottom, edges.right, edges.top = left, bottom, left + 10, bottom + 10

    def __getattr__(self, _: str) -> Any:
        return lambda *_: 0


@pytest.mark.parametrize(
    ("places", "upright"),
    [
        ([(44, 688), (54, 688), (44, 675)], True),
        ([(44, 688), (44, 678), (44, 668)], False),
        ([(44, 688), (54, 688), (64, 688)], True),
    ],
)
def test_a_word_that_a_narrow_cell_cuts_is_not_vertical(places: list[tuple[float, float]], *, upright: bool) -> None:
    layer = _Layer(*places)
    layer_words = Reader(layer).words(layer, Turn())[0]
    assert [(word.text, word.upright, word.right) for word in layer_words] == [
        ("欧阳兰", upright, max(left for left, _ in places) + 10)
    ]


def test_a_ruled_table_from_right_to_left_has_its_labels(tmp_path: Path) -> None:
    rows = [["הערות", "מחיר", "מוצר"], ["במלאי", "120", "שסתום"], ["חדש", "890", "משאבה"]]
    fonts = sorted(Path("/usr/share/fonts").rglob("DejaVuSans.ttf"))
    if not fonts:
        pytest.skip("no font with Hebrew letters")
    pdfmetrics.registerFont(TTFont("Hebrew", str(fonts[0])))
    turned = [[cell if cell.isdecimal() else cell[::-1] for cell in row] for row in rows]
    table = Table(turned, colWidths=90, style=[_GRID, ("FONTNAME", (0, 0), (-1, -1), "Hebrew")])
    assert texts_of(tmp_path, table) == ["הערות: במלאי; מחיר: 120; מוצר: שסתום", "הערות: חדש; מחיר: 890; מוצר: משאבה"]


def test_the_little_space_that_programs_put_between_chinese_and_digits_is_none(tmp_path: Path) -> None:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(str(tmp_path / "b.pdf"))
    left = 72.0
    for text, font in (("水务文号", "STSong-Light"), ("117", "Courier"), ("号", "STSong-Light")):
        canvas.setFont(font, 10)
        canvas.drawString(left, 700, text)
        left += canvas.stringWidth(text, font, 10) + 2.2
    canvas.setFont("STSong-Light", 10)
    canvas.drawString(72, 680, "安装 3 台水泵")
    canvas.save()
    assert " ".join(read(tmp_path, (tmp_path / "b.pdf").read_bytes())).split("\n") == ["水务文号117号 安装 3 台水泵"]


def test_words_of_a_cell_stand_in_the_order_in_which_they_are_seen(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "b.pdf"))
    canvas.setFont("Courier", 10)
    for x in (40, 120, 400):
        canvas.line(x, 700, x, 640)
    for y in (700, 680, 660, 640):
        canvas.line(40, y, 400, y)
    for y, label, value in ((686, "Kind", "Days"), (646, "Other", "four")):
        canvas.drawString(44, y, label)
        canvas.drawString(124, y, value)
    canvas.drawString(44, 666, "Leave")
    for x, text in ((124, "[x]"), (214, "[ ]"), (145, "yearly"), (235, "unpaid")):
        canvas.drawString(x, 666, text)
    canvas.save()
    assert "[x] yearly [ ] unpaid" in " ".join(read(tmp_path, (tmp_path / "b.pdf").read_bytes()))


def test_a_ruled_form_with_wide_values_is_one(tmp_path: Path) -> None:
    rows = [
        ["Name:", "Jo Brandt", "Phone:", "41"],
        ["Address:", "12 Harbour Road, Ostend, Belgium", "", ""],
        ["Subject:", "Calibration of the second spectrometer in hall B", "", ""],
        ["Reason:", "It drifts by two percent since the flood in March", "", ""],
    ]
    spans = [("SPAN", (1, row), (3, row)) for row in (1, 2, 3)]
    assert texts_of(tmp_path, Table(rows, colWidths=110, style=[_GRID, *spans])) == [
        "Name: Jo Brandt; Phone: 41",
        "Address: 12 Harbour Road, Ostend, Belgium",
        "Subject: Calibration of the second spectrometer in hall B",
        "Reason: It drifts by two percent since the flood in March",
    ]

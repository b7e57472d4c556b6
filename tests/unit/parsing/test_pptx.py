"""What people see on slides is what is read: charts, diagrams, tables, comments, notes, equations."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pptx
import pptx.chart.data
import pytest
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from shared.parsing import Limits, parse
from tests.profile import slow
from tests.unit.parsing.files import saved, texts, write, zipped

if TYPE_CHECKING:
    from pathlib import Path

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
NAMES = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:a14="http://schemas.microsoft.com/office/drawing/2010/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    f'xmlns:r="{OFFICE}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
)
# Without types, unlike the rest of python-pptx.
CHARTS: Any = pptx.chart.data
BOX = (Inches(1), Inches(1), Inches(4), Inches(3))


def relations(*targets: tuple[str, str]) -> str:
    inner = "".join(
        f'<Relationship Id="r{number}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{PACKAGE}">{inner}</Relationships>'


def deck_of(*slides: str, targets: tuple[tuple[str, str], ...] = (), **parts: str) -> bytes:
    """A presentation of slides with the given shapes, each with the same relations."""
    names = [f"slides/slide{number}.xml" for number in range(1, len(slides) + 1)]
    ids = "".join(f'<p:sldId id="{256 + n}" r:id="r{n}"/>' for n in range(1, len(slides) + 1))
    content = {
        "_rels/.rels": relations(("officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": f"<p:presentation {NAMES}><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations(*(("slide", name) for name in names)),
    }
    for name, shapes in zip(names, slides, strict=True):
        content[f"ppt/{name}"] = f"<p:sld {NAMES}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>"
        content[f"ppt/slides/_rels/{name.rpartition('/')[2]}.rels"] = relations(*targets)
    return zipped(content | parts)


def shape(*paragraphs: str, role: str = "") -> str:
    placed = f'<p:nvPr><p:ph type="{role}"/></p:nvPr>' if role else ""
    inner = "".join(text if text.startswith("<") else f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>" for text in paragraphs)
    return f"<p:sp><p:nvSpPr>{placed}</p:nvSpPr><p:txBody>{inner}</p:txBody></p:sp>"


def table(*rows: str, first_row: int = 1) -> str:
    inner = "".join(f"<a:tr>{row}</a:tr>" for row in rows)
    return f'<p:graphicFrame><a:tbl><a:tblPr firstRow="{first_row}"/>{inner}</a:tbl></p:graphicFrame>'


def tc(text: str, attributes: str = "") -> str:
    return f"<a:tc {attributes}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"


def chart_deck(kind: XL_CHART_TYPE, data: object, title: str = "") -> bytes:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    chart = slide.shapes.add_chart(kind, *BOX, data).chart
    if title:
        chart.has_title = True
        chart.chart_title.text_frame.text = title
    return saved(deck.save)


@pytest.mark.parametrize("kind", [XL_CHART_TYPE.COLUMN_CLUSTERED, XL_CHART_TYPE.LINE, XL_CHART_TYPE.BAR_STACKED])
def test_a_slide_with_only_a_chart_gives_its_title_and_a_row_for_each_category(
    tmp_path: Path, kind: XL_CHART_TYPE
) -> None:
    data: Any = CHARTS.CategoryChartData()
    data.categories = ["杭州", "Ulm"]
    data.add_series("2025", (418, 527.5))
    data.add_series("2026", (430, None))
    path = write(tmp_path, "a.pptx", chart_deck(kind, data, "交付量"))
    blocks = list(parse(path, "a.pptx").blocks)
    assert [block.text for block in blocks] == ["交付量", "杭州; 2025: 418; 2026: 430", "Ulm; 2025: 527.5"]
    assert all(block.location.page == 1 for block in blocks)
    assert blocks[1].location.columns == ("2025", "2026")


def test_categories_of_several_levels_name_the_outer_one_too(tmp_path: Path) -> None:
    data: Any = CHARTS.CategoryChartData()
    for country, cities in (("DE", ("Ulm", "Bonn")), ("FR", ("Lyon",))):
        outer = data.add_category(country)
        for city in cities:
            outer.add_sub_category(city)
    data.add_series("Sold", (1, 2, 3))
    path = write(tmp_path, "a.pptx", chart_deck(XL_CHART_TYPE.COLUMN_CLUSTERED, data))
    assert texts(path) == ["DE Ulm; Sold: 1", "DE Bonn; Sold: 2", "FR Lyon; Sold: 3"]


def test_points_of_a_scatter_chart_are_pairs(tmp_path: Path) -> None:
    data: Any = CHARTS.XyChartData()
    for name, points in (("A", [(1, 2), (3, 4)]), ("B", [(5, 6)])):
        series = data.add_series(name)
        for x, y in points:
            series.add_data_point(x, y)
    path = write(tmp_path, "a.pptx", chart_deck(XL_CHART_TYPE.XY_SCATTER, data))
    assert texts(path) == ["1; A: 2", "3; A: 4", "5; B: 6"]


def test_cells_stay_in_their_columns_and_merged_ones_fill_their_rows(tmp_path: Path) -> None:
    rows = [
        tc("Region") + tc("City") + tc("Sold"),
        tc("Coast", 'rowSpan="2"') + tc("Ostend") + tc(""),
        tc("", 'vMerge="1"') + tc("Bruges") + tc("7"),
        tc("both", 'gridSpan="2"') + tc("", 'hMerge="1"') + tc("9"),
    ]
    assert texts(write(tmp_path, "a.pptx", deck_of(table(*rows)))) == [
        "Region: Coast; City: Ostend",
        "Region: Coast; City: Bruges; Sold: 7",
        "Region: both; Sold: 9",
    ]


def test_a_marked_header_labels_even_numbers(tmp_path: Path) -> None:
    rows = [tc("Account") + tc("2024") + tc("2025"), tc("Revenue") + tc("5") + tc("6")]
    assert texts(write(tmp_path, "a.pptx", deck_of(table(*rows)))) == ["Account: Revenue; 2024: 5; 2025: 6"]


def test_a_form_whose_first_row_is_marked_as_new_tables_are_has_no_header(tmp_path: Path) -> None:
    rows = [
        tc("项目名称") + tc("泵房改造") + tc("负责人") + tc("欧阳兰"),
        tc("预算") + tc("120万元") + tc("工期") + tc("90天"),
    ]
    assert texts(write(tmp_path, "a.pptx", deck_of(table(*rows)))) == [
        "项目名称: 泵房改造; 负责人: 欧阳兰",
        "预算: 120万元; 工期: 90天",
    ]


def test_diagrams_old_and_new_comments_and_notes(tmp_path: Path) -> None:
    def paragraph(text: str) -> str:
        return f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>"

    content = deck_of(
        shape("Recall", role="title") + '<p:graphicFrame><dgm:relIds r:dm="r1"/></p:graphicFrame>',
        targets=(
            ("diagramData", "../d.xml"),
            ("comments", "../c.xml"),
            ("comments", "../n.xml"),
            ("notesSlide", "../s.xml"),
        ),
        **{
            "ppt/d.xml": f'<dgm:dataModel {NAMES}><dgm:ptLst><dgm:pt modelId="1"><dgm:t>{paragraph("Quarantine")}'
            '</dgm:t></dgm:pt><dgm:pt modelId="2" type="sibTrans"><dgm:t><a:p/></dgm:t></dgm:pt></dgm:ptLst>'
            "</dgm:dataModel>",
            "ppt/c.xml": f"<p:cmLst {NAMES}><p:cm><p:text>old comment</p:text></p:cm></p:cmLst>",
            "ppt/n.xml": f"<p:cmLst {NAMES}><p:cm><p:reply><p:txBody>{paragraph('a reply')}</p:txBody></p:reply>"
            f"<p:txBody>{paragraph('new comment')}</p:txBody></p:cm></p:cmLst>",
            "ppt/s.xml": f"<p:notes {NAMES}>{shape('Speak slowly.', role='body')}{shape('3', role='sldNum')}</p:notes>",
        },
    )
    found = texts(write(tmp_path, "a.pptx", content))
    assert found == ["Recall", "Quarantine", "old comment", "a reply", "new comment", "Speak slowly."]


def test_footers_come_once_and_hidden_slides_are_read_in_place(tmp_path: Path) -> None:
    footer = shape("Nordwind GmbH", role="ftr") + shape("7", role="sldNum") + shape("May 2026", role="dt")
    content = deck_of(shape("one") + footer, shape("two") + footer)
    assert texts(write(tmp_path, "a.pptx", content)) == ["one", "Nordwind GmbH", "two"]


def test_groups_equations_numbers_and_descriptions(tmp_path: Path) -> None:
    fraction = "<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>"
    math = (
        f"<mc:AlternateContent><mc:Choice>{shape(f'<a:p><a14:m><m:oMath>{fraction}</m:oMath></a14:m></a:p>')}</mc:Choice>"
        f"<mc:Fallback>{shape('picture of it')}</mc:Fallback></mc:AlternateContent>"
    )
    numbered = "".join(
        f'<a:p><a:pPr><a:buAutoNum type="arabicPeriod"/></a:pPr><a:r><a:t>{text}</a:t></a:r></a:p>'
        for text in ("x", "y")
    )
    group = f"<p:grpSp><p:grpSp>{shape('inner')}</p:grpSp></p:grpSp>"
    picture = '<p:pic><p:nvPicPr><p:cNvPr id="1" name="Picture 1" descr="Plan of terminal D"/></p:nvPicPr></p:pic>'
    content = deck_of(math + group + shape(numbered) + picture)
    found = texts(write(tmp_path, "a.pptx", content))
    assert found == ["(a+b)/2", "inner", "1. x\n2. y", "Plan of terminal D"]


@pytest.mark.parametrize("name", ["a.pptm", "a.ppsx", "a.potx", "a.PPTX"])
def test_files_of_the_family_are_presentations_whatever_their_parts_are_called(tmp_path: Path, name: str) -> None:
    content = deck_of(shape("text"))
    stream = io.BytesIO(content)
    assert texts(write(tmp_path, name, stream.getvalue())) == ["text"]


@slow
def test_a_chart_of_too_many_points_is_cut_and_says_so(tmp_path: Path) -> None:
    from shared.domain.models import Location
    from shared.parsing.archive import Archive
    from shared.parsing.chart import read_chart

    points = "".join(f'<c:pt idx="{place}"><c:v>{place}</c:v></c:pt>' for place in range(100_001))
    chart = (
        '<c:chartSpace xmlns:c="c"><c:chart><c:plotArea><c:lineChart><c:ser><c:val><c:numLit>'
        f"{points}</c:numLit></c:val></c:ser></c:lineChart></c:plotArea></c:chart></c:chartSpace>"
    )
    warnings: list[str] = []
    with Archive(write(tmp_path, "a.pptx", zipped({"c.xml": chart})), Limits()) as archive:
        rows = list(read_chart(archive, "c.xml", Location(), warnings))
    assert len(rows) == 100_000
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("properties", "text", "expected"),
    [
        ('<a:rPr><a:sym typeface="Wingdings"/></a:rPr>', "\uf0e0 Available models: how?", "→ Available models: how?"),
        ('<a:rPr lang="en-US"><a:sym typeface="Wingdings"/></a:rPr>', "cost à price, è déjà", "cost → price, ➔ déjà"),
        ('<a:rPr lang="fr-FR"><a:sym typeface="Wingdings"/></a:rPr>', "aller à Paris", "aller à Paris"),
        ('<a:rPr><a:latin typeface="Wingdings"/><a:sym typeface="Wingdings"/></a:rPr>', "\u00fc", "✓"),
        ('<a:rPr><a:latin typeface="Arial"/><a:sym typeface="Symbol"/></a:rPr>', "a b \uf061", "a b α"),
    ],
)
def test_a_font_for_signs_shows_signs_and_leaves_letters(
    tmp_path: Path, properties: str, text: str, expected: str
) -> None:
    deck = deck_of(shape(f"<a:p><a:r>{properties}<a:t>{text}</a:t></a:r></a:p>"))
    assert texts(write(tmp_path, "a.pptx", deck)) == [expected]


def placed(text: str, left: int, top: int, width: int = 20, height: int = 9) -> str:
    frame = f'<a:xfrm><a:off x="{left}" y="{top}"/><a:ext cx="{width}" cy="{height}"/></a:xfrm>'
    return f"<p:sp><p:spPr>{frame}</p:spPr><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"


@pytest.mark.parametrize(
    ("shapes", "order"),
    [
        ([("d", 0, 30), ("c", 0, 20), ("b", 0, 10), ("a", 0, 0)], "abcd"),
        ([("b", 30, 0), ("a", 0, 1), ("c", 0, 20)], "abc"),
        # Two columns stay as they were drawn, by column or by line.
        ([("a", 0, 0), ("b", 0, 10), ("c", 30, 0), ("d", 30, 10)], "abcd"),
        ([("a", 0, 0), ("b", 30, 0), ("c", 0, 10), ("d", 30, 10)], "abcd"),
        # Overlapping boxes too.
        ([("a", 0, 4), ("b", 0, 0), ("c", 2, 2)], "abc"),
    ],
)
def test_shapes_are_read_from_top_to_bottom_where_they_were_drawn_otherwise(
    tmp_path: Path, shapes: list[tuple[str, int, int]], order: str
) -> None:
    deck = deck_of("".join(placed(*shape) for shape in shapes))
    assert "".join(texts(write(tmp_path, "a.pptx", deck))) == order


def test_a_group_is_read_as_one_and_what_has_no_place_stays(tmp_path: Path) -> None:
    frame = (
        '<a:xfrm><a:off x="0" y="0"/><a:ext cx="20" cy="9"/><a:chOff x="0" y="90"/><a:chExt cx="9" cy="9"/></a:xfrm>'
    )
    group = f"<p:grpSp><p:grpSpPr>{frame}</p:grpSpPr>{placed('second', 0, 99)}{placed('first', 0, 90)}</p:grpSp>"
    deck = deck_of(placed("below", 0, 20) + shape("unplaced") + group)
    assert texts(write(tmp_path, "a.pptx", deck)) == ["first", "second", "unplaced", "below"]

"""Tables: the header a person would find, and rows that carry their labels."""

from __future__ import annotations

import re
from random import Random

import pytest
from msgspec.structs import replace

from shared.domain.models import BlockKind, Location
from shared.parsing.sheet import Areas, Covered, make_line
from shared.parsing.table import render, render_lines
from shared.parsing.tableline import Across, Down, Line


def rows(text: str) -> list[str]:
    """Rows of a table written with commas, one to a line."""
    return [row.text for row in render([line.split(",") for line in text.splitlines()])]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param("Site,2023,2024\nUlm,510,540\nGraz,40,42", "Site: Graz; 2023: 40; 2024: 42", id="years"),
        pytest.param(
            "泵站,2026-01-01,2026-02-01\n北区,71,68\n南区,33,35",
            "泵站: 南区; 2026-01-01: 33; 2026-02-01: 35",
            id="dates",
        ),
        pytest.param("Class,1A,1B\nMon,Maths,Art\nTue,Bio,Music", "Mon | Maths | Art", id="unclear"),
        pytest.param("Room,201,202\nTeacher,Fox,Owl\nPupils,Ben,Kim", "Room: Pupils; 201: Ben; 202: Kim", id="numbers"),
        pytest.param("Day,08:00,09:00\nMon,Maths,Art\nTue,Bio,Music", "Day: Tue; 08:00: Bio; 09:00: Music", id="times"),
        pytest.param(
            "Machine,8:00:00 AM,9:00:00 AM\nLathe,3,4\nMill,5,6",
            "Machine: Mill; 8:00:00 AM: 5; 9:00:00 AM: 6",
            id="times above numbers",
        ),
        pytest.param("Code,,Price\nA1,blue,5\nA2,red,6", "Code: A2; red; Price: 6", id="no label over a column"),
        pytest.param(
            "Name,Note,Note\nJo,tea,new\nAda,milk,old",
            "Name: Ada; Note: milk; Note: old",
            id="a label that occurs twice",
        ),
        pytest.param("Frage,Antwort\nWie lange?,Zwei Tage\nWo?,Ulm", "Frage: Wo?; Antwort: Ulm", id="german"),
        pytest.param("姓名,部门\n欧阳兰,质检\n贾思远,采购", "姓名: 贾思远; 部门: 采购", id="chinese"),
        pytest.param("order_id,ship_to\nfirst,Ulm\nsecond,Graz", "order_id: second; ship_to: Graz", id="identifiers"),
        pytest.param(",2024,2025\nUlm,1,2\nGraz,3,4", "Graz; 2024: 3; 2025: 4", id="no label over the first column"),
        pytest.param("缩写,全称\nRTO,恢复时间\nRPO,恢复点", "缩写: RPO; 全称: 恢复点", id="terms"),
        pytest.param(
            "参数,N-1,N-2\n重量,2千克,3千克\n续航,3小时,5小时", "参数: 重量; N-1: 2千克; N-2: 3千克", id="units"
        ),
        pytest.param("feature,basic,pro\nchat,no,yes\nlogin,yes,yes", "feature: chat; basic: no; pro: yes", id="ticks"),
        pytest.param("功能,标准版,旗舰版\n聊天,×,✓\n审批,✓,✓", "功能: 聊天; 标准版: ×; 旗舰版: ✓", id="marks of ticks"),
        pytest.param("Model,36,37,38\nAlpine,3,0,2\nCity,4,4,0", "Model: Alpine; 36: 3; 37: 0; 38: 2", id="sizes"),
        pytest.param(",Mon,Tue\n08:00,Maths,Art\n09:00,Bio,Music", "09:00; Mon: Bio; Tue: Music", id="timetable"),
        pytest.param("Load,25%,50%\nPump A,7,9\nPump B,8,4", "Load: Pump A; 25%: 7; 50%: 9", id="shares"),
        pytest.param("Zone,0-1 kg,1-5 kg\nEast,4.90,8\nWest,5,9", "Zone: East; 0-1 kg: 4.90; 1-5 kg: 8", id="ranges"),
    ],
)
def test_the_header_is_the_one_a_person_would_find(table: str, expected: str) -> None:
    assert expected in rows(table)


@pytest.mark.parametrize(
    "table",
    [
        "pear,green,Savoy\nfig,brown,Crete\nkiwi,green,Otago",
        "Bern,Urs,east\nBari,Aldo,south\nLille,Marie,north",
        "张三,北京,工程师\n李四,上海,设计师\n王五,广州,会计",
        "1,pump\n2,valve\n3,seal",
        "Bern,n/a\nBari,12\nLille,7",
        "a@x.org,Urs\nb@x.org,Aldo\nc@x.org,Marie",
        "Monday,shut\nTuesday,open\nFriday,open",
        "No power,plug loose\nLeak,seal old",
        "Bern,100%,-120%,130%\nBari,1,2,3\nLille,4,5,9",
        "Link one,1,2,3\nLink two,4,5,6\nLink three,7,8,9",
        "Bern,5%,7%\nBari,6%,9%\nLille,7%,2%",
        "Bern,yes,no\nBari,no,no\nLille,yes,yes",
    ],
)
def test_no_row_becomes_a_header_where_there_is_none(table: str) -> None:
    assert rows(table) == [line.replace(",", " | ") for line in table.splitlines()]


def test_a_form_keeps_each_label_with_its_value() -> None:
    form = "Customer,Berg AB,Order date,2026-05-04\nContact,Sanna,Order no.,SO-5519\nShip to,dock 3,Terms,net 30"
    assert rows(form) == [
        "Customer: Berg AB; Order date: 2026-05-04",
        "Contact: Sanna; Order no.: SO-5519",
        "Ship to: dock 3; Terms: net 30",
    ]


def test_notes_of_any_number_may_stand_above_the_header() -> None:
    notes = [f"note {number}" for number in range(12)]
    table = "\n".join([*notes, "Company,Profit", "Alder,12", "Birch,9"])
    assert rows(table) == [*notes, "Company: Alder; Profit: 12", "Company: Birch; Profit: 9"]


def test_a_second_table_has_its_own_header_and_a_gap_does_not_end_the_first() -> None:
    table = "Part,Stock\nK1,40\nK2,41\n,\nK3,n/a\nK4,43\n,\nMachine,Serial\nLathe,L-8\nPress,P-2"
    assert rows(table) == [
        *("Part: K1; Stock: 40", "Part: K2; Stock: 41", "Part: K3; Stock: n/a", "Part: K4; Stock: 43"),
        *("Machine: Lathe; Serial: L-8", "Machine: Press; Serial: P-2"),
    ]


def test_tables_next_to_each_other_are_read_apart() -> None:
    assert rows("Name,Stock,,Name,Stock\nA,1,,C,3\nB,2,,D,4") == [
        *("Name: A; Stock: 1", "Name: C; Stock: 3", "Name: B; Stock: 2", "Name: D; Stock: 4"),
    ]


def test_a_cell_merged_over_tables_next_to_each_other_hides_no_other() -> None:
    lines = [Line(number, text.split(",")) for number, text in enumerate(("A,B,,A,B", "1,2,,3,4", "5,6,,7,8"), start=1)]
    lines.append(Line(4, ["9", "both", Across("both"), Across("both"), "last"]))
    shown = [row.text for row in render_lines(iter(lines)) if row.number == 4]
    assert shown[0] == "A: 9; B: both"
    assert shown[1].endswith("B: last")


def test_a_declared_header_may_have_labels_over_some_columns_only() -> None:
    top = Line(1, ["Record", "Name", "", "", ""], declared=True)
    lines = [top, Line(2, ["59H", "XCT", "", "●", "●"]), Line(3, ["5AH", "CRN", "", "●", ""])]
    assert [row.text for row in render_lines(iter(lines))] == [
        "Record: 59H; Name: XCT; ●; ●",
        "Record: 5AH; Name: CRN; ●",
    ]


def test_the_label_of_an_empty_column_is_kept_once() -> None:
    assert rows("Part,Stock,Held for\nK1,40,\nK2,25,") == ["Part: K1; Stock: 40", "Part: K2; Stock: 25", "Held for"]


def test_groups_over_labels_become_part_of_the_label() -> None:
    expected = ["产品: 水泵; 一季度 数量: 10; 一季度 金额: 200", "产品: 阀门; 一季度 数量: 30; 一季度 金额: 900"]
    body = [["水泵", "10", "200"], ["阀门", "30", "900"]]
    merged = [["产品", "一季度", Across("一季度")], [Down("产品"), "数量", "金额"], *body]
    assert [row.text for row in render(merged)] == expected


def test_a_cell_merged_over_rows_counts_for_each_and_one_over_columns_once() -> None:
    table = [
        ["Area", "Town", "Sales"],
        ["East", "Ulm", "12"],
        [Down("East"), "Graz", "9"],
        ["all", Across("all"), "21"],
    ]
    assert [row.text for row in render(table)] == [
        *("Area: East; Town: Ulm; Sales: 12", "Area: East; Town: Graz; Sales: 9", "Area: all; Sales: 21"),
    ]


def test_a_value_merged_over_columns_counts_for_each_label_it_covers() -> None:
    table = [
        ["Time", "Mon", "Tue", "Wed"],
        ["08:00", "Assembly", Across("Assembly"), "Art"],
        ["09:00", "Maths", "Bio", "Gym"],
    ]
    assert [row.text for row in render(table)] == [
        "Time: 08:00; Mon: Assembly; Tue: Assembly; Wed: Art",
        "Time: 09:00; Mon: Maths; Tue: Bio; Wed: Gym",
    ]


def test_a_row_of_ticks_is_no_part_of_a_merged_header() -> None:
    groups = ["", "Home", Across("Home"), "Work", Across("Work")]
    body = [["Chat", "yes", Across("yes"), "no", "yes"], ["Mail", "no", "yes", "yes", "yes"]]
    assert [row.text for row in render([groups, ["", "A", "B", "A", "B"], *body])] == [
        "Chat; Home A: yes; Home B: yes; Work A: no; Work B: yes",
        "Mail; Home A: no; Home B: yes; Work A: yes; Work B: yes",
    ]


def test_a_long_remark_merged_over_columns_stands_once() -> None:
    remark = "Delivered later, because the lorry had to wait at the closed border for two days"
    table = [["Order", "Sent", "Came"], ["A1", "3 May", "5 May"], ["A2", remark, Across(remark)]]
    assert [row.text for row in render(table)][1] == f"Order: A2; Sent: {remark}"


def test_a_row_knows_its_labels_and_what_identifies_it() -> None:
    (row,) = render([["Stock", "Part number", "Name"], ["4", "K-17", "Seal"]])
    block = row.block(Location(row=2))
    assert block.kind is BlockKind.ROW
    assert block.location == Location(row=2, columns=("Stock", "Part number", "Name"))
    assert block.keys == "Part number: K-17; Name: Seal"


def test_a_header_that_repeats_on_each_page_is_no_row() -> None:
    assert rows("Part,Stock\nK1,4\nPart,Stock\nK2,5") == ["Part: K1; Stock: 4", "Part: K2; Stock: 5"]


def test_a_cell_next_to_one_merged_over_rows_is_kept() -> None:
    plan = [
        ["No.", "Area", "Need", "Need", "Points"],
        ["1", "Care", "Medicine", "none", "4"],
        ["2", "Home", "Cooking", "some", "2"],
        [Down("2"), Down("Home"), "Plans each meal", Across("Plans each meal")],
        ["3", "Work", "Travel", "much", "1"],
    ]
    assert "No.: 2; Area: Home; Need: Plans each meal" in [row.text for row in render(plan)]


def test_a_long_label_is_cut_in_rows_and_kept_whole_once() -> None:
    long = f"Amount {'of the order ' * 30}in full"
    found = [row.text for row in render([["Name", long], ["Ada", "1"], ["Bo", "2"], ["Cy", "3"]])]
    assert sum("in full" in text for text in found) == 1
    assert found[0].startswith("Name: Ada; Amount of the order")


def test_groups_over_more_columns_than_are_labelled_are_kept() -> None:
    plan = [
        ["", "East", "", "West", "", "Remark"],
        ["Site", "In", "Out", "In", "Out"],
        ["A", "1", "2", "3", "4", "good"],
        ["B", "5", "6", "7", "8", "bad"],
    ]
    found = [row.text for row in render(plan)]
    assert "Site: B; East In: 5; East Out: 6; West In: 7; West Out: 8; Remark: bad" in found


_CELLS = (
    "Name",
    "Price",
    "价格",
    "2024",
    "Jan",
    "yes",
    "12",
    "3.5%",
    "2026-05-01",
    "-",
    "Note:",
    "on and on " * 9,
    "X" * 400,
)


def random_table(random: Random) -> tuple[list[Line], set[str]]:
    """A sheet with merged cells, and a word that no other cell has in each cell that is shown."""
    height, width = random.randint(1, 12), random.randint(1, 7)
    areas, hidden, words = Areas(), set[tuple[int, int]](), set[str]()
    for _ in range(random.randint(0, 6)):
        top, left = random.randint(1, height), random.randint(1, width)
        bottom = min(height, top + random.choice([0, 0, 1, 2, 12]))
        right = min(width, left + random.choice([0, 1, 2, 7]))
        covered = {(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)}
        if len(covered) > 1 and not covered & hidden:
            hidden |= covered - {(top, left)}
            areas.merged.setdefault(top, []).append((left, bottom, right))
    share, lines, merged = random.choice([0.3, 0.6, 0.9, 1.0]), [], Covered(areas)
    declared, gap = random.choice([0, 0, 1, 2]), random.choice([0, 0, 2, 3, 4])
    for row in range(1, height + 1):
        cells = {}
        for column in range(1, width + 1):
            if column != gap and (row, column) not in hidden and random.random() < share:
                words.add(f"r{row}c{column}z")
                cells[column] = (f"{random.choice(_CELLS)} r{row}c{column}z", random.random() < 0.1)
        if cells:
            lines.append(replace(make_line(row, cells, merged), declared=row <= declared))
    return lines, words


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_no_cell_of_a_sheet_is_lost(first: int) -> None:
    for seed in range(first, first + 100):
        lines, words = random_table(Random(seed))
        shown = " ".join(row.text for row in render_lines(iter(lines)))
        assert not words - set(re.findall(r"r\d+c\d+z", shown)), f"seed {seed}"


def filled(text: str) -> list[Line]:
    """Lines of a table written with bars: ``<`` continues the cell on the left, ``^`` the one above."""
    lines: list[Line] = []
    for number, row in enumerate(text.splitlines(), 1):
        cells: list[str] = []
        for place, cell in enumerate(row.split("|")):
            left = cells[place - 1] if cell == "<" else ""
            cells.append(Across(left) if cell == "<" else Down(lines[-1].cells[place]) if cell == "^" else cell)
        lines.append(Line(number, cells))
    return lines


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param(
            "资产负债表|<|<|<|<\n编制单位：东湖公司|<|<|2026年6月|单位：元\n"
            "资产|期末|<|年初|<\n^|本部|合并|本部|合并\n"
            "现金|1|2|3|4\n存货|5|6|7|8",
            "资产: 存货; 期末 本部: 5; 期末 合并: 6; 年初 本部: 7; 年初 合并: 8",
            id="fields above a header of two rows",
        ),
        pytest.param(
            "구분|<|2025년|2026년\n매출|국내|1,250|1,310\n^|해외|860|920",
            "구분: 매출; 구분: 해외; 2025년: 860; 2026년: 920",
            id="amounts below a wide label",
        ),
        pytest.param(
            "Sample|Density|Melting point\n|g/cm³|°C\nA|7.85|1510\nB|2.70|660",
            "Sample: B; Density g/cm³: 2.70; Melting point °C: 660",
            id="units",
        ),
        pytest.param(
            "Pump|Head|Flow\n(-)|(m)|(l/s)\nP1|32|15\nP2|28|22",
            "Pump (-): P2; Head (m): 28; Flow (l/s): 22",
            id="brackets",
        ),
        pytest.param(
            "排班|11/2|11/3\n姓名|周一|周二\n欧阳兰|早|休\n贾思远|晚|早",
            "排班 姓名: 贾思远; 11/2 周一: 晚; 11/3 周二: 早",
            id="days",
        ),
        pytest.param(
            "Item|<|Status|<\nring|<|open|<\nrod|<|shut|<\nnut|<|open|<",
            "Item: rod; Status: shut",
            id="wide columns",
        ),
        pytest.param(
            "Name|Function|Room\nOve|Pilot|12\nUna|Clerk|14\nBoats\nBoat|Built|Crew\nTerna|1998|4\nSkua|2007|3",
            "Boat: Skua; Built: 2007; Crew: 3",
            id="a header without label words between figures",
        ),
    ],
)
def test_headers_of_several_rows_and_below_other_rows(table: str, expected: str) -> None:
    assert expected in [row.text for row in render_lines(filled(table))]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param(
            "姓名|欧阳兰|性别|女\n学历|硕士|专业|材料\n"
            "通讯地址|东湖路9号|<|<\n工作经历|2017 云帆 技师|<|<\n^|2021 海联 主任|<|<",
            [
                "姓名: 欧阳兰; 性别: 女",
                "学历: 硕士; 专业: 材料",
                "通讯地址: 东湖路9号",
                "工作经历: 2017 云帆 技师",
                "工作经历: 2021 海联 主任",
            ],
            id="a form with wide values",
        ),
        pytest.param(
            "甲方（盖章）|东湖公司|乙方（盖章）|海联公司\n"
            "法定代表人|欧阳兰|法定代表人|贾思远\n联系电话|0571-1|联系电话|0574-2",
            [
                "甲方（盖章）: 东湖公司; 乙方（盖章）: 海联公司",
                "法定代表人: 欧阳兰; 法定代表人: 贾思远",
                "联系电话: 0571-1; 联系电话: 0574-2",
            ],
            id="the same labels twice",
        ),
        pytest.param(
            "Supplier|Alder Mills|Order no.|PO-7\nDate|2027-03-01|Terms|net 30\n"
            "Pos.|Description|Qty|Price\n1|Rye|40|18\n2|Spelt|25|27",
            [
                "Supplier: Alder Mills; Order no.: PO-7",
                "Date: 2027-03-01; Terms: net 30",
                "Pos.: 1; Description: Rye; Qty: 40; Price: 18",
                "Pos.: 2; Description: Spelt; Qty: 25; Price: 27",
            ],
            id="above a table",
        ),
        pytest.param(
            "Name:|Phone:|Mail:\nJo|41|a@b\nAda|52|c@d",
            ["Name: Jo; Phone: 41; Mail: a@b", "Name: Ada; Phone: 52; Mail: c@d"],
            id="labels with colons are none",
        ),
        pytest.param(
            "字段名|类型|说明\nname|varchar|姓名\nphone|varchar|电话",
            ["字段名: name; 类型: varchar; 说明: 姓名", "字段名: phone; 类型: varchar; 说明: 电话"],
            id="three columns are none",
        ),
        pytest.param(
            "型号|XS-1|电压|220 V\n功率|5 kW|重量|30 kg",
            ["型号: XS-1; 电压: 220 V", "功率: 5 kW; 重量: 30 kg"],
            id="a label that is not known",
        ),
        pytest.param(
            "Question|Answer\nRisk|high\nCause|rust",
            ["Question: Risk; Answer: high", "Question: Cause; Answer: rust"],
            id="a header above labels is none",
        ),
    ],
)
def test_forms_are_pairs_of_label_and_value(table: str, expected: list[str]) -> None:
    assert [row.text for row in render_lines(filled(table))] == expected


@pytest.mark.parametrize(
    "note",
    [
        "Note: Namur reopened in March.",
        "Source: group accounts",
        "* estimated",
        "注：未含税",
        "制表人：王芳||审核人：李雷",
    ],
)
def test_notes_below_a_table_are_no_values_of_its_columns(note: str) -> None:
    found = [row.text for row in render_lines(filled(f"Branch|Q1|Q2|Q3\nGhent|1|2|3\nMons|4|5|6\n{note}"))]
    assert found == [
        "Branch: Ghent; Q1: 1; Q2: 2; Q3: 3",
        "Branch: Mons; Q1: 4; Q2: 5; Q3: 6",
        note.replace("||", " |  | "),
    ]

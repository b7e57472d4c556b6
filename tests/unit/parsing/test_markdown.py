"""What is read of Markdown: what a reader of the rendered page sees."""

# ruff: noqa: E501 - cases are one to a line
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.domain.models import BlockKind
from shared.parsing import Limits, parse
from tests.profile import slow
from tests.unit.parsing.files import texts, write

if TYPE_CHECKING:
    from pathlib import Path

    from shared.domain.models import Block


def blocks(folder: Path, source: str) -> list[Block]:
    return list(parse(write(folder, "a.md", source), "a.md", Limits()).blocks)


def of_kind(found: list[Block], kind: BlockKind) -> list[str]:
    return [block.text for block in found if block.kind is kind]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Some **bold**, *slanted*, ~~old~~ `code *x*` and [a link](http://a.b \"t\").", "Some bold, slanted, old code *x* and a link."),
        (r"max\_count \*args\* \$20\. 1\. no list", "max_count *args* $20. 1. no list"),
        ("Press <kbd>F1</kbd>,<br>then &amp; wait&nbsp;&lt;b&gt;", "Press F1,\nthen & wait\u00a0<b>"),
        ("A List<String> for <your-token>", "A List<String> for <your-token>"),
        ("before <!-- hidden --> after", "before after"),
        ("![Photo](data:image/png;base64,QUJDREVG) end", "Photo end"),
        ("one\ntwo\n第三行\n第四行", "one two第三行第四行"),
        ("cost $a_1 * b_2$, from $5 to $10 *now*", "cost $a_1 * b_2$, from $5 to $10 now"),
        ("**注意。**请先断电", "注意。请先断电"),
        ("see [text][ref] here\n\n[ref]: http://x.y", "see text here"),
        ("A claim[^1]\n\n[^1]: Source", "A claim[1]\n[1]: Source"),
    ],
)  # fmt: skip
def test_inline_marks_show_as_what_they_mean(tmp_path: Path, source: str, expected: str) -> None:
    assert "\n".join(texts(write(tmp_path, "a.md", source))) == expected


@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
@pytest.mark.parametrize("before", ["", "- item\n\n  ", "1. item\n\n   ", "> "])
def test_fenced_code_keeps_its_lines_wherever_it_stands(tmp_path: Path, fence: str, before: str) -> None:
    indent = before.rpartition("\n")[2].replace(">", ">") if before else ""
    source = f"{before}{fence}sh\n{indent}# no heading\n\n{indent}make  all\n{indent}{fence}\n".replace(
        "\n\n", f"\n{indent.rstrip()}\n", 1 if before == "> " else 0
    )
    assert of_kind(blocks(tmp_path, source), BlockKind.CODE)[0].startswith("# no heading")


def test_indented_code_keeps_its_lines(tmp_path: Path) -> None:
    assert of_kind(blocks(tmp_path, "Run:\n\n    # comment\n    make all\n\nWait."), BlockKind.CODE) == [
        "# comment\nmake all"
    ]


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("#第一章 总则", "第一章 总则"),
        ("##1.1 目的", "1.1 目的"),
        ("#1、范围", "1、范围"),
        ("##第二章##", "第二章"),
        ("# 一 #", "一"),
        ("##Heading", "Heading"),
    ],
)
def test_a_heading_without_a_space_is_a_heading(tmp_path: Path, line: str, heading: str) -> None:
    assert [block.text for block in blocks(tmp_path, f"{line}\n\ntext") if block.heading] == [heading]


@pytest.mark.parametrize(
    "line", ["#hashtag", "#include <stdio.h>", "#标签 #其他", "#话题# 内容", "#1 fixed", "#!/bin/sh"]
)
def test_a_tag_or_directive_is_no_heading(tmp_path: Path, line: str) -> None:
    assert not any(block.heading for block in blocks(tmp_path, line))


def test_each_row_of_a_table_has_its_labels_and_all_its_cells(tmp_path: Path) -> None:
    source = "A | B\n--|:-:\na\\|b | *x*\nonly\n\n| C | D |\n|---|---|\n| 1 | | 3 |\n| 4 | 5 |\n"
    rows = of_kind(blocks(tmp_path, source), BlockKind.ROW)
    assert rows == ["A: a|b; B: x", "A: only", "C: 1; 3", "C: 4; D: 5"]


def test_items_stay_whole_with_the_items_inside_them(tmp_path: Path) -> None:
    found = of_kind(blocks(tmp_path, "3. three\n   - [x] sub\n   - [ ] other\n4. four\n"), BlockKind.ITEM)
    assert found == ["3. three\n  ☑ sub\n  ☐ other", "4. four"]


@pytest.mark.parametrize(
    "matter",
    [
        '---\ntitle: "Cooling tower"\ntags: [hvac, water]\n---\n',
        "---\ntitle: Cooling tower\ntags:\n  - hvac\n  - water\n---\n",
        '+++\ntitle = "Cooling tower"\ntags = ["hvac", "water"]\n+++\n',
    ],
)
@pytest.mark.parametrize("body", ["# Cooling tower\n\nDrain it.", "## Frost\n\nDrain it.", "Drain it."])
def test_front_matter_gives_the_title_and_one_record(tmp_path: Path, matter: str, body: str) -> None:
    document = parse(write(tmp_path, "a.md", matter + body), "a.md", Limits())
    found = [block.text for block in document.blocks]
    assert document.title == "Cooling tower"
    assert found[:2] == ["Cooling tower", "tags: hvac, water"]
    assert found[-1] == "Drain it."


def test_text_between_two_rules_is_no_front_matter(tmp_path: Path) -> None:
    assert texts(write(tmp_path, "a.md", "---\n\nKeep this\n\n---\n\nand this")) == ["Keep this", "and this"]


def test_html_is_read_as_html(tmp_path: Path) -> None:
    source = (
        "<!-- a\n\nhidden\n\n-->\n\n<table>\n<tr><th>P</th><th>V</th></tr>\n\n<tr><td>Port</td><td>8443</td></tr>\n</table>\n\n"
        "<details><summary>More</summary>\n\nThe *rest*\n\n</details>\n"
    )
    assert texts(write(tmp_path, "a.md", source)) == ["P: Port; V: 8443", "More", "The rest"]


@slow
def test_a_file_of_many_parts_loses_and_repeats_nothing(tmp_path: Path) -> None:
    rows = "".join(f"| row{number} | {number} |\n" for number in range(30_000))
    code = "".join(f"    line{number}\n" for number in range(30_000))
    source = f"[link][later]\n\n# Table\n\n| Name | No |\n|---|---|\n{rows}\n# Code\n\n```\n{code}```\n\n[later]: http://a.b\n"
    found = blocks(tmp_path, source)
    assert found[0].text == "link"
    assert of_kind(found, BlockKind.ROW) == [f"Name: row{number}; No: {number}" for number in range(30_000)]
    lines = [line for text in of_kind(found, BlockKind.CODE) for line in text.split("\n")]
    assert [line.strip() for line in lines] == [f"line{number}" for number in range(30_000)]


@pytest.mark.parametrize("line", ["A note to editors.\n", "note "])
def test_a_comment_longer_than_a_part_stays_hidden(tmp_path: Path, line: str) -> None:
    hidden = line * (300_000 // len(line))
    assert texts(write(tmp_path, "a.md", f"Before.\n\n<!--\n{hidden}\n-->\n\nAfter.")) == ["Before.", "After."]


def test_a_picture_of_megabytes_in_one_line_is_left_out(tmp_path: Path) -> None:
    picture = "QUJD" * 1_000_000
    assert texts(write(tmp_path, "a.md", f"![Map](data:image/png;base64,{picture})\n\nend ![x][y]\n\n[y]: data:image/png;base64,{picture}\n")) == ["Map", "end x"]  # fmt: skip


@pytest.mark.parametrize(
    "attributes", ["{#pump}", "{.unnumbered}", "{#pump .wide key=value}", '{: #pump title="a b" }', "{-x=1 .y}"]
)
def test_attributes_of_a_heading_are_not_shown(tmp_path: Path, attributes: str) -> None:
    assert [block.text for block in blocks(tmp_path, f"## Pump {attributes}\n\nText.\n")] == ["Pump", "Text."]


@pytest.mark.parametrize("title", ["Set {1, 2}", "Use {name}", "f{x}", "A {b c}"])
def test_braces_that_are_no_attributes_stay(tmp_path: Path, title: str) -> None:
    assert blocks(tmp_path, f"# {title}\n\nText.\n")[0].text == title


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (
            "+-----+-------+\n| Key | Value |\n+=====+=======+\n| a   | one   |\n|     | *two* |\n+-----+-------+\n| b   |       |\n+-----+-------+",
            ["Key: a; Value: one two", "Key: b"],
        ),
        (
            "+----+------+\n| id | name |\n+----+------+\n|  1 | Ida  |\n|  2 | 贾思远 |\n+----+------+",
            ["id: 1; name: Ida", "id: 2; name: 贾思远"],
        ),
    ],
)
def test_drawn_tables_are_tables(tmp_path: Path, table: str, rows: list[str]) -> None:
    found = [block.text for block in blocks(tmp_path, f"Before.\n\n{table}\n\nAfter.\n")]
    assert found == ["Before.", *rows, "After."]


def test_text_that_only_begins_like_a_drawn_table_is_text(tmp_path: Path) -> None:
    assert [block.text for block in blocks(tmp_path, "+---+\n| a |\nand so on\n+---+\n")] == [
        "+---+ | a | and so on +---+"
    ]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("See [[P-204 manual|the manual]], [[Valve#Seal]] ![[plan.png]] now.", "See the manual, Valve#Seal now."),
        ("> [!warning] Never run dry\n> The seal burns.", "Never run dry The seal burns."),
        ("> [!NOTE]\n> Grease it.", "Note: Grease it."),
        ("A ==marked== word, %%aside%% shown.", "A marked word, shown."),
        ("Lists [[1, 2], [3]] and a[[i]], a == b == c, 100%% sure, 5%% off.", None),
        ("`[[code]] ==x==` stays", "[[code]] ==x== stays"),
    ],
)
def test_what_note_programs_add_to_markdown_is_shown_as_they_show_it(
    tmp_path: Path, written: str, shown: str | None
) -> None:
    assert texts(write(tmp_path, "a.md", written)) == [shown or written]

"""What a model wrote about a page becomes headings, paragraphs, list items and rows, in whatever notation it wrote."""

from __future__ import annotations

import time

import pytest

from shared.domain.models import Block, BlockKind, Location
from shared.parsing.page_text import MAX_CHARACTERS, read_page_text

PATIENCE_SECONDS = 30.0


def read(text: str) -> list[Block]:
    return list(read_page_text(text, Location(page=4, headings=("file.pdf",))))


def texts(text: str) -> list[str]:
    return [block.text for block in read(text)]


def test_markdown_becomes_headings_paragraphs_items_and_rows() -> None:
    blocks = read("# 通知\n\n第一行\n第二行 one\ntwo\n\n- 甲\n1. 乙\n\n| 设备 | 周期 |\n|---|---|\n| 泵 | 每周 |\n")
    assert [block.text for block in blocks] == ["通知", "第一行第二行 one two", "甲", "1. 乙", "设备: 泵; 周期: 每周"]
    assert [block.heading for block in blocks] == [True, False, False, False, False]
    assert [block.kind for block in blocks][2:] == [BlockKind.ITEM, BlockKind.ITEM, BlockKind.ROW]
    assert {block.location.page for block in blocks} == {4}
    assert blocks[1].location.headings == ("file.pdf", "通知")
    assert blocks[-1].location.columns == ("设备", "周期")


@pytest.mark.parametrize(
    "table",
    [
        "<table><tr><td>Item</td><td>Price</td></tr><tr><td>Pump</td><td>12</td></tr><tr><td>Fan</td><td>7</td></tr></table>",
        "<table><thead><tr><th>Item</th><th>Price</th></tr></thead><tbody><tr><td>Pump</td><td>12</td></tr><tr><td>Fan</td>"
        "<td>7</td></tr></tbody></table>",
        "| Item | Price |\n| --- | ---: |\n| Pump | 12 |\n| Fan | 7 |",
        "\\begin{tabular}{|l|r|}\n\\hline\nItem & Price \\\\ \\hline\nPump & 12 \\\\\nFan & 7 \\\\\n\\hline\n"
        "\\end{tabular}",
        "```html\n<table>\n<tr>\n<td>Item</td>\n<td>Price</td>\n</tr>\n<tr><td><b>Pump</b></td><td>12</td></tr>"
        "<tr><td>Fan</td><td>7</td></tr>\n</table>\n```",
        # The model came to the end of what it may write.
        "<table><tr><td>Item</td><td>Price</td></tr><tr><td>Pump</td><td>12</td></tr><tr><td>Fan</td><td>7",
    ],
)
def test_a_table_in_any_notation_has_rows_with_labels(table: str) -> None:
    assert texts(f"Before.\n\n{table}") == ["Before.", "Item: Pump; Price: 12", "Item: Fan; Price: 7"]


def test_merged_cells_count_in_each_row_they_cover() -> None:
    html = (
        '<table><tr><th>Line</th><th colspan="2">Load</th></tr><tr><td rowspan="2">A</td><td>1</td><td>2</td></tr>'
        "<tr><td>3</td><td>4</td></tr></table>"
    )
    assert texts(html) == ["Line: A; Load: 1; Load: 2", "Line: A; Load: 3; Load: 4"]


def test_latex_is_read_as_text() -> None:
    latex = (
        "```latex\n\\documentclass{article}\n\\usepackage{ctex}\n\\begin{document}\n\\section*{Report}\n"
        "Sales rose by 5\\% in \\textbf{2025}.\n\n\\end{document}\n```"
    )
    assert texts(latex) == ["Report", "Sales rose by 5% in 2025."]


def test_notation_is_not_part_of_the_text() -> None:
    assert texts("**Total:** 5 &lt; 6<br>next ![seal](a.png)") == ["Total: 5 < 6", "next seal"]


def test_an_empty_page_has_no_blocks() -> None:
    assert texts("") == texts("```markdown\n```") == texts(" \n\n") == []


@pytest.mark.parametrize(
    "unit",
    [
        *("<table", "<td>", "<table><td>", "\\begin{tabular}", "**a", "|", "![[", "\\textbf{", "_", "# ", "<a ", " "),
        *("\n#", "\\multicolumn{1}{", "&", "`", "- ", "|-", "<table><tr>", "\\\\", "* *"),
    ],
)
def test_hostile_text_takes_linear_time_and_stays_within_bounds(unit: str) -> None:
    text = unit * (2 * MAX_CHARACTERS // len(unit))
    started = time.monotonic()
    assert sum(len(block.text) for block in read(text)) <= 2 * MAX_CHARACTERS
    assert time.monotonic() - started < PATIENCE_SECONDS

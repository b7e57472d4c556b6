"""What is read of a page: what a visitor sees of its main part."""

# ruff: noqa: E501 - cases are one to a line
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.domain.models import BlockKind
from shared.parsing import Limits, html, parse
from tests.profile import slow
from tests.unit.parsing.files import texts, write

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, body: str) -> list[str]:
    return texts(write(folder, "a.html", f"<!doctype html><meta charset=utf-8><body>{body}"))


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>ghost</p>", '<p style="color:red; DISPLAY : none">ghost</p>', "<b style='visibility:hidden'>ghost</b>",
        "<template>ghost</template>", "<noscript>ghost</noscript>", "<dialog>ghost</dialog>", "<!-- ghost -->",
        "<input type=hidden value=ghost>", "<p style='mso-hide:all'>ghost</p>", "<i aria-hidden=true>ghost</i>",
        "<script>ghost</script>", "<input type=password value=ghost>", "<input type=submit value=ghost>", "<button>ghost</button>",
        "<!--[if gte mso 9]><xml>ghost</xml><![endif]-->", '<img src="data:image/png;base64,ghost">', "<xml><o:x>ghost</o:x></xml>",
    ],
)  # fmt: skip
def test_what_is_not_shown_is_not_read(tmp_path: Path, hidden: str) -> None:
    assert read(tmp_path, f"<p>shown</p>{hidden}") == ["shown"]


def test_what_react_sends_after_the_page_is_read(tmp_path: Path) -> None:
    shell = '<main><h1>Pumps</h1><!--$?--><template id="B:0"></template><p hidden id="S:x">ghost</p><!--/$--></main>'
    late = '<div hidden id="S:0"><p>The seal lasts a year.</p></div><script>$RC("B:0","S:0")</script><div hidden>ghost</div>'
    assert read(tmp_path, f"{shell}<footer>imprint</footer>{late}") == ["Pumps", "The seal lasts a year."]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<main><p>a</p><aside>note</aside></main><aside>side</aside><footer>imprint</footer>", ["a", "note"]),
        ("<nav>menu</nav><article><header>h</header><p>a</p><footer>by Ann</footer></article>", ["h", "a", "by Ann"]),
        ("<div role=navigation>menu</div><div role=main><aside>note</aside></div><div role=contentinfo>x</div>", ["note"]),
        ("<nav>only this</nav>", ["only this"]),
        ("<blockquote>Words<footer>Ann</footer></blockquote>", ["Words", "Ann"]),
    ],
)  # fmt: skip
def test_asides_and_footers_belong_to_the_main_part_or_to_the_site(
    tmp_path: Path, body: str, expected: list[str]
) -> None:
    assert read(tmp_path, body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<ruby>終<rp>(</rp><rt>しゅう</rt><rp>)</rp>点<rt>てん</rt></ruby>の駅", "終点の駅"),
        ("在<st1:City w:st=on>北京</st1:City>市<o:p></o:p>", "在北京市"),
        ("super<wbr>cali&shy;frag a<br>b &lt;c&gt; &#999999999999;", "supercalifrag a\nb <c>"),
        ("中<b>文</b>\n<b>字</b>\n符", "中文字符"),
        ("10<sup>6</sup> m<sup>2</sup> 1<sup>st</sup> H<sub>2</sub>O", "10⁶ m² 1st H2O"),
        ("<img alt='Plan of gate 4'>", "Plan of gate 4"),
        ("Name <input value=Bob> <input type=checkbox checked> yes", "Name Bob ☑ yes"),
        ("<select><option>a<option selected>b</select><select><option>c<option>d</select>", "b c"),
        ("<textarea>one\n&lt;two&gt;</textarea>", "one\n<two>"),
        ("<math><mi>w</mi><mo>=</mo><mfrac><mn>5</mn><msup><mi>E</mi><mn>2</mn></msup></mfrac></math>", "w = 5/(E^2)"),
        ('<math><semantics><annotation encoding="application/x-tex">\\frac{a}{b}</annotation></semantics></math>', "\\frac{a}{b}"),
        ('<math alttext="\\alpha"></math>', "\\alpha"),
        ('<iframe srcdoc="&lt;p&gt;in a frame&lt;/p&gt;"></iframe>', "in a frame"),
    ],
)  # fmt: skip
def test_a_line_shows_as_a_browser_shows_it(tmp_path: Path, body: str, expected: str) -> None:
    assert "\n".join(read(tmp_path, body)) == expected


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("<tr><th>A<th>B<th>C<tr><td rowspan=2>x<td>1<td><tr><td><td>2", ["A: x; B: 1", "A: x; C: 2"]),
        ("<tr><th>A<th>B<th>C<tr><td>x<td colspan=2>none<tr><td>y<td>1<td>2", ["A: x; B: none", "A: y; B: 1; C: 2"]),
        ("<thead><tr><td>A<td>B<tbody><tr><td>x<td>1", ["A: x; B: 1"]),
        ("<tfoot><tr><td>sum<td>9</tfoot><thead><tr><th>A<th>B</thead><tbody><tr><td>x<td>1</tbody>", ["A: x; B: 1", "A: sum; B: 9"]),
        (
            "<tr><td rowspan=2>Site<td colspan=2>Contact<tr><td>Phone<td>Mail<tr><td>Ulm<td>41<td>i@x<tr><td>Graz<td>52<td>j@x",
            ["Site: Ulm; Contact Phone: 41; Contact Mail: i@x", "Site: Graz; Contact Phone: 52; Contact Mail: j@x"],
        ),
        (
            "<tr><td>Code<td>Name<td>Amount<tr><td>A1<td>Bolt<td>10<tr><td>A2<td>Nut<td>12<tr><td colspan=3>Net prices",
            ["Code: A1; Name: Bolt; Amount: 10", "Code: A2; Name: Nut; Amount: 12", "Net prices"],
        ),
        ("<tr><td>Code<td>Price<tr></tr><tr><td>R1<td>5<tr><td>R2<td>6", ["Code: R1; Price: 5", "Code: R2; Price: 6"]),
        ("<tr><th>A<th>B<tr><td colspan=2>Europe<tr><td>x<td>1", ["Europe", "A: x; B: 1"]),
        ("<caption>Title</caption><tr><th>A<th>B<tr><td>x<td>1", ["Title", "A: x; B: 1"]),
        ("<tr><th>Height<td>4 m<tr><th>Width:<td>2 m", ["Height: 4 m", "Width: 2 m"]),
        ("<tr><th>A<th>B<tr><td>x<td><table><tr><td>in<td>ner</table>", ["A: x; B: in ner"]),
        ("<tr><td>one<tr><td>two", ["one", "two"]),
        ("<tr><td>left<td><table><tr><td>a<td>b</table>", ["left", "a | b"]),
    ],
)  # fmt: skip
def test_cells_stay_with_their_labels(tmp_path: Path, table: str, rows: list[str]) -> None:
    assert read(tmp_path, f"<table>{table}</table>") == rows


def test_items_have_the_numbers_a_browser_shows(tmp_path: Path) -> None:
    body = "<ol start=3 type=i><li>a<li value=7>b<ul><li>c</ul></ol><ol reversed><li>x<li>y</ol><ol><li>p<pre>q\n r</pre><li>z</ol>"
    assert read(tmp_path, body) == ["iii. a", "vii. b\n  c", "2. x", "1. y", "1. p", "q\n r", "2. z"]


def test_terms_and_questions_stay_with_what_explains_them(tmp_path: Path) -> None:
    body = "<dl><dt>PSU<dd>power<dd>supply<dt>A<dt>B<dd>both</dl><details><summary>How?</summary><p>So.</p></details>"
    document = parse(write(tmp_path, "a.html", body), "a.html", Limits())
    found = [(block.text, block.kind, block.keys) for block in document.blocks]
    assert found == [
        ("PSU: power; supply", BlockKind.ITEM, "PSU"),
        ("A, B: both", BlockKind.ITEM, "A, B"),
        ("How?\nSo.", BlockKind.ITEM, "How?"),
    ]


def test_code_keeps_its_lines_and_line_numbers_are_left_out(tmp_path: Path) -> None:
    body = "<table><tr><td><pre>1\n2\n3</pre><td><pre><b>def</b> f():\n    pass\n\nx &lt; 1</pre></table>"
    assert read(tmp_path, body) == ["def f():\n    pass\n\nx < 1"]


@slow
def test_merged_cells_of_a_hostile_page_are_bounded_and_reported(tmp_path: Path) -> None:
    body = "<table>" + "<tr><td rowspan=60000 colspan=1000>x<td>y" * 2_000 + "</table>"
    document = html.parse(write(tmp_path, "a.html", body), Limits())
    assert sum(block.text.count("y") for block in document.blocks) == 2_000
    assert any("Merged cells" in warning for warning in document.warnings)


@pytest.mark.parametrize("head", ['<?xml version="1.0"?>', "<!DOCTYPE html>"])
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<head><title/></head><body><p>one</p><p>two</p></body>", ["one", "two"]),
        ("<head><script src='a.js'/><style/></head><body><p>one</p></body>", ["one"]),
        ("<body><p><a id='p1'/>one<br/>two</p><div class='x' /><p>three</p></body>", ["one\ntwo", "three"]),
        ("<body><iframe src='u'/><textarea/><p>one</p></body>", ["one"]),
        ("<body><p>if <![CDATA[a < b & <i>c</i>]]> then</p></body>", ["if a < b & <i>c</i> then"]),
        ("<body><script>write('<script src=u/>' + a)</script><p>one</p></body>", ["one"]),
        ("<body><!-- <a/> --><p title='a/>b'>one</p></body>", ["one"]),
        ("<body>" + "<ul><li><a href='x'/></li></ul>" * 600 + "<p>one</p></body>", ["one"]),
    ],
)
def test_a_page_that_is_xml_may_write_elements_as_one_tag(
    tmp_path: Path, head: str, source: str, expected: list[str]
) -> None:
    page = f'{head}<html xmlns="http://www.w3.org/1999/xhtml">{source}</html>'
    assert texts(write(tmp_path, "a.html", page)) == expected


def test_a_page_that_is_not_xml_is_read_as_a_browser_reads_it(tmp_path: Path) -> None:
    assert read(tmp_path, "<script src='a.js'/>ghost</script><p>shown</p>") == ["shown"]


def test_blocks_in_code_begin_lines(tmp_path: Path) -> None:
    assert read(tmp_path, "<pre><div>a = 1</div><div>  b = 2\n</div><p>c</p></pre>") == ["a = 1\n  b = 2\nc"]


def test_tables_and_headings_may_be_named_by_roles(tmp_path: Path) -> None:
    row = '<div role="row"><div role="{0}">{1}</div><span role="{0}">{2}</span></div>'
    head, body = row.format("columnheader", "品名", "库存"), row.format("gridcell", "<b>水泵</b>", "12")
    grid = f'<div role="grid"><div role="rowgroup">{head}</div><div role="rowgroup">{body}</div></div>'
    page = f'<div role="heading" aria-level="3">Stock</div>{grid}<p>End</p>'
    assert read(tmp_path, page) == ["Stock", "品名: 水泵; 库存: 12", "End"]
    inner = '<div role="table"><div role="row"><div role="cell"><div role="table"><div role="row">a</div></div>'
    assert read(tmp_path, f"{inner}<p>b</p></div></div></div>") == ["a", "b"]


def test_labels_of_drawings_are_read(tmp_path: Path) -> None:
    labels = '<title>tip</title><defs><text>ghost</text></defs><text x="1">Flow &amp; head</text>'
    labels += '<text><tspan>Pu</tspan><tspan>mp</tspan><tspan x="1" dy="9">P-204</tspan></text>'
    labels += "<foreignObject><div>Tank</div><p>T-1</p></foreignObject><style>.a{}</style>"
    assert read(tmp_path, f"<p>Before</p><svg>{labels}</svg><p>After</p>") == [
        "Before",
        "Flow & head\nPump P-204\nTank T-1",
        "After",
    ]
    for hidden in ('style="display:none"', 'aria-hidden="true"', "hidden"):
        assert read(tmp_path, f"<p>a</p><svg {hidden}><text>ghost</text></svg>") == ["a"]


def test_content_that_a_script_would_show_is_read(tmp_path: Path) -> None:
    article = '<div id="js_content" style="visibility: hidden; opacity: 0;"><p>公众号正文。</p></div>'
    assert read(tmp_path, f'{article}<div style="visibility:hidden">ghost</div>') == ["公众号正文。"]
    page = write(tmp_path, "b.html", '<html><body style="display:none"><p>text</p></body></html>')
    assert texts(page) == ["text"]


def test_line_breaks_that_a_style_keeps_are_kept(tmp_path: Path) -> None:
    kept = '<div><div style="white-space: pre-wrap">Name:  Ida\n  Town: <b>Gent</b>\n</div></div><p>a\nb</p>'
    assert read(tmp_path, kept) == ["Name: Ida\nTown: Gent", "a b"]
    assert read(tmp_path, '<div style="white-space:pre-line"><p>one\ntwo</p></div>') == ["one two"]
    assert read(tmp_path, '<p style="white-space:nowrap">a\nb</p>') == ["a b"]


def test_the_number_of_an_item_with_a_table_stands_before_its_first_paragraph(tmp_path: Path) -> None:
    table = "<table><tr><th>Pump<th>Head<tr><td>P1<td>3</table>"
    page = f"<ol><li><p>First</p><li><p>Second</p>{table}<li><div>Third</div>{table}<li>{table}</ol>"
    assert texts(write(tmp_path, "a.html", page)) == [
        "1. First",
        "2. Second",
        "Pump: P1; Head: 3",
        "3. Third",
        "Pump: P1; Head: 3",
        "4.",
        "Pump: P1; Head: 3",
    ]

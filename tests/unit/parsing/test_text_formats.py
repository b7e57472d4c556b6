"""Formats that are text with a structure: source code, YAML, XML, notebooks, subtitles."""

# ruff: noqa: E501 - markup
from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from shared.domain.models import BlockKind
from shared.parsing import parse
from tests.unit.parsing.files import read_blocks, texts, write

if TYPE_CHECKING:
    from pathlib import Path

    from shared.domain.models import Block


def blocks_of(path: Path) -> list[Block]:
    return list(parse(path, path.name).blocks)


def test_code_is_cut_between_definitions_and_has_line_numbers(tmp_path: Path) -> None:
    body = "\n".join(f"    value_{number} = compute({number})" for number in range(30))
    source = f'"""模块说明。"""\n\n\ndef first():\n{body}\n\n    return 1\n\n\ndef second(a, b):\n    return a + b\n'
    blocks = blocks_of(write(tmp_path, "a.py", source))
    assert all(block.kind is BlockKind.CODE for block in blocks)
    lines = source.split("\n")
    for block in blocks:
        assert block.location.row is not None
        assert lines[block.location.row - 1] == block.text.split("\n")[0]
    assert [block.text.split("\n")[0] for block in blocks] == ['"""模块说明。"""', "    return 1", "def second(a, b):"]
    assert blocks[1].location.headings == ("def first()",)
    assert "\n".join(block.text for block in blocks).split() == source.split()


@pytest.mark.parametrize("name", ["a.go", "a.ts", "a.sql", "a.toml", "a.yaml", "a.sh", "a.css", "a.cpp"])
def test_code_of_any_language_keeps_all_its_lines(tmp_path: Path, name: str) -> None:
    source = "\n\n".join(f"item {number} {{\n  name = 价格由市场决定，请按时更新{number}\n}}" for number in range(400))
    blocks = blocks_of(write(tmp_path, name, source.encode("gb18030")))
    assert "\n".join(block.text for block in blocks).split() == source.split()
    assert len(blocks) > 10


def test_a_long_line_of_code_loses_nothing(tmp_path: Path) -> None:
    source = "x = [" + ", ".join(map(str, range(20_000))) + "]\ny = 1\n"
    assert "".join("".join(texts(write(tmp_path, "a.js", source))).split()) == "".join(source.split())


# -- xml --------------------------------------------------------------------------------------------------------------


def test_data_in_xml_are_records(tmp_path: Path) -> None:
    source = '<?xml version="1.0" encoding="GB2312"?><catalog xmlns="urn:x"><book id="b1"><title>红楼梦</title><price>30</price></book>'
    source += '<book id="b2"><title>西游记</title><price>25</price></book></catalog>'
    found = read_blocks(write(tmp_path, "a.xml", source.encode("gb2312")))
    assert [(text, place.row, place.headings) for text, place in found] == [
        ("红楼梦\nid: b1\nprice: 30", 1, ("book",)),
        ("西游记\nid: b2\nprice: 25", 2, ("book",)),
    ]


def test_a_text_in_xml_has_headings_and_paragraphs(tmp_path: Path) -> None:
    source = "<!DOCTYPE book [<!ENTITY co 'ACME'>]><book><title>Guide</title><chapter><title>Start</title>"
    source += "<para>Use <code>run</code> at &co;.</para><para>Next.</para></chapter></book>"
    found = read_blocks(write(tmp_path, "a.xml", source))
    assert [text for text, _ in found] == ["Guide", "Start", "Use run at ACME.", "Next."]
    assert found[-1][1].headings[-1] == "Start"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Caf&eacute;&nbsp;news", "Café news"),
        ("AT&T & Co", "AT&T & Co"),
        ("a &unknown; name", "a &unknown; name"),
        ("http://x/?a=1&b=2", "http://x/?a=1&b=2"),
        ("&lt;b&gt; &#233; &#xe9; &amp;eacute;&LT;", "<b> é é &eacute;<"),
        ("<![CDATA[raw &eacute; & so]]> &hellip;", "raw &eacute; & so …"),
    ],
)
def test_references_of_html_and_plain_ampersands_are_read(tmp_path: Path, written: str, read: str) -> None:
    found = texts(write(tmp_path, "a.xml", f"<feed><entry><title>{written} &copy;</title><id>1</id></entry></feed>"))
    assert f"{read} ©" in "\n".join(found).replace("\xa0", " ")


def test_html_in_a_feed_is_read_as_a_browser_shows_it(tmp_path: Path) -> None:
    page = "<p>It opens at &lt;nine&gt;.</p><p>Ask <b>Ann</b><br/>first.</p><script>alert(1)</script>"
    entry = f"<item><title>a < b</title><description><![CDATA[{page}]]></description><note>x &lt;T&gt; y</note></item>"
    feed = f"<rss version='2.0'><channel>{entry.replace('a < b', 'a &lt; b')}</channel></rss>"
    found = "\n".join(texts(write(tmp_path, "a.xml", feed)))
    assert "title: a < b" in found
    assert "note: x <T> y" in found
    assert "It opens at <nine>." in found
    assert "alert" not in found
    assert not {"<p>", "<b>", "<br/>", "&lt;"} & set(found.replace(">", "> ").split())


def test_a_name_that_a_dtd_elsewhere_defines_is_not_lost(tmp_path: Path) -> None:
    source = '<!DOCTYPE a PUBLIC "-//X" "http://127.0.0.1:1/x.dtd"><a><b>Price &euro;5, &ours;</b><c>1</c></a>'
    assert "Price €5, &ours;" in "\n".join(texts(write(tmp_path, "a.xml", source)))


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("windows-1255", "תעודת אחריות"),
        ("iso-8859-7", "Οδηγίες χρήσης"),
        ("iso-8859-9", "Kullanım kılavuzu için"),
        ("TIS-620", "คู่มือการใช้งาน"),
        ("IBM855", "Инструкция"),
        ("x-mac-cyrillic", "Инструкция"),
        ("UTF-16", "使用说明"),
    ],
)
def test_xml_is_read_in_the_encoding_it_declares(tmp_path: Path, encoding: str, word: str) -> None:
    source = f'<?xml version="1.0" encoding="{encoding}"?><a><b>{word}</b><c>1</c></a>'
    name = "mac_cyrillic" if encoding.startswith("x-") else encoding
    assert word in "\n".join(texts(write(tmp_path, "a.xml", source.encode(name))))


@pytest.mark.parametrize("label", ["utf-16", "cp037", "gb2312", "rot13"])
def test_a_wrong_label_of_an_encoding_is_not_believed(tmp_path: Path, label: str) -> None:
    source = f'<?xml version="1.0" encoding="{label}"?><a><b>Größe der Türen für Gäste</b><c>1</c></a>'
    assert "Größe der Türen für Gäste" in "\n".join(texts(write(tmp_path, "a.xml", source.encode())))


def test_entities_of_a_dtd_elsewhere_do_not_cost_the_feed(tmp_path: Path) -> None:
    source = '<!DOCTYPE rss [<!ENTITY % html PUBLIC "-//W3C//ENTITIES Latin 1 for XHTML//EN" "http://127.0.0.1:1/x.ent"> %html;]>'
    source += "<rss><title>Caf&eacute; news</title><id>1</id></rss>"
    assert "Café news" in "\n".join(texts(write(tmp_path, "a.xml", source)))


def test_the_xml_of_office_2003_is_read(tmp_path: Path) -> None:
    cells = "".join(
        f"<Row><Cell><Data>{a}</Data></Cell><Cell Index='3'><Data>{b}</Data></Cell></Row>"
        for a, b in (("Name", "Price"), ("Tea", "3"), ("Milk", "4"))
    )
    book = f"<?xml version='1.0'?><Workbook xmlns:s='u'><Worksheet s:Name='S1'><Table>{cells}</Table></Worksheet></Workbook>"
    found = read_blocks(write(tmp_path, "a.xls", book))
    assert [(text, place.sheet, place.row) for text, place in found] == [
        ("Name: Tea; Price: 3", "S1", 2),
        ("Name: Milk; Price: 4", "S1", 3),
    ]
    word = (
        "<w:wordDocument xmlns:w='u'><w:styles><w:style w:styleId='1'><w:name w:val='heading 1'/></w:style></w:styles>"
    )
    word += "<w:body><w:p><w:pPr><w:pStyle w:val='1'/></w:pPr><w:r><w:t>标题</w:t></w:r></w:p><w:p><w:r><w:t>a</w:t><w:tab/>"
    word += "<w:t>b</w:t></w:r></w:p></w:body></w:wordDocument>"
    assert texts(write(tmp_path, "b.doc", f"<?xml version='1.0'?>{word}")) == ["标题", "a\tb"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("<a><b></a>", "broken_file"),
        ("<a>" * 5_000, "too_deep"),
        ('<!DOCTYPE a [<!ENTITY b "&c;"><!ENTITY c "x">]><a>&b;</a>', "broken_file"),
        ("<!DOCTYPE a [<!ENTITY % p \"<!ENTITY c 'x'>\">%p;]><a/>", "broken_file"),
        (f'<!DOCTYPE a [<!ENTITY b "{"x" * 1000}">]><a>{"&b;" * 1000}</a>', "broken_file"),
        ('<!DOCTYPE a SYSTEM "file:///etc/hostname"><a/>', "empty_document"),
    ],
)
def test_hostile_or_malformed_xml_is_refused(tmp_path: Path, content: str, code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        texts(write(tmp_path, "a.xml", content))
    assert caught.value.code == code


def test_a_file_that_an_entity_names_is_not_read(tmp_path: Path) -> None:
    secret = write(tmp_path, "secret.txt", "mysecret")
    source = f'<!DOCTYPE a [<!ENTITY b SYSTEM "{secret}">]><a><c>shown</c><d>&b;</d></a>'
    assert "mysecret" not in "".join(texts(write(tmp_path, "a.xml", source)))


# -- notebooks and subtitles ------------------------------------------------------------------------------------------


def test_the_cells_of_a_notebook_are_text_code_and_output(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# 分析\n", "\n", "Some *text*."]},
        {
            "cell_type": "code",
            "source": "print(1 + 1)\n# no heading",
            "outputs": [
                {"output_type": "stream", "text": ["2\n"]},
                {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": "<Figure>"}},
                {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": ["\x1b[31m"]},
            ],
        },
    ]
    path = write(tmp_path, "a.ipynb", json.dumps({"cells": cells, "nbformat": 4}))
    blocks = blocks_of(path)
    assert parse(path, "a.ipynb").title == "分析"
    assert [block.text for block in blocks] == [
        "分析",
        "Some text.",
        "print(1 + 1)\n# no heading",
        "2\n\n<Figure>\nValueError: bad",
    ]
    assert blocks[2].kind is BlockKind.CODE
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1", "outputs": []}]}]}
    assert texts(write(tmp_path, "b.ipynb", json.dumps(old))) == ["x = 1"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("{", "broken_file"),
        ("[1]", "format_mismatch"),
        ("[" * 100_000, "too_deep"),
        ('{"cells": [1, null]}', "empty_document"),
    ],
)
def test_a_malformed_notebook_is_refused(tmp_path: Path, content: str, code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        texts(write(tmp_path, "a.ipynb", content))
    assert caught.value.code == code


def test_subtitles_are_sentences_with_times(tmp_path: Path) -> None:
    srt = "1\n00:00:01,000 --> 00:00:02,000\n<i>Hello and</i>\n\n2\n00:00:02,500 --> 00:00:04,000\n{\\an8}welcome.\n\n"
    srt += "3\n00:01:20,000 --> 00:01:22,000\n大家好，\n欢迎。\n"
    found = read_blocks(write(tmp_path, "a.srt", srt.replace("\n", "\r\n")))
    assert [(text, place.row) for text, place in found] == [
        ("[00:00:01] Hello and welcome.", 1),
        ("[00:01:20] 大家好，欢迎。", 3),
    ]
    vtt = "WEBVTT\n\nNOTE a comment\n\nSTYLE\n::cue {}\n\nid\n01:02.000 --> 01:03.000 align:start\n<v Anna>Hi &amp; bye.\n"
    assert texts(write(tmp_path, "a.vtt", vtt)) == ["[00:01:02] Anna: Hi & bye."]


def test_text_without_times_is_no_subtitles(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(write(tmp_path, "a.srt", "just text"), "a.srt")
    assert caught.value.code == "format_mismatch"


def test_a_subtitle_goes_on_after_an_empty_line(tmp_path: Path) -> None:
    srt = (
        "7\n00:00:01,000 --> 00:00:02,000\nThe northern fleet\n\nhas sailed.\n\n8\n00:00:03,000 --> 00:00:03,500\n\n\n"
    )
    srt += "9\n00:00:04,000 --> 00:00:05,000\nWho gave\nthe order?\n10\n00:00:06,000 --> 00:00:07,000\nNobody."
    expected = "[00:00:01] The northern fleet has sailed. Who gave the order? Nobody."
    assert texts(write(tmp_path, "a.srt", srt)) == [expected]


def test_names_and_notes_between_subtitles_are_not_shown(tmp_path: Path) -> None:
    vtt = "WEBVTT\n\nintro\n00:01.000 --> 00:02.000\n\nWelcome.\n\nNOTE to the editor\nmore\n\nsecond\n"
    vtt += "00:02.000 --> 00:03.000\nSit down.\n"
    assert texts(write(tmp_path, "a.vtt", vtt)) == ["[00:00:01] Welcome. Sit down."]


def test_captions_that_scroll_are_read_once(tmp_path: Path) -> None:
    vtt = "WEBVTT\n\n00:00.800 --> 00:02.800\n \nhi<00:01.040><c> all</c> of you\n\n00:02.800 --> 00:02.810\nhi all of you\n \n\n"
    vtt += "00:02.810 --> 00:04.000\nhi all of you\nwe model\na pump\n\n00:04.000 --> 00:05.000\nwe model\na pump\nin wax\n"
    assert texts(write(tmp_path, "a.vtt", vtt)) == ["[00:00:00] hi all of you we model a pump in wax"]


def test_numbers_are_shown_as_they_are_written(tmp_path: Path) -> None:
    record = '{"version": 1.10, "size": 0.00001, "most": 1e400, "sizes": [2.50, 3], "id": 12345678901234567890}'
    shown = "version: 1.10\nsize: 0.00001\nmost: 1e400\nid: 12345678901234567890\nsizes: 2.50, 3"
    assert sorted("\n".join(texts(write(tmp_path, "a.json", record))).split("\n")) == sorted(shown.split("\n"))
    assert texts(write(tmp_path, "b.json", '[["part", "price"], ["nut", 1.10], ["bolt", 2.0]]')) == [
        "part: nut; price: 1.10",
        "part: bolt; price: 2.0",
    ]
    assert texts(write(tmp_path, "c.json", '{"price": 1.50, // in euros\n}')) == ["price: 1.50"]


def test_records_of_jsonl_may_take_several_lines(tmp_path: Path) -> None:
    spread = '{\n "text": "first",\n "n": 1\n}\n{\n "text": "second",\n "n": 2\n}\n'
    found = read_blocks(write(tmp_path, "a.jsonl", spread))
    assert [(text, place.row) for text, place in found] == [("first\nn: 1", 1), ("second\nn: 2", 2)]
    assert texts(write(tmp_path, "b.jsonl", '{"a": 1,\n{"a": 2}\n{"a": 3}\n')) == ["a: 2", "a: 3"]


def test_quotations_may_begin_after_a_space(tmp_path: Path) -> None:
    table = 'name, remark, seats\nIda, "late, as ever", 3\nBo, "in time", 4\n'
    assert texts(write(tmp_path, "a.csv", table)) == [
        "name: Ida; remark: late, as ever; seats: 3",
        "name: Bo; remark: in time; seats: 4",
    ]
    assert texts(write(tmp_path, "b.csv", 'size, name\n5" pipe, a\n6" pipe, b "old"\n')) == [
        'size: 5" pipe; name: a',
        'size: 6" pipe; name: b "old"',
    ]


def test_marks_inside_texts_do_not_make_data_a_document(tmp_path: Path) -> None:
    units = '<unit id="u1"><source>Press <g id="1">Start</g> now</source><target>现在<g>开始</g></target></unit>'
    units += '<unit id="u2"><source>Stop</source><target>停止</target></unit>'
    assert texts(write(tmp_path, "a.xml", f"<xliff><body>{units}</body></xliff>"))[-2:] == [
        "id: u1\nsource: Press Start now\ntarget: 现在开始",
        "id: u2\nsource: Stop\ntarget: 停止",
    ]
    names = '<resources><string name="app">港口</string><string name="hi">Hello <b>you</b></string></resources>'
    assert texts(write(tmp_path, "b.xml", names))[-2:] == ["港口\nname: app", "Hello you\nname: hi"]
    letter = "<letter><salute>Dear Bo</salute><text>The <em>old</em> pump failed.</text></letter>"
    assert texts(write(tmp_path, "c.xml", letter)) == ["Dear Bo", "The old pump failed."]

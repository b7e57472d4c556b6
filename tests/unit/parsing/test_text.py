"""What is read of plain text and logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.domain.models import BlockKind
from shared.parsing import Limits, parse
from tests.unit.parsing.files import read_blocks, texts, write

if TYPE_CHECKING:
    from pathlib import Path

    from shared.domain.models import Block

CHINESE = "数据库连接失败，请检查密码。"
UTF8 = "服务器启动成功，端口八千。"


@pytest.mark.parametrize(
    ("foreign", "encoding"),
    [
        (CHINESE, "gb18030"),
        ("資料庫連線失敗，請檢查密碼。", "big5"),
        ("データベースに接続できませんでした。", "shift_jis"),
        ("Préparée à l’hôtel déjà fermé", "cp1252"),
        ("Ошибка подключения к базе данных.", "cp1251"),
    ],
)
@pytest.mark.parametrize("times", [1, 5])
def test_each_line_is_read_in_its_own_encoding(tmp_path: Path, foreign: str, encoding: str, times: int) -> None:
    content = b"\n".join([UTF8.encode()] * times + [foreign.encode(encoding)] * times + [UTF8.encode()])
    assert "\n".join(texts(write(tmp_path, "a.log", content))).split("\n") == [UTF8] * times + [foreign] * times + [
        UTF8
    ]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[2mtime\x1b[0m \x1b[31mERROR\x1b[0m", "time ERROR"),
        ("\x1b[38;5;196mred\x1b[K\x1b[2J", "red"),
        ("\x1b]0;window title\x07Build \x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "Build link"),
        ("\x1b(Bplain\x1b7\x1b8\x1bM", "plain"),
        ("\x9b31mred\x9bm", "red"),
        ("N\x08NA\x08A _\x08x", "NA x"),
    ],
)
def test_escape_sequences_of_terminals_go_whole(tmp_path: Path, raw: str, shown: str) -> None:
    assert texts(write(tmp_path, "a.log", raw)) == [shown]


def test_an_escape_sequence_across_the_blocks_a_file_is_read_in_goes_whole(tmp_path: Path) -> None:
    for shift in range(6):
        content = "x" * ((1 << 20) - shift) + "\x1b[31mERROR\x1b[0m"
        assert "".join(texts(write(tmp_path, "a.log", content))).endswith("xERROR")


def test_radicals_and_ligatures_of_copied_text_are_ordinary_characters(tmp_path: Path) -> None:
    assert texts(write(tmp_path, "a.txt", "⽤⼾⼿册⻓沙 o\ufb03ce")) == ["用户手册长沙 office"]


@pytest.mark.parametrize("joint", ["\n", "\n\n"])
@pytest.mark.parametrize(
    ("asked", "answered"), [("Q: How?", "A: So."), ("问：怎么办？", "答：重启。"), ("Q1. Why?", "A1. Because.")]
)
def test_a_question_and_its_answer_are_one_block(tmp_path: Path, joint: str, asked: str, answered: str) -> None:
    content = f"{asked}{joint}{answered}\n\n{asked}{joint}{answered}"
    found = list(parse(write(tmp_path, "a.txt", content), "a.txt", Limits()).blocks)
    assert [(block.text, block.kind) for block in found] == [(f"{asked}\n{answered}", BlockKind.ROW)] * 2


@pytest.mark.parametrize(
    "record",
    [
        "2026-05-08 10:00:01 FATAL the disk of this machine is full",
        "[10:00:01] the disk of this machine is full and was locked",
        "May  8 10:00:01 host kernel: the disk of this machine is full",
        "ERROR the disk of this machine is full and therefore locked",
    ],
)
def test_no_line_runs_on_from_a_record_of_a_log(tmp_path: Path, record: str) -> None:
    assert texts(write(tmp_path, "a.log", f"{record}\nDone\n")) == [f"{record}\nDone"]


def test_items_are_blocks_of_their_own(tmp_path: Path) -> None:
    found = list(parse(write(tmp_path, "a.txt", "Needed:\n- gloves\n- a rope\n"), "a.txt", Limits()).blocks)
    assert [(block.text, block.kind) for block in found][1:] == [
        ("- gloves", BlockKind.ITEM),
        ("- a rope", BlockKind.ITEM),
    ]


def test_form_feeds_are_page_breaks(tmp_path: Path) -> None:
    found = read_blocks(write(tmp_path, "a.txt", "one\ntwo\n\x0cthree\n\x0c"))
    assert [(text, location.page) for text, location in found] == [("one\ntwo", 1), ("three", 2)]
    assert read_blocks(write(tmp_path, "b.txt", "one\n\x0c"))[0][1].page is None


def parse_text(folder: Path, name: str, text: str) -> list[Block]:
    path = write(folder, name, text.encode())
    return list(parse(path, name, Limits()).blocks)


def test_underlined_titles_are_headings_of_levels_as_they_first_occur(tmp_path: Path) -> None:
    text = (
        "=======\nManual\n=======\n\nBefore use.\n\nInstalling\n==========\nTurn the pump by hand.\n\n"
        "安全\n----\n\n戴手套。\n\nCleaning\n========\n\nUse water.\n"
    )
    found = [(block.text, block.heading, block.location.headings) for block in parse_text(tmp_path, "a.rst", text)]
    assert found == [
        ("Manual", True, ("Manual",)),
        ("Before use.", False, ("Manual",)),
        ("Installing", True, ("Manual", "Installing")),
        ("Turn the pump by hand.", False, ("Manual", "Installing")),
        ("安全", True, ("Manual", "Installing", "安全")),
        ("戴手套。", False, ("Manual", "Installing", "安全")),
        ("Cleaning", True, ("Manual", "Cleaning")),
        ("Use water.", False, ("Manual", "Cleaning")),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "A first line of text\nand a second one\n----------------\n",
        "name  cost\n----  ----\nnail  3\n",
        "12345\n-----\n",
        "A title\n--------------------------------------\n",
        "Ready?\n??????\n",
    ],
)
def test_other_lines_of_marks_make_no_headings(tmp_path: Path, text: str) -> None:
    assert not any(block.heading for block in parse_text(tmp_path, "a.txt", text))


def test_a_calendar_has_whole_fields_by_event(tmp_path: Path) -> None:
    event = (
        "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Dock rev\r\n iew\r\nDESCRIPTION:Bring boots\\, hats\\nand the 检\r\n 修单\r\n"
    )
    event += 'DTSTART;TZID="Europe: Brussels":20260504T100000\r\nEND:VEVENT\r\n'
    calendar = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{event}{event.replace('Dock', 'Lock')}END:VCALENDAR\r\n"
    fields = "SUMMARY: {} review\nDESCRIPTION: Bring boots, hats\nand the 检修单\nDTSTART: 20260504T100000"
    assert texts(write(tmp_path, "a.ics", calendar)) == [fields.format("Dock"), fields.format("Lock")]


def test_a_card_has_no_picture_and_its_encoded_fields_are_read(tmp_path: Path) -> None:
    quoted = "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E8=B4=BE=E6=80=\r\n=9D\r\n"
    picture = "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ\r\n SkZJRg\r\n"
    card = f"BEGIN:VCARD\r\nVERSION:2.1\r\nN:Vos;Ida;;;\r\n{quoted}"
    card += f"item1.TEL;CELL:0123\r\nORG:Nordwind\\; Ltd;Sales\r\n{picture}END:VCARD\r\n"
    card += "BEGIN:VCARD\nFN:Bo\nLOGO:data:image/png;base64,iVBORw0KGgo\nno field\nEND:VCARD\n"
    assert texts(write(tmp_path, "a.vcf", card)) == [
        "N: Vos Ida\nFN: 贾思\nTEL: 0123\nORG: Nordwind; Ltd Sales",
        "FN: Bo\nno field",
    ]


def test_a_drawn_table_is_a_table(tmp_path: Path) -> None:
    table = "+----+------+\n| id | name |\n+----+------+\n|  1 | Ida  |\n|  2 | Bo   |\n+----+------+\n2 rows in set\n"
    assert texts(write(tmp_path, "a.txt", f"mysql> SELECT *\n{table}\n{table[:20]}")) == [
        "mysql> SELECT *",
        "id: 1; name: Ida",
        "id: 2; name: Bo",
        "2 rows in set",
        "+----+------+\n| id |",
    ]

"""Office files of 97 to 2003, binary workbooks and rich text: the same blocks as from the formats of today."""

# ruff: noqa: E501 - markup
from __future__ import annotations

import re
import struct
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING, Any

import olefile
import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher
from msoffcrypto.method.rc4 import _makekey as make_key

from shared.domain.errors import DocumentError
from shared.domain.models import BlockKind, Location
from shared.parsing import Limits, parse
from shared.parsing.container import open_container
from shared.parsing.summary import read_title
from tests.unit.parsing.files import container_of, read_blocks, texts, write, zipped

if TYPE_CHECKING:
    from collections.abc import Callable

# Written by LibreOffice from documents made for this test.
WRITTEN = Path(__file__).parent / "written"


def refused(path: Path, key: str = "") -> str:
    with pytest.raises(DocumentError) as caught:
        read_blocks(path, key)
    return caught.value.code


# -- doc --------------------------------------------------------------------------------------------------------------


def test_wide_tables_and_tables_within_cells_of_a_word_document() -> None:
    shown = texts(WRITTEN / "tables.doc")
    assert [row.count("; ") for row in shown[:2]] == [11, 11]
    assert [row[:26] for row in shown[:2]] == ["Kiln: A; M1: 101; M2: 102;", "Kiln: B; M1: 201; M2: 202;"]
    assert shown[2:] == [
        "Between.",
        "Topic | Details",
        "Valves",
        "Sizes:",
        "Size: DN15; Torque: 12 Nm",
        "Size: DN20; Torque: 18 Nm",
        "Grease.",
    ]


def test_a_word_document_has_headings_lists_tables_and_margins() -> None:
    document = parse(WRITTEN / "handbook.doc", "a.wps")
    blocks = list(document.blocks)
    assert (document.title, document.format) == ("员工手册 Handbook", "doc")
    assert [block.text for block in blocks if block.heading] == [
        "员工手册 Handbook",
        "第一章 总则",
        "考勤 Attendance",
        "第二章 薪酬",
    ]
    shown = [block.text for block in blocks]
    assert "本手册适用于全体员工，自2026年5月1日起施行。😀 Emoji and “quotes” — dashes…" in shown
    assert [text for text in shown if text.startswith(("1. ", "2. ", "• "))] == [
        "1. 按时上班",
        "2. 按时下班",
        "• apples",
        "• pears",
    ]
    assert "编号: 003; 部门: 研发部" in shown
    assert "地区: 华东; 季度一 收入: 100; 季度一 支出: 50; 备注 甲: 乙" in shown
    assert shown[-2:] == ["某某公司 内部资料", "地址：上海市"]
    row = next(block for block in blocks if block.text.startswith("编号: 001"))
    assert (row.kind, row.location.headings) == (
        BlockKind.ROW,
        ("第一章 总则", "考勤 Attendance"),
    )


def old_word(text: bytes, language: int = 0x0409, *, mac: bool = False, flags: int = 0) -> bytes:
    head = struct.pack("<HHHHHHHH", 0xA5DC, 104, 0, language, 0, flags, 0, 0).ljust(0x14, b"\0")
    head += struct.pack("<HH", 0x100 if mac else 0, 0) + struct.pack("<II", 0x300, 0x300 + len(text))
    head = head.ljust(0x34, b"\0") + struct.pack("<I", len(text))
    return container_of({"WordDocument": head.ljust(0x300, b"\0") + text})


def properties_of(*properties: tuple[int, int, bytes]) -> bytes:
    """A set of properties: the number, kind and value of each."""
    head = b"\xfe\xff\x00\x00" + bytes(20) + struct.pack("<I", 1) + bytes(16) + struct.pack("<I", 48)
    places, values = b"", b""
    for number, kind, value in properties:
        places += struct.pack("<II", number, 8 + 8 * len(properties) + len(values))
        values += struct.pack("<I", kind) + value
    return head + struct.pack("<II", 8 + len(places) + len(values), len(properties)) + places + values


@pytest.mark.parametrize(
    ("kind", "page", "title"),
    [
        (0x1E, 936, "员工手册".encode("gb18030")),
        (0x1E, 65001, "员工手册".encode()),
        (0x1E, 1200, "员工手册".encode("utf-16-le")),
        (0x1F, 936, "员工手册".encode("utf-16-le")),
    ],
)
def test_the_title_property_of_a_container_is_read_whatever_stands_beside_it(
    tmp_path: Path, kind: int, page: int, title: bytes
) -> None:
    ending = b"\0\0" if kind == 0x1F or page == 1200 else b"\0"
    size = (len(title) + len(ending)) // (2 if kind == 0x1F else 1)
    endless = (13, 0x100C, struct.pack("<I", 0xFFFFFFFF))  # a vector of so many values, without them
    stream = properties_of(
        (1, 2, struct.pack("<I", page)), endless, (2, kind, struct.pack("<I", size) + title + ending + b"\x1f\0\0\0")
    )
    path = write(tmp_path, "a.doc", container_of({"\x05SummaryInformation": stream, "WordDocument": bytes(99)}))
    with open_container(path, Limits()) as container:
        assert read_title(container) == "员工手册"


@pytest.mark.parametrize("stream", [b"", bytes(60), b"\xff" * 5_000, properties_of((2, 0x1E, b"\xff\xff\xff\xff"))])
def test_damaged_properties_give_no_title(tmp_path: Path, stream: bytes) -> None:
    path = write(tmp_path, "a.doc", container_of({"\x05SummaryInformation": stream, "WordDocument": bytes(99)}))
    with open_container(path, Limits()) as container:
        assert read_title(container) == ""


@pytest.mark.parametrize(
    ("text", "encoding", "language"),
    [
        ("Установка и запуск программы", "cp1251", 0x0409),
        ("安装和启动程序，请按时参加会议。", "gb18030", 0x0804),
        ("Größe und Maße der Straße", "cp1252", 0x0407),
    ],
)
def test_the_text_of_word_95_is_read_in_its_encoding(tmp_path: Path, text: str, encoding: str, language: int) -> None:
    content = old_word(f"{text}\rsecond\x07cell\x07\x07\x13 HYPERLINK x\x14shown\x15\r".encode(encoding), language)
    assert texts(write(tmp_path, "a.doc", content)) == [text, "second\ncell", "shown"]


def test_the_text_of_word_on_a_mac_is_read(tmp_path: Path) -> None:
    assert texts(write(tmp_path, "a.doc", old_word("Stratégie d’été\r".encode("mac_roman"), mac=True))) == [
        "Stratégie d’été"
    ]


def test_a_protected_or_broken_document_is_refused(tmp_path: Path) -> None:
    assert refused(write(tmp_path, "a.doc", old_word(b"x", flags=0x0100))) == "encrypted"
    assert refused(write(tmp_path, "b.doc", container_of({"WordDocument": b"\xec\xa5" + bytes(5000)}))) == "broken_file"
    assert (
        refused(write(tmp_path, "c.doc", container_of({"WordDocument": b"zz" + bytes(5000)}))) == "unsupported_format"
    )
    whole = (WRITTEN / "handbook.doc").read_bytes()
    for share in (0.1, 0.3, 0.6, 0.9):
        path = write(tmp_path, "d.doc", whole[: int(len(whole) * share)])
        try:
            texts(path)
        except DocumentError as error:
            assert error.code in ("broken_file", "empty_document")  # noqa: PT017


@pytest.mark.parametrize(
    ("stream", "word"),
    [("VisioDocument", "Visio"), ("Quill", "Publisher"), ("MatOST", "Works"), ("PP40", "PowerPoint 4")],
)
def test_containers_of_other_programs_are_refused_by_name(tmp_path: Path, stream: str, word: str) -> None:
    with pytest.raises(DocumentError, match=word) as caught:
        parse(write(tmp_path, "a", container_of({stream: b"x"})), "a.doc")
    assert caught.value.code == "unsupported_format"


def test_powerpoint_95_is_refused_although_a_stream_has_the_name_of_its_successor(tmp_path: Path) -> None:
    content = container_of({"PowerPoint Document": b"x", "Text_Content": b"x", "Header": b"x"})
    with pytest.raises(DocumentError, match="PowerPoint 4 or 95"):
        parse(write(tmp_path, "a.ppt", content), "a.ppt")


# -- xls and xlsb -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["a.xls", "a.et"])
def test_a_workbook_shows_its_cells_as_excel_does(key: str) -> None:
    found = read_blocks(WRITTEN / "prices.xls", key)
    assert found[0] == (
        "编号: 001; 名称: 产品1; 价格: 1,234.50; 日期: 2026-05-01; 折扣: 10%",
        Location(sheet="价格表", row=2, columns=("编号", "名称", "价格", "日期", "折扣")),
    )
    assert ("编号: 002; 名称: 产品2\n缺货 out of stock", Location(sheet="价格表", row=3)) in found
    assert [text for text, place in found if place.sheet == "Merged"] == [
        "Region: East; Sum: 1",
        "Region: East; Sum: 2",
        "Region: West; Sum: 3",
    ]


def test_a_damaged_workbook_is_read_or_refused(tmp_path: Path) -> None:
    whole = bytearray((WRITTEN / "prices.xls").read_bytes())
    for place in range(600, len(whole), 211):
        damaged = whole.copy()
        damaged[place] ^= 0xFF
        try:
            texts(write(tmp_path, "a.xls", bytes(damaged)))
        except DocumentError as error:
            assert error.code in ("broken_file", "empty_document", "encrypted", "unsupported_format")  # noqa: PT017


def stream_of(name: str) -> bytes:
    with olefile.OleFileIO(WRITTEN / name) as container:
        return bytes(container.openstream("Workbook").read())


@pytest.mark.parametrize("count", [0, 1, 5000, 2**31 - 1, 2**32 - 1])
def test_texts_of_a_workbook_are_read_although_their_number_is_wrong(tmp_path: Path, count: int) -> None:
    stream = bytearray(stream_of("prices.xls"))
    place = next(place for place in record_places(stream) if stream[place : place + 2] == b"\xfc\x00")
    stream[place + 8 : place + 12] = struct.pack("<I", count)
    path = write(tmp_path, "a.xls", container_of({"Workbook": bytes(stream)}))
    assert read_blocks(path) == read_blocks(WRITTEN / "prices.xls")


def replace_strings(make: Callable[[bytes], bytes]) -> bytes:
    """The workbook with other records in place of the one with its texts."""
    stream = bytearray(stream_of("prices.xls"))
    places = record_places(stream)
    place = next(place for place in places if stream[place : place + 2] == b"\xfc\x00")
    end = place + 4 + int.from_bytes(stream[place + 2 : place + 4], "little")
    made = make(bytes(stream[place + 4 : end]))
    for sheet in (each for each in places if stream[each : each + 2] == b"\x85\x00"):
        start = int.from_bytes(stream[sheet + 4 : sheet + 8], "little")
        stream[sheet + 4 : sheet + 8] = struct.pack("<I", start + len(made) - (end - place))
    return container_of({"Workbook": bytes(stream[:place]) + made + bytes(stream[end:])})


def test_texts_that_an_empty_record_parts_are_read(tmp_path: Path) -> None:
    def make(data: bytes) -> bytes:
        end = 8 + 3 + int.from_bytes(data[8:10], "little") * (1 + data[10] % 2)  # of the first text
        first, rest = data[:end], data[end:]
        return struct.pack("<HH", 0xFC, end) + first + struct.pack("<HHHH", 0x3C, 0, 0x3C, len(rest)) + rest

    assert read_blocks(write(tmp_path, "a.xls", replace_strings(make))) == read_blocks(WRITTEN / "prices.xls")


def test_a_workbook_without_its_texts_keeps_its_numbers(tmp_path: Path) -> None:
    found = " ".join(texts(write(tmp_path, "a.xls", replace_strings(lambda _: struct.pack("<HHII", 0xFC, 8, 0, 0)))))
    numbers = re.findall(r"\b\d+\.\d+\b", " ".join(texts(WRITTEN / "prices.xls")))
    assert numbers
    assert set(numbers) <= set(re.findall(r"\b\d+\.\d+\b", found))


def test_a_sheet_without_its_first_record_is_read(tmp_path: Path) -> None:
    stream = bytearray(stream_of("prices.xls"))
    for place in record_places(stream)[1:]:
        if stream[place : place + 2] == b"\x09\x08":
            stream[place : place + 2] = b"\xff\x0f"
    path = write(tmp_path, "a.xls", container_of({"Workbook": bytes(stream)}))
    assert read_blocks(path) == read_blocks(WRITTEN / "prices.xls")


def record_places(stream: bytes | bytearray) -> list[int]:
    places = [0]
    while places[-1] + 4 <= len(stream):
        places.append(places[-1] + 4 + int.from_bytes(stream[places[-1] + 2 : places[-1] + 4], "little"))
    return places[:-1]


def encrypt_rc4(stream: bytes, password: str) -> bytes:
    """As Excel 97 encrypts ([MS-XLS] 2.2.10): all but heads of records and positions of sheets."""
    salt, verifier = bytes(range(16)), bytes(range(16, 32))
    added = 4 + 54

    def cipher(block: int) -> Any:
        return Cipher(ARC4(make_key(password, salt, block)), mode=None).encryptor()

    first = cipher(0)
    check = first.update(verifier) + first.update(md5(verifier).digest())
    plain, shown = bytearray(), bytearray()
    for place in record_places(stream):
        head, data = (
            stream[place : place + 4],
            bytearray(stream[place + 4 :][: stream[place + 2] | stream[place + 3] << 8]),
        )
        kept = len(data) if head[:2] == b"\x09\x08" else 0
        if head[:2] == b"\x85\x00":
            data[:4] = struct.pack("<I", int.from_bytes(data[:4], "little") + added)
            kept = 4
        plain += head + data
        shown += b"\1" * (4 + kept) + bytes(len(data) - kept)
        if not place:
            plain += struct.pack("<HHHHH", 0x2F, 54, 1, 1, 1) + salt + check
            shown += b"\1" * added
    # Empty records at the end, up to the size from which a container stores a stream by itself.
    padding = 4 * (1 + (4096 - len(plain)) // 4)
    plain += bytes(padding)
    shown += b"\1" * padding
    hidden = b"".join(cipher(at // 1024).update(bytes(plain[at : at + 1024])) for at in range(0, len(plain), 1024))
    return bytes(clear if keep else secret for clear, secret, keep in zip(plain, hidden, shown, strict=True))


def test_an_old_workbook_with_the_password_that_excel_tries_is_read(tmp_path: Path) -> None:
    stream = stream_of("prices.xls")
    path = write(tmp_path, "a.xls", container_of({"Workbook": encrypt_rc4(stream, "VelvetSweatshop")}))
    assert read_blocks(path) == read_blocks(WRITTEN / "prices.xls")
    assert refused(write(tmp_path, "b.xls", container_of({"Workbook": encrypt_rc4(stream, "another")}))) == "encrypted"


@pytest.mark.parametrize("rest", [b"\0", b"\0\0", b"\0\0\0", b"\0" * 601])
def test_an_encrypted_workbook_that_ends_in_other_bytes_is_read(tmp_path: Path, rest: bytes) -> None:
    stream = encrypt_rc4(stream_of("prices.xls"), "VelvetSweatshop") + rest
    path = write(tmp_path, "a.xls", container_of({"Workbook": stream}))
    assert read_blocks(path) == read_blocks(WRITTEN / "prices.xls")


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def binary(*records: tuple[int, bytes]) -> bytes:
    content = b""
    for number, data in records:
        head = bytes([number]) if number < 128 else bytes([number & 0x7F | 0x80, number >> 7])
        content += head + bytes([len(data) & 0x7F | 0x80, len(data) >> 7]) + data
    return content


def xlsb_of(*records: tuple[int, bytes]) -> bytes:
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    link = "<Relationship Id='{}' Type='{}/{}' Target='{}'/>"
    links = link.format("r1", office, "worksheet", "s.bin") + link.format("r2", office, "styles", "styles.bin")
    links += link.format("r3", office, "sharedStrings", "texts.bin")
    style = (44, struct.pack("<H", 164) + wide("yyyy-mm-dd"))
    styles = [style, (617, b""), *((47, struct.pack("<HHHHH", 0, form, 0, 0, 0)) for form in (0, 164, 9)), (618, b"")]
    return zipped(
        {
            "_rels/.rels": f"<R xmlns='{package}'>{link.format('r1', office, 'officeDocument', 'xl/workbook.bin')}</R>",
            "xl/workbook.bin": binary((156, struct.pack("<II", 0, 1) + wide("r1") + wide("价格"))),
            "xl/_rels/workbook.bin.rels": f"<R xmlns='{package}'>{links}</R>",
            "xl/styles.bin": binary(*styles),
            "xl/texts.bin": binary((19, b"\0" + wide("名称"))),
            "xl/s.bin": binary(*records),
        }
    )


def cell(column: int, style: int, data: bytes) -> bytes:
    return struct.pack("<II", column, style) + data


def test_a_binary_workbook_is_read_as_one_in_xml(tmp_path: Path) -> None:
    rows = [
        (0, struct.pack("<I", 4)),
        *((7, cell(0, 0, struct.pack("<I", 0))), (6, cell(1, 0, wide("日期"))), (6, cell(2, 0, wide("折扣")))),
        (0, struct.pack("<I", 5)),
        *((6, cell(0, 0, wide("茶"))), (5, cell(1, 1, struct.pack("<d", 46150)))),
        (2, cell(2, 2, struct.pack("<I", 10 << 2 | 3))),
        (0, struct.pack("<I", 6)),
        *((6, cell(0, 0, wide("咖啡"))), (9, cell(1, 1, struct.pack("<d", 46151))), (4, cell(2, 0, b"\1"))),
        (176, struct.pack("<IIII", 5, 6, 3, 3)),
    ]
    found = read_blocks(write(tmp_path, "a.xlsb", xlsb_of(*rows)))
    assert [(text, place.sheet, place.row) for text, place in found] == [
        ("名称: 茶; 日期: 2026-05-08; 折扣: 10%", "价格", 6),
        ("名称: 咖啡; 日期: 2026-05-09; 折扣: TRUE", "价格", 7),
    ]


@pytest.mark.parametrize(
    "data", [b"", b"\xff" * 40, b"\x00\xff\xff\xff\x7f", b"\x05\x90\x01" + bytes(200), b"\x00\x04"]
)
def test_damaged_records_are_refused_or_read_as_far_as_they_go(tmp_path: Path, data: bytes) -> None:
    content = xlsb_of((0, bytes(4)), (6, cell(0, 0, wide("kept"))))
    path = write(tmp_path, "a.xlsb", content)
    assert texts(path) == ["kept"]
    import zipfile

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for part in ("xl/s.bin", "xl/workbook.bin", "xl/styles.bin", "xl/texts.bin"):
        damaged = write(tmp_path, "b.xlsb", zipped({**parts, part: data}))
        try:
            texts(damaged)
        except DocumentError as error:
            assert error.code in ("broken_file", "empty_document")  # noqa: PT017


# -- ppt --------------------------------------------------------------------------------------------------------------


def record(kind: int, data: bytes, instance: int = 0, *, within: bool = False) -> bytes:
    return struct.pack("<HHI", instance << 4 | (15 if within else 0), kind, len(data)) + data


def box(text: str, kind: int = 4, *, at: tuple[int, int] | None = None, to: tuple[int, int] = (9, 9)) -> bytes:
    anchor = record(0xF00F, struct.pack("<iiii", *at, *to)) if at else b""
    inside = record(0x0F9F, struct.pack("<I", kind)) + record(0x0FA0, text.encode("utf-16-le"))
    return record(0xF004, anchor + record(0xF00D, inside, within=True), within=True)


def table(rows: list[list[str]]) -> bytes:
    properties = record(0xF122, struct.pack("<HI", 0x039F, 1), 1)
    cells = [box(text, at=(100 * c, 100 * r)) for r, row in enumerate(rows) for c, text in enumerate(row)]
    return record(0xF003, record(0xF004, properties, within=True) + b"".join(cells), within=True)


def slide(*shapes: bytes) -> bytes:
    drawing = record(0xF002, record(0xF003, b"".join(shapes), within=True), within=True)
    return record(0x03EE, record(0x040C, drawing, within=True), within=True)


def ppt_of(*slides: bytes, token: int = 0xE391C05F) -> bytes:
    listed = b"".join(
        record(0x03F3, struct.pack("<IIIII", number, 0, 0, 255 + number, 0)) for number in range(2, len(slides) + 2)
    )
    parts = [record(0x03E8, record(0x0FF0, listed, within=True), within=True), *slides]
    places, stream = [], b""
    for part in parts:
        places.append(len(stream))
        stream += part
    directory = len(stream)
    stream += record(0x1772, struct.pack("<I", len(parts) << 20 | 1) + struct.pack(f"<{len(parts)}I", *places))
    edit = len(stream)
    stream += record(0x0FF5, struct.pack("<IIIIIII", 0, 0, 0, directory, 1, 0, 0))
    user = record(0x0FF6, struct.pack("<III", 20, token, edit))
    return container_of({"PowerPoint Document": stream, "Current User": user})


def test_slides_have_titles_tables_and_numbers(tmp_path: Path) -> None:
    first = slide(box("总结 Review", 0), box("收入增长\r成本下降", 1))
    second = slide(table([["Name", "Price"], ["苹果", "12"], ["梨", "34"]]))
    assert read_blocks(write(tmp_path, "a.ppt", ppt_of(first, second))) == [
        ("总结 Review", Location(page=1, headings=("总结 Review",))),
        ("收入增长\n成本下降", Location(page=1, headings=("总结 Review",))),
        ("Name: 苹果; Price: 12", Location(page=2, columns=("Name", "Price"))),
        ("Name: 梨; Price: 34", Location(page=2, columns=("Name", "Price"))),
    ]


def test_cells_of_a_slide_merged_over_rows_and_columns_count_for_each(tmp_path: Path) -> None:
    cells = [
        *(("Team", 0, 0, 1, 2), ("Load", 1, 0, 3, 1), ("Min", 1, 1, 2, 2), ("Max", 2, 1, 3, 2)),
        *(("Dock", 0, 2, 1, 4), ("4", 1, 2, 2, 3), ("9", 2, 2, 3, 3), ("5", 1, 3, 2, 4), ("8", 2, 3, 3, 4)),
    ]
    properties = record(0xF004, record(0xF122, struct.pack("<HI", 0x039F, 1), 1), within=True)
    boxes = b"".join(box(text, at=(100 * x, 100 * y), to=(100 * right, 100 * low)) for text, x, y, right, low in cells)
    path = write(tmp_path, "a.ppt", ppt_of(slide(record(0xF003, properties + boxes, within=True))))
    assert texts(path) == ["Team: Dock; Load Min: 4; Load Max: 9", "Team: Dock; Load Min: 5; Load Max: 8"]


def test_a_protected_presentation_is_refused(tmp_path: Path) -> None:
    assert refused(write(tmp_path, "a.ppt", ppt_of(slide(box("x")), token=0xF3D1C4DF))) == "encrypted"


def test_damaged_slides_are_read_or_refused(tmp_path: Path) -> None:
    whole = bytearray(ppt_of(slide(box("Title", 0), box("body")), slide(table([["a", "b"], ["c", "d"]]))))
    for place in range(512, 2_000, 13):
        damaged = whole.copy()
        damaged[place] ^= 0xFF
        try:
            texts(write(tmp_path, "a.ppt", bytes(damaged)))
        except DocumentError as error:
            assert error.code in ("broken_file", "empty_document", "encrypted", "unsupported_format")  # noqa: PT017


def test_records_inside_one_another_end(tmp_path: Path) -> None:
    inside = box("deep")
    for _ in range(5_000):
        inside = record(0xF003, inside, within=True)
    assert refused(write(tmp_path, "a.ppt", ppt_of(slide(inside)))) in ("empty_document", "too_deep")


# -- rtf --------------------------------------------------------------------------------------------------------------

RTF = rb"""{\rtf1\ansi\ansicpg936\deff0{\fonttbl{\f0\fnil\fcharset134 SimSun;}{\f1\fswiss\fcharset0 Arial;}{\f2\fcharset2 Symbol;}}
{\stylesheet{\s1\outlinelevel0 heading 1;}{\s2 heading 2;}}{\info{\title \'b1\'ea\'cc\'e2}}
{\header\pard Confidential\par}
\pard\s1\f0 \'b5\'da\'d2\'bb\'d5\'c2\par
\pard\plain\f1 Caf\'e9 \u8364?100 {\v hidden}{\deleted gone}\uc2\u20320\'c4\'e3\uc1\u22909 ? \emdash{\*\unknown not read}\par
{\listtext\pard 1.\tab}first\par{\listtext\f2\'b7\tab}second\par
\trowd\cellx1000\cellx2000\cellx3000\intbl Name\cell Price\cell Note\cell\row
\trowd\cellx1000\cellx2000\cellx3000\intbl Tea\cell 3\cell a\cell\row
\trowd\cellx1000\cellx2000\cellx3000\intbl Milk\cell 4\cell b\cell\row
\pard After{\footnote The note.} the table.\par
{\field{\*\fldinst HYPERLINK "x"}{\fldrslt link text}}\par}"""


def test_rich_text_has_headings_lists_tables_notes_and_encodings(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rtf", RTF)
    document = parse(path, "a.rtf")
    blocks = list(document.blocks)
    assert document.title == "第一章"
    assert [block.text for block in blocks] == [
        "第一章",
        "Confidential",
        "Café €100 你好 —",
        "1. first",
        "• second",
        "Name: Tea; Price: 3; Note: a",
        "Name: Milk; Price: 4; Note: b",
        "After the table.",
        "The note.",
        "link text",
    ]
    assert blocks[5].location.headings == ("第一章",)


def test_the_title_property_of_rich_text_is_its_title(tmp_path: Path) -> None:
    path = write(tmp_path, "a.rtf", RTF.replace(rb"\s1\f0", rb"\f0"))
    assert parse(path, "a.rtf").title == "标题"


def test_cells_merged_in_rich_text_are_repeated(tmp_path: Path) -> None:
    rows = [
        rb"\trowd\clvmgf\cellx1000\cellx2000\intbl Region\cell Sum\cell\row",
        rb"\trowd\clvmgf\cellx1000\cellx2000\intbl East\cell 1\cell\row",
        rb"\trowd\clvmrg\cellx1000\cellx2000\intbl\cell 2\cell\row",
    ]
    path = write(tmp_path, "a.rtf", b"{\\rtf1 " + b"".join(rows) + b"}")
    assert texts(path) == ["Region: East; Sum: 1", "Region: East; Sum: 2"]


def test_a_caption_in_a_merged_cell_is_plain_text(tmp_path: Path) -> None:
    """Classes of text that mark merged cells must not reach the messages of the parser process."""
    rows = [
        rb"\trowd\cellx1000\cellx2000\cellx3000\intbl Name\cell Price\cell Note\cell\row",
        rb"\trowd\clvmgf\cellx1000\cellx2000\cellx3000\intbl Tea\cell 3\cell a\cell\row",
        rb"\trowd\clvmrg\cellx1000\clmgf\cellx2000\clmrg\cellx3000\intbl\cell over both\cell\cell\row",
        rb"\trowd\cellx1000\cellx2000\cellx3000\intbl Milk\cell 4\cell b\cell\row",
    ]
    found = texts(write(tmp_path, "a.rtf", b"{\\rtf1 " + b"".join(rows) + b"}"))
    assert {type(text) for text in found} == {str}


@pytest.mark.parametrize(
    "content",
    [
        b"{\\rtf1 " + b"{" * 100_000,
        b"{\\rtf1 text" + b"}" * 100_000,
        b"{\\rtf1 \\bin99999999999 text",
        b"{\\rtf1 \\u-99999 \\u55357?\\u1? \\'zz \\'",
        b"{\\rtf1 " + b"\\trowd\\cellx1\\intbl\\cell" * 5_000,
        b"{\\rtf1 {\\fonttbl{\\f99999999 x;}}\\f99999999 text\\par}",
        b"{\\rtf1 " + b"{\\footnote " * 4_000 + b"text",
    ],
)
def test_malformed_rich_text_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    try:
        texts(write(tmp_path, "a.rtf", content))
    except DocumentError as error:
        assert error.code in ("too_deep", "broken_file")  # noqa: PT017


def test_the_bound_on_rows_holds(tmp_path: Path) -> None:
    rows = b"\\trowd\\cellx1000\\cellx2000\\intbl a\\cell b\\cell\\row" * 30
    with pytest.raises(DocumentError) as caught:
        texts(write(tmp_path, "a.rtf", b"{\\rtf1 " + rows + b"}"), limits=Limits(max_rows=20))
    assert caught.value.code == "too_large"


NESTED_RTF = rb"""{\rtf1\ansi
\trowd\cellx3000\cellx9000\pard\intbl Topic\cell Details\cell\row
\trowd\cellx3000\cellx9000\pard\intbl Valves\cell\pard\intbl Sizes:\par
\pard\intbl\itap2 Size\nestcell\pard\intbl\itap2 Torque\nestcell{\*\nesttableprops\trowd\cellx1000\cellx2000\nestrow}
{\nonesttables\par}
\pard\intbl\itap2 DN15\nestcell\pard\intbl\itap2 12 Nm\nestcell{\*\nesttableprops\trowd\cellx1000\cellx2000\nestrow}
\pard\intbl\itap2 DN20\nestcell\pard\intbl\itap2 18 Nm\nestcell{\*\nesttableprops\trowd\cellx1000\cellx2000\nestrow}
\pard\intbl Grease.\cell\row\pard After.\par}"""


def test_a_table_within_a_cell_of_rich_text_is_one(tmp_path: Path) -> None:
    assert texts(write(tmp_path, "a.rtf", NESTED_RTF)) == [
        "Topic | Details",
        "Valves",
        "Sizes:",
        "Size: DN15; Torque: 12 Nm",
        "Size: DN20; Torque: 18 Nm",
        "Grease.",
        "After.",
    ]


def test_ends_of_inner_rows_and_cells_alone_do_no_harm(tmp_path: Path) -> None:
    words = rb"\nestcell\nestrow{\*\nesttableprops\trowd\cellx9\nestrow}\itap9999 deep\cell\nestrow\row"
    assert "deep" in " ".join(texts(write(tmp_path, "a.rtf", rb"{\rtf1 " + words * 40 + rb" end}")))

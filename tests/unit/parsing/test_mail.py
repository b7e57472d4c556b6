"""Messages, mailboxes and archives: subject, header, body, and the documents inside them."""

from __future__ import annotations

import base64
import quopri
import struct
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from shared.domain.models import Location
from shared.parsing import Limits, parse
from tests.unit.parsing.files import container_of, pdf_of, read_blocks, texts, write, zipped

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "From: Anna <anna@example.com>\nTo: b@example.com\nSubject: {}\nDate: Fri, 08 May 2026 09:30:00 +0800\n"
CHINESE = "会议纪要：第三季度预算"


def message_of(subject: str = "Budget", body: str = "The budget is 500.") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Anna <anna@example.com>", "b@example.com", subject
    message["Date"] = "Fri, 08 May 2026 09:30:00 +0800"
    message.set_content(body)
    return message


def warnings_of(path: Path, key: str) -> list[str]:
    document = parse(path, key)
    list(document.blocks)
    return document.warnings


def test_a_message_has_its_subject_as_title_and_its_header_as_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.eml", message_of(CHINESE, "预算为五百万元。").as_bytes())
    assert parse(path, "a.eml").title == CHINESE
    assert texts(path) == [
        CHINESE,
        "From: Anna <anna@example.com>\nTo: b@example.com\nDate: 2026-05-08 09:30 +0800",
        "预算为五百万元。",
    ]


@pytest.mark.parametrize("charset", ["gb2312", "gbk", "gb18030", "utf-8", "big5"])
@pytest.mark.parametrize("declared", [True, False])
def test_the_encoding_of_subject_and_body_is_found(tmp_path: Path, charset: str, declared: bool) -> None:
    text = "預算會議記錄，請各部門準時參加。" if charset == "big5" else "预算会议的记录，请各部门按时参加。"
    named = f"Content-Type: text/plain; charset={charset}\n" if declared else ""
    word = f"=?{charset}?B?{base64.b64encode(text.encode(charset)).decode()}?="
    raw = HEADER.format("{}").encode().replace(b"{}", word.encode() if declared else text.encode(charset))
    path = write(tmp_path, "a.eml", raw + named.encode() + b"\n" + text.encode(charset))
    assert texts(path)[0] == text
    assert texts(path)[-1] == text


@pytest.mark.parametrize(
    ("word", "shown"),
    [("=?utf-8?B?6aKE566X5Lya6?=", "预算会"), ("=?utf-8?B?6aKE*566X=5Lya6?= end", "预算会 end")],
)
def test_a_damaged_word_of_a_subject_is_read_as_far_as_it_goes(tmp_path: Path, word: str, shown: str) -> None:
    path = write(tmp_path, "a.eml", HEADER.format(word).encode() + b"\nbody\n")
    assert texts(path)[0] == shown


def test_the_page_of_a_message_is_read_rather_than_its_text(tmp_path: Path) -> None:
    message = message_of(body="plain text")
    table = "<table><tr><th>Name</th><th>Price</th></tr><tr><td>Tea</td><td>3</td></tr></table>"
    message.add_alternative(f"<html><body><p>rich text</p>{table}</body></html>", subtype="html")
    found = texts(write(tmp_path, "a.eml", message.as_bytes()))
    assert found[2:] == ["rich text", "Name: Tea; Price: 3"]


def test_attachments_are_read_under_their_names_with_their_places(tmp_path: Path) -> None:
    message = message_of()
    message.add_attachment(
        pdf_of([["first"], ["second page"]]), maintype="application", subtype="pdf", filename="报告.pdf"
    )
    message.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="t.csv")
    message.add_attachment(b"\x89PNG\r\n\x1a\n" + bytes(99), maintype="image", subtype="png", filename="logo.png")
    path = write(tmp_path, "a.eml", message.as_bytes())
    found = read_blocks(path)
    assert ("second page", Location(page=2, headings=("Budget", "报告.pdf"))) in found
    assert any(text == "a: 1; b: 2" and place.row == 2 and place.headings[-1] == "t.csv" for text, place in found)
    (warning,) = warnings_of(path, "a.eml")
    assert warning.startswith("Files inside the document that were left out: 1 (png). The file is a picture.")


def test_messages_inside_messages_are_read_to_a_depth(tmp_path: Path) -> None:
    message = message_of("level 0", "body 0")
    for level in range(1, 6):
        outer = message_of(f"level {level}", f"body {level}")
        outer.add_attachment(message)
        message = outer
    path = write(tmp_path, "a.eml", message.as_bytes())
    found = texts(path)
    assert [text for text in found if text.startswith("body")] == ["body 5", "body 4", "body 3", "body 2"]
    assert "inside too many other documents" in warnings_of(path, "a.eml")[0]


@pytest.mark.parametrize("coding", ["base64", "quoted-printable", "BASE64 cut off", "none"])
def test_an_attached_message_is_read_though_it_is_encoded(tmp_path: Path, coding: str) -> None:
    inner = message_of("Offer =3D 5", "The pump costs 500 EUR — it is ready.").as_bytes()
    written = {
        "base64": base64.encodebytes(inner),
        "BASE64 cut off": base64.encodebytes(inner)[:-7],
        "quoted-printable": quopri.encodestring(inner),
        "none": inner,
    }[coding]
    label = f"Content-Transfer-Encoding: {coding.split()[0]}\n".encode() if coding != "none" else b""
    start = HEADER.format("outer").encode() + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nSee below.\n--b\n"
    raw = start + b"Content-Type: message/rfc822\n" + label + b"\n" + written + b"\n--b--\n"
    found = "\n".join(texts(write(tmp_path, "a.eml", raw)))
    assert "See below." in found
    assert "Offer =3D 5" in found
    assert "The pump costs 500 EUR" in found


@pytest.mark.parametrize("charset", ["gb18030", "utf-8", "latin-1"])
def test_the_name_of_an_attachment_in_raw_bytes_is_kept(tmp_path: Path, charset: str) -> None:
    name = "Prüfung.csv" if charset == "latin-1" else "设备检查报告.csv"
    start = HEADER.format("x").encode() + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
    part = f'Content-Disposition: attachment; filename="{name}"\n\nname,price\npump,5\ntap,6\n--b--\n'
    found = texts(write(tmp_path, "a.eml", start + part.encode(charset)))
    assert name in found
    assert "name: pump; price: 5" in found


def test_a_web_archive_is_read_as_its_page(tmp_path: Path) -> None:
    raw = "MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html\n\n"
    raw += "<h1>Title</h1><p>The text.</p>\n--x--\n"
    assert texts(write(tmp_path, "a.mht", raw))[-2:] == ["Title", "The text."]
    assert texts(write(tmp_path, "b.doc", raw))[-2:] == ["Title", "The text."]


def test_soft_line_breaks_and_marks_of_quotations_go(tmp_path: Path) -> None:
    raw = HEADER.format("x") + "Content-Type: text/plain; format=flowed\n\nOne two \nthree.\n\n> quoted text\n"
    assert texts(write(tmp_path, "a.eml", raw))[2:] == ["One two three.", "quoted text"]


def test_the_messages_of_a_mailbox_are_counted(tmp_path: Path) -> None:
    one = HEADER.format("First") + "\nThe first body.\n>From here on it is quoted.\n"
    two = HEADER.format("Second") + "\nThe second body.\n"
    path = write(tmp_path, "inbox.mbox", f"From a@b Fri May 8\n{one}\nFrom a@b Fri May 8\n{two}")
    found = read_blocks(path)
    assert parse(path, "inbox.mbox").title == "inbox"
    assert [(text, place.row) for text, place in found if "body" in text] == [
        ("The first body.\nFrom here on it is quoted.", 1),
        ("The second body.", 2),
    ]


@pytest.mark.parametrize("key", ["a.eml", "a.mbox"])
def test_text_that_is_no_mail_is_a_mismatch(tmp_path: Path, key: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(write(tmp_path, "x", "no header here\njust text\n"), key)
    assert caught.value.code == "format_mismatch"


PARTS = """preamble
--{0}
Content-Type: text/plain

The first part.
--{0}

The second part.
--{0}--
"""
BOUNDARIES = {
    "is folded": ('; boundary="two\n words"', "two words"),
    "is folded in the body": ('; boundary="==_ =\n   77"', "==_ =\n   77"),
    "is another one": ("; boundary=other", "=_Part_7"),
    "has quotation marks": ("; boundary=other", 'a "quoted" \\ name'),
    "is missing": ("", "------=_001"),
    "is empty": ('; boundary=""', "b"),
}


@pytest.mark.parametrize("case", BOUNDARIES)
@pytest.mark.parametrize("kind", ["multipart/mixed", "multipart/related", "mixed"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_parts_are_found_where_their_boundary_is_broken(tmp_path: Path, case: str, kind: str, end: str) -> None:
    declared, used = BOUNDARIES[case]
    if kind == "mixed":  # no type at all; only the boundary shows that there are parts
        declared = declared or "; boundary"
    raw = HEADER.format("x") + f"Content-Type: {kind}{declared}\n\n" + PARTS.format(used)
    path = write(tmp_path, "a.eml", raw.replace("\n", end))
    assert texts(path)[2:] == ["The first part.", "The second part."]
    assert not warnings_of(path, "a.eml")


def test_attachments_and_messages_are_found_where_boundaries_are_broken(tmp_path: Path) -> None:
    message = message_of()
    message.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="t.csv")
    message.add_attachment(message_of("Inner", "The inner text."))
    message.set_boundary("right")
    raw = message.as_bytes().replace(b'boundary="right"', b'boundary="wrong"')
    assert texts(write(tmp_path, "a.eml", raw)) == texts(write(tmp_path, "b.eml", message.as_bytes()))
    digest = "--d\n\nSubject: One\n\nFirst.\n--d\n\nSubject: Two\n\nLast.\n"
    header = "Content-Type: multipart/digest; boundary=wrong\n\n"
    assert texts(write(tmp_path, "d.eml", header + digest))[1:] == ["One", "First.", "Two", "Last."]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Only text.", ["Only text."]),
        ("<html><body><p>Only a page.</p></body></html>", ["Only a page."]),
        ("One.\n\n-----\n\nTwo.\n\n-----\n\nThree.", ["One.", "-----", "Two.", "-----", "Three."]),
        ("Re.\n\n-----Original Message-----\nFrom: x\n\nOld.", ["Re.", "-----Original Message-----\nFrom: x", "Old."]),
    ],
)
def test_a_body_without_any_boundary_is_read_as_text(tmp_path: Path, body: str, expected: list[str]) -> None:
    raw = HEADER.format("x") + "Content-Type: multipart/alternative; boundary=none\n\n" + body
    assert texts(write(tmp_path, "a.eml", raw))[2:] == expected


def test_spaces_before_the_colon_of_a_field_are_read(tmp_path: Path) -> None:
    raw = (
        "Subject : Tea\nFrom\t: a@b\nContent-Type : multipart/mixed; boundary=x\n\n"
        "--x\nContent-Type : text/html\nContent-Transfer-Encoding : base64\n\nPHA+Q3Vwcw==\n--x\n\nPrice : 3\n--x--\n"
    )
    path = write(tmp_path, "a.eml", raw)
    assert texts(path) == ["Tea", "From: a@b", "Cups"]
    assert texts(write(tmp_path, "b.eml", "Subject :Tea\n\nPrice : 3")) == ["Tea", "Price : 3"]


@pytest.mark.parametrize("name", ["Makefile", "notes of May", "read.me", "x.zzz"])
def test_text_attached_under_any_name_is_read(tmp_path: Path, name: str) -> None:
    message = message_of()
    message.add_attachment("The attached text.", subtype="plain", filename=name)
    assert texts(write(tmp_path, "a.eml", message.as_bytes()))[-2:] == [name, "The attached text."]


EVIL = {
    "nested": b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(400)),
    "many parts": b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\nt\n" * 11_000,
    "boundaries not declared": b"".join(
        b"Content-Type: multipart/mixed; boundary=no\n\n--%d\n" % n for n in range(400)
    ),
    "many boundaries": b"Content-Type: multipart/mixed\n\n" + b"".join(b"--%d\n\n" % n for n in range(10_000)),
    "no end": b"Subject: x\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n\n<p>a",
    "bad transfer": b"Subject: x\nContent-Transfer-Encoding: base64\n\n!!!!====a",
    "bad charset": b"Subject: =?rot13?Q?x?= =?zip?B?eA==?=\nContent-Type: text/plain; charset=punycode\n\ntext",
    "bad header": b"Subject: =?utf-8?B?\xff\xfe?=\nDate: 99999999999999\nContent-Type: ;;;=\n\ntext",
}


@pytest.mark.parametrize("name", EVIL)
def test_malformed_mail_is_read_or_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, "a.eml", EVIL[name])
    try:
        assert texts(path)
    except DocumentError as error:
        assert error.code in ("too_deep", "empty_document")  # noqa: PT017


def property_of(number: int, value: int, kind: int = 0x40) -> bytes:
    return struct.pack("<HHIQ", kind, number, 6, value)


def message_streams(subject: str, body: str, prefix: str = "", head: int = 32) -> dict[str, bytes]:
    sent = (1_778_203_800 + 11_644_473_600) * 10_000_000
    wide = {"0037": subject, "1000": body, "0C1A": "王芳", "0C1F": "wang@example.com", "0E04": "李明"}
    return {
        f"{prefix}__properties_version1.0": bytes(head) + property_of(0x0039, sent),
        **{f"{prefix}__substg1.0_{name}001F": text.encode("utf-16-le") for name, text in wide.items()},
    }


def test_a_message_of_outlook_is_read_with_its_attachments(tmp_path: Path) -> None:
    inner = "__attach_version1.0_#00000001/"
    streams = {
        **message_streams("项目进度", "第一阶段已经完成。"),
        "__attach_version1.0_#00000000/__substg1.0_3707001F": "plan.txt".encode("utf-16-le"),
        "__attach_version1.0_#00000000/__substg1.0_37010102": b"The plan says May.".ljust(5000),
        **message_streams("Inner", "Inner body.", f"{inner}__substg1.0_3701000D/", 24),
    }
    path = write(tmp_path, "a.msg", container_of(streams))
    assert parse(path, "a.msg").title == "项目进度"
    found = read_blocks(path)
    assert found[1][0] == "From: 王芳 <wang@example.com>\nTo: 李明\nDate: 2026-05-08 01:30 +0000"
    assert ("The plan says May.", Location(headings=("项目进度", "plan.txt"))) in found
    assert ("Inner body.", Location(headings=("项目进度", "Inner"))) in found


def attribute_of(number: int, data: bytes) -> bytes:
    level = 2 if number in (0x9002, 0x8010, 0x800F, 0x9005) else 1
    return struct.pack("<BHHI", level, number, 6, len(data)) + data + struct.pack("<H", sum(data) & 0xFFFF)


def properties_of(*values: tuple[int, int, bytes]) -> bytes:
    """A packed list of properties: number, type and bytes."""
    packed = struct.pack("<I", len(values))
    for number, kind, data in values:
        named = (
            bytes(16) + struct.pack("<II", 1, 6) + "名".encode("utf-16-le").ljust(8, b"\0") if number >= 0x8000 else b""
        )
        filled = data.ljust(-(-len(data) // 4) * 4, b"\0")
        length = struct.pack("<II", 1, len(data)) if kind in (0x0D, 0x1E, 0x1F, 0x102) else b""
        packed += struct.pack("<HH", kind, number) + named + length + filled
    return packed


def tnef_of(*attributes: tuple[int, bytes]) -> bytes:
    return b"\x78\x9f\x3e\x22\1\0" + b"".join(attribute_of(number, data) for number, data in attributes)


def wide(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


RICH = b"{\\rtf1 The rich body.\\par}"
PACKED_RICH = struct.pack("<IIII", len(RICH) + 12, len(RICH), 0x414C454D, 0) + RICH
BODIES = {
    "text": ((0x1000, 0x1E, "预算正文".encode("gbk") + b"\0"), "预算正文"),
    "wide text": ((0x1000, 0x1F, wide("The body.")), "The body."),
    "page": ((0x1013, 0x102, b"<p>The page.</p>"), "The page."),
    "rich text": ((0x1009, 0x102, PACKED_RICH), "The rich body."),
}


def packed_message(body: tuple[int, int, bytes]) -> bytes:
    inner = tnef_of((0x9003, properties_of((0x37, 0x1F, wide("Inner")), (0x1000, 0x1E, b"The inner text."))))
    return tnef_of(
        (0x9007, struct.pack("<II", 936, 0)),
        (0x8000, struct.pack("<HHHH", 4, 0, 5, 14) + b"Anna\0SMTP:a@b.com\0"),
        (
            0x9003,
            properties_of((0x8001, 0x1E, b"x"), (0x37, 0x1E, CHINESE.encode("gbk")), (0x17, 0x03, bytes(4)), body),
        ),
        (0x9004, struct.pack("<I", 1) + properties_of((0x0C15, 0x03, b"\1\0\0\0"), (0x3001, 0x1E, b"Bea\0"))),
        (0x8005, struct.pack("<7H", 2026, 5, 8, 9, 30, 0, 5)),
        (0x9002, bytes(14)),
        (0x800F, b"a,b\n1,2\n"),
        (0x8010, b"T~1.CSV\0"),
        (0x9005, properties_of((0x3707, 0x1F, wide("报告 t.csv")))),
        (0x9002, bytes(14)),
        (0x8010, b"Inner\0"),
        (0x9005, properties_of((0x3701, 0x0D, bytes(16) + inner))),
    )


@pytest.mark.parametrize("kind", BODIES)
def test_what_outlook_packs_is_read_alone_and_in_mail(tmp_path: Path, kind: str) -> None:
    body, text = BODIES[kind]
    packed = packed_message(body)
    attached = ["报告 t.csv", "a: 1; b: 2", "Inner", "The inner text."]
    fields = "From: Anna <a@b.com>\nTo: Bea\nDate: 2026-05-08 09:30"
    for key in ("a.tnef", "winmail.dat", "a.msg"):
        assert texts(write(tmp_path, key, packed)) == [CHINESE, fields, text, *attached]
    for outer in ("", "The text outside."):
        message = message_of(body=outer)
        message.add_attachment(packed, maintype="application", subtype="ms-tnef", filename="winmail.dat")
        path = write(tmp_path, "a.eml", message.as_bytes())
        assert texts(path)[2:] == [outer or text, *attached]
        assert not warnings_of(path, "a.eml")


def test_damaged_tnef_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    packed = packed_message(BODIES["text"][0])
    for end in range(6, len(packed), 7):
        assert texts(write(tmp_path, "a.tnef", packed[:end]))
    for at in range(6, len(packed), 5):
        broken = packed[:at] + b"\xff\xff\xff\xff" + packed[at + 4 :]
        assert texts(write(tmp_path, "a.tnef", broken))
    many = properties_of(*[(0x37, 0x1003, b"\xff\xff\xff\xff")] * 9_000)
    assert texts(write(tmp_path, "a.tnef", tnef_of((0x9003, many), *[(0x9002, b"")] * 11_000)))


def test_tnef_inside_tnef_is_read_to_a_depth(tmp_path: Path) -> None:
    packed = tnef_of((0x9003, properties_of((0x37, 0x1E, b"Level 0"))))
    for level in range(1, 7):
        item = (0x9005, properties_of((0x3701, 0x0D, bytes(16) + packed)))
        packed = tnef_of((0x9003, properties_of((0x37, 0x1E, b"Level %d" % level))), item)
    path = write(tmp_path, "a.tnef", packed)
    assert texts(path) == ["Level 6", "Level 5", "Level 4", "Level 3"]
    assert "It is inside too many other documents." in warnings_of(path, "a.tnef")[0]


def test_the_members_of_a_zip_archive_are_read_under_their_names(tmp_path: Path) -> None:
    inner = zipped({"deep.md": "# Deep\n\nDeep text."})
    parts: dict[str, bytes | str] = {
        "b/notes.txt": "Some notes.",
        "a.csv": "a,b\n1,2\n",
        "in.zip": inner,
        "__MACOSX/a.csv": "no",
        "p.jpg": "x",
    }
    path = write(tmp_path, "bundle.zip", zipped(parts))
    found = {text: place.headings for text, place in read_blocks(path)}
    assert parse(path, "bundle.zip").title == "bundle"
    assert found["Some notes."] == ("b/notes.txt",)
    assert found["a: 1; b: 2"] == ("a.csv",)
    assert found["Deep text."] == ("in.zip", "deep.md", "Deep")
    assert "no" not in found
    assert len(warnings_of(path, "bundle.zip")) == 1


def test_names_in_an_archive_of_windows_are_read_in_chinese(tmp_path: Path) -> None:
    archive = zipped({"abcd.txt": "text"}).replace(b"abcd", "报告".encode("gb18030"))
    assert texts(write(tmp_path, "a.zip", archive)) == ["报告.txt", "text"]


def test_an_archive_without_a_readable_file_says_why(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="OCR=auto") as caught:
        parse(write(tmp_path, "a.zip", zipped({"a.png": b"\x89PNG\r\n\x1a\n1234"})), "a.zip")
    assert caught.value.code == "unsupported_format"


def test_archives_in_archives_unpack_within_one_bound(tmp_path: Path) -> None:
    content = zipped({f"{number}.txt": b"word " * 100_000 for number in range(4)})
    for _ in range(6):
        content = zipped({"a.zip": content, "b.zip": content})
    limits = Limits(max_unpacked_bytes=1_000_000)
    path = write(tmp_path, "a.zip", content)
    try:
        assert sum(map(len, texts(path, limits=limits))) < 10_000_000
    except DocumentError as error:
        assert error.code in ("unsupported_format", "too_large")  # noqa: PT017


def test_soft_line_breaks_may_take_their_space_with_them(tmp_path: Path) -> None:
    head = "Subject: s\r\nContent-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n\r\n"
    assert texts(write(tmp_path, "a.eml", f"{head}会议改到 \r\n星期五。\r\n"))[-1] == "会议改到星期五。"


def test_reports_about_delivery_are_read(tmp_path: Path) -> None:
    head = (
        "Subject: Returned\nContent-Type: multipart/report; boundary=b\n\n--b\nContent-Type: text/plain\n\nNot sent.\n"
    )
    status = "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\n"
    status += "Diagnostic-Code: smtp; 550 mailbox full\n"
    receipt = "--b\nContent-Type: message/disposition-notification\n\nDisposition: manual-action; displayed\n--b--\n"
    text = "\n".join(texts(write(tmp_path, "a.eml", head + status + receipt)))
    assert "Not sent." in text
    assert "Diagnostic-Code: smtp; 550 mailbox full" in text
    assert "Disposition: manual-action; displayed" in text


def test_characters_split_between_encoded_words_are_whole(tmp_path: Path) -> None:
    # The groups of Base64 are split, and the bytes of a character.
    for words in ("=?utf-8?B?5YWz5LqO5L?=\n =?UTF-8?b?ya6K6u?=", "=?utf-8?B?5YWz5A==?=\n =?utf-8?B?uo7kvJrorq4=?="):
        assert texts(write(tmp_path, "a.eml", f"Subject: {words}\n\nbody\n"))[0] == "关于会议"


def test_a_mark_before_the_header_is_no_part_of_it(tmp_path: Path) -> None:
    assert texts(write(tmp_path, "a.eml", b"\xef\xbb\xbfSubject: Marked\n\nbody\n")) == ["Marked", "body"]


def test_styles_and_scripts_of_a_saved_page_are_no_attachments(tmp_path: Path) -> None:
    page = (
        "Subject: Saved\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>Page</p>\n"
    )
    page += "--b\nContent-Type: text/css\nContent-Location: http://a/b.css\n\n.x { color: red }\n"
    page += "--b\nContent-Type: text/css\nContent-Disposition: attachment; filename=own.css\n\n.y { top: 0 }\n--b--\n"
    assert texts(write(tmp_path, "a.mht", page)) == ["Saved", "Page", "own.css", ".y { top: 0 }"]

"""Files in UTF-16 read as those in UTF-8 do, with a mark and without."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pytest

from shared.parsing import Limits, parse
from shared.parsing.charset import decode_bytes
from tests.unit.parsing.files import write

if TYPE_CHECKING:
    from pathlib import Path

    from shared.domain.models import Location

HEADER = "From: a@b.example\r\nSubject: Delay\r\nDate: Fri, 8 May 2026 09:30:00 +0800\r\n"
MAIL = f"{HEADER}Content-Type: text/plain; charset=utf-8\r\n\r\nThe delivery is late. 交货延迟了。\r\n"
BOX = f"From a@b.example Fri May  8 09:30:00 2026\n{MAIL}\nFrom c@d.example Fri May  8 09:31:00 2026\n{MAIL}\n"
PAGE = "<html><body><h1>Title 标题</h1><p>A paragraph.</p></body></html>"
CARD = "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:张伟\r\nORG:Nordwind\r\nEND:VCARD\r\n"
FLAT = (
    '<?xml version="1.0"?><o:document xmlns:o="o"><o:body><o:text><o:p>Hello 标准</o:p></o:text></o:body></o:document>'
)
FILES = {
    "a.eml": MAIL,
    "a.mht": f"{HEADER}Content-Type: text/html; charset=utf-8\r\n\r\n{PAGE}",
    "a.mbox": BOX,
    "a.rtf": r"{\rtf1\ansi Hello world\par Second}",
    "a.doc": PAGE,
    "a.html": PAGE,
    "a.xls": "name\tprice\nNordwind\t12\n标准\t14\n",
    "a.csv": "name,price\nNordwind,12\n标准,14\n",
    "a.vcf": CARD,
    "a.srt": "1\n00:00:01,000 --> 00:00:03,000\nHello there 你好.\n",
    "a.jsonl": '{"name":"Nordwind","price":12}\n{"name":"标准","price":13}\n',
    "a.yaml": "name: Nordwind\nprice: 12 # 标准\n",
    "a.fodt": FLAT,
    "a.properties": "title=Nordwind\nlabel=标准\n",
    "a.py": 'def f():\n    return "标准"\n',
}


def read(folder: Path, name: str, content: bytes) -> tuple[str, list[tuple[str, Location]], list[str]]:
    document = parse(write(folder, name, content), name, Limits())
    return document.format, [(block.text, block.location) for block in document.blocks], document.warnings


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_a_wide_file_reads_like_a_narrow_one(tmp_path: Path, name: str, mark: bytes, encoding: str) -> None:
    plain = read(tmp_path, name, FILES[name].encode())
    assert plain[1]
    assert read(tmp_path, name, mark + FILES[name].encode(encoding)) == plain


def test_a_label_of_utf16_on_bytes_that_are_not_is_not_believed() -> None:
    assert decode_bytes(b"The delivery is late.\r\n ", "utf-16") == "The delivery is late.\n "
    assert decode_bytes("late 迟\n".encode("utf-16"), "utf-16") == "late 迟\n"

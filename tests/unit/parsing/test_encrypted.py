"""Workbooks that Excel opens without asking for a password, though they are encrypted."""

from __future__ import annotations

import io
import os
import struct
from hashlib import sha1
from typing import TYPE_CHECKING

import msoffcrypto
import openpyxl
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from msoffcrypto.method.container.ecma376_encrypted import ECMA376Encrypted
from msoffcrypto.method.ecma376_standard import ECMA376Standard

from shared.domain.errors import DocumentError
from shared.parsing import Limits, parse, parse_bounded
from shared.parsing.encrypted import decrypt
from shared.runtime.retrying import Deadline
from tests.unit.parsing.files import saved, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEFAULT = "VelvetSweatshop"
EXPECTED = "Part: Gasket; Stock: 12"


def workbook(noise: int = 0) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["Part", "Stock"])
    book.active.append(["Gasket", 12])
    for number in range(noise):
        book.create_sheet(f"n{number}").append([os.urandom(15_000).hex()])
    return saved(book.save)


def agile(content: bytes, password: str) -> bytes:
    stream = io.BytesIO()
    msoffcrypto.OfficeFile(io.BytesIO(content)).encrypt(password, stream)
    return stream.getvalue()


def standard(content: bytes, password: str) -> bytes:
    """As Office 2007 encrypts ([MS-OFFCRYPTO] 2.3.4.5), which the library can only decrypt."""
    salt, verifier = bytes(range(16)), bytes(range(16, 32))
    key = ECMA376Standard.makekey_from_password(password, 0x660E, 0x8004, 0x18, 128, 16, salt)

    def encrypt(data: bytes) -> bytes:
        encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
        return encryptor.update(data + bytes(-len(data) % 16)) + encryptor.finalize()

    provider = "Microsoft Enhanced RSA and AES Cryptographic Provider\0".encode("utf-16-le")
    header = struct.pack("<8I", 0x24, 0, 0x660E, 0x8004, 128, 0x18, 0, 0) + provider
    info = struct.pack("<HHII", 3, 2, 0x24, len(header)) + header
    info += struct.pack("<I", 16) + salt + encrypt(verifier) + struct.pack("<I", 20) + encrypt(sha1(verifier).digest())
    stream = io.BytesIO()
    ECMA376Encrypted(struct.pack("<Q", len(content)) + encrypt(content), info).write_to(stream)
    return stream.getvalue()


@pytest.mark.parametrize("encrypt", [agile, standard])
def test_a_workbook_with_the_default_password_is_read(tmp_path: Path, encrypt: Callable[[bytes, str], bytes]) -> None:
    document = parse(write(tmp_path, "a.xlsx", encrypt(workbook(), DEFAULT)), "a.xlsx")
    assert document.format == "xlsx"
    assert [block.text for block in document.blocks] == [EXPECTED]


@pytest.mark.parametrize("encrypt", [agile, standard])
def test_a_workbook_with_another_password_stays_closed(tmp_path: Path, encrypt: Callable[[bytes, str], bytes]) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(write(tmp_path, "a.xlsx", encrypt(workbook(), "another")), "a.xlsx")
    assert caught.value.code == "encrypted"


def test_a_large_workbook_is_read_by_a_parser_process(tmp_path: Path) -> None:
    path = write(tmp_path, "a.xlsx", agile(workbook(noise=100), DEFAULT))
    assert path.stat().st_size > 1 << 20
    blocks = parse_bounded(path, "a.xlsx", Limits(), Deadline.after(60)).blocks
    assert next(iter(blocks)).text == EXPECTED


def test_other_files_are_not_decrypted(tmp_path: Path) -> None:
    for content in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), b""):
        assert decrypt(write(tmp_path, "a.xlsx", content), Limits()) is None


def test_a_damaged_container_is_not_decrypted(tmp_path: Path) -> None:
    whole = agile(workbook(), DEFAULT)
    for size in (700, len(whole) // 2, len(whole) - 100):
        copy = decrypt(write(tmp_path, "b.xlsx", whole[:size]), Limits())
        if copy:
            copy.close()

"""Workbooks that Excel opens without asking for a password, though they are encrypted."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import msoffcrypto
import openpyxl

from shared.parsing import Limits
from shared.parsing.encrypted import decrypt
from shared.parsing.xlsx import parse
from tests.unit.parsing.files import saved, write

if TYPE_CHECKING:
    from pathlib import Path


def encrypted(folder: Path, password: str) -> Path:
    book = openpyxl.Workbook()
    book.active.append(["Part", "Stock"])
    book.active.append(["Gasket", 12])
    stream = io.BytesIO()
    msoffcrypto.OfficeFile(io.BytesIO(saved(book.save))).encrypt(password, stream)
    return write(folder, "a.xlsx", stream.getvalue())


def test_a_workbook_with_the_default_password_is_read(tmp_path: Path) -> None:
    copy = decrypt(encrypted(tmp_path, "VelvetSweatshop"), Limits())
    assert copy is not None
    assert [block.text for block in parse(copy.path, Limits()).blocks] == ["Part: Gasket; Stock: 12"]


def test_a_workbook_with_another_password_stays_closed(tmp_path: Path) -> None:
    assert decrypt(encrypted(tmp_path, "another"), Limits()) is None


def test_other_files_are_not_decrypted(tmp_path: Path) -> None:
    for content in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), b""):
        assert decrypt(write(tmp_path, "a.xlsx", content), Limits()) is None


def test_a_damaged_container_is_not_decrypted(tmp_path: Path) -> None:
    whole = encrypted(tmp_path, "VelvetSweatshop").read_bytes()
    for size in (700, len(whole) // 2, len(whole) - 100):
        decrypt(write(tmp_path, "b.xlsx", whole[:size]), Limits())

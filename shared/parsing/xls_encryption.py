"""Workbooks of 97 to 2003 encrypted with the password that Excel tries by itself, so that people open them unasked."""

from __future__ import annotations

import io
import struct
from contextlib import closing
from typing import TYPE_CHECKING, Any

from shared.parsing.container import open_container, read_stream
from shared.parsing.limits import Limits
from shared.parsing.refusing import refuse
from shared.parsing.scratch import TemporaryCopy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PASSWORD = "VelvetSweatshop"  # noqa: S105 - published by Microsoft
_MOST_BYTES = 64 << 20
_DAMAGE = (struct.error, LookupError, ValueError, TypeError, AssertionError, AttributeError, OverflowError, OSError)
_FILE_PASS, _SHEET = 0x2F, 0x85
# Records that are never encrypted ([MS-XLS] 2.2.10): begin, user exclusion, file lock, interface, revisions.
_PLAIN = frozenset({0x809, 0x194, 0x195, 0xE1, 0x138, 0x196})
_BLOCK_BYTES = 1024


def decrypt(path: Path) -> bytes:
    """The workbook's stream.

    Raises:
        DocumentError: ``encrypted`` where the password is another one, or the file is damaged.
    """
    # Imported here: it loads a cryptography library, and hardly any upload needs it.
    from msoffcrypto import OfficeFile
    from msoffcrypto.exceptions import DecryptionError, FileFormatError, InvalidKeyError, ParseError

    try:
        file: Any = OfficeFile(io.BytesIO(path.read_bytes()))
        file.load_key(password=_PASSWORD)
        file.data.workbook.seek(0)
        return _decrypt_stream(file, file.data.workbook.read()) or _decrypt_file(file)
    except (DecryptionError, FileFormatError, InvalidKeyError, ParseError, *_DAMAGE):
        raise refuse(
            "encrypted", "The file is protected with a password; remove it and upload the file again."
        ) from None


def _decrypt_stream(file: Any, stream: bytes) -> bytes:
    """The stream where RC4 encrypts it; the library reads no stream that ends within the head of a record."""
    from msoffcrypto.method.rc4 import DocumentRC4
    from msoffcrypto.method.rc4_cryptoapi import DocumentRC4CryptoAPI

    source = io.BytesIO(stream)
    if file.type == "rc4":
        found = DocumentRC4.decrypt(file.key, file.salt, source, blocksize=_BLOCK_BYTES)
    elif file.type == "rc4_cryptoapi":
        found = DocumentRC4CryptoAPI.decrypt(file.key, file.salt, file.keySize, source, blocksize=_BLOCK_BYTES)
    else:
        return b""
    plain = bytearray(found.read())
    for start, end in _find_plain(stream):
        plain[start:end] = stream[start:end]
    _clear_password(plain)
    return bytes(plain)


def _find_plain(stream: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of what is not encrypted: heads of records, some records, places of sheets, and the last bytes."""
    at = 0
    while at + 4 <= len(stream):
        number, size = struct.unpack_from("<HH", stream, at)
        shown = size if number in _PLAIN or number == _FILE_PASS else 4 if number == _SHEET else 0
        yield at, min(at + 4 + shown, len(stream))
        at += 4 + size
    if at < len(stream):
        yield at, len(stream)


def _clear_password(plain: bytearray) -> None:
    """Make the record that says how the stream is encrypted one that readers pass over."""
    at = 0
    while at + 4 <= len(plain):
        number, size = struct.unpack_from("<HH", plain, at)
        if number == _FILE_PASS:
            plain[at : at + 2] = bytes(2)
            return
        at += 4 + size


def _decrypt_file(file: Any) -> bytes:
    """The stream as the library decrypts it, with its container around it."""
    found = io.BytesIO()
    file.decrypt(found)
    copy = TemporaryCopy([found.getvalue()], _MOST_BYTES)
    with closing(copy), open_container(copy.path, Limits()) as container:
        return read_stream(container, "Workbook") or read_stream(container, "Book")

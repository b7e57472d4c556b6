"""Content on its way in."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, BinaryIO, Final

import crcmod

if TYPE_CHECKING:
    from pathlib import Path

CHUNK_BYTES: Final = 1 << 20
"""Bytes read or written at a time: large enough to hash off the event loop, small against memory."""


class Digest:
    """MD5 and CRC-64/ECMA of a stream, in one pass."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        # The polynomial and its parameters as in the OSS SDKs (alibabacloud_oss_v2.crc).
        self._crc = crcmod.Crc(0x142F0E1EBA9EA3693, initCrc=0, rev=True, xorOut=0xFFFFFFFFFFFFFFFF)

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._md5.update(data)
        self._crc.update(data)

    @property
    def etag(self) -> str:
        """Upper-case hexadecimal MD5."""
        return self._md5.hexdigest().upper()

    @property
    def content_md5(self) -> str:
        """MD5 as the Content-MD5 header writes it."""
        return base64.b64encode(self._md5.digest()).decode()

    @property
    def crc64(self) -> int:
        """CRC-64/ECMA."""
        return int(self._crc.crcValue)


class Draft:
    """A file in the hidden folder that becomes an object in one rename, or vanishes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = Digest()
        self.size = 0
        self._file = path.open("xb")

    def write(self, data: bytes) -> None:
        """Append ``data``; blocks while it is hashed and written."""
        self.digest.update(data)
        self.size += len(data)
        self._file.write(data)

    def pour(self, file: BinaryIO) -> None:
        """Append the rest of ``file``."""
        while data := file.read(CHUNK_BYTES):
            self.write(data)

    def close(self) -> None:
        """No more will come."""
        self._file.close()

    def discard(self) -> None:
        """Forget it; harmless once it has become an object."""
        self._file.close()
        self.path.unlink(missing_ok=True)

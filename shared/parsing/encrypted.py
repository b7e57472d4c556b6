"""Office files encrypted with the password that Excel tries by itself, so that people open them without being asked.

Excel encrypts a workbook that is protected against changes with this password ([MS-OFFCRYPTO] 2.4.2.3 names it), and
opens it without a question; to its readers it does not look encrypted.
"""

from __future__ import annotations

import io
import struct
from typing import IO, TYPE_CHECKING
from xml.parsers.expat import ExpatError

from shared.parsing.scratch import TemporaryCopy

if TYPE_CHECKING:
    from pathlib import Path

    from shared.parsing.limits import Limits

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_PASSWORD = "VelvetSweatshop"  # noqa: S105 - published by Microsoft
# Decrypting holds the file and its copy in memory; workbooks of this kind are small.
_MOST_BYTES = 32 << 20
# What the libraries raise for a damaged container, besides errors of their own.
_DAMAGED = (struct.error, ExpatError, OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError)


def decrypt(path: Path, limits: Limits) -> TemporaryCopy | None:
    """The decrypted copy of an Office file, or ``None`` when it is not encrypted or has a password of its own.

    Raises:
        DocumentError: ``too_large``.
    """
    with path.open("rb") as stream:
        if stream.read(len(_OLE)) != _OLE:
            return None
        if path.stat().st_size > min(limits.max_bytes, _MOST_BYTES):
            return None
        stream.seek(0)
        if _PACKAGE not in stream.read():
            return None
        stream.seek(0)
        content = _decrypt(stream)
    return TemporaryCopy([content], limits.max_unpacked_bytes) if content else None


def _decrypt(stream: IO[bytes]) -> bytes:
    """The package inside; empty where the password is another one or the container is damaged."""
    # Imported here: it loads a cryptography library, and hardly any upload needs it.
    from msoffcrypto import OfficeFile
    from msoffcrypto.exceptions import DecryptionError, FileFormatError, InvalidKeyError, ParseError

    found = io.BytesIO()
    try:
        file = OfficeFile(stream)
        file.load_key(password=_PASSWORD, verify_password=True)
        file.decrypt(found)
    except (DecryptionError, FileFormatError, InvalidKeyError, ParseError, *_DAMAGED):
        return b""
    return found.getvalue()

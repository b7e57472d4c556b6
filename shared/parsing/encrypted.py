"""Office files encrypted with the password that Excel tries by itself, so that people open them without being asked.

Excel encrypts a workbook that is protected against changes with this password ([MS-OFFCRYPTO] 2.4.2.3 names it), and
opens it without a question; to its readers it does not look encrypted.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING
from xml.parsers.expat import ExpatError

from shared.parsing.refusal import refusal

if TYPE_CHECKING:
    from shared.parsing.limits import Limits

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_PASSWORD = "VelvetSweatshop"  # noqa: S105 - published by Microsoft
# Decrypting holds the file and its copy in memory; workbooks of this kind are small.
_LONGEST_BYTES = 64 << 20
# What the libraries raise for a damaged container, besides errors of their own.
_DAMAGED = (struct.error, ExpatError, OSError, ValueError, LookupError, TypeError, AttributeError)


class Decrypted:
    """A file's decrypted copy, which lasts as long as this object.

    Attributes:
        path: where the copy can be opened; it has no name in any folder, so it ends with the process at the latest.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.path = Path(f"/proc/self/fd/{stream.fileno()}")


def decrypt(path: Path, limits: Limits) -> Decrypted | None:
    """The decrypted copy of an Office file, or ``None`` when it is not encrypted or has a password of its own.

    Raises:
        DocumentError: ``too_large``.
    """
    with path.open("rb") as stream:
        if stream.read(len(_OLE)) != _OLE:
            return None
        if path.stat().st_size > min(limits.max_bytes, _LONGEST_BYTES):
            raise refusal("too_large", f"An encrypted file may have at most {_LONGEST_BYTES >> 20} MiB.")
        stream.seek(0)
        if _PACKAGE not in stream.read():
            return None
        stream.seek(0)
        return _decrypted(stream)


def _decrypted(stream: IO[bytes]) -> Decrypted | None:
    # Imported here: it loads a cryptography library, and hardly any upload needs it.
    from msoffcrypto import OfficeFile
    from msoffcrypto.exceptions import DecryptionError, FileFormatError, InvalidKeyError

    # Kept open by the object that is returned.
    copy = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        file = OfficeFile(stream)
        file.load_key(password=_PASSWORD, verify_password=True)
        file.decrypt(copy)
    except (DecryptionError, FileFormatError, InvalidKeyError, *_DAMAGED):
        copy.close()
        return None
    copy.flush()
    return Decrypted(copy)

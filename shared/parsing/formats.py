"""Which format a file is in: its name is a hint, its first bytes decide."""

from __future__ import annotations

import re
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from shared.domain.errors import DocumentError
from shared.parsing.archive import Archive
from shared.parsing.limits import Limits
from shared.parsing.refusal import refusal

if TYPE_CHECKING:
    from pathlib import Path

# Extension -> format. csv covers tab-separated files: the delimiter is found, not believed.
FORMATS: dict[str, str] = {
    "txt": "txt",
    "text": "txt",
    "log": "txt",
    "md": "md",
    "markdown": "md",
    "html": "html",
    "htm": "html",
    "pdf": "pdf",
    "docx": "docx",
    "docm": "docx",
    "dotx": "docx",
    "dotm": "docx",
    "pptx": "pptx",
    "pptm": "pptx",
    "ppsx": "pptx",
    "ppsm": "pptx",
    "potx": "pptx",
    "potm": "pptx",
    "xlsx": "xlsx",
    "xlsm": "xlsx",
    "xltx": "xlsx",
    "xltm": "xlsx",
    "csv": "csv",
    "tsv": "csv",
    "json": "json",
    "jsonl": "jsonl",
}
_BINARY = frozenset({"pdf", "docx", "pptx", "xlsx"})
# Read piece by piece by code of ours, in constant memory.
_STREAMED = frozenset({"txt", "md", "csv", "jsonl"})

_HEAD_BYTES = 1024  # Acrobat accepts a PDF header anywhere in the first 1,024 bytes
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.{0,500}?-->\s*)?<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE | re.DOTALL
)
# Formats people rename by mistake; read as text they would fill the index with noise.
_FOREIGN = {
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\x1f\x8b\x08": "a gzip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x7fELF": "a program",
    b"SQLite format 3\x00": "a database",
    b"{\\rtf": "a rich text file",
}


def extension(key: str) -> str:
    """The lower-case extension of an object key, without its dot."""
    return PurePosixPath(key).suffix.lower().removeprefix(".")


def is_supported(key: str) -> bool:
    """Whether the key's extension is one of ``FORMATS``."""
    return extension(key) in FORMATS


def is_streamed(path: Path, key: str) -> bool:
    """Whether ``path`` is plain text by its name and its first bytes, so that reading it needs no library's care."""
    if FORMATS.get(extension(key)) not in _STREAMED:
        return False
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    return b"%PDF-" not in head and not head.startswith((_ZIP, _OLE)) and not _PAGE.match(head)


def format_of(path: Path, key: str) -> str:
    """Name of the format ``path`` is in.

    Raises:
        DocumentError: ``unsupported_format``, ``format_mismatch``, ``encrypted``, ``broken_file``.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    hint = FORMATS.get(extension(key), "")
    if recognised := _recognised(path, head, hint):
        return recognised
    if not hint:
        known = ", ".join(FORMATS)
        raise refusal("unsupported_format", f"This kind of file is not supported; supported are {known}.")
    if hint in _BINARY:
        raise refusal("format_mismatch", f"The name says {hint}, but the content is something else.")
    for signature, name in _FOREIGN.items():
        if head.startswith(signature):
            raise refusal("format_mismatch", f"The name says {hint}, but the content is {name}.")
    return hint


def _recognised(path: Path, head: bytes, hint: str) -> str:
    if b"%PDF-" in head and (hint in ("", "pdf") or head.lstrip().startswith(b"%PDF-")):
        return "pdf"
    if head.startswith(_ZIP):
        return _office(path, hint)
    if head.startswith(_OLE):
        raise _ole(path)
    return "html" if _PAGE.match(head) else ""


def _office(path: Path, hint: str) -> str:
    try:
        with Archive(path, Limits()) as archive:
            family = archive.family()
    except DocumentError:
        if hint:
            raise
        return ""
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        raise refusal("broken_file", "The file is damaged: its zip container cannot be opened.") from None
    if family:
        return family
    if hint:
        raise refusal("format_mismatch", f"The name says {hint}, but the content is another zip archive.")
    return ""


def _ole(path: Path) -> Exception:
    """Word 97 to 2003 files, and the container that modern Office puts around an encrypted file."""
    before = b""
    with path.open("rb") as stream:
        while data := stream.read(1 << 20):
            if _ENCRYPTED_PACKAGE in before + data:
                return refusal("encrypted", "The file is protected with a password; remove it and upload it again.")
            before = data[-len(_ENCRYPTED_PACKAGE) :]
    return refusal(
        "unsupported_format", "Office files from before 2007 are not supported; save it as docx, pptx or xlsx."
    )

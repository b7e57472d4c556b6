"""Which format a file is in: its name is a hint, its first bytes decide."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from shared.parsing.limits import Limits
from shared.parsing.refusing import refuse
from shared.parsing.signatures import identify, identify_extension, identify_package

if TYPE_CHECKING:
    from pathlib import Path

    from shared.domain.errors import DocumentError

# Extension -> format. csv covers tab-separated files: the delimiter is found, not believed.
FORMATS: dict[str, str] = {
    **dict.fromkeys(("txt", "text", "log"), "txt"),
    **dict.fromkeys(("md", "markdown", "mdown", "mkd"), "md"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    "pdf": "pdf",
    **dict.fromkeys(("docx", "docm", "dotx", "dotm"), "docx"),
    **dict.fromkeys(("pptx", "pptm", "ppsx", "ppsm", "potx", "potm"), "pptx"),
    **dict.fromkeys(("xlsx", "xlsm", "xltx", "xltm"), "xlsx"),
    **dict.fromkeys(("csv", "tsv", "tab"), "csv"),
    "json": "json",
    **dict.fromkeys(("jsonl", "ndjson"), "jsonl"),
}
# First bytes that `decide` wants: an archive names its first entries in them.
HEAD_BYTES = 8192

_OFFICE = frozenset({"docx", "pptx", "xlsx"})
_BINARY = _OFFICE | {"pdf"}
_PDF_HEAD_BYTES = 1024  # Acrobat accepts a PDF header anywhere in the first 1,024 bytes
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OFFICE_ENTRIES = (b"[Content_Types].xml", b"_rels", b"word", b"ppt", b"xl/", b"xl\\", b"docProps", b"customXml")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_PAGE = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s{0,999}(?:<!--.{0,500}?-->\s{0,999})?<(?:!doctype\s{1,99}html|html)[\s>]",
    re.IGNORECASE | re.DOTALL,
)


def find_extension(key: str) -> str:
    """The lower-case extension of an object key, without its dot."""
    return PurePosixPath(key).suffix.lower().removeprefix(".")


def is_supported(key: str) -> bool:
    """Whether the key's extension is one of ``FORMATS``."""
    return find_extension(key) in FORMATS


def decide(key: str, size: int, head: bytes, limits: Limits = Limits()) -> str:  # noqa: B008 - frozen
    """The format of an object as far as its name and first bytes tell, before it is fetched.

    Args:
        key: name of the object.
        size: bytes it has.
        head: its first ``HEAD_BYTES`` bytes, or all of them.
        limits: which sizes are read.

    Returns:
        A value of ``FORMATS``; empty where only the whole file can tell.

    Raises:
        DocumentError: ``empty_document``, ``too_large``, ``unsupported_format``, ``format_mismatch``.
    """
    if size == 0:
        raise refuse("empty_document", "The file is empty.")
    if size > limits.max_bytes:
        raise refuse("too_large", f"The file is larger than {limits.max_bytes // (1 << 20)} MiB.")
    hint = FORMATS.get(find_extension(key), "")
    if _is_pdf(head, hint):
        return "pdf"
    if head.startswith(_ZIP):
        return _packed(head, hint, key)
    if head.startswith(_OLE):
        if hint in _OFFICE:  # the container of an encrypted file
            return ""
        raise _old()
    if _PAGE.match(head):
        return "html"
    if fault := _unread(key, hint, identify(head, is_text=hint not in ("", *_BINARY))):
        raise fault
    return hint


def _packed(head: bytes, hint: str, key: str) -> str:
    if kind := identify_package(head):
        raise _unread(key, hint, kind) or _unsupported(kind)
    if not hint and not any(name in head for name in _OFFICE_ENTRIES):
        raise _unsupported(("a zip archive", "Unpack it and upload the files it holds."))
    return hint if hint in _OFFICE else ""


def _unread(key: str, hint: str, kind: tuple[str, str] | None) -> DocumentError | None:
    """Why a file with content of another ``kind``, or of none that is known, is not read."""
    if not hint:
        return _unsupported(kind or identify_extension(find_extension(key)))
    if kind:
        return refuse("format_mismatch", f"The name says {hint}, but the content is {kind[0]}. {kind[1]}")
    if hint in _BINARY:
        return refuse("format_mismatch", f"The name says {hint}, but the content is something else.")
    return None


def _unsupported(kind: tuple[str, str] | None) -> DocumentError:
    known = ", ".join(dict.fromkeys(FORMATS.values()))
    if not kind:
        return refuse("unsupported_format", f"This kind of file is not supported; supported are {known}.")
    return refuse("unsupported_format", f"The file is {kind[0]}, which is not supported. {kind[1]}")


def _is_pdf(head: bytes, hint: str) -> bool:
    start = head[:_PDF_HEAD_BYTES]
    return b"%PDF-" in start and (hint in ("", "pdf") or start.lstrip().startswith(b"%PDF-"))


def find_format(path: Path, key: str, limits: Limits = Limits()) -> str:  # noqa: B008 - frozen
    """Name of the format ``path`` is in.

    Raises:
        DocumentError: as `decide`, ``encrypted``, ``broken_file``.
    """
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if head.startswith(_OLE):
        raise _ole(path)
    decided = decide(key, path.stat().st_size, head, limits)
    return _office(path, key, limits) if head.startswith(_ZIP) and decided != "pdf" else decided


def _office(path: Path, key: str, limits: Limits) -> str:
    # Imported here: `decide` needs no zip.
    from shared.parsing import package

    hint = FORMATS.get(find_extension(key), "")
    name, parts = package.recognize(path, limits)
    if name in _OFFICE:
        return name
    if name == package.BINARY_WORKBOOK:
        kind = ("a binary workbook (xlsb)", "Save it as xlsx.")
    else:
        kind = identify_package("\n".join(parts).encode(errors="replace")) or (
            "another zip archive",
            "Unpack it first.",
        )
    raise _unread(key, hint, kind) or _unsupported(kind)


def _ole(path: Path) -> DocumentError:
    """Word 97 to 2003 files, and the container that modern Office puts around an encrypted file."""
    before = b""
    with path.open("rb") as stream:
        while data := stream.read(1 << 20):
            if _ENCRYPTED_PACKAGE in before + data:
                return refuse("encrypted", "The file is protected with a password; remove it and upload it again.")
            before = data[-len(_ENCRYPTED_PACKAGE) :]
    return _old()


def _old() -> DocumentError:
    return refuse(
        "unsupported_format", "Office files from before 2007 are not supported; save it as docx, pptx or xlsx."
    )

"""Which format a file is in: its name is a hint, its first bytes decide."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from shared.parsing import container
from shared.parsing.limits import Limits
from shared.parsing.pictures import refuse_without_ocr
from shared.parsing.refusing import refuse
from shared.parsing.signatures import identify, identify_extension, identify_package, is_picture, is_table
from shared.parsing.wide import narrow

if TYPE_CHECKING:
    from pathlib import Path

    from shared.domain.errors import DocumentError

# Extension -> format. csv covers tab-separated files: the delimiter is found, not believed.
FORMATS: dict[str, str] = {
    **dict.fromkeys(("txt", "text", "log", "tex", "ltx", "bib", "textile", "ics", "vcf"), "txt"),
    **dict.fromkeys(("rst", "rest", "adoc", "asciidoc", "org"), "txt"),
    **dict.fromkeys(("md", "markdown", "mdown", "mkd", "mdx", "rmd", "qmd"), "md"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    "pdf": "pdf",
    **dict.fromkeys(("docx", "docm", "dotx", "dotm"), "docx"),
    **dict.fromkeys(("pptx", "pptm", "ppsx", "ppsm", "potx", "potm"), "pptx"),
    **dict.fromkeys(("xlsx", "xlsm", "xltx", "xltm"), "xlsx"),
    "xlsb": "xlsb",
    # The files of WPS Office are those of Microsoft Office, old or new, under names of its own.
    **dict.fromkeys(("doc", "dot", "wps", "wpt"), "doc"),
    **dict.fromkeys(("ppt", "pps", "pot", "dps", "dpt"), "ppt"),
    **dict.fromkeys(("xls", "xlt", "et", "ett"), "xls"),
    **dict.fromkeys(("odt", "ott", "fodt"), "odt"),
    **dict.fromkeys(("ods", "ots", "fods"), "ods"),
    **dict.fromkeys(("odp", "otp", "fodp"), "odp"),
    "rtf": "rtf",
    "epub": "epub",
    "ofd": "ofd",
    **dict.fromkeys(("eml", "mht", "mhtml"), "eml"),
    "mbox": "mbox",
    "msg": "msg",
    "tnef": "tnef",
    "zip": "zip",
    **dict.fromkeys(("png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "tif", "tiff", "gif"), "image"),
    **dict.fromkeys(("csv", "tsv", "tab"), "csv"),
    "json": "json",
    **dict.fromkeys(("jsonl", "ndjson"), "jsonl"),
    "xml": "xml",
    **dict.fromkeys(("yaml", "yml"), "yaml"),
    "ipynb": "ipynb",
    **dict.fromkeys(("srt", "vtt"), "srt"),
    **dict.fromkeys(
        (
            *(
                "py",
                "pyi",
                "js",
                "mjs",
                "cjs",
                "jsx",
                "ts",
                "tsx",
                "vue",
                "java",
                "kt",
                "kts",
                "scala",
                "groovy",
                "gradle",
            ),
            *(
                "c",
                "h",
                "cc",
                "cpp",
                "cxx",
                "hpp",
                "hh",
                "cs",
                "go",
                "rs",
                "swift",
                "dart",
                "m",
                "mm",
                "rb",
                "php",
                "pl",
                "lua",
            ),
            *(
                "r",
                "jl",
                "sh",
                "bash",
                "zsh",
                "ps1",
                "bat",
                "cmd",
                "sql",
                "proto",
                "thrift",
                "graphql",
                "tf",
                "css",
                "scss",
            ),
            *(
                "less",
                "toml",
                "ini",
                "cfg",
                "conf",
                "properties",
                "strings",
                "cmake",
                "asm",
                "vb",
                "pas",
                "hs",
                "ex",
                "exs",
                "erl",
            ),
        ),
        "code",
    ),
}
# Formats of text that are read as bytes, since a part of a file may be in another encoding.
READ_AS_BYTES = frozenset({"eml", "mbox", "rtf"})
# First bytes that `decide` wants: an archive names its first entries in them.
HEAD_BYTES = 8192
# What Outlook packs a message into begins so.
TNEF = b"\x78\x9f\x3e\x22"

_OFFICE = frozenset({"docx", "pptx", "xlsx"})
_OLD_OFFICE = frozenset({"doc", "ppt", "xls"})
# Formats in a zip archive, and those that may be.
_ZIPPED = _OFFICE | {"xlsb", "odt", "ods", "odp", "epub", "ofd", "zip"}
# Formats in an OLE container.
_CONTAINED = _OLD_OFFICE | {"msg"}
_BINARY = _ZIPPED | _CONTAINED | {"pdf", "rtf", "image", "tnef"}
_PDF_HEAD_BYTES = 1024  # Acrobat accepts a PDF header anywhere in the first 1,024 bytes
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ZIP_ENTRIES = (
    *(b"[Content_Types].xml", b"_rels", b"word", b"ppt", b"xl/", b"xl\\", b"docProps", b"customXml", b"mimetype"),
    *(b"META-INF/", b"OFD.xml", b"content.xml", b"Doc_0/"),
)
_RTF, _RTF_PART = b"{\\rtf", b"{\\"  # some converters leave out the header
# Workbooks of Excel 2 to 4 are a stream without a container: the record that begins them, and its length.
_OLD_SHEETS = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
_PAGE = re.compile(
    rb"\A\s{0,999}(?:<\?xml[^>]{0,200}>\s{0,999})?(?:<!--.{0,500}?-->\s{0,999})?"
    rb"<(?:!doctype\s{1,99}html|html)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
# What programs export under the extension of an Office format: a page without its frame, a page as a message, XML.
_FRAGMENT = re.compile(rb"\A\s{0,999}<(?:table|meta|body|head|style|div)[\s>]", re.IGNORECASE)
_MESSAGE = re.compile(
    rb"\A\s{0,99}(?:MIME-Version|Content-Type|From|Date|Subject|Message-ID|Received):\s", re.IGNORECASE
)
# Programs on other systems than Windows give messages the extension of Outlook's.
_MAIL_HEADER = re.compile(rb"\A\s{0,99}(?:From [^\n]{1,200}\n)?[A-Za-z][A-Za-z0-9-]{1,60}:[ \t]")
_XML = re.compile(rb"\A\s{0,99}<\?xml\s")


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
        DocumentError: ``empty_document``, ``too_large``, ``unsupported_format``, ``format_mismatch``, ``needs_ocr``.
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
    if head.startswith(container.MAGIC):
        return hint if hint in _CONTAINED else ""  # the names of its streams tell, at its end
    if hint in ("", "image") and is_picture(head):
        if limits.ocr == "off":
            raise refuse_without_ocr("The file is a picture.")
        return "image"
    if found := _written(narrow(head), hint):
        return found
    if fault := _unread(key, hint, identify(head, is_text=hint not in ("", *_BINARY))):
        raise fault
    return hint


def _written(head: bytes, hint: str) -> str:
    """The format of a file that is text and begins as one format only does; empty where that is not so."""
    if head.startswith(TNEF):
        return "tnef"
    if head.startswith(_RTF) or (hint == "rtf" and head.startswith(_RTF_PART)):
        return "rtf"
    if _PAGE.match(head):
        return "html"
    if hint in _OLD_OFFICE:
        # Programs export pages, messages and XML under these names, and Office opens them.
        if hint == "xls" and head.startswith(_OLD_SHEETS):
            return hint
        named = ((_FRAGMENT, "html"), (_MESSAGE, "eml"), (_XML, "xml"))
        found = next((form for pattern, form in named if pattern.match(head)), "")
        return found or ("csv" if hint == "xls" and is_table(head) else "")
    if hint in ("odt", "ods", "odp") and _XML.match(head):
        return hint
    header = {"html": _MESSAGE, "msg": _MAIL_HEADER}.get(hint)
    return "eml" if header and header.match(head) else ""


def _packed(head: bytes, hint: str, key: str) -> str:
    if kind := identify_package(head):
        raise _unread(key, hint, kind) or _unsupported(kind)
    if not hint and not any(name in head for name in _ZIP_ENTRIES):
        raise _unsupported(("a zip archive", "Give it the extension zip, or unpack it and upload the files it holds."))
    return hint if hint in _ZIPPED and hint != "zip" else ""


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
    decided = decide(key, path.stat().st_size, head, limits)
    if head.startswith(container.MAGIC):
        return container.recognize(path, limits)
    return _zipped(path, key, limits) if head.startswith(_ZIP) and decided != "pdf" else decided


def _zipped(path: Path, key: str, limits: Limits) -> str:
    # Imported here: `decide` needs no zip.
    from shared.parsing import package

    hint = FORMATS.get(find_extension(key), "")
    name, parts, is_damaged = package.recognize(path, limits)
    if name:
        return name
    kind = identify_package("\n".join(parts).encode(errors="replace"))
    if hint == "zip" and not kind:
        return hint
    if is_damaged and hint in _ZIPPED and not kind:
        raise refuse("broken_file", "The file is damaged: the part with its text is missing.")
    raise _unread(key, hint, kind or ("another zip archive", "Unpack it first.")) or _unsupported(kind)

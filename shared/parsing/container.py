"""Which kind of file an OLE container (a compound file, the shell of Office 97 to 2003 and Outlook) holds.

The names of the streams in its root tell the program that wrote it. https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb/.
"""

from __future__ import annotations

import struct
from itertools import chain
from typing import TYPE_CHECKING

from shared.parsing.refusing import refuse, report_cut

if TYPE_CHECKING:
    from pathlib import Path

    from olefile import OleFileIO

    from shared.domain.errors import DocumentError
    from shared.parsing.limits import Limits

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Greater numbers mark the end of a stream and the like; streams shorter than this are inside another one.
_LAST_SECTOR, _SHORT_BYTES = 0xFFFFFFFA, 4096
# Name of a stream or storage in the root, lower-case -> format.
_FORMATS = {
    "worddocument": "doc",
    "powerpoint document": "ppt",
    "pp97_dualstorage": "ppt",
    "workbook": "xls",
    "book": "xls",
    "__properties_version1.0": "msg",
}
# The same for kinds that are not read -> (name, advice).
_FOREIGN = {
    "visiodocument": ("a Visio drawing", "Export it as a PDF with text."),
    "quill": ("a Publisher document", "Export it as PDF."),
    "hwpsummaryinformation": ("a Hangul document (hwp)", "Save it as docx or PDF."),
    "\x05hwpsummaryinformation": ("a Hangul document (hwp)", "Save it as docx or PDF."),
    "matost": ("a Works document", "Save it as docx or PDF."),
    "mm": ("a Works document", "Save it as docx or PDF."),
    "wkssworkbook": ("a Works spreadsheet", "Save it as xlsx."),
    "perfectoffice_main": ("a WordPerfect document", "Save it as docx or PDF."),
    "starcalcdocument": ("a StarOffice spreadsheet", "Save it as xlsx or ods."),
    "starwriterdocument": ("a StarOffice text", "Save it as docx or odt."),
    "swdoccontentmgr": ("a SolidWorks drawing", "Export it as a PDF with text."),
    "props9": ("a Project plan", "Export it as xlsx or PDF."),
    "pp40": ("a PowerPoint 4 or 95 presentation", "Save it as pptx or PDF."),
    "\x05documentsummaryinformation": ("another file of an old office program", "Save it as docx, pptx, xlsx or PDF."),
}
# What olefile raises for a container that is damaged, besides the errors of its own, which are OSErrors.
DAMAGE = (OSError, struct.error, RecursionError, LookupError, ValueError, TypeError, OverflowError)


def open_container(path: Path, limits: Limits, warnings: list[str] | None = None) -> OleFileIO:
    """The container at ``path``, to be closed by the caller; ``warnings`` takes a sentence where its end is missing.

    Raises:
        DocumentError: ``broken_file``, ``too_large``.
    """
    # Imported here: no modern file needs it.
    import olefile

    # It compares each stream with all before it; a message of thousands of recipients would take ten seconds.
    olefile.OleFileIO._check_duplicate_stream = _ignore  # noqa: SLF001
    if path.stat().st_size > limits.max_unpacked_bytes:
        raise refuse("too_large", f"A file of this kind may have at most {limits.max_unpacked_bytes >> 20} MiB.")
    try:
        container = olefile.OleFileIO(path)
    except FileNotFoundError:
        raise
    except DAMAGE:
        raise refuse("broken_file", "The file is damaged: its container cannot be opened.") from None
    if warnings is not None and _is_cut(container):
        report_cut(warnings)
    return container


def _is_cut(container: OleFileIO) -> bool:
    """Whether streams go on, or begin, beyond the end of the file."""
    count = len(container.fat)  # as many as the file has sectors
    starts = (entry.isectStart for entry in container.direntries if entry is not None and entry.size >= _SHORT_BYTES)
    return any(count <= sector < _LAST_SECTOR for sector in chain(container.fat, starts))


def _ignore(*_: object, **__: object) -> None:
    pass


def read_stream(container: OleFileIO, name: str) -> bytes:
    """The bytes of a stream; empty where there is none.

    Raises:
        DocumentError: ``broken_file``.
    """
    try:
        if not container.exists(name):
            return b""
        with container.openstream(name) as stream:
            content: bytes = stream.read()
            return content
    except DAMAGE:
        raise refuse("broken_file", "The file is damaged: a part of its container cannot be read.") from None


def recognize(path: Path, limits: Limits) -> str:
    """The format of the file in a container.

    Raises:
        DocumentError: ``broken_file``, ``encrypted``, ``unsupported_format``, ``too_large``.
    """
    with open_container(path, limits) as container:
        try:
            names = {entry[0].lower() for entry in container.listdir(streams=True, storages=True)}
        except DAMAGE:
            raise refuse("broken_file", "The file is damaged: its container cannot be listed.") from None
    if "encryptedpackage" in names:
        raise refuse("encrypted", "The file is protected with a password; remove it and upload it again.")
    if "text_content" in names and "pp97_dualstorage" not in names:
        raise _foreign({"pp40"})  # the streams of PowerPoint 95, one of which has the name of its successor's
    if found := next((form for name, form in _FORMATS.items() if name in names), ""):
        return found
    raise _foreign(names)


def _foreign(names: set[str]) -> DocumentError:
    kind = next((kind for name, kind in _FOREIGN.items() if name in names), None)
    name, advice = kind or ("a container of another program", "Save it as docx, pptx, xlsx or PDF.")
    return refuse("unsupported_format", f"The file is {name}, which is not supported. {advice}")

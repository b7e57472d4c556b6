"""Which format a zip package is in, and which of its parts is the document.

Parts may have any name, content types and extensions are often wrong: the package's relation names the main part, and
its root element tells the format. https://ecma-international.org/publications-and-standards/standards/ecma-376/ part 2.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from shared.domain.errors import DocumentError
from shared.parsing.archive import Archive
from shared.parsing.refusing import has_damage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

# Types that the entry "mimetype" of OpenDocument and EPUB names, by how they begin.
_TYPES = {
    "application/epub+zip": "epub",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.sun.xml.writer": "odt",
    "application/vnd.sun.xml.calc": "ods",
    "application/vnd.sun.xml.impress": "odp",
}
_ODF_BODIES = {"text": "odt", "spreadsheet": "ods", "presentation": "odp"}
_ODF_BODY = re.compile(rb"<office:body[^>]{0,200}>\s{0,99}<office:(text|spreadsheet|presentation)[\s>/]")
_BY_ROOT = {"document": "docx", "presentation": "pptx", "workbook": "xlsx"}
_BY_NAME = {"word/document": "docx", "ppt/presentation": "pptx", "xl/workbook": "xlsx"}
# Of nearly all packages, so that they need not be read to be recognized.
_BY_USUAL_NAME = {f"{name}.xml": form for name, form in _BY_NAME.items()}
_BINARY_WORKBOOK = "xl/workbook.bin"
_LONGEST_TYPE = 200
_USUAL_NAME = re.compile(r"(?:word/document|ppt/presentation|xl/workbook)[0-9]{0,5}\.xml", re.IGNORECASE)
_MAIN_TYPE = re.compile(
    r"(?:wordprocessingml\.(?:document|template)|presentationml\.(?:presentation|slideshow|template)"
    r"|spreadsheetml\.(?:sheet|template))\.main\+xml|\.macroEnabled(?:Template)?\.main\+xml",
    re.IGNORECASE,
)


def recognize(path: Path, limits: Limits) -> tuple[str, frozenset[str], bool]:
    """The format of a package, and the names of its parts.

    Returns:
        A value of `formats.FORMATS`, empty for another archive; the names, and the type that the package
        gives itself; whether the package is damaged. Templates and files with macros count as their format.

    Raises:
        DocumentError: ``broken_file``, ``encrypted``, ``too_large``.
    """
    with Archive(path, limits) as archive:
        declared = _read_type(archive)
        found = _find_format(archive) or _find_other(archive, declared)
        if not found:
            _report_missing_main_part(archive)
        return found, archive.names | {declared}, has_damage(archive.warnings)


def find_main_part(archive: Archive) -> str:
    """Name of the part the package is about; empty where there is none."""
    return next((name for name in _candidates(archive) if name in archive.names), "")


def _find_format(archive: Archive) -> str:
    usual = [form for name, form in _BY_USUAL_NAME.items() if name in archive.names]
    if len(usual) == 1 and _BINARY_WORKBOOK not in archive.names:
        return usual[0]
    main = find_main_part(archive)
    if main.lower().endswith(".bin") or (not main and _BINARY_WORKBOOK in archive.names):
        return "xlsb"
    try:
        root = archive.root(main)
    except DocumentError:
        root = None
    if root is not None and root.name in _BY_ROOT:
        return _BY_ROOT[root.name]
    # A damaged part: its name tells the format, and reading it tells what is wrong.
    name = main.lower() if root is None else ""
    return next((form for start, form in _BY_NAME.items() if name.startswith(start)), "")


def _read_type(archive: Archive) -> str:
    """The type that the package names in an entry of its own; empty where it names none."""
    if "mimetype" not in archive.names or archive.size("mimetype") >= _LONGEST_TYPE:
        return ""
    return b"".join(archive.until_damage("mimetype", archive.chunks("mimetype"))).decode("ascii", "ignore").strip()


def _find_other(archive: Archive, declared: str) -> str:
    """The format of a package that is no Office file of today."""
    if form := next((form for start, form in _TYPES.items() if declared.startswith(start)), ""):
        return form
    if archive.resolve("META-INF/container.xml") in archive.names:
        return "epub"
    if archive.resolve("OFD.xml") in archive.names:
        return "ofd"
    # A converter left out the entry that names the type.
    if "content.xml" in archive.names and "META-INF/manifest.xml" in archive.names:
        body = _ODF_BODY.search(b"".join(archive.chunks("content.xml")))
        return _ODF_BODIES[body[1].decode()] if body else ""
    return ""


def _report_missing_main_part(archive: Archive) -> None:
    with suppress(DocumentError):
        for kind, target in archive.relations("").values():
            if kind.lower() == "officedocument":
                archive.report_missing(target)


def _candidates(archive: Archive) -> Iterator[str]:
    """Names the main part may have: what the relation says, then the content types, then what is usual."""
    try:
        relations = archive.relations("")
    except DocumentError:
        relations = {}
    yield from (target for kind, target in relations.values() if kind.lower() == "officedocument")
    yield from _declared(archive)
    yield from sorted(filter(_USUAL_NAME.fullmatch, archive.names))


def _declared(archive: Archive) -> list[str]:
    return [name for name, kind in list_types(archive) if _MAIN_TYPE.search(kind)]


def list_types(archive: Archive) -> list[tuple[str, str]]:
    """The name and the content type of each part that has one of its own."""
    try:
        return [
            (archive.resolve(event.attributes.get("PartName", "")), event.attributes.get("ContentType", ""))
            for event in archive.events("[Content_Types].xml", frozenset({"Override"}))
            if event.kind == "open"
        ]
    except DocumentError:
        return []

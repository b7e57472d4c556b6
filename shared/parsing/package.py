"""Which Office format a zip package is in: by its relations and content types, since parts may have any name.

https://ecma-international.org/publications-and-standards/standards/ecma-376/ part 2 (Open Packaging Conventions).
"""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import TYPE_CHECKING

from shared.parsing.refusal import refusal

if TYPE_CHECKING:
    from pathlib import Path

_PART_BYTES = 1 << 20
_MAIN = re.compile(
    r"(?P<docx>wordprocessingml\.(?:document|template)\.main\+xml|ms-word\.(?:document|template)\.macroEnabled)"
    r"|(?P<pptx>presentationml\.(?:presentation|slideshow|template)\.main\+xml"
    r"|ms-powerpoint\.(?:presentation|slideshow|template)\.macroEnabled)"
    r"|(?P<xlsx>spreadsheetml\.(?:sheet|template)\.main\+xml|ms-excel\.(?:sheet|template)\.macroEnabled)"
    r"|(?P<xlsb>ms-excel\.sheet\.binary\.macroEnabled)",
    re.IGNORECASE,
)
_ELEMENT = re.compile(r"<[^<>]{1,4000}>")
_ATTRIBUTE = re.compile(r"""\b(Type|Target|PartName|ContentType)\s{0,9}=\s{0,9}["']([^"']{0,2000})["']""")
_FOLDERS = {"word/document": "docx", "ppt/presentation": "pptx", "xl/workbook": "xlsx"}
_BINARY_WORKBOOK = "xl/workbook.bin"
# Errors of `zipfile` for a container that is damaged, or packed in a way it does not know.
DAMAGE = (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, OSError, EOFError, RuntimeError)


def recognise(path: Path) -> tuple[str, frozenset[str]]:
    """Format of a package (``xlsb`` for the one that is not read, empty for another archive), and its entries' names.

    Raises:
        DocumentError: ``broken_file``.
    """
    try:
        with zipfile.ZipFile(path) as container:
            parts = {normal(name): name for name in container.namelist()}
            return _format(container, parts), frozenset(parts)
    except DAMAGE:
        raise refusal("broken_file", "The file is damaged: its zip container cannot be opened.") from None


def normal(name: str) -> str:
    """The name of a part as relations write it: some producers write backslashes, or a slash in front."""
    return name.replace("\\", "/").lstrip("/")


def _format(container: zipfile.ZipFile, parts: dict[str, str]) -> str:
    main = _main_part(_read(container, parts, "_rels/.rels"))
    types = _elements(_read(container, parts, "[Content_Types].xml"))
    own = [entry.get("ContentType", "") for entry in types if normal(entry.get("PartName", "")).lower() == main]
    for type_ in (*own, *(entry.get("ContentType", "") for entry in types)):
        if match := _MAIN.search(type_):
            return match.lastgroup or ""
    names = [main, *(name.lower() for name in parts)]
    if _BINARY_WORKBOOK in names:
        return "xlsb"
    return next((name for start, name in _FOLDERS.items() if any(part.startswith(start) for part in names)), "")


def _main_part(relations: str) -> str:
    for entry in _elements(relations):
        if entry.get("Type", "").endswith("/officeDocument"):
            return normal(entry.get("Target", "")).lower()
    return ""


def _elements(xml: str) -> list[dict[str, str]]:
    return [dict(_ATTRIBUTE.findall(element)) for element in _ELEMENT.findall(xml)]


def _read(container: zipfile.ZipFile, parts: dict[str, str], name: str) -> str:
    """The start of a part as text; empty where it is missing or protected."""
    entry = next((stored for known, stored in parts.items() if known.lower() == name.lower()), "")
    if not entry or container.getinfo(entry).flag_bits & 1:
        return ""
    with container.open(entry) as part:
        data = part.read(_PART_BYTES)
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")

"""Files made for the parser tests, and what parsing yields of them."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING

from shared.parsing import Limits, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from shared.domain.models import Location

CHINESE_FONT = "STSong-Light"
_CONTENT_TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def write(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read_blocks(path: Path, key: str = "", limits: Limits | None = None) -> list[tuple[str, Location]]:
    """Every block of the file as (text, location)."""
    return [(block.text, block.location) for block in parse(path, key or path.name, limits or Limits()).blocks]


def texts(path: Path, key: str = "", limits: Limits | None = None) -> list[str]:
    return [text for text, _ in read_blocks(path, key, limits)]


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    save(stream)
    return stream.getvalue()


def zipped(parts: Mapping[str, bytes | str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as container:
        for name, content in parts.items():
            container.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else None)
    return stream.getvalue()


def docx_of(document_xml: bytes | str, **parts: bytes | str) -> bytes:
    """A Word file with exactly this main part: ``document_xml``."""
    return zipped({"[Content_Types].xml": _CONTENT_TYPES, "word/document.xml": document_xml, **parts})


def xlsx_of(sheet_data: str) -> bytes:
    """A workbook with one sheet holding exactly ``sheet_data``."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    return zipped(
        {
            "[Content_Types].xml": _CONTENT_TYPES,
            "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" '
            'r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" '
            f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet_data}</sheetData></worksheet>',
        }
    )


def pdf_of(pages: Sequence[Sequence[str]], title: str = "", password: str = "") -> bytes:
    """A PDF with the given lines on each page, in a font that knows Chinese."""
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE_FONT))
    stream = io.BytesIO()
    canvas = Canvas(stream, encrypt=StandardEncryption(password, canPrint=0) if password else None)
    if title:
        canvas.setTitle(title)
    for lines in pages:
        canvas.setFont(CHINESE_FONT, 12)
        for number, line in enumerate(lines):
            canvas.drawString(60, 780 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


_FREE, _END_OF_CHAIN, _TABLE_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SECTOR = 512
_LEAST_STREAM = 4096


def container_of(streams: Mapping[str, bytes]) -> bytes:
    """An OLE container; folders in names become storages, and short streams are filled up with zeros."""
    entries: list[tuple[str, int, int, int, int, int]] = []
    sectors = bytearray()
    chains: list[int] = []

    def store(content: bytes) -> int:
        first = len(chains)
        count = -(-len(content) // _SECTOR)
        sectors.extend(content.ljust(count * _SECTOR, b"\0"))
        chains.extend([*range(first + 1, first + count), _END_OF_CHAIN])
        return first

    def add(names: list[str], within: str) -> int:
        """Entries of one folder, each the right neighbour of the one before; returns the first."""
        places: list[int] = []
        for name in names:
            path = f"{within}{name}"
            place = len(entries)
            entries.append(("", 0, 0, 0, 0, 0))
            places.append(place)
            if path in streams:
                content = streams[path].ljust(_LEAST_STREAM, b"\0")
                entries[place] = (name, 2, _FREE, _FREE, store(content), len(content))
            else:
                inner = dict.fromkeys(
                    key[len(path) + 1 :].split("/")[0] for key in streams if key.startswith(f"{path}/")
                )
                entries[place] = (name, 1, _FREE, add(list(inner), f"{path}/"), 0, 0)
        for place, following in zip(places, [*places[1:], _FREE], strict=True):
            name, kind, _, child, start, size = entries[place]
            entries[place] = (name, kind, following, child, start, size)
        return places[0]

    entries.append(("Root Entry", 5, _FREE, 0, _END_OF_CHAIN, 0))
    first = add(list(dict.fromkeys(key.split("/")[0] for key in streams)), "")
    entries[0] = ("Root Entry", 5, _FREE, first, _END_OF_CHAIN, 0)
    directory = b"".join(_directory_entry(*entry) for entry in entries)
    start = store(directory)
    tables = 1
    while -(-(len(chains) + tables) * 4 // _SECTOR) > tables:
        tables += 1
    places = range(len(chains), len(chains) + tables)
    chains.extend([_TABLE_SECTOR] * tables)
    table = b"".join(chain.to_bytes(4, "little") for chain in chains).ljust(tables * _SECTOR, b"\xff")
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, tables, start, 0, _LEAST_STREAM, _END_OF_CHAIN, 0, _END_OF_CHAIN, 0)
    head += b"".join(place.to_bytes(4, "little") for place in places)
    return head.ljust(_SECTOR, b"\xff") + bytes(sectors) + table


def _directory_entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    written = name.encode("utf-16-le")
    return (
        written.ljust(64, b"\0")
        + struct.pack("<HBBIII", len(written) + 2, kind, 1, _FREE, right, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )

"""Files made for the parser tests, and what parsing yields of them."""

from __future__ import annotations

import io
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
            container.writestr(name, content)
    return stream.getvalue()


def docx_of(document_xml: bytes | str, **parts: bytes | str) -> bytes:
    """A Word file whose main part is exactly ``document_xml``."""
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

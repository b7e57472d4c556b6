"""Word documents of 97 to 2003 (and the plain text of those of Word 6 and 95): headings, paragraphs, tables, notes.

The structures are those of [MS-DOC]: https://learn.microsoft.com/openspecs/office_file_formats/ms-doc/.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from shared.domain.errors import DocumentError
from shared.domain.models import ParsedDocument
from shared.parsing import text
from shared.parsing.container import open_container, read_stream
from shared.parsing.doc_file import Header, read_old_text
from shared.parsing.doc_lists import read_lists
from shared.parsing.doc_styles import Properties, Styles
from shared.parsing.doc_text import Text
from shared.parsing.flow import Flow
from shared.parsing.numbering import Numbering
from shared.parsing.refusing import refuse
from shared.parsing.summary import read_title

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from olefile import OleFileIO

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_PARAGRAPH_ENDS = "\r\x07\x0c\x0e"
_CELL_END = "\x07"
# It holds the pictures too.
_MOST_DATA_BYTES = 64 << 20


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a document; its property gives the title when no heading does.

    Raises:
        DocumentError: ``broken_file``, ``encrypted``, ``unsupported_format``, ``too_large``.
    """
    warnings: list[str] = []
    with open_container(path, limits, warnings) as container:
        main = read_stream(container, "WordDocument")
        header = Header(main)
        if header.is_encrypted:
            raise refuse("encrypted", "The file is protected with a password; remove it and upload the file again.")
        title = read_title(container)
        if header.is_old:
            return ParsedDocument(title, text.read(read_old_text(header), limits), warnings=warnings)
        table = read_stream(container, header.table)
        styles = Styles(header, table)
        if styles.needs_data():
            styles.take_data(_read_data(container, warnings))
    return ParsedDocument(title, _Reader(header, table, styles, limits).blocks(), warnings=warnings)


def _read_data(container: OleFileIO, warnings: list[str]) -> bytes:
    """The stream of data, which holds long settings beside pictures."""
    if container.exists("Data") and container.get_size("Data") <= _MOST_DATA_BYTES:
        with suppress(DocumentError):
            return read_stream(container, "Data")
    warnings.append("The part with the layout of wide tables cannot be read; their cells may stand in one row.")
    return b""


class _Reader:
    """Reads the stories of a document: the main text, notes, comments, text boxes, headers and footers."""

    def __init__(self, header: Header, table: bytes, styles: Styles, limits: Limits) -> None:
        self._text = Text(header, table)
        self._styles = styles
        self._numbering = Numbering(lambda: read_lists(header, table), {})
        self._header = header
        self._flow = Flow(limits)

    def blocks(self) -> Iterator[Block]:
        """The blocks of all stories; of headers and footers, each text once."""
        at = 0
        seen: set[str] = set()
        margins: list[Block] = []
        for name, size in self._header.stories:
            if name == "header":
                margins = list(self._story(at, at + size, is_main=False))
            elif name != "macro":
                yield from self._story(at, at + size, is_main=name == "main")
            at += size
        for block in margins:
            if block.text not in seen:
                seen.add(block.text)
                yield block

    def _story(self, start: int, end: int, *, is_main: bool) -> Iterator[Block]:
        flow = self._flow if is_main else Flow(self._flow.limits)
        for first, last, mark in self._text.paragraphs(start, end, _PARAGRAPH_ENDS):
            properties = self._styles.find(self._text.offset(last))
            self._paragraph(flow, self._text.shown(first, last), mark, properties, is_main=is_main)
            yield from flow.take()
        flow.close()
        yield from flow.take()

    def _paragraph(self, flow: Flow, text: str, mark: str, properties: Properties, *, is_main: bool) -> None:
        if properties.is_row_end and mark == _CELL_END:
            flow.end_row(properties.borders, properties.below, properties.beside, is_header=properties.is_header)
            return
        if properties.is_inner_row_end and flow.depth > 1:
            flow.end_row(properties.borders, properties.below, properties.beside, is_header=properties.is_header)
            return
        if properties.is_in_table and not flow.is_in_table:
            flow.open_table()
        elif flow.is_in_table and not properties.is_in_table and text.strip():
            flow.close_table()
        if properties.is_in_table and (properties.depth > 1 or flow.depth > 1):
            flow.nest(properties.depth)
        label = ""
        if properties.list and text.strip():
            label = self._numbering.label(str(properties.list), properties.place)
        flow.add(text, properties.level if is_main else 0, label)
        if mark == _CELL_END or properties.is_inner_cell_end:
            flow.close_cell()

"""What the sheets of a binary workbook share: their names and parts, texts, and the formats of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing.binary_records import read_records, read_wide
from shared.parsing.doc_file import read_number
from shared.parsing.formatcode import find_built_in
from shared.parsing.package import find_main_part
from shared.parsing.workbook import SharedTexts, Sheet
from shared.parsing.workbook_styles import Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.archive import Archive

_PROPERTIES, _SHEET, _TEXT = 153, 156, 19
_FONT, _FORMAT, _FILL, _STYLE = 43, 44, 45, 47
_BEGIN_STYLES, _END_STYLES = 617, 618
_BOLD = 600
_NO_FILLS = frozenset({0, 17})  # none, and the grey that every workbook lists


class BinaryWorkbook:
    """The parts of a workbook that its sheets refer to.

    Attributes:
        sheets: in the order of their tabs.
        styles: by the number that cells name.
        texts: shared strings.
        epoch_1904: whether days are counted from 1904.
    """

    def __init__(self, archive: Archive) -> None:
        main = find_main_part(archive) or archive.resolve("xl/workbook.bin")
        relations = archive.relations(main)
        parts = dict(relations.values())
        self.epoch_1904 = False
        self.sheets: list[Sheet] = []
        for number, data in read_records(archive.chunks(main)):
            if number == _PROPERTIES:
                self.epoch_1904 = bool(read_number(data, 0) & 1)
            elif number == _SHEET:
                key, end = read_wide(data, 8)
                if relation := relations.get(key):
                    self.sheets.append(Sheet(read_wide(data, end)[0], relation[1], relation[0]))
        self.styles: list[Style] = []
        if archive.resolve(parts.get("styles", "")) in archive.names:
            self.styles.extend(archive.until_damage(parts["styles"], _styles(archive, parts["styles"])))
        part = archive.resolve(parts.get("sharedStrings", "xl/sharedStrings.bin"))
        texts = archive.until_damage(part, _texts(archive, part)) if part in archive.names else ()
        self.texts = SharedTexts(archive, part, texts)


def _texts(archive: Archive, part: str) -> Iterator[str]:
    for number, data in read_records(archive.chunks(part)):
        if number == _TEXT:
            yield " ".join(read_wide(data, 1)[0].split())


def _styles(archive: Archive, part: str) -> Iterator[Style]:
    codes: dict[int, str] = {}
    bold: list[bool] = []
    filled: list[bool] = []
    is_cell = False
    for number, data in read_records(archive.chunks(part)):
        if number == _FORMAT:
            codes[read_number(data, 0, "<H")] = read_wide(data, 2)[0]
        elif number == _FONT:
            bold.append(read_number(data, 4, "<H") >= _BOLD)
        elif number == _FILL:
            filled.append(read_number(data, 0) not in _NO_FILLS)
        elif number in (_BEGIN_STYLES, _END_STYLES):
            is_cell = number == _BEGIN_STYLES
        elif number == _STYLE and is_cell:
            form, font, fill = (read_number(data, at, "<H") for at in (2, 4, 6))
            is_marked = any(kinds[place] for kinds, place in ((bold, font), (filled, fill)) if place < len(kinds))
            yield Style(codes.get(form) or find_built_in(form), is_marked)

"""What the sheets of a workbook share: their names and parts, and texts.

Element names are those of ECMA-376 part 1, sections 18.2 (workbook) and 18.4 (shared strings).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.package import find_main_part
from shared.parsing.workbook_styles import read_styles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.parsing.archive import Archive

# Excel writes characters that XML forbids, carriage returns among them, by their number.
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


class Sheet(Struct, frozen=True):
    """A sheet: its name, its part, and ``worksheet``, ``chartsheet`` or another kind."""

    name: str
    part: str
    kind: str


class SharedTexts:
    """The texts that cells refer to by their number."""

    def __init__(self, archive: Archive, part: str, texts: Iterable[str]) -> None:
        self._archive = archive
        self._part = part
        self._texts = list(texts)

    def find(self, number: int) -> str:
        """The text with a number; one that is missing is warned about."""
        if number < len(self._texts):
            return self._texts[number]
        self._archive.report_damage(self._part)
        return ""


class Workbook:
    """The parts of a workbook that its sheets refer to.

    Attributes:
        sheets: in the order of their tabs.
        styles: by the number that cells name.
        texts: shared strings.
        epoch_1904: whether days are counted from 1904.
    """

    def __init__(self, archive: Archive) -> None:
        main = find_main_part(archive)
        relations = archive.relations(main)
        parts = dict(relations.values())
        self.epoch_1904 = False
        self.sheets: list[Sheet] = []
        for event in archive.events(main, frozenset({"sheet", "workbookPr"})):
            if event.kind == "open" and event.name == "workbookPr":
                self.epoch_1904 = event.attributes.get("date1904", "") in ("1", "true")
            elif event.kind == "open" and (relation := relations.get(event.attributes.get("r:id", ""))):
                self.sheets.append(Sheet(event.attributes.get("name", ""), relation[1], relation[0]))
        self.styles = list(read_styles(archive, parts["styles"])) if "styles" in parts else []
        part = parts.get("sharedStrings", "xl/sharedStrings.xml")
        self.texts = SharedTexts(archive, part, archive.until_damage(part, _texts(archive, part)))


def unescape(text: str) -> str:
    """``text`` with the characters that Excel wrote by their number."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def _texts(archive: Archive, part: str) -> Iterator[str]:
    """Shared strings, without readings (``rPh``)."""
    parts: list[str] = []
    in_text = in_reading = False
    for event in archive.events(part):
        if event.kind == "text":
            if in_text and not in_reading:
                parts.append(event.name)
        elif event.name == "t":
            in_text = event.kind == "open"
        elif event.name == "rPh":
            in_reading = event.kind == "open"
        elif event.name == "si" and event.kind == "close":
            yield " ".join(unescape("".join(parts)).split())
            parts = []

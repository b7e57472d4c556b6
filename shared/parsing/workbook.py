"""What the sheets of a workbook share: their names and parts, texts, and the formats of cells.

Element names are those of ECMA-376 part 1, sections 18.2 (workbook), 18.4 (shared strings) and 18.8 (styles).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.formatcode import find_built_in
from shared.parsing.package import find_main_part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.archive import Archive, Event

# Excel writes characters that XML forbids, carriage returns among them, by their number.
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


class Sheet(Struct, frozen=True):
    """A sheet: its name, its part, and ``worksheet``, ``chartsheet`` or another kind."""

    name: str
    part: str
    kind: str


class Style(Struct, frozen=True):
    """How a cell looks: the code of its number format, and whether it is bold or filled as headers are."""

    code: str = ""
    is_marked: bool = False


class Workbook:
    """The parts of a workbook that its sheets refer to.

    Attributes:
        sheets: in the order of their tabs.
        styles: by the number that cells name.
        texts: shared strings by their number.
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
        self.styles = list(_styles(archive, parts["styles"])) if "styles" in parts else []
        self.texts = list(_texts(archive, parts["sharedStrings"])) if "sharedStrings" in parts else []


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


def _styles(archive: Archive, part: str) -> Iterator[Style]:
    codes: dict[str, str] = {}
    bold: list[bool] = []
    filled: list[bool] = []
    path: list[str] = []
    for event in archive.events(part):
        if event.kind == "close":
            path.pop()
        elif event.kind == "open":
            above = path[-1] if path else ""
            path.append(event.name)
            if event.name == "numFmt" and above == "numFmts":
                codes[event.attributes.get("numFmtId", "")] = event.attributes.get("formatCode", "")
            elif event.name == "font" and above == "fonts":
                bold.append(False)
            elif event.name == "b" and above == "font" and bold:
                bold[-1] = event.attributes.get("val", "1") not in ("0", "false")
            elif event.name == "fill" and above == "fills":
                filled.append(False)
            elif event.name == "patternFill" and above == "fill" and filled:
                filled[-1] = event.attributes.get("patternType", "none") not in ("none", "gray125")
            elif event.name == "xf" and above == "cellXfs":
                yield _style(event, codes, bold, filled)


def _style(event: Event, codes: dict[str, str], bold: list[bool], filled: list[bool]) -> Style:
    number = event.attributes.get("numFmtId", "0")
    code = codes.get(number) or find_built_in(int(number) if number.isdecimal() and len(number) < 9 else 0)
    marks = [_at(bold, event.attributes.get("fontId", "")), _at(filled, event.attributes.get("fillId", ""))]
    return Style(code, any(marks))


def _at(values: list[bool], place: str) -> bool:
    return place.isdecimal() and len(place) < 9 and int(place) < len(values) and values[int(place)]

"""The formats of cells in a workbook. Element names are those of ECMA-376 part 1, section 18.8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.formatcode import find_built_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.archive import Archive
    from shared.parsing.xml_events import Event


# Most of the part is borders, colours and names of fonts.
_ELEMENTS = frozenset({"numFmts", "numFmt", "fonts", "font", "b", "fills", "fill", "patternFill", "cellXfs", "xf"})


class Style(Struct, frozen=True):
    """How a cell looks: the code of its number format, and whether it is bold or filled as headers are."""

    code: str = ""
    is_marked: bool = False


def read_styles(archive: Archive, part: str) -> Iterator[Style]:
    """The styles by the number that cells name."""
    codes: dict[str, str] = {}
    bold: list[bool] = []
    filled: list[bool] = []
    path: list[str] = []
    for event in archive.readable_events(part, _ELEMENTS):
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

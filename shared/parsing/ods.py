"""OpenDocument spreadsheets: each row with its labels, its sheet and its row number, then text boxes on the sheet."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.flow import Flow
from shared.parsing.numberformat import show_general, show_number
from shared.parsing.odf import Reader
from shared.parsing.odf_source import Source
from shared.parsing.refusing import refuse
from shared.parsing.sheet import Areas, Covered, make_line
from shared.parsing.table import render_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from shared.parsing.limits import Limits
    from shared.parsing.tableline import Line
    from shared.parsing.xml_events import Event

_LAST_COLUMN = 16_384
_MOST_REPEATED_CELLS, _MOST_REPEATED_ROWS = 256, 1_000
_TIME = re.compile(r"PT(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})(?:[.,][0-9]{1,20})?S)?")
_CELLS = frozenset({"table-cell", "covered-table-cell"})
_HIDDEN = frozenset({"annotation", "shapes", "frame", "custom-shape"})


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The rows of every sheet, hidden ones too.

    Raises:
        DocumentError: ``encrypted``, ``broken_file``, ``too_deep``, ``too_large``.
    """
    source = Source(path, limits)
    return ParsedDocument(source.title(), _blocks(source, limits), warnings=source.warnings)


def _blocks(source: Source, limits: Limits) -> Iterator[Block]:
    with closing(source):
        events = source.events("content.xml")
        for event in events:
            if event.kind == "open" and event.name == "table":
                name = event.attributes.get("name", "")
                sheet = _Sheet(limits)
                for row in render_lines(sheet.lines(events)):
                    yield row.block(Location(sheet=name, row=row.number))
                    yield from sheet.notes(name, row.number, row.keys or row.text[:200])
                yield from sheet.rest(name)


class _Cell(Struct):
    """A cell as far as it was read."""

    value: str
    columns: int
    rows: int
    repeated: int
    paragraphs: list[str] = []


class _Sheet:
    """Reads one sheet."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._notes: dict[int, list[str]] = {}
        self._beside = Reader(Flow(limits))
        self._areas = Areas()
        self._number = 0
        self._count = 0
        self._headers = 0

    def lines(self, events: Iterator[Event]) -> Iterator[Line]:
        """The rows that hold something, up to the end of the sheet."""
        covered = Covered(self._areas)
        for event in events:
            if event.kind == "close" and event.name == "table":
                return
            if event.name == "table-header-rows":
                self._headers += {"open": 1, "close": -1}.get(event.kind, 0)
            elif event.kind == "open" and event.name == "table-row":
                yield from self._row(event, events, covered)
            elif event.kind == "open" and event.name == "shapes":
                self._aside(events)

    def _row(self, event: Event, events: Iterator[Event], covered: Covered) -> Iterator[Line]:
        repeated = max(1, _whole(event.attributes.get("number-rows-repeated", "1")))
        first = self._number + 1
        cells = self._cells(events)
        self._number += repeated
        if not cells:
            return
        for number in range(first, first + min(repeated, _MOST_REPEATED_ROWS)):
            self._count += 1
            if self._count > self._limits.max_rows:
                raise refuse("too_large", f"A sheet has more than {self._limits.max_rows} rows.")
            line = make_line(number, cells, covered)
            line.declared = self._headers > 0
            yield line

    def _cells(self, events: Iterator[Event]) -> dict[int, tuple[str, bool]]:
        """The texts of a row by column, up to its end."""
        cells: dict[int, tuple[str, bool]] = {}
        column = 1
        for event in events:
            if event.kind == "close" and event.name == "table-row":
                break
            if event.kind != "open" or event.name not in _CELLS:
                continue
            cell = self._cell(event, events)
            text = " ".join(" ".join(cell.paragraphs).split()) or cell.value
            is_covered = event.name == "covered-table-cell"
            if text and not is_covered:
                for place in range(column, min(column + min(cell.repeated, _MOST_REPEATED_CELLS), _LAST_COLUMN + 1)):
                    cells[place] = (text, False)
                self._merge(column, cell)
            column += cell.repeated
        return cells

    def _merge(self, column: int, cell: _Cell) -> None:
        if cell.columns > 1 or cell.rows > 1:
            row = self._number + 1
            area = (column, row + cell.rows - 1, min(column + cell.columns - 1, _LAST_COLUMN))
            self._areas.merged.setdefault(row, []).append(area)

    def _cell(self, event: Event, events: Iterator[Event]) -> _Cell:
        given = event.attributes
        cell = _Cell(
            _stored_value(given),
            max(1, _whole(given.get("number-columns-spanned", "1"))),
            max(1, _whole(given.get("number-rows-spanned", "1"))),
            max(1, _whole(given.get("number-columns-repeated", "1"))),
        )
        text: list[str] | None = None
        for step in events:
            if step.kind == "close" and step.name in _CELLS:
                break
            if step.kind == "open" and step.name in _HIDDEN:
                self._aside(events, row=self._number + 1 if step.name == "annotation" else 0)
            elif step.kind == "text":
                text.append(step.name) if text is not None else None
            elif step.name in ("p", "h"):
                if step.kind == "close" and text is not None:
                    cell.paragraphs.append("".join(text))
                text = [] if step.kind == "open" else None
            elif step.kind == "open" and step.name in ("s", "tab", "line-break") and text is not None:
                text.append(" ")
        return cell

    def _aside(self, events: Iterator[Event], row: int = 0) -> None:
        """A comment, which belongs to its row, or a shape, which belongs to the sheet."""
        reader = Reader(Flow(self._limits)) if row else self._beside
        depth = 1
        for step in events:
            depth += {"open": 1, "close": -1}.get(step.kind, 0)
            if not depth:
                break
            reader.read(step)
        if row:
            reader.flow.close()
            self._notes.setdefault(row, []).extend(block.text for block in reader.flow.take())

    def notes(self, sheet: str, row: int, keys: str) -> Iterator[Block]:
        """The comments of a row, each with what identifies the row."""
        for text in self._notes.pop(row, ()):
            yield Block(f"{keys}\n{text}", Location(sheet=sheet, row=row))

    def rest(self, sheet: str) -> Iterator[Block]:
        """Comments of rows that hold nothing else, and text boxes."""
        for row, texts in sorted(self._notes.items()):
            yield from (Block(text, Location(sheet=sheet, row=row)) for text in texts)
        self._beside.flow.close()
        yield from (Block(block.text, Location(sheet=sheet)) for block in self._beside.flow.take())


def _stored_value(given: Mapping[str, str]) -> str:
    """What a cell holds, for programs that write its value without a text."""
    text = given.get("string-value", "") or given.get("boolean-value", "").upper()
    if text or "value-type" not in given:
        return text
    if "date-value" in given:
        return given["date-value"].removesuffix("T00:00:00").replace("T", " ")
    if match := _TIME.fullmatch(given.get("time-value", "")):
        return f"{int(match[1] or 0)}:{int(match[2] or 0):02}:{int(match[3] or 0):02}"
    value = given.get("value", "")
    if given["value-type"] == "percentage":
        return show_number(value, "0.####%").replace(".%", "%")
    return f"{show_general(value)} {given.get('currency', '')}".strip()


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 1

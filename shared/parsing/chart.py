"""Charts of Office: the title, and a table of categories, series and values.

Element names are those of ECMA-376 part 1, section 21.2 (``c:``), and of the newer charts of Office 2016 (``cx:``,
[MS-ODRAWXML] 2.24.3). Values are those the file stores, so the workbook of a chart is not opened.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import Block
from shared.parsing.diagram import read_texts
from shared.parsing.table import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.domain.models import Location
    from shared.parsing.archive import Archive
    from shared.parsing.xml_events import Event

_MAX_POINTS = 100_000
_SKIPPED = frozenset({"dLbls", "trendline", "errBars", "txPr", "extLst", "spPr", "pivotFmts"})
_AXES = frozenset({"catAx", "valAx", "dateAx", "serAx", "axis"})
# Element -> what its points are.
_SLOTS = {
    "tx": "name",
    "cat": "categories",
    "xVal": "categories",
    "strDim": "categories",
    "val": "values",
    "yVal": "values",
    "numDim": "values",
    "bubbleSize": "sizes",
}
_PART_OF_DATE = re.compile(r"[ymd]")
_QUOTED = re.compile(r'"[^"]*"?|\[[^\]]*\]?|\\.')
_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - Excel knows no zones
_LAST_DAY = 2_958_465  # 9999-12-31


class _Series(Struct):
    """A series: its points by their index; categories of several levels, the innermost first."""

    name: str = ""
    categories: list[dict[int, str]] = []
    values: dict[int, str] = {}
    sizes: dict[int, str] = {}


def read_chart(archive: Archive, part: str, at: Location, warnings: list[str]) -> Iterator[Block]:
    """The title of a chart, then a row for each category with the values of all series, then texts drawn on it.

    Args:
        at: where the chart stands.
        warnings: takes a sentence when a chart has too many points.
    """
    reader = _Reader()
    for event in archive.readable_events(part):
        reader.read(event)
    if reader.points > _MAX_POINTS:
        warnings.append(f"A chart has more than {_MAX_POINTS} points; the others are left out.")
    if title := " ".join(reader.title.split()):
        yield Block(title, at)
    for group in _grouped(reader.series):
        header, *rows = _rows(group, reader.axis)
        named = [header] if any(header) else []
        yield from (row.block(at) for row in render([*named, *rows], header_rows=len(named)))
    yield from (Block(text, at) for text in reader.other_titles if text != reader.axis)
    for kind, target in archive.relations(part).values():
        if kind == "chartUserShapes":
            yield from (Block(text, at) for text in read_texts(archive, target))


def _grouped(series: list[_Series]) -> list[list[_Series]]:
    """Series that share their categories, together."""
    groups: list[list[_Series]] = []
    for one in series:
        group = next((group for group in groups[-1:] if _is_together(group[0], one)), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    return groups


def _is_together(first: _Series, other: _Series) -> bool:
    return not other.categories or first.categories == other.categories


def _rows(group: list[_Series], axis: str) -> Iterator[list[str]]:
    header = [axis]
    columns: list[dict[int, str]] = []
    for series in group:
        header.append(series.name)
        columns.append(series.values)
        if series.sizes:
            header.append(f"{series.name} (size)".strip())
            columns.append(series.sizes)
    yield header
    categories = _labels(group[0].categories)
    for place in sorted({*categories, *(place for column in columns for place in column)}):
        yield [categories.get(place, ""), *(column.get(place, "") for column in columns)]


def _labels(levels: list[dict[int, str]]) -> dict[int, str]:
    """Categories of one level; of several, the outer ones first: they are written where they change."""
    if len(levels) < 2:
        return levels[0] if levels else {}
    labels: dict[int, str] = {}
    current = [""] * len(levels)
    for place in sorted({place for level in levels for place in level}):
        current = [level.get(place, current[number] if number else "") for number, level in enumerate(levels)]
        labels[place] = " ".join(text for text in reversed(current) if text)
    return labels


class _Reader:
    """Turns the steps through a chart into its title and series."""

    def __init__(self) -> None:
        self.title = ""
        self.axis = ""
        self.other_titles: list[str] = []
        self.series: list[_Series] = []
        self.points = 0
        self._path: list[str] = []
        self._skipping = 0
        self._data: dict[str, _Series] = {}
        self._slot = ""
        self._target: dict[int, str] | None = None
        self._place = 0
        self._format = ""
        self._text = ""

    def read(self, event: Event) -> None:
        if self._skipping or (event.kind == "open" and event.name in _SKIPPED):
            self._skipping += {"open": 1, "close": -1}.get(event.kind, 0)
        elif event.kind == "open":
            self._path.append(event.name)
            self._enter(event.name, event.attributes)
        elif event.kind == "close":
            self._leave(event.name)
            self._path.pop()
        elif self._path[-1] in ("v", "t", "pt", "formatCode"):
            self._text += event.name

    def _enter(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("ser", "series"):
            self.series.append(_Series())
        elif name == "data":
            self._data[attributes.get("id", "")] = self._holder = _Series()
        elif name == "dataId" and self.series:
            data = self._data.get(attributes.get("val", ""), _Series())
            self.series[-1] = _Series(self.series[-1].name, data.categories, data.values, data.sizes)
        elif name in _SLOTS and self._is_in_series():
            self._open_slot(_SLOTS[name], attributes.get("type", ""))
        elif name == "lvl" and self._slot == "categories":
            self._target = self._new_level()
        elif name == "pt":
            place = attributes.get("idx", "")
            self._place = int(place) if place.isdecimal() and len(place) < 9 else self._place + 1
            self._text = ""
        elif name == "formatCode":
            self._text = ""
        self._format = attributes.get("formatCode", self._format)

    def _is_in_series(self) -> bool:
        return not {"ser", "series", "data"}.isdisjoint(self._path)

    def _open_slot(self, slot: str, dimension: str) -> None:
        # A new chart names its dimensions: sizes of a treemap are values, x of a scatter is not.
        self._slot = "categories" if dimension == "x" else slot
        self._format = ""
        series = self._current()
        if self._slot == "categories":
            self._target = None
        else:
            self._target = {"values": series.values, "sizes": series.sizes}.get(self._slot)

    def _current(self) -> _Series:
        return self._holder if "data" in self._path else self.series[-1]

    def _new_level(self) -> dict[int, str]:
        levels = self._current().categories
        levels.append({})
        return levels[-1]

    def _leave(self, name: str) -> None:
        if name == "formatCode":
            self._format, self._text = self._text, ""
        elif name in ("pt", "v") and self._slot and self._text.strip() and "title" not in self._path:
            self._add(self._text.strip())
            self._text = ""
        elif name == "p":
            self._text += " "
        elif name == "title":
            self._close_title(" ".join(self._text.split()))
            self._text = ""
        elif name in _SLOTS:
            if self._slot == "name" and self._text.strip() and self.series and self._is_in_series():
                self.series[-1].name = " ".join(self._text.split())
            self._slot, self._target, self._text = "", None, self._text if "title" in self._path else ""

    def _close_title(self, title: str) -> None:
        if not title:
            return
        if _AXES.isdisjoint(self._path):
            self.title = self.title or title
        elif not self.axis and not {"catAx", "dateAx"}.isdisjoint(self._path):
            self.axis = title
        else:
            self.other_titles.append(title)

    def _add(self, text: str) -> None:
        self.points += 1
        if self.points > _MAX_POINTS:
            return
        if self._slot == "name":
            series = self.series[-1]
            series.name = f"{series.name} {text}".strip()
        else:
            if self._target is None:
                self._target = self._new_level()
            self._target[self._place] = _shown(text, self._format)


def _shown(text: str, form: str) -> str:
    """A stored number as the chart shows it: percents, dates, and no digits beyond the fifteenth."""
    try:
        number = float(text)
    except ValueError:
        return " ".join(text.split())
    bare = _QUOTED.sub("", form).lower().partition(";")[0]
    if "%" in bare:
        return f"{number * 100:.15g}%"
    if bare != "general" and _PART_OF_DATE.search(bare) and 0 < number <= _LAST_DAY:
        day = _EPOCH + dt.timedelta(days=number)
        return day.date().isoformat() if day.time() == dt.time() else day.isoformat(" ", "minutes")
    return text if len(text) < 15 and "e" not in text.lower() else f"{number:.15g}"

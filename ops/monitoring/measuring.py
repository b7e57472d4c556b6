"""The charts from log files: one pass over the lines, in memory that does not grow with their number."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from ops.monitoring.charts import EVENT_PATH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ops.monitoring.charts import Chart, Measure, Selection

_LONGEST_LINE: Final = 1 << 20
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
# Percentiles come from a histogram with steps of 2 %, which bounds their error and the memory.
_STEP: Final = math.log(1.02)
_SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_MOST_COLUMNS: Final = 240
_MOST_GROUPS: Final = 12
_INTERVALS: Final = (("minute", timedelta(minutes=1)), ("hour", timedelta(hours=1)), ("day", timedelta(days=1)))


class Measured(Struct, frozen=True):
    """A chart with its numbers.

    Attributes:
        columns: the marks of the horizontal axis, in order.
        rows: the numbers of each series, by its label; ``None`` where there is none.
    """

    chart: Chart
    columns: tuple[str, ...]
    rows: dict[str, tuple[float | None, ...]]


class _Cell:
    """The numbers of one series in one interval."""

    def __init__(self) -> None:
        self._count, self._sum, self._max = 0, 0.0, -math.inf
        self._steps: Counter[int] = Counter()

    def add(self, value: float, *, measure: Measure) -> None:
        self._count += 1
        self._sum += value
        self._max = max(self._max, value)
        if measure in _SHARES:
            self._steps[round(math.log(max(value, 1e-9)) / _STEP)] += 1

    def result(self, measure: Measure) -> float:
        if measure == "count":
            return float(self._count)
        if measure in _SHARES:
            return self._percentile(_SHARES[measure])
        return self._sum if measure == "sum" else self._max

    def _percentile(self, share: float) -> float:
        left = math.ceil(self._count * share)
        for step in sorted(self._steps):
            left -= self._steps[step]
            if left <= 0:
                break
        return min(self._max, math.exp(step * _STEP))


class Meter:
    """Adds up lines for one chart.

    Args:
        interval: of its time axis: ``minute``, ``hour`` or ``day``.
    """

    def __init__(self, chart: Chart, interval: str) -> None:
        self._chart, self._interval = chart, "day" if chart.by == "day" else interval
        self._cells: dict[tuple[str, str], _Cell] = {}
        self._sizes: Counter[str] = Counter()

    def add(self, line: dict[str, Any]) -> None:
        """Take one line of the log, if the chart is about it."""
        if not _is_selected(self._chart.lines, line):
            return
        mark = self._mark(line)
        for series in self._chart.series:
            value = line.get(series.field) if series.field else 1.0
            if series.function and line.get("function") != series.function:
                continue
            if isinstance(value, int | float) and (series.least is None or value >= series.least):
                self._cells.setdefault((mark, series.label), _Cell()).add(float(value), measure=series.measure)
                self._sizes[mark] += 1
        self._bound()

    def measured(self) -> Measured:
        """The chart with its numbers."""
        marks = {mark for mark, _ in self._cells}
        over_time = self._chart.by in ("time", "day")
        columns = tuple(sorted(marks) if over_time else sorted(marks, key=lambda mark: -self._sizes[mark]))
        rows = {
            series.label: tuple(self._value(mark, series.label, series.measure) for mark in columns)
            for series in self._chart.series
        }
        return Measured(self._chart, columns, rows)

    def _value(self, mark: str, label: str, measure: Measure) -> float | None:
        cell = self._cells.get((mark, label))
        return cell.result(measure) if cell else None

    def _mark(self, line: dict[str, Any]) -> str:
        if self._chart.by in ("time", "day"):
            length = {"minute": 16, "hour": 13, "day": 10}[self._interval]
            return str(line["time"])[:length]
        return str(line.get(self._chart.by, ""))[:64]

    def _bound(self) -> None:
        """Forget the oldest interval, or the rarest value, of too many."""
        over_time = self._chart.by in ("time", "day")
        if len(self._sizes) <= (2 * _MOST_COLUMNS if over_time else 4 * _MOST_GROUPS):
            return
        gone = min(self._sizes) if over_time else min(self._sizes, key=lambda mark: self._sizes[mark])
        del self._sizes[gone]
        self._cells = {key: cell for key, cell in self._cells.items() if key[0] != gone}


def measure_charts(charts: Iterable[Chart], folder: Path) -> list[Measured]:
    """Compute ``charts`` from the ``*.log`` files of ``folder``."""
    interval = _choose_interval(folder)
    meters = [Meter(chart, interval) for chart in charts]
    for line in read_lines(folder):
        for meter in meters:
            meter.add(line)
    return [meter.measured() for meter in meters]


def read_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of the logs that are objects with a time and an event; all else is left out."""
    decoder = msgspec.json.Decoder()
    for path in sorted(folder.glob("*.log")):
        with path.open("rb") as log:
            while raw := log.readline(_LONGEST_LINE):
                if not raw.startswith(b"{"):
                    continue
                try:
                    line = decoder.decode(raw)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                if isinstance(line, dict) and "event" in line and _TIME.match(str(line.get("time"))):
                    yield line


def _choose_interval(folder: Path) -> str:
    """The smallest one with which the whole time fits into a chart."""
    first = last = ""
    for line in read_lines(folder):
        first, last = min(first or line["time"], line["time"]), max(last, line["time"])
    span = _moment(last) - _moment(first)
    return next((name for name, length in _INTERVALS if span / length <= _MOST_COLUMNS), "day")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _is_selected(lines: Selection, line: dict[str, Any]) -> bool:
    if line["event"] not in lines.events:
        return False
    return lines.calls == "all" or (line.get("path") == EVENT_PATH) == (lines.calls == "events")

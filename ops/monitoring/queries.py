"""Charts and alarms as queries of Simple Log Service.

Function Compute keeps each line of a log as the text ``message``
(https://help.aliyun.com/document_detail/171396.htm), so a field of the line is ``message.NAME``, by a JSON index on
``message``. A query is a search, a bar, and SQL (https://help.aliyun.com/zh/sls/user-guide/log-analysis-overview).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ops.monitoring.charts import EVENT_PATH

if TYPE_CHECKING:
    from ops.monitoring.charts import Alarm, Chart, Selection, Series

_MOST_ROWS: Final = 10_000
_SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def render_chart(chart: Chart, interval: str = "hour") -> str:
    """The query of a chart.

    Args:
        interval: of a chart over time: ``minute``, ``hour`` or ``day``.
    """
    values = [f"{_compute(series)} AS {name(series.label)}" for series in chart.series]
    order = name(chart.by) if chart.by in ("time", "day") else f"{name(chart.series[0].label)} DESC"
    selected = f"SELECT {', '.join((_axis(chart, interval), *values))}{_from(chart.lines)}"
    return f"{_search(chart.lines)} | {selected} GROUP BY {name(chart.by)} ORDER BY {order} LIMIT {_MOST_ROWS}"


def render_alarm(alarm: Alarm) -> str:
    """The query of an alarm: one row with the column ``value``."""
    return f"{_search(alarm.lines)} | SELECT {_compute(alarm.series)} AS {alarm.series.label}{_from(alarm.lines)}"


def column(field: str) -> str:
    """A field of the log line, in SQL."""
    return f'"message.{field}"'


def name(label: str) -> str:
    """The name of a column of the result, in SQL."""
    return f'"{label}"'


def _search(lines: Selection) -> str:
    return " or ".join(f"message.event: {event}" for event in lines.events)


def _from(lines: Selection) -> str:
    if lines.calls == "all":
        return " FROM log"
    return f" FROM log WHERE {column('path')} {'=' if lines.calls == 'events' else '<>'} '{EVENT_PATH}'"


def _axis(chart: Chart, interval: str) -> str:
    if chart.by in ("time", "day"):
        return f"date_trunc('{'day' if chart.by == 'day' else interval}', __time__) AS {name(chart.by)}"
    return f"{column(chart.by)} AS {name(chart.by)}"


def _compute(series: Series) -> str:
    conditions = [f"{column('function')} = '{series.function}'"] if series.function else []
    if series.least is not None:
        conditions.append(f"{column(series.field)} >= {series.least:g}")
    condition = " and ".join(conditions)
    if series.measure == "count":
        return f"count_if({condition})" if condition else "count(*)"
    value = f"if({condition}, {column(series.field)})" if condition else column(series.field)
    if series.measure in _SHARES:
        return f"approx_percentile({value}, {_SHARES[series.measure]})"
    return f"{series.measure}({value})"

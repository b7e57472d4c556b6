"""The charts and the alarms: which lines of the logs they take, and what they compute from them.

The events and fields are those of docs/operate.md.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

Measure: TypeAlias = Literal["count", "sum", "max", "p50", "p95", "p99"]
Calls: TypeAlias = Literal["all", "requests", "events"]
EVENT_PATH: Final = "/invoke"


class Series(Struct, frozen=True):
    """One line or column of a chart.

    Attributes:
        label: its name, also the name of its column in a query.
        measure: what is computed over the lines of each interval.
        field: of which number; a count needs none.
        least: count only lines in which ``field`` is at least this.
        function: only lines of this function.
    """

    label: str
    measure: Measure = "count"
    field: str = ""
    least: float | None = None
    function: str = ""


class Selection(Struct, frozen=True):
    """Which lines of the logs are taken.

    Attributes:
        events: the values of ``event``.
        calls: of all calls, of HTTP requests only, or of events only.
    """

    events: tuple[str, ...] = ("request",)
    calls: Calls = "all"


class Chart(Struct, frozen=True, kw_only=True):
    """A chart.

    Attributes:
        name: identifies it.
        title: in English.
        title_zh: in Chinese.
        by: what the horizontal axis shows: time, days, or the values of a field.
        unit: of all its numbers.
    """

    name: str
    title: str
    title_zh: str
    lines: Selection = Selection()
    series: tuple[Series, ...]
    by: str = "time"
    unit: str = ""


class Alarm(Struct, frozen=True, kw_only=True):
    """A number that must not reach a limit.

    Attributes:
        limit: the alarm is raised from this value on.
        minutes: the period over which the number is computed.
        advice: what to do.
    """

    name: str
    title: str
    title_zh: str
    lines: Selection = Selection()
    series: Series
    limit: float
    minutes: int
    advice: str


_FUNCTIONS: Final = ("embed", "ingest", "search")
_FAILURES: Final = ("request_failed", "event_failed", "document_failed", "batch_failed", "repair_failed")
_INTERNAL_ERRORS: Final = ("request_crashed", "event_crashed", "document_crashed", "parser_crashed")
_DAY_MINUTES: Final = 1_440

CHARTS: Final = (
    Chart(
        name="requests",
        title="Requests",
        title_zh="请求数",
        series=tuple(Series(name, function=name) for name in _FUNCTIONS),
    ),
    Chart(
        name="errors",
        title="Errors",
        title_zh="错误数",
        series=(
            Series("refused (400 and above)", field="status", least=400),
            Series("failed (500 and above)", field="status", least=500),
        ),
    ),
    Chart(
        name="latency",
        title="Latency of requests",
        title_zh="请求延迟",
        lines=Selection(calls="requests"),
        series=tuple(Series(name, name, "milliseconds") for name in ("p50", "p95", "p99")),
        unit="ms",
    ),
    Chart(
        name="cost",
        title="Cost of models a day",
        title_zh="每天的模型费用",
        series=tuple(Series(name, "sum", "cost_cny", function=name) for name in _FUNCTIONS),
        by="day",
        unit="CNY",
    ),
    Chart(
        name="queue",
        title="Age of events when they are handled",
        title_zh="事件被处理时的等待时间",
        lines=Selection(calls="events"),
        series=(Series("oldest", "max", "event_age_seconds"), Series("typical", "p50", "event_age_seconds")),
        unit="s",
    ),
    Chart(
        name="failures",
        title="Failures by code",
        title_zh="按错误码统计的失败",
        lines=Selection(_FAILURES),
        series=(Series("failures"),),
        by="code",
    ),
)

ALARMS: Final = (
    Alarm(
        name="errors",
        title="Requests fail",
        title_zh="请求失败",
        series=Series("value", field="status", least=500),
        limit=5,
        minutes=15,
        advice="Look up the code in docs/errors.md.",
    ),
    Alarm(
        name="latency",
        title="Requests are slow",
        title_zh="请求过慢",
        lines=Selection(calls="requests"),
        series=Series("value", "p95", "milliseconds"),
        limit=5_000,
        minutes=15,
        advice="Compare dashscope_ms and milvus_ms in the lines of the slow requests.",
    ),
    Alarm(
        name="cost",
        title="Models cost more than usual",
        title_zh="模型费用偏高",
        series=Series("value", "sum", "cost_cny"),
        limit=20,
        minutes=_DAY_MINUTES,
        advice="Set MAX_COST_CNY, and see which function spends it.",
    ),
    Alarm(
        name="queue",
        title="Events wait too long",
        title_zh="事件等待过久",
        lines=Selection(calls="events"),
        series=Series("value", "max", "event_age_seconds"),
        limit=1_800,
        minutes=15,
        advice="Raise the quota or reservedConcurrency of ingest.",
    ),
    Alarm(
        name="internal-errors",
        title="Internal errors",
        title_zh="内部错误",
        lines=Selection(_INTERNAL_ERRORS),
        series=Series("value"),
        limit=1,
        minutes=15,
        advice="Report the trace in the line of the log.",
    ),
    Alarm(
        name="startup",
        title="A function refuses to start",
        title_zh="函数拒绝启动",
        lines=Selection(("startup_refused",)),
        series=Series("value"),
        limit=1,
        minutes=15,
        advice="The line names the setting that is wrong.",
    ),
)


def list_fields() -> dict[str, str]:
    """Every field that a chart, an alarm or ``status`` reads, with its kind in an index of Simple Log Service."""
    found: dict[str, str] = {"event": "text", "path": "text", "function": "text", "tokens": "double"}
    for chart in CHARTS:
        if chart.by not in ("time", "day"):
            found[chart.by] = "text"
    for series in (*(series for chart in CHARTS for series in chart.series), *(alarm.series for alarm in ALARMS)):
        if series.field:
            found[series.field] = "long" if series.field == "status" else "double"
    return found

"""Charts and alarms: the same definition as a query of Simple Log Service and as numbers from log files."""

from __future__ import annotations

import ast
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ops.monitoring.charts import ALARMS, CHARTS, Chart, Selection, Series, list_fields
from ops.monitoring.measuring import Measured, measure_charts
from ops.monitoring.page import render
from ops.monitoring.queries import render_alarm, render_chart

ROOT = Path(__file__).parents[3]
BY_NAME = {chart.name: chart for chart in CHARTS}


def line(moment: str = "2026-11-28T10:00:00.000Z", event: str = "request", **fields: Any) -> str:
    return json.dumps({"time": moment, "level": "info", "event": event, **fields})


def request(minute: int = 0, **fields: Any) -> str:
    values = {"function": "search", "path": "/search", "status": 200, "milliseconds": 10.0, **fields}
    return line(f"2026-11-28T10:{minute:02d}:00.000Z", **values)


def measure(folder: Path, *lines: str, name: str = "search") -> dict[str, Measured]:
    (folder / f"{name}.log").write_text("\n".join(lines) + "\n", "utf-8")
    return {it.chart.name: it for it in measure_charts(CHARTS, folder)}


def test_requests_are_counted_by_minute_and_function(tmp_path: Path) -> None:
    found = measure(tmp_path, request(0), request(0), request(1), request(1, function="embed"))["requests"]
    assert found.columns == ("2026-11-28T10:00", "2026-11-28T10:01")
    assert found.rows["search"] == (2, 1)
    assert found.rows["embed"] == (None, 1)


def test_errors_are_those_the_caller_and_those_the_service_made(tmp_path: Path) -> None:
    rows = measure(tmp_path, *(request(status=status) for status in (200, 302, 400, 404, 500, 503)))["errors"].rows
    assert list(rows.values()) == [(4,), (2,)]


def test_latency_is_that_of_requests_and_not_of_events(tmp_path: Path) -> None:
    slow = request(path="/invoke", milliseconds=60_000)
    rows = measure(tmp_path, *(request(milliseconds=it) for it in range(1, 101)), slow)["latency"].rows
    assert rows["p50"][0] == pytest.approx(50, rel=0.03)
    assert rows["p95"][0] == pytest.approx(95, rel=0.03)
    assert rows["p99"][0] == pytest.approx(99, rel=0.03)


@pytest.mark.parametrize("value", [0, 0.0, 1e-12])
def test_a_percentile_of_nothing_is_nothing(tmp_path: Path, value: float) -> None:
    assert measure(tmp_path, request(milliseconds=value))["latency"].rows["p50"][0] == pytest.approx(value, abs=1e-8)


def test_cost_is_added_up_by_day(tmp_path: Path) -> None:
    days = ("2026-11-27T23:59:59.999Z", "2026-11-28T00:00:00.000Z", "2026-11-28T23:00:00.000Z")
    lines = (line(day, function="ingest", path="/invoke", cost_cny=0.5) for day in days)
    found = measure(tmp_path, *lines)["cost"]
    assert (found.columns, found.rows["ingest"]) == (("2026-11-27", "2026-11-28"), (0.5, 1.0))


def test_the_queue_is_as_old_as_its_oldest_event(tmp_path: Path) -> None:
    lines = (request(path="/invoke", event_age_seconds=age) for age in (1, 5, 600))
    rows = measure(tmp_path, *lines, request(event_age_seconds=9_999))["queue"].rows
    assert rows["oldest"] == (600,)


def test_failures_are_counted_by_code_the_most_frequent_first(tmp_path: Path) -> None:
    codes = ("quota", "broken_file", "quota")
    lines = [line(event="document_failed", code=code) for code in codes] + [line(event="other", code="quota")]
    found = measure(tmp_path, *lines)["failures"]
    assert (found.columns, found.rows["failures"]) == (("quota", "broken_file"), (2, 1))


@pytest.mark.parametrize(
    "other",
    [
        "FC Invoke Start RequestId: 1",
        "{not json",
        '["a list"]',
        '{"event": "request"}',
        '{"time": 5, "event": "request"}',
        '{"time": "yesterday", "event": "request", "milliseconds": "many", "status": null}',
        "",
        "\x00\xff",
        "{" * 5_000,
    ],
)
def test_lines_of_others_do_no_harm(tmp_path: Path, other: str) -> None:
    (tmp_path / "gateway.log").write_bytes(other.encode("utf-8", "surrogateescape") + b"\n")
    found = measure(tmp_path, request())
    assert found["latency"].columns == ("2026-11-28T10:00",)
    assert found["latency"].rows["p50"][0] == pytest.approx(10, rel=0.03)


@pytest.mark.parametrize(("days", "mark"), [(0, 16), (2, 13), (60, 10)])
def test_the_interval_grows_with_the_time(tmp_path: Path, days: int, mark: int) -> None:
    from datetime import UTC, datetime, timedelta

    start = datetime(2026, 1, 1, tzinfo=UTC)
    lines = (line((start + timedelta(days=it)).isoformat(), function="search", path="/") for it in (0, days))
    found = measure(tmp_path, *lines)["requests"]
    assert {len(column) for column in found.columns} == {mark}


def test_memory_does_not_grow_with_the_number_of_values(tmp_path: Path) -> None:
    lines = [line(event="document_failed", code=f"code-{it}") for it in range(2_000)]
    assert len(measure(tmp_path, *lines)["failures"].columns) < 100


def test_a_folder_without_logs_gives_a_page_that_says_so(tmp_path: Path) -> None:
    assert render(measure_charts(CHARTS, tmp_path), "en", "nowhere").count("Nothing to show yet.") == len(CHARTS)


class Tags(HTMLParser):
    """The tags that are open at the end, and all that were seen."""

    VOID = ("meta", "line", "circle", "rect", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.open += [tag] if tag not in self.VOID else []

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_draws_every_chart_and_needs_nothing_else(tmp_path: Path, language: str) -> None:
    evil = line(event="document_failed", code="<script>alert(1)</script>")
    event = request(path="/invoke", event_age_seconds=3, cost_cny=0.1)
    found = measure(tmp_path, request(status=500), event, evil)
    page = render(found.values(), language, "logs of <someone>")
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.seen.count("svg") == len(CHARTS)
    assert "script" not in tags.seen
    assert not re.search(r"(?:src|href)=", page)
    for chart in CHARTS:
        assert (chart.title if language == "en" else chart.title_zh) in page


# --- Queries


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_query_names_only_fields_that_the_index_holds(chart: Chart) -> None:
    fields = set(re.findall(r'"message\.(\w+)"', render_chart(chart)))
    assert fields <= list_fields().keys()
    assert fields


def test_a_query_is_a_search_and_sql() -> None:
    assert render_chart(BY_NAME["latency"]) == (
        "message.event: request | SELECT date_trunc('hour', __time__) AS \"time\", "
        'approx_percentile("message.milliseconds", 0.5) AS "p50", '
        'approx_percentile("message.milliseconds", 0.95) AS "p95", '
        'approx_percentile("message.milliseconds", 0.99) AS "p99" '
        'FROM log WHERE "message.path" <> \'/invoke\' GROUP BY "time" ORDER BY "time" LIMIT 10000'
    )
    assert "message.event: request_failed or message.event: event_failed" in render_chart(BY_NAME["failures"])
    chart = Chart(name="x", title="", title_zh="", lines=Selection(), series=(Series("a", "sum", "cost_cny"),))
    assert 'sum("message.cost_cny") AS "a"' in render_chart(chart, "minute")


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_asks_for_one_value(alarm: Any) -> None:
    assert re.search(r"\| SELECT .* AS value FROM log", render_alarm(alarm))
    assert " GROUP BY " not in render_alarm(alarm)


def test_every_event_that_is_watched_is_one_that_the_code_logs() -> None:
    logged = set()
    for file in (*ROOT.glob("shared/**/*.py"), *ROOT.glob("functions/**/*.py")):
        logged |= {it.value for it in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(it, ast.Constant)}
    watched = {event for it in (*CHARTS, *ALARMS) for event in it.lines.events}
    assert watched - logged == set()


def test_every_field_that_is_watched_is_documented() -> None:
    page = (ROOT / "docs" / "operate.md").read_text("utf-8")
    assert [name for name in list_fields() if f"`{name}`" not in page] == []

"""What `ops status` reads from the logs of the local stack."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ops.activity import read_activity
from ops.deployment import load
from shared.domain.errors import RequestError
from shared.ingestion.ending import log_end
from shared.ingestion.results import Counts, Report

if TYPE_CHECKING:
    from ops.deployment import Function

ROOT = Path(__file__).parents[2]
# Noon of the operator's day, so that an hour before is the same day.
NOW = datetime(2026, 11, 28, 12).astimezone().timestamp()


@pytest.fixture(scope="module")
def ingest() -> Function:
    return load(ROOT / "s.yaml", {}).functions["ingest"]


def write(folder: Path, *lines: tuple[float, dict[str, Any]], name: str = "ingest") -> dict[str, str]:
    """Log files of a stack, each line so many seconds before now; returns what names the stack."""
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    texts = (
        json.dumps({"time": f"{datetime.fromtimestamp(NOW - age, UTC):%Y-%m-%dT%H:%M:%S}.000Z", **line})
        for age, line in lines
    )
    (logs / f"{name}.log").write_text("FC Invoke Start RequestId: 1\n" + "\n".join(texts) + "\n", "utf-8")
    return {"LOCAL_STACK": str(folder)}


def request(function: str, **numbers: float) -> dict[str, Any]:
    return {"event": "request", "function": function, **numbers}


def test_cost_counts_since_midnight_and_queue_and_quota_for_ten_minutes(tmp_path: Path, ingest: Function) -> None:
    environ = write(
        tmp_path,
        (86_400, request("ingest", cost_cny=5.0, tokens=900_000, event_age_seconds=900)),
        (3_600, request("ingest", cost_cny=0.25, tokens=900_000, event_age_seconds=800)),
        (60, request("ingest", cost_cny=0.5, tokens=100_000, event_age_seconds=7)),
        (50, request("ingest", tokens=20_000, event_age_seconds=3)),
        (40, request("search", cost_cny=0.001)),
    )
    found = read_activity(ingest, environ | {"QUOTA_TOKENS_PER_MINUTE": "24000"}, NOW)
    assert found.cost_cny == {"ingest": 0.75, "search": 0.001}
    assert found.oldest_event_seconds == 7
    assert (found.tokens_per_minute, found.quota_share) == (12_000, 0.5)
    assert "cost today: CNY 0.7510 (ingest 0.7500, search 0.0010)" in list(found.describe())


def test_the_newest_reconcile_of_all_files_is_shown(tmp_path: Path, ingest: Function) -> None:
    counts = {"stale": 2, "orphaned": 1, "failures": 0, "unfinished": 0, "left": 0}
    write(tmp_path, (9_000, {"event": "reconcile_ended", "code": "too_many_deletions"}), name="z")
    environ = write(tmp_path, (600, {"event": "reconcile_ended", "listed": 40, **counts}))
    found = read_activity(ingest, environ, NOW).reconcile
    assert found
    assert (found.seconds, found.code, found.found) == (600, "", {"listed": 40, **counts})
    assert found.describe().startswith("last reconcile: 10 min ago: 40 listed, 2 stale, 1 orphaned")


def test_a_reconcile_that_failed_shows_its_code(tmp_path: Path, ingest: Function) -> None:
    environ = write(tmp_path, (60, {"event": "reconcile_ended", "code": "too_many_deletions"}))
    assert "ended with too_many_deletions" in "\n".join(read_activity(ingest, environ, NOW).describe())


def test_logs_without_lines_say_that_nothing_happened(tmp_path: Path, ingest: Function) -> None:
    lines = list(read_activity(ingest, write(tmp_path), NOW).describe())
    assert lines[0] == "cost today: CNY 0.0000"
    assert lines[1] == "queue: no event in the last 10 min"
    assert lines[3] == "last reconcile: none in the last 7 days"


def test_values_of_another_kind_in_a_line_are_left_out(tmp_path: Path, ingest: Function) -> None:
    environ = write(tmp_path, (60, {"event": "request", "function": None, "cost_cny": "much", "tokens": [1]}))
    assert read_activity(ingest, environ, NOW).tokens_per_minute == 0


def test_without_a_key_the_logs_of_a_deployment_are_not_known(ingest: Function) -> None:
    found = read_activity(ingest, {}, NOW)
    assert "aliyun configure" in found.problem
    assert list(found.describe()) == [f"cost, queue, quota and last reconcile are not known: {found.problem}"]


def test_a_reconcile_logs_its_numbers(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), log_end() as end:
        end.report = Report(40, (), (), counts=Counts(stale=2, failures=1), left=3)
    (line,) = caplog.records
    assert (line.message, vars(line)["listed"], vars(line)["stale"]) == ("reconcile_ended", 40, 2)
    assert (vars(line)["failures"], vars(line)["left"]) == (1, 3)


def test_a_reconcile_that_is_refused_logs_the_code(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RequestError), log_end():
        raise RequestError("too_many_deletions", "Too many.")
    assert [vars(line)["code"] for line in caplog.records] == ["too_many_deletions"]

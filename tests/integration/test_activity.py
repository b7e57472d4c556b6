"""What `ops status` reads from Simple Log Service, as its API answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ops.activity import read_activity
from ops.deployment import load
from tests.control_api import KEY, ControlApi, RefusedError, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NOW = 1_795_867_200.0  # 2026-11-28T12:00:00Z


@pytest.fixture
def api() -> Iterator[ControlApi]:
    with serve(ControlApi()) as found:
        yield found


def environ(api: ControlApi) -> dict[str, str]:
    key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": KEY, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret"}
    return {**key, "ALIBABA_CLOUD_ENDPOINT": api.url}


def test_rows_of_the_log_store_become_numbers(api: ControlApi) -> None:
    line = {"time": "2026-11-28T11:30:00.000Z", "event": "reconcile_ended", "listed": 9, "stale": 1}
    api.exists["rows"] = {
        "cost_cny": [{"name": "ingest", "cost": "1.5"}, {"name": "search", "cost": "null"}],
        "event_age_seconds": [{"age": "12.5", "tokens": "1200000"}],
        "reconcile_ended": [{"message": json.dumps(line), "__time__": "1795865400"}],
    }
    found = read_activity(load(ROOT / "s.yaml", {}).functions["ingest"], environ(api), NOW)
    assert found.problem == ""
    assert found.cost_cny == {"ingest": 1.5, "search": 0.0}
    assert (found.oldest_event_seconds, found.tokens_per_minute, found.quota_share) == (12.5, 120_000, 0.1)
    assert found.reconcile
    assert (found.reconcile.seconds, found.reconcile.found) == (1_800, {"listed": 9, "stale": 1})


def test_a_refusal_of_the_log_service_is_a_sentence_and_the_rest_of_the_status_stays(api: ControlApi) -> None:
    api.refused["GetLogs"] = RefusedError("Unauthorized", "The key may not read the logs.", 401)
    found = read_activity(load(ROOT / "s.yaml", {}).functions["ingest"], environ(api), NOW)
    assert "The key may not read the logs." in found.problem

"""Events of the failure queue are sent again, but for those that a stranger may have queued."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops.__main__ import main
from ops.deployment import load
from ops.failure_queue import find_queue
from ops.resending import Resent, resend

ROOT = Path(__file__).parents[2]
DEPLOYMENT = load(ROOT / "s.yaml", {})
INGEST, EMBED = (DEPLOYMENT.functions[name].function_name for name in ("ingest", "embed"))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What was queued again."""
    calls: list[tuple[str, Any]] = []
    monkeypatch.setattr(
        "ops.resending.invoke_later", lambda function, event, _: calls.append((function.function_name, event))
    )
    return calls


def keep(folder: Path, function: str, payload: Any, code: str = "milvus_unavailable", name: str = "1") -> Path:
    """A record as the local stack writes it."""
    file = folder / "failed" / function / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "requestContext": {"functionArn": f"acs:fc:cn-beijing:1:functions/{function}"},
        "requestPayload": payload if isinstance(payload, str) else json.dumps(payload),
        "responsePayload": json.dumps({"error": {"code": code}}) if code else "",
    }
    file.write_text(json.dumps(record), "utf-8")
    return file


def run(folder: Path, *, dry_run: bool = False, records: bool = False) -> Resent:
    environ = {"LOCAL_STACK": str(folder)}
    return resend(find_queue(DEPLOYMENT, environ), DEPLOYMENT, environ, dry_run=dry_run, records=records)


def test_events_of_ingest_are_sent_again_and_leave_the_queue(tmp_path: Path, sent: list[tuple[str, Any]]) -> None:
    first, second = {"events": [{"eventName": "ObjectCreated:PutObject"}]}, [{"specversion": "1.0"}]
    files = [keep(tmp_path, INGEST, first), keep(tmp_path, INGEST, second, code="", name="2")]
    found = run(tmp_path)
    assert sent == [(INGEST, first), (INGEST, second)]
    assert (found.sent, found.left) == ({INGEST: 2}, {})
    assert found.codes == {"milvus_unavailable": 1, "no answer": 1}
    assert not any(file.exists() for file in files)
    assert list(run(tmp_path).describe()) == ["the queue is empty"]


def test_a_dry_run_sends_and_removes_nothing(tmp_path: Path, sent: list[tuple[str, Any]]) -> None:
    file = keep(tmp_path, INGEST, {"action": "reconcile"})
    assert f"1 event to send again to {INGEST}" in list(run(tmp_path, dry_run=True).describe())
    assert (sent, file.exists()) == ([], True)


def test_events_that_a_stranger_may_have_queued_are_left_until_asked_for(
    tmp_path: Path, sent: list[tuple[str, Any]]
) -> None:
    record, refused = {"data": {"id": "1"}}, {"action": "anything"}
    keep(tmp_path, EMBED, record)
    kept = keep(tmp_path, EMBED, refused, code="asynchronous_call", name="2")
    assert run(tmp_path).sent == {}
    assert sent == []
    found = run(tmp_path, records=True)
    assert sent == [(EMBED, record)]
    assert (sum(found.left.values()), kept.exists()) == (1, True)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"requestContext": {"functionArn": 1}, "requestPayload": null}'])
def test_a_record_that_cannot_be_read_is_left(tmp_path: Path, sent: list[tuple[str, Any]], content: str) -> None:
    file = keep(tmp_path, INGEST, {})
    file.write_text(content, "utf-8")
    assert sum(run(tmp_path).left.values()) == 1
    assert (sent, file.exists()) == ([], True)


def test_a_payload_that_is_no_event_is_left(tmp_path: Path, sent: list[tuple[str, Any]]) -> None:
    keep(tmp_path, INGEST, "no JSON")
    assert run(tmp_path).left == {"they are not JSON": 1}
    assert sent == []


@pytest.mark.parametrize("options", [["--queue", "--state", "failed"], ["--records"]])
def test_options_of_documents_and_of_the_queue_do_not_mix(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["retry", *options]) == 2
    assert "--queue takes all events" in capsys.readouterr().out

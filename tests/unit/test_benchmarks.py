"""The benchmarks' own arithmetic: failed documents are reported and left out, and a missed target fails the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.failures import FailedDocument, describe_failures, find_failures
from benchmarks.report import at_least, at_most, plain, report

if TYPE_CHECKING:
    import pytest


def record(key: str, state: str, failure: dict[str, str] | None = None) -> dict[str, Any]:
    return {"key": key, "state": state, "failure": failure}


def test_documents_that_are_not_indexed_are_found_with_their_reason() -> None:
    documents = [
        record("a.txt", "indexed"),
        record("b.txt", "failed", {"code": "no_text", "message": "It holds no text."}),
        record("c.txt", "pending"),
    ]
    assert find_failures(["a.txt", "b.txt", "c.txt", "d.txt"], documents) == [
        FailedDocument("b.txt", "no_text", "It holds no text."),
        FailedDocument("c.txt", "not_indexed", "Its state is pending."),
        FailedDocument("d.txt", "not_registered", "The registry has no record of it."),
    ]
    assert find_failures(["a.txt"], documents) == []


def test_failures_are_described_by_code_with_the_first_ids_of_the_set() -> None:
    failures = [FailedDocument(f"{n}.txt", "no_text", "Empty.") for n in range(7)] + [FailedDocument("x", "odd", "?")]
    ids = {f"{n}.txt": f"doc{n}" for n in range(7)}
    assert list(describe_failures(failures, ids)) == [
        "7 not indexed, no_text: Empty. (doc0, doc1, doc2, doc3, doc4 and 2 more)",
        "1 not indexed, odd: ? (x)",
    ]


def test_a_report_ends_with_one_json_line_and_fails_when_a_target_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    held = [at_most("time", 1.0, "s", 1.0), at_least("share", 0.5, "", 0.5), plain("count", 3, "")]
    assert report("good", held) == 0
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["benchmark"] == "good"
    assert line["figures"][0] == {"name": "time", "value": 1.0, "unit": "s", "target": "at most 1", "held": True}
    assert [figure["target"] for figure in line["figures"]] == ["at most 1", "at least 0.5", ""]
    for missed in (at_most("time", 1.01, "s", 1.0), at_least("share", 0.49, "", 0.5)):
        assert report("bad", [*held, missed]) == 1
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["figures"][-1]["held"] is False

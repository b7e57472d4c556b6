"""The demo's summary counts what the logs say, once, and not its own looking."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.console import Console

from local.summary import Summary

if TYPE_CHECKING:
    from pathlib import Path


def line(**fields: Any) -> str:
    return json.dumps({"event": "request", "method": "POST", "status": 200, **fields}, separators=(",", ":")) + "\n"


def shown(summary: Summary) -> list[str]:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(summary.table([{"state": "indexed"}, {"state": "indexed"}, {"state": "failed"}]))
    return captured.get().splitlines()


def test_requests_are_counted_once_with_what_they_used(tmp_path: Path) -> None:
    log = tmp_path / "search.log"
    log.write_text(line(path="/search", milliseconds=999.0, tokens=99))
    summary = Summary(tmp_path)
    with log.open("a") as lines:
        lines.write(line(path="/search", milliseconds=10.0, tokens=3, cost_cny=0.5))
        lines.write("FC Invoke Start RequestId: 1\n" + line(method="GET", path="/documents", milliseconds=1.0))
        lines.write(line(path="/search", milliseconds=30.0, tokens=4, status=503))
        lines.write(line(path="/search", milliseconds=20.0)[:-9])
    summary.look()
    summary.look()
    (row,) = (text for text in shown(summary) if "search" in text)
    assert [part.strip() for part in row.strip("│").split("│")] == ["search", "2", "1", "20", "7", "0.5000"]
    assert any("1 failed, 2 indexed" in text for text in shown(summary))


def test_a_further_instance_counts_for_its_function(tmp_path: Path) -> None:
    (tmp_path / "search.log").write_text("")
    summary = Summary(tmp_path)
    for name in ("search.log", "search-2.log"):
        (tmp_path / name).write_text(line(path="/search", milliseconds=10.0, tokens=2))
    summary.look()
    (row,) = (text for text in shown(summary) if "search" in text)
    assert [part.strip() for part in row.strip("│").split("│")][:2] == ["search", "2"]

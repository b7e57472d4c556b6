"""What the functions have done since the demo began to serve, read from the lines their logs end each request with."""

from __future__ import annotations

import json
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_FUNCTIONS = ("embed", "ingest", "search")
_EVENT = '"event":"request"'
# The demo itself asks for these all the time.
_OWN = ("/documents", "/healthz")
# So many answers decide the median.
_REMEMBERED = 1_000


class Summary:
    """Counts requests, their time, tokens and cost, by function.

    Args:
        logs: the folder of the functions' logs; what stands there already is not counted.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._read = {path: path.stat().st_size for _, path in self._find_logs()}
        self._times: dict[str, list[float]] = {name: [] for name in _FUNCTIONS}
        self._sums: dict[str, Counter[str]] = {name: Counter() for name in _FUNCTIONS}

    def look(self) -> None:
        """Read what was logged since the last look."""
        for name, path in self._find_logs():
            with path.open("rb") as log:
                log.seek(self._read.get(path, 0))
                added = log.read()
            whole, end, _ = added.rpartition(b"\n")
            self._read[path] = self._read.get(path, 0) + len(whole) + len(end)
            self._count(name, whole.decode("utf-8", "replace").splitlines())

    def _find_logs(self) -> list[tuple[str, Path]]:
        """The logs of each function; a further instance has a number in the name of its own."""
        return [
            (name, path)
            for name in _FUNCTIONS
            for path in (*self._logs.glob(f"{name}.log"), *self._logs.glob(f"{name}-[0-9]*.log"))
        ]

    def _count(self, name: str, lines: Iterable[str]) -> None:
        for line in lines:
            if _EVENT not in line:
                continue
            record: dict[str, Any] = json.loads(line)
            if record["method"] == "GET" and record["path"].startswith(_OWN):
                continue
            sums = self._sums[name]
            sums.update(requests=1, failed=int(record["status"] >= 400))
            sums.update(tokens=record.get("tokens", 0), cost=record.get("cost_cny", 0))
            self._times[name] = [*self._times[name], float(record["milliseconds"])][-_REMEMBERED:]

    def table(self, documents: Iterable[dict[str, Any]]) -> Table:
        """All of it for people, with the documents by state below."""
        states = Counter(str(document["state"]) for document in documents)
        caption = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
        table = Table(caption=f"Documents: {caption}", caption_justify="left", caption_style="")
        for column in ("function", "requests", "failed", "median ms", "tokens", "CNY"):
            table.add_column(column, justify="left" if column == "function" else "right")
        for name, sums in self._sums.items():
            spent = f"{sums['tokens']:,}", f"{sums['cost']:.4f}"
            middle = f"{median(self._times[name]):.0f}" if self._times[name] else "–"
            table.add_row(name, f"{sums['requests']:,}", f"{sums['failed']:,}", middle, *spent)
        return table

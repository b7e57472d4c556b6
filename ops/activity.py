"""What a deployment did lately, from its logs: cost, age of events, share of the quota, the last reconcile."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ops.cloud import CloudError, connect
from ops.deployment import Logs
from ops.local_stack import find_logs
from ops.log_service import read_rows
from ops.monitoring.measuring import read_lines
from shared.domain.catalog import EMBEDDING_MODELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ops.cloud import Cloud
    from ops.deployment import Function

# As long as ingest may work on an event; its tokens are only counted when it ends.
RECENT_SECONDS: Final = 600
_RECONCILE_SECONDS: Final = 7 * 86_400
_ENDED: Final = "reconcile_ended"
_COST: Final = (
    'message.event: request | SELECT "message.function" AS name, sum("message.cost_cny") AS cost FROM log GROUP BY name'
)
_RECENT: Final = (
    'message.event: request | SELECT max("message.event_age_seconds") AS age, sum("message.tokens") AS tokens FROM log'
)
_COUNTS: Final = ("listed", "stale", "orphaned", "failures", "unfinished", "left")


@dataclass(frozen=True)
class Reconciled:
    """How the last reconcile ended.

    Attributes:
        time: when, in UTC.
        seconds: since then.
        code: of the error with which it ended; empty without one.
        found: its numbers: objects listed, documents to index (stale) and to remove (orphaned), failures, documents
            left to the next run.
    """

    time: str
    seconds: float
    code: str
    found: dict[str, int]

    def describe(self) -> str:
        """The line that a person reads."""
        when = f"last reconcile: {self.seconds / 60:.0f} min ago"
        if self.code:
            return f"{when}, ended with {self.code}"
        numbers = ", ".join(f"{count} {name}" for name, count in self.found.items())
        return f"{when}: {numbers}"


@dataclass(frozen=True)
class Activity:
    """What happened lately.

    Attributes:
        cost_cny: of models since midnight, by function.
        oldest_event_seconds: greatest age at which an event was handled in the last ten minutes; ``None`` without one.
        tokens_per_minute: billed for all models, on average of the last ten minutes.
        quota_share: that number by the quota of the embedding model.
        reconcile: the last one of a week; ``None`` without one.
        problem: why the logs cannot be read; the other values say nothing then.
    """

    cost_cny: dict[str, float] = field(default_factory=dict)
    oldest_event_seconds: float | None = None
    tokens_per_minute: float = 0.0
    quota_share: float = 0.0
    reconcile: Reconciled | None = None
    problem: str = ""

    def describe(self) -> Iterator[str]:
        """The lines that a person reads."""
        if self.problem:
            yield f"cost, queue, quota and last reconcile are not known: {self.problem}"
            return
        shares = ", ".join(f"{name} {cost:.4f}" for name, cost in sorted(self.cost_cny.items()) if cost)
        yield f"cost today: CNY {sum(self.cost_cny.values()):.4f}" + (f" ({shares})" if shares else "")
        age = self.oldest_event_seconds
        yield "queue: " + (
            "no event in the last 10 min" if age is None else f"events waited {age:.0f} s at most in the last 10 min"
        )
        yield f"quota: {self.quota_share:.1%} used, {self.tokens_per_minute:.0f} tokens a minute in the last 10 min"
        yield self.reconcile.describe() if self.reconcile else "last reconcile: none in the last 7 days"


def read_activity(ingest: Function, environ: Mapping[str, str], now: float) -> Activity:
    """Read the logs: those of the local stack where it is asked, else those of Simple Log Service.

    Args:
        environ: settings of the deployment, or of the local stack, with the operator's key.
        now: seconds since the epoch.
    """
    try:
        if folder := find_logs(environ):
            found = _read_files(folder, now)
        elif isinstance(ingest.log_config, Logs):
            found = _read_service(connect(environ, ingest.region), ingest.log_config, now)
        else:
            return Activity(problem="s.yaml names no log store (logConfig)")
    except (CloudError, OSError) as error:
        return Activity(problem=str(error))
    quota = int(environ.get("QUOTA_TOKENS_PER_MINUTE") or 0) or _find_quota(ingest)
    minute = found.tokens / (RECENT_SECONDS / 60)
    return Activity(
        {name: round(cost, 6) for name, cost in found.costs.items()}, found.age, minute, minute / quota, found.reconcile
    )


@dataclass
class _Found:
    costs: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    age: float | None = None
    tokens: float = 0.0
    reconcile: Reconciled | None = None


def _read_service(cloud: Cloud, logs: Logs, now: float) -> _Found:
    found = _Found()
    for row in read_rows(cloud, logs, _COST, _midnight(now), now):
        found.costs[str(row.get("name"))] += _number(row.get("cost")) or 0.0
    for row in read_rows(cloud, logs, _RECENT, now - RECENT_SECONDS, now):
        found.age, found.tokens = _number(row.get("age")), _number(row.get("tokens")) or 0.0
    ended = read_rows(cloud, logs, f"message.event: {_ENDED}", now - _RECONCILE_SECONDS, now)
    found.reconcile = _read_reconcile(map(_read_message, ended), now)
    return found


def _read_files(folder: Path, now: float) -> _Found:
    found, midnight, ended = _Found(), _midnight(now), dict[str, Any]()
    for line in read_lines(folder):
        at = _moment(line["time"])
        if line["event"] == _ENDED and line["time"] > ended.get("time", ""):
            ended = line
        if line["event"] != "request":
            continue
        if at >= midnight:
            found.costs[str(line.get("function"))] += _number(line.get("cost_cny")) or 0.0
        if at >= now - RECENT_SECONDS:
            found.tokens += _number(line.get("tokens")) or 0.0
            age = _number(line.get("event_age_seconds"))
            found.age = found.age if age is None else max(age, found.age or 0.0)
    found.reconcile = _read_reconcile((ended,), now)
    return found


def _read_reconcile(lines: Iterable[Mapping[str, Any]], now: float) -> Reconciled | None:
    for line in lines:
        if time := str(line.get("time", "")):
            found = {name: int(_number(line.get(name)) or 0) for name in _COUNTS if name in line}
            return Reconciled(time, max(0.0, round(now - _moment(time), 1)), str(line.get("code", "")), found)
    return None


def _read_message(row: Mapping[str, str]) -> dict[str, Any]:
    """The line, which Simple Log Service keeps as text."""
    try:
        return dict(json.loads(row["message"]))
    except (KeyError, ValueError, TypeError):
        return {}


def _find_quota(ingest: Function) -> int:
    name = ingest.environment_variables.get("EMBEDDING_MODEL", "")
    return (EMBEDDING_MODELS.get(name) or EMBEDDING_MODELS["text-embedding-v4"]).tokens_per_minute


def _midnight(now: float) -> float:
    """Where the day began at the operator's place."""
    return datetime.fromtimestamp(now).astimezone().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).timestamp()
    except ValueError:
        return 0.0


def _number(value: Any) -> float | None:
    """A number, as a line or a row has it; ``None`` for what is none, such as ``null``."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None

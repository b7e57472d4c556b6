"""Timer triggers: when each is due next, and the event it sends then."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from croniter import croniter

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.deployment import TimerTrigger

_INTERVAL: Final = re.compile(r"@every (\d+)([smh])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


async def run_timer(trigger: TimerTrigger, send: Callable[[bytes], object]) -> None:
    """Call ``send`` with an event each time ``trigger`` is due, until cancelled."""
    moment = datetime.now(UTC)
    while True:
        moment = next_moment(trigger.trigger_config.cron_expression, moment)
        await asyncio.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
        event = {
            "triggerTime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "triggerName": trigger.trigger_name,
            "payload": trigger.trigger_config.payload,
        }
        send(json.dumps(event, ensure_ascii=False).encode())


def next_moment(expression: str, after: datetime) -> datetime:
    """When ``expression`` is next due; cron expressions start with seconds, and are UTC without ``CRON_TZ=``."""
    interval = _INTERVAL.fullmatch(expression)
    if interval:
        return datetime.fromtimestamp(after.timestamp() + int(interval[1]) * _SECONDS[interval[2]], UTC)
    zone, fields = "UTC", expression
    if expression.startswith("CRON_TZ="):
        zone, _, fields = expression.removeprefix("CRON_TZ=").partition(" ")
    due: datetime = croniter(fields, after.astimezone(ZoneInfo(zone)), second_at_beginning=True).get_next(datetime)
    return due.astimezone(UTC)

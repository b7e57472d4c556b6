"""Send events again that Function Compute gave up.

An event only says where to look, and a record has a version: to send one twice changes nothing. A stranger can queue
calls of a function with an HTTP trigger, which end in the same queue; sent again as events they would be obeyed. So
events of such a function are only sent again where the operator asks for it, and never those that it refused as calls.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.deployment import HttpTrigger
from ops.invoking import invoke_later
from shared.language.counting import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.deployment import Deployment, Function
    from ops.failure_queue import FailedEvent, FailureQueue

_STRANGERS: Final = "asynchronous_call"


@dataclass(frozen=True)
class Resent:
    """What came of the events of the queue.

    Attributes:
        sent: events sent again, or that would be; by function.
        codes: of the errors with which these had failed.
        left: events left in the queue, by reason.
        is_preview: whether nothing was sent.
    """

    sent: dict[str, int]
    codes: dict[str, int]
    left: dict[str, int]
    is_preview: bool = False

    def describe(self) -> Iterator[str]:
        """The lines that a person reads."""
        verb = "to send" if self.is_preview else "sent"
        for function, count in self.sent.items():
            yield f"{count_of(count, 'event')} {verb} again to {function}"
        for code, count in self.codes.items():
            yield f"  {count} had failed with {code}"
        for reason, count in self.left.items():
            yield f"{count_of(count, 'event')} left: {reason}"
        if not self.sent and not self.left:
            yield "the queue is empty"

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self)


def resend(
    queue: FailureQueue, deployment: Deployment, environ: Mapping[str, str], *, dry_run: bool, records: bool
) -> Resent:
    """Send each event of the queue to its function, and remove it from the queue.

    Args:
        dry_run: only count.
        records: also events of functions with an HTTP trigger.

    Raises:
        CloudError: the queue refuses, or does not answer.
        InvocationError: Function Compute refuses, or does not answer; the event stays in the queue.
    """
    functions = {it.function_name: it for it in deployment.functions.values()}
    sent, codes, left = Counter[str](), Counter[str](), Counter[str]()
    for event in queue.list_events(peek=dry_run):
        function = functions.get(event.function)
        if reason := _judge(event, function, records=records):
            left[reason] += 1
        elif function:
            if not dry_run:
                invoke_later(function, json.loads(event.payload), environ)
                queue.remove(event)
            sent[event.function] += 1
            codes[event.code or "no answer"] += 1
    return Resent(dict(sent), dict(codes), dict(left), dry_run)


def _judge(event: FailedEvent, function: Function | None, *, records: bool) -> str:
    """Why an event is not sent again; empty if it is."""
    if function is None:
        return "no function of this deployment has their name"
    if event.code == _STRANGERS:
        return "calls over HTTP that the function refused"
    if not records and function.triggers_of(HttpTrigger):
        return f"strangers can queue calls of {event.function} too; --records sends its events"
    try:
        json.loads(event.payload)
    except ValueError:
        return "they are not JSON"
    return ""

"""Stacks of Resource Orchestration Service: what creates, changes and deletes them, and how far they are.

Actions, parameters and states are those of https://help.aliyun.com/zh/ros/developer-reference/api-ros-2019-09-10-overview.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ops.cloud import ROS, CloudError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ops.cloud import Cloud

_PAGE: Final = "50"
_MOST_PAGES: Final = 20
_STACK_MINUTES: Final = "60"
_PATIENCE_SECONDS: Final = 3_900.0
_POLL_SECONDS: Final = 5.0
# Answers that say nothing about the stack; it goes on meanwhile.
_MOST_FAILURES: Final = 12
_UNDER_WAY: Final = "_IN_PROGRESS"
_PASSING: Final = ("not_answered", "Throttling", "ServiceUnavailable", "InternalError")
_MISSING: Final = ("StackNotFound", "ChangeSetNotFound")


class StackError(RuntimeError):
    """The stack cannot be brought to the wanted state; the message says why, and what to do."""


class Stack(Struct, frozen=True):
    """A stack.

    Attributes:
        state: such as ``CREATE_COMPLETE``.
        reason: of the state.
        outputs: by their name.
    """

    stack_id: str
    state: str
    reason: str
    outputs: dict[str, str]

    @property
    def is_under_way(self) -> bool:
        """Whether something is being done with it."""
        return self.state.endswith(_UNDER_WAY)

    @property
    def is_complete(self) -> bool:
        """Whether it holds what its template says."""
        return self.state in ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class Change(Struct, frozen=True):
    """What a change set would do with one resource.

    Attributes:
        action: ``Add``, ``Modify`` or ``Remove``.
        is_replaced: the resource is deleted and created again.
    """

    action: str
    name: str
    kind: str
    is_replaced: bool


class Stacks:
    """The stacks of an account in one region.

    Args:
        wait: seconds between two looks at what is under way.
    """

    def __init__(self, cloud: Cloud, wait: float = _POLL_SECONDS) -> None:
        self._cloud, self._wait = cloud, wait

    def find(self, name: str) -> Stack | None:
        """The stack of this name; ``None`` if there is none.

        Raises:
            CloudError: the service refuses, or does not answer.
        """
        found = self._call("ListStacks", **{"StackName.1": name, "PageSize": _PAGE}).get("Stacks", [])
        alive = [it for it in found if it["StackName"] == name and it["Status"] != "DELETE_COMPLETE"]
        return self.read(alive[0]["StackId"]) if alive else None

    def read(self, stack_id: str) -> Stack:
        """How a stack stands."""
        found = self._call("GetStack", StackId=stack_id)
        outputs = {it["OutputKey"]: str(it.get("OutputValue", "")) for it in found.get("Outputs") or ()}
        return Stack(stack_id, found["Status"], found.get("StatusReason") or "", outputs)

    def list_resources(self, stack_id: str) -> dict[str, tuple[str, str]]:
        """Kind and identifier of what a stack holds, by name in the template."""
        found = self._call("ListStackResources", StackId=stack_id).get("Resources", [])
        return {
            it["LogicalResourceId"]: (it["ResourceType"], it.get("PhysicalResourceId") or "")
            for it in found
            if it.get("Status") not in ("INIT_COMPLETE", "DELETE_COMPLETE")
        }

    def estimate(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
        """The price of each resource that the service knows one for."""
        values = {"TemplateBody": json.dumps(template), **_number(parameters)}
        return dict(self._call("GetTemplateEstimateCost", **values).get("Resources") or {})

    def create(self, name: str, template: Mapping[str, Any], parameters: Mapping[str, str]) -> str:
        """Begin to create a stack; what fails is rolled back. Returns its identifier."""
        asked = {"StackName": name, "TemplateBody": json.dumps(template), "TimeoutInMinutes": _STACK_MINUTES}
        return str(self._call("CreateStack", **asked, **_number(parameters))["StackId"])

    def compare(
        self, stack_id: str, template: Mapping[str, Any], parameters: Mapping[str, str]
    ) -> tuple[str, list[Change]]:
        """Make a change set and return its identifier and what it would do; an empty list if nothing differs.

        Raises:
            StackError: the stack cannot become what the template says.
        """
        asked = {
            "StackId": stack_id,
            "ChangeSetName": f"infra-{int(time.time())}",
            "ChangeSetType": "UPDATE",
            "TemplateBody": json.dumps(template),
            "TimeoutInMinutes": _STACK_MINUTES,
            "UsePreviousParameters": "true",  # of those that are not passed: the password of Milvus
        }
        change_set = str(self._call("CreateChangeSet", **asked, **_number(parameters))["ChangeSetId"])
        found = self._wait_for(lambda: self._call("GetChangeSet", ChangeSetId=change_set), lambda it: it["Status"])
        if found["Status"] == "CREATE_COMPLETE":
            return change_set, [_read_change(it) for it in found.get("Changes") or ()]
        self._call("DeleteChangeSet", ChangeSetId=change_set)
        if "no change" in found.get("StatusReason", "").lower():
            return change_set, []
        raise StackError(f"The changes cannot be made: {found.get('StatusReason')}")

    def execute(self, change_set: str) -> None:
        """Begin to make the changes of a change set."""
        self._call("ExecuteChangeSet", ChangeSetId=change_set)

    def drop(self, change_set: str) -> None:
        """Delete a change set that is not wanted."""
        self._call("DeleteChangeSet", ChangeSetId=change_set)

    def delete(self, stack_id: str) -> None:
        """Begin to delete a stack and what it holds, but for what its template retains."""
        self._call("DeleteStack", StackId=stack_id)

    def follow(self, stack_id: str, say: Callable[[str], object]) -> Stack | None:
        """Wait until nothing is under way and return the stack; ``None`` once it is deleted.

        Args:
            say: takes a line for each event.

        Raises:
            StackError: it takes too long.
            CloudError: the service does not answer for a minute.
        """
        seen: set[str] = set()

        def look() -> Stack | None:
            try:
                stack = self.read(stack_id)  # before its events, so that those of its end are among them
                for line in self._new_events(stack_id, seen):
                    say(line)
            except CloudError as error:
                if error.code in _MISSING:
                    return None
                raise
            return None if stack.state == "DELETE_COMPLETE" else stack

        found: Stack | None = self._wait_for(look, lambda stack: stack.state if stack else "")
        return found

    def _new_events(self, stack_id: str, seen: set[str]) -> Iterator[str]:
        """A line for each event that is not in ``seen``, the oldest first."""
        for event in reversed(list(self._events(stack_id))):
            if event["EventId"] not in seen:
                seen.add(event["EventId"])
                reason = event.get("StatusReason") or ""
                why = f": {reason}" if reason and "FAILED" in event["Status"] else ""
                yield f"{event['Status']:<20} {event['LogicalResourceId']}{why}"

    def _events(self, stack_id: str) -> Iterator[dict[str, Any]]:
        for page in range(1, _MOST_PAGES + 1):
            asked = {"StackId": stack_id, "PageSize": _PAGE, "PageNumber": str(page)}
            events = self._call("ListStackEvents", **asked).get("Events", [])
            yield from events
            if len(events) < int(_PAGE):
                return

    def _wait_for(self, look: Callable[[], Any], state: Callable[[Any], str]) -> Any:
        until, failures = time.monotonic() + _PATIENCE_SECONDS, 0
        while True:
            try:
                found = look()
                failures = 0
            except CloudError as error:
                failures += 1
                if not error.code.startswith(_PASSING) or failures > _MOST_FAILURES:
                    raise
            else:
                if not state(found).endswith((_UNDER_WAY, "_PENDING")):
                    return found
            if time.monotonic() > until:
                raise StackError("It takes too long. It goes on by itself: run the command again to see how it stands.")
            time.sleep(self._wait)

    def _call(self, action: str, **parameters: str) -> dict[str, Any]:
        return self._cloud.call(ROS, action, **parameters)


def _number(parameters: Mapping[str, str]) -> dict[str, str]:
    """Parameters of a template as the API takes them."""
    found: dict[str, str] = {}
    for place, (name, value) in enumerate(parameters.items(), 1):
        found |= {f"Parameters.{place}.ParameterKey": name, f"Parameters.{place}.ParameterValue": value}
    return found


def _read_change(found: Mapping[str, Any]) -> Change:
    change = found.get("ResourceChange", found)
    replacement = str(change.get("Replacement", "")).lower()
    return Change(
        change.get("Action", ""),
        change.get("LogicalResourceId", ""),
        change.get("ResourceType", ""),
        replacement in ("true", "conditional"),
    )

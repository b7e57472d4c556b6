"""Faults on request: which requests meet which."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from local.oss.refusal import Refusal


class Fault(StrEnum):
    """What can go wrong: a refusal, or a body that ends half way or takes its time."""

    MISSING = "missing"
    FORBIDDEN = "forbidden"
    ARCHIVED = "archived"
    CHANGED = "changed"
    UNAVAILABLE = "unavailable"
    TRUNCATED = "truncated"
    SLOW = "slow"


_REFUSALS: Final = {
    Fault.MISSING: "NoSuchKey",
    Fault.FORBIDDEN: "AccessDenied",
    Fault.ARCHIVED: "InvalidObjectState",
    Fault.CHANGED: "PreconditionFailed",
    Fault.UNAVAILABLE: "ServiceUnavailable",
}


@dataclass(frozen=True)
class Match:
    """Which requests meet a fault.

    Attributes:
        method: an HTTP method; empty for all.
        key: a part of the key; empty for all.
    """

    method: str = ""
    key: str = ""


@dataclass
class Rule:
    """One rule of ``PUT /control/faults``.

    Attributes:
        times: how many more matching requests meet the fault.
        seconds: how long a slow body takes.
    """

    fault: Fault
    times: int = 1
    match: Match = field(default_factory=Match)
    seconds: float = 1.0

    def takes(self, method: str, key: str) -> bool:
        """Whether this request meets the fault; counts it if so."""
        hit = self.times > 0 and self.match.method.upper() in ("", method) and self.match.key in key
        self.times -= hit
        return hit


@dataclass(frozen=True)
class Faults:
    """The rules in force; also the body of ``PUT /control/faults``."""

    rules: list[Rule]

    def strike(self, method: str, key: str) -> Rule | None:
        """The first rule that takes this request, if it is about the body of the answer.

        Raises:
            Refusal: that rule refuses the request.
        """
        rule = next((rule for rule in self.rules if rule.takes(method, key)), None)
        if rule and rule.fault in _REFUSALS:
            raise Refusal(_REFUSALS[rule.fault])
        return rule

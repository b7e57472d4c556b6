"""One assumption about a service, its check, and how the check ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import requests

from shared.domain.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable

_THROTTLED = ("embedding_throttled", "deadline_exceeded")


class Outcome(StrEnum):
    """How a check ended."""

    AS_ASSUMED = "as assumed"
    DIFFERS = "differs"
    NOT_CHECKED = "not checked"


class DifferenceError(Exception):
    """The service behaves in another way; the message says in which."""


class UncheckedError(Exception):
    """The check could not be made; the message says why."""


@dataclass(frozen=True)
class Assumption:
    """What this software relies on.

    Attributes:
        name: service and subject, such as ``oss.order``; stable, for reports.
        sentence: what the service is assumed to do.
        check: returns what else was seen, or an empty text.

    The check raises `DifferenceError` or `UncheckedError`; any other error is a difference too.
    """

    name: str
    sentence: str
    check: Callable[[], str]


@dataclass(frozen=True)
class Row:
    """How one check ended.

    Attributes:
        detail: what differs, why nothing was checked, or what else was seen.
    """

    name: str
    sentence: str
    outcome: Outcome
    detail: str
    seconds: float


def examine(assumption: Assumption) -> Row:
    """Make the check of an assumption."""
    began = time.monotonic()
    outcome, detail = _check(assumption)
    return Row(assumption.name, assumption.sentence, outcome, detail, round(time.monotonic() - began, 3))


def _check(assumption: Assumption) -> tuple[Outcome, str]:
    try:
        return Outcome.AS_ASSUMED, assumption.check()
    except DifferenceError as error:
        return Outcome.DIFFERS, str(error)
    except UncheckedError as error:
        return Outcome.NOT_CHECKED, str(error)
    except PlatformError as error:
        outcome = Outcome.NOT_CHECKED if error.code in _THROTTLED else Outcome.DIFFERS
        return outcome, f"{error.message} ({error.code})"
    except requests.RequestException as error:
        return Outcome.DIFFERS, f"there was no complete answer ({type(error).__name__})"
    except Exception as error:  # noqa: BLE001 - whatever a service makes a check raise is a difference
        return Outcome.DIFFERS, f"the answer has another shape ({type(error).__name__}: {str(error)[:80]})"


def expect(holds: object, difference: str) -> None:
    """Check a condition.

    Raises:
        DifferenceError: it does not hold; ``difference`` says what was seen instead.
    """
    if not holds:
        raise DifferenceError(difference)


def leave_out(name: str, sentence: str, reason: str) -> Assumption:
    """An assumption that cannot be checked from outside, with the reason."""

    def check() -> str:
        raise UncheckedError(reason)

    return Assumption(name, sentence, check)

"""Run the calls of one model within quota and budget, and account for what they used.

Everything that is the same for every kind of model is here: wait for the quota, reserve the cost, settle both with
what was billed, count it for the request's metrics, and slow down when DashScope throttles. A kind of model brings
its request (a function that sends it) and its estimate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from msgspec import Struct

from shared.domain.errors import PlatformError, TransientError
from shared.domain.models import Usage
from shared.embedding.failures import MalformedError, ThrottledError, billed_tokens
from shared.embedding.quota import Priority, Quota
from shared.runtime import clock, metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.embedding.budget import Budget
    from shared.embedding.quota import Reservation, Share
    from shared.embedding.results import Answer
    from shared.runtime.retrying import Deadline

Content = TypeVar("Content")

# How fast a slow call is forgotten: each later call takes a tenth off.
_FADING = 0.9


class PricedModel(Protocol):
    """A model of the catalog."""

    def cost(self, tokens: int, /) -> float:
        """Price of ``tokens`` input tokens, in CNY."""


class Estimate(Struct, frozen=True):
    """Tokens that a call will use.

    Attributes:
        likely: a close guess; plans the quota, and is charged where the answer is lost.
        at_most: an upper bound; reserved from the budget.
    """

    likely: int
    at_most: int


class ModelCalls:
    """The calls of one model by this process: thread-safe.

    Args:
        share: this process's share of the model's quota.
        budget: what all models of the process may cost together.
        timeout: seconds one call may take at most.
        skip_late: refuse a call when less time is left than calls take: it would be cut off and billed. Interactive
            calls are made all the same: they are short, and so is their time.
    """

    def __init__(
        self, model: PricedModel, share: Share, budget: Budget, timeout: float, *, skip_late: bool = False
    ) -> None:
        self._model = model
        self._quota = Quota(share)
        self._budget = budget
        self._timeout = timeout
        self._skip_late = skip_late
        self._usual_seconds = 0.0  # what recent calls took

    def run(
        self,
        send: Callable[[float], Answer[Content]],
        estimate: Estimate,
        deadline: Deadline,
        priority: Priority = Priority.INTERACTIVE,
    ) -> tuple[Answer[Content], Usage]:
        """Make one call once quota and budget allow it.

        Args:
            send: makes the call within the seconds it is given.

        Returns: the answer, and what it cost.

        Raises:
            TransientError: ``quota_exhausted`` or ``deadline_exceeded``: it cannot be made in time.
            ConfigurationError: ``cost_cap_reached``: it might cost more than the process may spend.
            MalformedError: its answer cannot be used; ``usage`` says what it cost.
            PlatformError: whatever else ``send`` raises.
        """
        reservation = self._quota.wait(estimate.likely, deadline, priority)
        is_skippable = self._skip_late and priority is not Priority.INTERACTIVE
        if is_skippable and deadline.remaining() < self._usual_seconds:
            raise TransientError("deadline_exceeded", "Too little time is left for another call; try again.")
        try:
            answer = self._send(send, estimate, deadline)
        except ThrottledError:
            self._quota.throttle(priority)
            raise
        except MalformedError as error:
            if error.tokens is not None:
                error.usage = self._settle(reservation, error.tokens)
            raise
        return answer, self._settle(reservation, answer.tokens, answer.cost_cny)

    def _send(
        self, send: Callable[[float], Answer[Content]], estimate: Estimate, deadline: Deadline
    ) -> Answer[Content]:
        """Make the call within the budget."""
        reserved = self._model.cost(estimate.at_most)
        self._budget.reserve(reserved)
        # An answer that is lost may have been billed.
        cost = self._model.cost(estimate.likely)
        started = clock.monotonic()
        try:
            answer = send(deadline.timeout(self._timeout))
            cost = self._price(answer.tokens, answer.cost_cny)
        except PlatformError as error:
            billed = billed_tokens(error)
            cost = cost if billed is None else self._model.cost(billed)
            raise
        finally:
            self._budget.settle(reserved, cost)
        # Threads may overwrite each other's figure: any of them will do.
        self._usual_seconds = max(clock.monotonic() - started, _FADING * self._usual_seconds)
        return answer

    def _price(self, tokens: int, cost_cny: float | None) -> float:
        return self._model.cost(tokens) if cost_cny is None else cost_cny

    def _settle(self, reservation: Reservation, tokens: int, cost_cny: float | None = None) -> Usage:
        self._quota.settle(reservation, tokens)
        usage = Usage(tokens=tokens, calls=1, cost_cny=self._price(tokens, cost_cny))
        metrics.add(tokens=usage.tokens, cost_cny=usage.cost_cny)
        return usage

"""What the checks may cost together, counted by what the service says it bills."""

from __future__ import annotations

from ops.verification.assumption import UncheckedError


class Spending:
    """A cap that no call may exceed, whatever it costs in the end.

    Attributes:
        cap: CNY.
        spent: CNY billed so far; a call without a readable bill counts with all that it might cost.
    """

    def __init__(self, cap: float) -> None:
        self.cap = cap
        self.spent = 0.0

    def check(self, most: float) -> None:
        """Check that a call that costs ``most`` CNY stays below the cap.

        Raises:
            UncheckedError: it might not; it must not be sent.
        """
        if self.spent + most > self.cap:
            raise UncheckedError(
                f"the call may cost CNY {most:.4f}, and {self.spent:.4f} of {self.cap:g} are spent already"
            )

    def add(self, cost: float) -> None:
        """Count what a call cost."""
        self.spent += cost

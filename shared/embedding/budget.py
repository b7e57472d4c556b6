"""What a process may spend on DashScope: a call that might overspend is refused before it is sent."""

from __future__ import annotations

import threading

from shared.domain.errors import ConfigurationError


class Budget:
    """A cap on the cost of a process, in CNY, since it started; 0 is no cap. Shared by all threads."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._spent = 0.0
        self._lock = threading.Lock()

    def reserve(self, cost: float) -> None:
        """Set aside what a call may cost at most.

        Raises:
            ConfigurationError: ``cost_cap_reached``: it might exceed the cap.
        """
        with self._lock:
            if self._limit and self._spent + cost > self._limit:
                raise ConfigurationError(
                    "cost_cap_reached",
                    f"CNY {self._spent:.4f} of MAX_COST_CNY={self._limit:g} are spent or under way, and the next call "
                    "might exceed it: raise the cap to go on.",
                )
            self._spent += cost

    def settle(self, reserved: float, billed: float) -> None:
        """Replace what was set aside by what the call cost."""
        with self._lock:
            self._spent += billed - reserved

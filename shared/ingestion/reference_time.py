"""The time by a clock that all instances see: that of OSS, which says the time in each answer.

Claims compare times that different instances wrote; their own clocks may differ by minutes.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from shared.runtime import clock

# An answer says whole seconds, and takes some time to arrive: a clock that differs by less is as good.
_TOLERANCE_SECONDS = 2.0
# Of an answer that took longer it is not known when it was written, as where the instance was frozen meanwhile.
_MAX_CALL_SECONDS = 5.0
_HALF_SECOND = 0.5


class ReferenceTime:
    """Tells the time by the dates of answers: thread-safe. Before the first of them it is that of this machine."""

    def __init__(self) -> None:
        self._offset = 0.0

    def now(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return clock.time() + self._offset

    def note(self, date: str, began: float, ended: float) -> None:
        """Compare this machine's clock with the date of an answer.

        Args:
            date: header of the answer, by RFC 9110.
            began: when the call began, by this machine's clock.
            ended: when its answer arrived.
        """
        if not 0 <= ended - began <= _MAX_CALL_SECONDS:
            return
        try:
            reference = parsedate_to_datetime(date).timestamp() + _HALF_SECOND
        except (ValueError, OverflowError):
            return
        offset = reference - (began + ended) / 2
        self._offset = offset if abs(offset) > _TOLERANCE_SECONDS else 0.0

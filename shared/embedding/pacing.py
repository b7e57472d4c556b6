"""The pace of calls: between 0 and 1 times the share, found by what DashScope accepts and refuses.

Pure arithmetic on times that are given, so that many processes can be simulated at once.

At first the pace doubles each second until a call is refused. From then on it grows with each accepted call and with
time, and the more the longer no call was refused, so that refusals stay rare whatever the number of processes and the
size of calls: over ``n`` calls in ``t`` seconds by about ``growth * (n * n + t * t) / 2``, which makes up for one cut.
A call that is refused cuts the pace, the deeper the more calls were refused recently.
"""

from __future__ import annotations

from msgspec import Struct

# Seconds in which the pace doubles before the first refusal.
_DOUBLES_IN_SECONDS = 0.8
# One refusal among many successes is chance, a run of them is an overload: the pace is cut by this many times
# the share of refused calls among about the last thirty.
_CUT_PER_REFUSED_SHARE = 2.0
_CALLS_REMEMBERED = 30
# Several calls of one overload are refused together; only the first of them cuts the pace.
_CUT_ONCE_PER_SECONDS = 0.3
_MAX_GROWTH = 0.1
# The pace grows as if it were so much faster: a process that came out of an overload slower than others catches up.
_EXTRA_PACE = 0.1
# What calls of higher priority used is owed up to so many seconds: they must not stop the others for good.
_MAX_CHARGED_SECONDS = 2.0


class Pacing(Struct, frozen=True):
    """The constants of a priority.

    Attributes:
        initial: the pace of a new process.
        burst_seconds: a process that was idle may send this many seconds' worth at once.
        most: the pace is never faster.
        least: the pace is never slower.
        first_cut: part of the pace that the first refusal takes: doubling has overshot by then.
        min_cut: part that every other refusal takes at least.
        max_cut: part that one takes at most.
        growth: how much each accepted call, and each second, adds to the growth of the pace.
        jitter_seconds: a call that had to wait does so up to this much longer. Evenly spaced calls of one process could
            take each bit of quota the moment it is there, and the others would find none.
    """

    initial: float
    burst_seconds: float
    most: float
    least: float
    first_cut: float
    min_cut: float
    max_cut: float
    growth: float
    jitter_seconds: float = 0.0


class Pacer:
    """The pace of one process, at the times its methods are given.

    Attributes:
        pace: part of the share in use.
        owed: seconds of the share that were used and have not passed yet; negative after idle time.
    """

    def __init__(self, pacing: Pacing, now: float) -> None:
        self.pace = pacing.initial
        self.owed = 0.0
        self._pacing = pacing
        self._updated_at = now
        self._cut_at = float("-inf")
        self._is_doubling = self.pace < pacing.most
        self._accepted = 0  # since the last cut
        self._refused_share = 0.0

    def update(self, now: float) -> None:
        """Let time pass: reduce what is owed, and let the pace of the start grow."""
        elapsed = now - self._updated_at
        before = self.pace
        if self._is_doubling:
            self.pace = min(self._pacing.most, self.pace * 2 ** min(elapsed / _DOUBLES_IN_SECONDS, 10))
            self._is_doubling = self.pace < self._pacing.most
        elif elapsed > 0:
            self._grow(self._pacing.growth * (now - self._cut_at) * elapsed)
        self.owed = max(-self._pacing.burst_seconds, self.owed - elapsed * (before + self.pace) / 2)
        self._updated_at = now

    def pause(self, now: float) -> float:
        """Seconds until the next call may go."""
        self.update(now)
        return self.owed / self.pace

    def charge(self, seconds: float) -> None:
        """Owe what others used that go first."""
        self.owed = min(self.owed + seconds, max(self.owed, _MAX_CHARGED_SECONDS))

    def succeed(self, now: float) -> None:
        """Count a call that was accepted."""
        self.update(now)
        self._refused_share -= self._refused_share / _CALLS_REMEMBERED
        self._accepted += 1
        if not self._is_doubling:
            self._grow(self._pacing.growth * self._accepted)

    def throttle(self, now: float) -> None:
        """Count a call that was refused for its rate, and slow down."""
        self.update(now)
        self._refused_share += (1 - self._refused_share) / _CALLS_REMEMBERED
        if now - self._cut_at < _CUT_ONCE_PER_SECONDS:
            return
        self.pace = max(self._pacing.least, self.pace * (1 - self._cut()))
        self._cut_at, self._accepted, self._is_doubling = now, 0, False

    def _grow(self, growth: float) -> None:
        self.pace = min(self._pacing.most, self.pace + min(_MAX_GROWTH, growth) * (self.pace + _EXTRA_PACE))

    def _cut(self) -> float:
        if self._is_doubling:
            return self._pacing.first_cut
        cut = _CUT_PER_REFUSED_SHARE * self._refused_share
        return min(self._pacing.max_cut, max(self._pacing.min_cut, cut))

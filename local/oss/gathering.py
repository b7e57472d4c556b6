"""Events of small objects that come together, gathered into one delivery: an event of OSS may hold several records."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.oss.notification import ObjectEvent

# Of the 128 KB that an asynchronous event may have, a record takes at most 5: its key up to 1,023 bytes, as JSON.
_MOST_EVENTS: Final = 100
_MOST_KEY_BYTES: Final = 12_000
# A larger object has an event of its own, because a function takes long with it.
_SMALL_BYTES: Final = 1 << 16
# Events come together while no more time than this passes between two of them.
_PAUSE_SECONDS: Final = 0.1
_LONGEST_SECONDS: Final = 0.5


class Gathering:
    """Gathers events in their order; use inside a running event loop.

    Args:
        deliver: takes events that go together.
    """

    def __init__(self, deliver: Callable[[Sequence[ObjectEvent]], None]) -> None:
        self._deliver = deliver
        self._events: list[ObjectEvent] = []
        self._timer: asyncio.TimerHandle | None = None
        self._latest = 0.0

    def add(self, event: ObjectEvent) -> None:
        """Deliver ``event`` soon, together with the next ones if it is of a small object."""
        if not self._is_open_to(event):
            self.flush()
        loop = asyncio.get_running_loop()
        if not self._events:
            self._latest = loop.time() + _LONGEST_SECONDS
        self._events.append(event)
        if self._timer:
            self._timer.cancel()
        self._timer = loop.call_at(min(self._latest, loop.time() + _PAUSE_SECONDS), self.flush)

    def flush(self) -> None:
        """Deliver what was gathered."""
        if self._timer:
            self._timer.cancel()
        self._timer = None
        events, self._events = self._events, []
        if events:
            self._deliver(events)

    def _is_open_to(self, event: ObjectEvent) -> bool:
        """Whether ``event`` may go with those that are gathered."""
        if not self._events:
            return True
        last = self._events[-1]
        # A renamed file keeps its vectors where the new name is indexed before the previous one is removed.
        if last.change.now and not event.change.now:
            return True
        is_small = max(last.change.size, event.change.size) <= _SMALL_BYTES
        key_bytes = sum(len(gathered.key.encode()) for gathered in self._events)
        return is_small and len(self._events) < _MOST_EVENTS and key_bytes <= _MOST_KEY_BYTES

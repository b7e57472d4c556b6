"""Work on many records at once, in which one that makes this program fail does not take the others with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from shared.domain.errors import PlatformError
from shared.runtime import logs
from shared.runtime.crashing import explain_crash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")

_STAGE = "records"
# A failure that so many records meet is no matter of single ones: the rest is left to the next delivery.
_MOST_CRASHES = 8
_MOST_NAMES = 5


def separate_crashes(
    items: Sequence[Item], act: Callable[[Sequence[Item]], PlatformError | None], name: Callable[[Item], str]
) -> PlatformError | None:
    """Do something for all items together; where this program fails, for each half of them, down to single ones.

    Args:
        act: may be repeated for the same items, and returns why some of it could not be done.
        name: the id of an item, for the log.

    Returns:
        The first failure: the event must be delivered again.
    """
    failures: list[PlatformError] = []
    crashes, waiting = 0, [items]
    while waiting:
        some = waiting.pop()
        try:
            failure = act(some)
        except PlatformError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - it is explained, or raised again by a half
            if len(some) > 1 and crashes < _MOST_CRASHES:
                middle = len(some) // 2
                waiting += [some[middle:], some[:middle]]
                continue
            crashes += 1
            with logs.bind(records=[name(item) for item in some[:_MOST_NAMES]]):
                failure = explain_crash(error, _STAGE)
        failures += [failure] if failure else []
    return failures[0] if failures else None

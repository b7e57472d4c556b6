"""Whether time grows in proportion to size: for tests of patterns and parsers, on machines of any speed and load."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Text = TypeVar("Text")

SMALL, LARGE = 10_000, 100_000
MOST_GROWTH = 12
# Where the small text fits into the cache that other processes leave to it and the large one does not, the large one
# costs more for that alone, but only once: the next tenfold is in proportion then. A power grows everywhere.
_CACHED_GROWTH = 20
# Other processes make some measurements longer, none shorter: the least of several is compared.
_TRIES = 20
# Below this, the time says more about the machine than about what is measured.
_LEAST_SECONDS = 0.01


def grows_linearly(run: Callable[[Text], object], make: Callable[[int], Text]) -> bool:
    """Whether ten times the text takes at most twelve times as long.

    Args:
        run: what is measured, in CPU time.
        make: a text of so many characters.
    """
    growth = _measure_growth(run, make(SMALL), make(LARGE))
    if MOST_GROWTH < growth <= _CACHED_GROWTH:
        growth = _measure_growth(run, make(LARGE), make(10 * LARGE))
    return growth <= MOST_GROWTH


def _measure_growth(run: Callable[[Text], object], small: Text, large: Text) -> float:
    """How often longer the large text takes; the first measurements that do not exceed the limit are enough."""
    least = [float("inf")] * 2
    for _ in range(_TRIES):
        for place, text in enumerate((small, large)):
            began = time.process_time()
            run(text)
            least[place] = min(least[place], time.process_time() - began)
        if least[1] <= MOST_GROWTH * max(least[0], _LEAST_SECONDS):
            break
    return least[1] / max(least[0], _LEAST_SECONDS)

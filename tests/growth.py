"""Whether time grows in proportion to size: for tests of patterns and parsers, on machines of any speed and load."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Text = TypeVar("Text")

SMALL, LARGE = 10_000, 100_000
# In proportion is 10, and n^1.5 is 32. Up to 12 is seen on a quiet machine; processes side by side on one cache
# make the large text dearer than the small one, which says nothing about what is measured.
MOST_GROWTH = 20
# Other processes make some measurements longer, none shorter: the least of several is compared.
_TRIES = 20
# Below this, the time says more about the machine than about what is measured.
_LEAST_SECONDS = 0.01


def grows_linearly(run: Callable[[Text], object], make: Callable[[int], Text]) -> bool:
    """Whether ten times the text takes at most twenty times as long, so that it cannot be the power 1.5.

    Args:
        run: what is measured, in CPU time.
        make: a text of so many characters.
    """
    texts = {size: make(size) for size in (SMALL, LARGE)}
    least = dict.fromkeys(texts, float("inf"))
    for _ in range(_TRIES):
        for size, text in texts.items():
            began = time.process_time()
            run(text)
            least[size] = min(least[size], time.process_time() - began)
        if least[LARGE] <= MOST_GROWTH * max(least[SMALL], _LEAST_SECONDS):
            return True
    return False

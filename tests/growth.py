"""Whether time grows in proportion to size: for tests of patterns and parsers, on machines of any speed and load."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Text = TypeVar("Text")

SMALL, LARGE = 10_000, 100_000
MOST_GROWTH = 12
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

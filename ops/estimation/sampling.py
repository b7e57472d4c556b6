"""Which documents of a bucket are read for an estimate: some of each format and size, chosen by a seed."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.parsing import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.domain.models import ObjectState

# Sizes that differ by less than this factor belong together.
_SIZE_STEP: Final = 4
# Of a class so many are remembered, so that memory does not depend on the bucket.
_REMEMBERED: Final = 200
_LEAST_OF_A_CLASS: Final = 4


@dataclass
class Stratum:
    """The documents of one format and about one size.

    Attributes:
        format: a value of ``FORMATS``, or ``other``.
        documents: how many there are.
        size: their bytes together.
        candidates: a random part of them, all with the same chance.
    """

    format: str
    documents: int = 0
    size: int = 0
    candidates: list[ObjectState] = field(default_factory=list)


def divide(documents: Iterable[ObjectState], seed: int) -> list[Stratum]:
    """The documents by format and size, in constant memory."""
    chance = random.Random(seed)  # noqa: S311 - a sample, no secret
    strata: dict[tuple[str, int], Stratum] = {}
    for state in documents:
        kind = FORMATS.get(state.key.key.rpartition(".")[2].lower(), "other")
        step = int(math.log(max(state.size, 1), _SIZE_STEP))
        stratum = strata.setdefault((kind, step), Stratum(kind))
        stratum.documents += 1
        stratum.size += state.size
        if len(stratum.candidates) < _REMEMBERED:
            stratum.candidates.append(state)
        elif (place := chance.randrange(stratum.documents)) < _REMEMBERED:
            stratum.candidates[place] = state
    for stratum in strata.values():
        chance.shuffle(stratum.candidates)
    return [strata[name] for name in sorted(strata)]


def choose(strata: list[Stratum], documents: int, most_bytes: int) -> Iterator[tuple[Stratum, list[ObjectState]]]:
    """What to read of each class: a few of each, the rest of ``documents`` by the classes' shares of the bytes.

    Args:
        documents: how many are read about.
        most_bytes: of all that is read; each class has one at least.
    """
    everything = sum(stratum.size for stratum in strata) or 1
    left = max(0, documents - _LEAST_OF_A_CLASS * len(strata))
    for stratum in strata:
        share = stratum.size / everything
        wanted = stratum.candidates[: _LEAST_OF_A_CLASS + round(left * share)]
        # Of large files fewer: the classes share the bytes as they share the bucket.
        bytes_left = most_bytes * max(share, 1 / len(strata))
        chosen: list[ObjectState] = []
        for state in wanted:
            if chosen and state.size > bytes_left:
                break
            bytes_left -= state.size
            chosen.append(state)
        yield stratum, chosen

"""The second part: whether the chunk with the answer is found among similar ones, hybrid, with a fast model."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from benchmarks.readings.families import make_families
from benchmarks.readings.lookups import make_lookups
from benchmarks.readings.questions import ask, print_misses
from benchmarks.report import Figure, at_least, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.readings.questions import Question

_HYBRID: Final = "hybrid"
_FAMILY_FIRST: Final = 0.95
_LOOKUP_FIRST, _LOOKUP_FIVE = 0.98, 1.0
_MOST_MISSES: Final = 3


def measure(seed: int) -> list[Figure]:
    """Families in one index, each set of lookups in its own."""
    files, questions = make_families(seed)
    print(f"{len(files)} documents of families, {len(questions)} questions ...", file=sys.stderr)
    ranks = ask(files, questions, _HYBRID)
    print_misses(questions, ranks, _MOST_MISSES)
    figures = [
        plain("families: questions", len(questions), ""),
        at_least("families: answer-bearing chunk first", _share(ranks, 1), "", _FAMILY_FIRST),
        plain("families: answer-bearing chunk among five", _share(ranks, 5), ""),
        *_by_group(questions, ranks),
    ]
    return [*figures, *_measure_lookups(seed)]


def _measure_lookups(seed: int) -> list[Figure]:
    found: dict[str, list[int]] = defaultdict(list)
    for files, questions in make_lookups(seed):
        print(f"{', '.join(files)}, {len(questions)} questions ...", file=sys.stderr)
        ranks = ask(files, questions, _HYBRID)
        print_misses(questions, ranks, _MOST_MISSES)
        for question, rank in zip(questions, ranks, strict=True):
            found[question.group].append(rank)
    return [
        figure
        for group, ranks in found.items()
        for figure in (
            at_least(f"lookup, {group}: first", _share(ranks, 1), "", _LOOKUP_FIRST),
            at_least(f"lookup, {group}: among five", _share(ranks, 5), "", _LOOKUP_FIVE),
        )
    ]


def _by_group(questions: Sequence[Question], ranks: Sequence[int]) -> list[Figure]:
    groups: dict[str, list[int]] = defaultdict(list)
    for question, rank in zip(questions, ranks, strict=True):
        groups[question.group].append(rank)
    return [plain(f"families, {group}: first", _share(own, 1), "") for group, own in groups.items()]


def _share(ranks: Sequence[int], most: int) -> float:
    return sum(0 < rank <= most for rank in ranks) / max(1, len(ranks))
